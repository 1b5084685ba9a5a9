//! Values at their edges.

use super::samples::{START, event, new, owner, stored_key, user};
use crate::{Change, Store, UserQuery};
use keyward_domain::{
    AddressRule, Description, Email, Hint, KeyStatus, Name, RateLimit, Revision, SiteId, SiteRule, Timestamp,
    UseCaseName,
};
use std::sync::Arc;

pub async fn l6_limits_at_their_edges_are_kept(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    for number in [None, Some(1), Some(1_000_000)] {
        let limit = number.map(|number| RateLimit::new(number).unwrap());
        let key = stored_key(&*store, &owner, |key| key.limit = limit).await;
        assert_eq!(store.find_key(key.id).await.unwrap(), Some(key));
    }
}

pub async fn i10_an_empty_rule_is_not_an_absent_one(store: Arc<dyn Store>) {
    let mut user = user();
    user.sites = SiteRule::listed([]);
    user.revision = new(store
        .insert_user(&user, &event("user.create"), None)
        .await
        .unwrap());
    assert_eq!(store.find_user(user.id).await.unwrap().as_ref(), Some(&user));
    let nobody = AddressRule::listed([]).unwrap();
    for (sites, addresses) in [
        (SiteRule::ANY, AddressRule::ANY),
        (SiteRule::listed([]), AddressRule::ANY),
        (SiteRule::ANY, nobody.clone()),
        (SiteRule::listed([]), nobody),
    ] {
        let mut key = stored_key(&*store, &user, |key| {
            (key.sites, key.addresses) = (sites.clone(), addresses.clone());
        })
        .await;
        assert_eq!(store.find_key(key.id).await.unwrap().as_ref(), Some(&key));
        // There and back by an update, too.
        key.sites = SiteRule::listed([SiteId(u32::MAX)]);
        key.revision = store
            .update_key(&key, key.revision, &event("key.update"))
            .await
            .unwrap();
        (key.sites, key.addresses) = (sites, addresses);
        key.revision = store
            .update_key(&key, key.revision, &event("key.update"))
            .await
            .unwrap();
        assert_eq!(store.find_key(key.id).await.unwrap(), Some(key));
    }
}

pub async fn i7_a_thousand_addresses_and_sites_are_kept_in_order(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let nets: Vec<String> = (0..1000)
        .map(|n| match n % 3 {
            0 => format!("10.{}.{}.0/24", n / 256, n % 256),
            1 => format!("2001:db8:{n:x}::/48"),
            _ => format!("198.51.{}.{}", n / 256, n % 256),
        })
        .collect();
    let key = stored_key(&*store, &owner, |key| {
        key.addresses = AddressRule::listed(nets.iter().map(String::as_str)).unwrap();
        key.sites = SiteRule::listed((1..=1000).map(SiteId));
    })
    .await;
    assert_eq!(key.addresses.nets().map(<[_]>::len), Some(1000));
    assert_eq!(store.find_key(key.id).await.unwrap(), Some(key));
}

pub async fn a7_texts_at_their_longest_are_kept_as_sent(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    for name in [
        "🔑".repeat(64),
        "é".repeat(64),
        " مفتاح ".to_owned(),
        "<b>x</b>".to_owned(),
        "=cmd()".to_owned(),
    ] {
        let key = stored_key(&*store, &owner, |key| {
            key.name = Name::new(&name).unwrap();
            key.description = Description::new(&"🔑\n\t'\"\\".repeat(80)).unwrap();
            key.use_case = UseCaseName::new(&"u".repeat(32)).unwrap();
            key.hint = Hint::stored(&"…".repeat(24));
        })
        .await;
        assert_eq!(store.find_key(key.id).await.unwrap(), Some(key));
    }
    let mut user = user();
    user.email = Email::new(&format!("{}@{}.example", "l".repeat(64), "h".repeat(180))).unwrap();
    user.name = Name::new(&"🔑".repeat(64)).unwrap();
    user.revision = new(store
        .insert_user(&user, &event("user.create"), None)
        .await
        .unwrap());
    assert_eq!(store.find_user_by_email(&user.email).await.unwrap(), Some(user));
}

/// What was taken once by other rules is read as it stands, in every way that there is.
pub async fn a7_texts_that_would_not_be_taken_today_are_read(store: Arc<dyn Store>) {
    for email in [
        &format!("{}@x.de", "\u{2c65}".repeat(32)),
        "e\u{301}lise@x.de",
        "\u{ff4d}a@b\u{3002}c",
        "no address",
    ] {
        let mut user = user();
        user.email = Email::stored(email);
        user.name = Name::stored("\u{200b}");
        user.revision = new(store
            .insert_user(&user, &event("user.create"), None)
            .await
            .unwrap());
        let key = stored_key(&*store, &user, |key| {
            key.name = Name::stored(&"n".repeat(100));
            key.description = Description::stored(&"d".repeat(1000));
        })
        .await;
        assert_eq!(store.find_user(user.id).await.unwrap().as_ref(), Some(&user));
        let found = store.find_user_by_email(&user.email).await.unwrap();
        assert_eq!(found.as_ref(), Some(&user));
        assert_eq!(store.find_key(key.id).await.unwrap(), Some(key));
        let feed = store.changes_since(Revision(user.revision.0 - 1)).await.unwrap();
        assert!(matches!(&feed.changes[0], Change::User(seen) if *seen == user));
    }
    let mut loaded = 0;
    store.load(&mut |_| loaded += 1).await.unwrap();
    assert_eq!(loaded, 8);
    let all = UserQuery {
        most: 10,
        ..UserQuery::default()
    };
    assert_eq!(store.list_users(&all).await.unwrap().len(), 4);
    store.check().await.unwrap();
}

pub async fn r9_instants_at_their_edges_are_kept(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let latest: Timestamp = "9999-12-31T23:59:59.999Z".parse().unwrap();
    let earliest: Timestamp = "0001-01-01T00:00:00Z".parse().unwrap();
    for at in [
        latest,
        earliest,
        Timestamp::from_millis(0),
        Timestamp::from_millis(-1),
        START,
    ] {
        let key = stored_key(&*store, &owner, |key| {
            key.expires_at = Some(at);
            key.created_at = at;
            key.updated_at = at;
            key.status = KeyStatus::Deleted { at, was_active: true };
        })
        .await;
        assert_eq!(store.find_key(key.id).await.unwrap(), Some(key));
    }
}
