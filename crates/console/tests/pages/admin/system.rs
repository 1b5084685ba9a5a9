//! How the node is doing.

use crate::support::House;

#[tokio::test]
async fn o9_the_version_is_told_to_administrators_alone() {
    let house = House::start().await;
    house.clock.advance((11 * 60 + 4) * 60_000);
    for (language, uptime, replica) in [
        ("en", ">11 h 4 min", "Up to date"),
        ("fr", ">11 h 4 min", "À jour"),
    ] {
        let (admin_id, admin) = (&house.admin_id, house.admin(language).await);
        let page = admin.get("/admin/system").await;
        for text in [
            "1.2.3-test",
            "node-of-the-test",
            "SQLite, /somewhere",
            uptime,
            replica,
            "key_invalid",
        ] {
            assert!(page.body.contains(text), "{text} {}", page.body);
        }
        for other in [
            "/admin/users",
            "/admin/sites",
            "/admin/audit",
            &format!("/admin/users/{admin_id}"),
        ] {
            let answer = admin.get(other).await;
            assert!(
                !answer.body.contains("1.2.3") && !answer.head.contains("1.2.3"),
                "{other}"
            );
        }
    }
    let answer = house.member("en").await.get("/admin/system").await;
    assert!(!answer.body.contains("1.2.3") && !answer.head.contains("1.2.3"));
}
