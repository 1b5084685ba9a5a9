//! Users: list, invite, edit, enable, disable, delete.

mod edit;
mod invite;
mod state;

use crate::pages::House;
use keyward_engine::{Actor, UserView};

async fn user(house: &House, id: &str) -> UserView {
    house.engine.get_user(&Actor::OPERATOR, id).await.unwrap()
}

#[tokio::test]
async fn users_are_found_and_come_page_by_page() {
    let house = House::start().await;
    for number in 0..60 {
        house
            .join(&format!("u{number}@example.com"), &format!("User {number:02}"))
            .await;
    }
    let admin = house.admin("en").await;
    let first = admin.get("/admin/users").await;
    assert_eq!(first.body.matches("<tr>").count(), 51);
    let next = first.body.split("rel=\"next\"").next().unwrap();
    let next = next.rsplit("href=\"").next().unwrap().split('"').next().unwrap();
    let second = admin.get(&next.replace("&#38;", "&")).await;
    assert_eq!(second.body.matches("<tr>").count(), 13);
    assert!(second.body.contains("First page"));
    let found = admin.get("/admin/users?q=User+07").await;
    assert_eq!(found.body.matches("<tr>").count(), 2);
    assert!(
        admin
            .get("/admin/users?q=nobody-at-all")
            .await
            .body
            .contains("Nobody found")
    );
    assert_eq!(admin.get("/admin/users?cursor=zzz").await.status, 422);
    assert_eq!(admin.get("/admin/users/no-such-user").await.status, 404);
}
