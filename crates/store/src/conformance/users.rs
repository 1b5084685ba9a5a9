//! Users.

use super::samples::{START, event, footprint, new, owner, user};
use crate::{Duplicate, Store, StoreError, UserQuery};
use keyward_domain::{Email, Name, Revision, Role, SiteId, SiteRule, UserStatus};
use std::sync::Arc;

pub async fn a_new_user_is_found_as_it_was_inserted(store: Arc<dyn Store>) {
    let mut user = user();
    user.role = Role::Admin;
    user.sites = SiteRule::listed([SiteId(2)]);
    user.revision = new(store
        .insert_user(&user, &event("user.create"), None)
        .await
        .unwrap());
    assert_eq!(store.find_user(user.id).await.unwrap().as_ref(), Some(&user));
    assert_eq!(
        store.find_user_by_email(&user.email).await.unwrap().as_ref(),
        Some(&user)
    );
    assert_eq!(store.find_user(super::samples::user().id).await.unwrap(), None);
    let other = Email::new("nobody@example.com").unwrap();
    assert_eq!(store.find_user_by_email(&other).await.unwrap(), None);
}

pub async fn an_update_of_a_user_leaves_email_and_creation(store: Arc<dyn Store>) {
    let before = owner(&*store).await;
    let mut after = before.clone();
    after.name = Name::new("Renamed").unwrap();
    after.role = Role::Admin;
    after.status = UserStatus::Disabled;
    after.sites = SiteRule::listed([]);
    let mut sent = after.clone();
    sent.email = Email::new("other@example.com").unwrap();
    sent.created_at = START.plus_days(9);
    after.revision = store
        .update_user(&sent, before.revision, &event("user.update"))
        .await
        .unwrap();
    assert_eq!(store.find_user(before.id).await.unwrap(), Some(after));
}

pub async fn an_update_of_a_user_needs_the_row_at_its_revision(store: Arc<dyn Store>) {
    let user = owner(&*store).await;
    let before = footprint(&*store).await;
    let done = store
        .update_user(&user, Revision(user.revision.0 + 1), &event("user.update"))
        .await;
    assert!(matches!(done, Err(StoreError::Conflict)), "{done:?}");
    let done = store
        .update_user(&super::samples::user(), user.revision, &event("user.update"))
        .await;
    assert!(matches!(done, Err(StoreError::NotFound)), "{done:?}");
    assert_eq!(footprint(&*store).await, before);
}

pub async fn of_two_administrators_who_go_at_once_one_stays(store: Arc<dyn Store>) {
    let mut gone = Vec::new();
    for status in [UserStatus::Disabled, UserStatus::Deleted { at: START }] {
        let mut admin = user();
        admin.role = Role::Admin;
        admin.revision = new(store
            .insert_user(&admin, &event("user.create"), None)
            .await
            .unwrap());
        admin.status = status;
        gone.push(admin);
    }
    let events = [event("user.disable"), event("user.delete")];
    let (one, other) = tokio::join!(
        store.update_user(&gone[0], gone[0].revision, &events[0]),
        store.update_user(&gone[1], gone[1].revision, &events[1]),
    );
    let refused = one.and(other);
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    let mut left = Vec::new();
    for admin in &gone {
        left.push(store.find_user(admin.id).await.unwrap().unwrap().is_valid());
    }
    assert_eq!(left.iter().filter(|is_left| **is_left).count(), 1, "{left:?}");
}

pub async fn an_email_is_unique_among_users_that_are_not_deleted(store: Arc<dyn Store>) {
    let mut first = owner(&*store).await;
    let mut second = user();
    second.email = first.email.clone();
    first.status = UserStatus::Disabled;
    first.revision = store
        .update_user(&first, first.revision, &event("user.disable"))
        .await
        .unwrap();
    let before = footprint(&*store).await;
    let done = store.insert_user(&second, &event("user.create"), None).await;
    assert!(
        matches!(
            done,
            Err(StoreError::Duplicate {
                what: Duplicate::Email,
                ..
            })
        ),
        "{done:?}"
    );
    assert_eq!(footprint(&*store).await, before);
    first.delete(START).unwrap();
    first.revision = store
        .update_user(&first, first.revision, &event("user.delete"))
        .await
        .unwrap();
    second.revision = new(store
        .insert_user(&second, &event("user.create"), None)
        .await
        .unwrap());
    assert_eq!(
        store.find_user_by_email(&first.email).await.unwrap(),
        Some(second)
    );
    assert_eq!(store.find_user(first.id).await.unwrap(), Some(first));
}

pub async fn users_are_listed_newest_first_by_text_and_page(store: Arc<dyn Store>) {
    let mut users = Vec::new();
    for name in ["Ada", "Grace", "100%_Alan"] {
        let mut user = user();
        user.name = Name::new(name).unwrap();
        user.revision = new(store
            .insert_user(&user, &event("user.create"), None)
            .await
            .unwrap());
        users.push(user);
    }
    users[1].status = UserStatus::Deleted { at: START };
    users[1].revision = store
        .update_user(&users[1], users[1].revision, &event("user.delete"))
        .await
        .unwrap();
    let [ada, grace, alan] = <[_; 3]>::try_from(users).unwrap();
    let list = async |query: UserQuery| store.list_users(&query).await.unwrap();
    let query = || UserQuery {
        most: 9,
        ..UserQuery::default()
    };
    let by_text = |text: &str| UserQuery {
        text: Some(text.into()),
        ..query()
    };
    assert_eq!(list(query()).await, [alan.clone(), ada.clone()]);
    let all = UserQuery {
        with_deleted: true,
        ..query()
    };
    assert_eq!(
        list(all.clone()).await,
        [alan.clone(), grace.clone(), ada.clone()]
    );
    assert_eq!(list(by_text("aDA")).await, std::slice::from_ref(&ada));
    assert_eq!(
        list(by_text(alan.email.as_str())).await,
        std::slice::from_ref(&alan)
    );
    assert_eq!(list(by_text("%_")).await, std::slice::from_ref(&alan));
    assert_eq!(list(by_text("_%")).await, []);
    assert_eq!(
        list(UserQuery {
            after: Some(alan.id),
            most: 1,
            ..all
        })
        .await,
        [grace]
    );
}

pub async fn many_users_are_found_at_once(store: Arc<dyn Store>) {
    let mut wanted = vec![owner(&*store).await, owner(&*store).await];
    wanted[1].status = UserStatus::Deleted { at: START };
    wanted[1].revision = store
        .update_user(&wanted[1], wanted[1].revision, &event("user.delete"))
        .await
        .unwrap();
    owner(&*store).await;
    let mut asked: Vec<_> = (0..2500).map(|_| user().id).collect();
    asked.extend([wanted[1].id, wanted[0].id, wanted[1].id]);
    let mut found = store.find_users(&asked).await.unwrap();
    found.sort_by_key(|user| user.id);
    assert_eq!(found, wanted);
    assert_eq!(store.find_users(&[]).await.unwrap(), []);
}
