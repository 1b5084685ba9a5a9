//! Orders of lists of keys, pages by offset, counts, and marks.

use super::samples::{START, all_keys, deleted_key, owner, stored_key};
use crate::{Direction, KeyMark, KeyOrder, KeyQuery, KeyStatusFilter, LastUsed, Store, UsageBatch};
use keyward_domain::{AddressRule, Key, KeyId, KeyStatus, Name, Timestamp, User};
use std::sync::Arc;

use Direction::{Ascending, Descending};

const ORDERS: [fn(Direction) -> KeyOrder; 4] = [
    KeyOrder::Created,
    KeyOrder::Name,
    KeyOrder::Expires,
    KeyOrder::LastUsed,
];

async fn ids(store: &dyn Store, query: &KeyQuery) -> Vec<KeyId> {
    let keys = store.list_keys(query).await.unwrap();
    keys.iter().map(|key| key.id).collect()
}

async fn ordered(store: &dyn Store, order: KeyOrder) -> Vec<KeyId> {
    ids(store, &KeyQuery { order, ..all_keys() }).await
}

async fn used(store: &dyn Store, key: KeyId, at: Timestamp) {
    let last_used = vec![LastUsed {
        key,
        at,
        address: None,
    }];
    let batch = UsageBatch {
        last_used,
        ..UsageBatch::default()
    };
    store.add_usage(&batch).await.unwrap();
}

async fn named(store: &dyn Store, owner: &User, name: &str) -> KeyId {
    stored_key(store, owner, |key| key.name = Name::new(name).unwrap())
        .await
        .id
}

async fn expiring(store: &dyn Store, owner: &User, expires_at: Option<Timestamp>) -> KeyId {
    stored_key(store, owner, |key| key.expires_at = expires_at)
        .await
        .id
}

/// Keys with many ties in every order.
async fn mixed(store: &dyn Store, count: usize) {
    let owner = owner(store).await;
    for n in 0..count {
        let name = ["beta", "Beta", "alpha", "ALPHA", "gamma", "élan", "_x"][n % 7];
        let key = stored_key(store, &owner, |key| {
            key.name = Name::new(name).unwrap();
            key.expires_at = [None, Some(START), Some(START.plus_days(1))][n % 3];
        })
        .await;
        if n % 4 != 0 {
            used(store, key.id, START.plus_millis((n % 5).try_into().unwrap())).await;
        }
    }
    deleted_key(store, &owner, START).await;
}

pub async fn keys_are_ordered_by_creation(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let first = expiring(&*store, &owner, None).await;
    let second = expiring(&*store, &owner, None).await;
    assert_eq!(
        ordered(&*store, KeyOrder::Created(Ascending)).await,
        [first, second]
    );
    assert_eq!(
        ordered(&*store, KeyOrder::Created(Descending)).await,
        [second, first]
    );
    assert_eq!(KeyOrder::from_code("-created"), Some(KeyOrder::default()));
    assert_eq!(KeyOrder::from_code("size"), None);
}

pub async fn keys_are_ordered_by_name_whatever_the_case(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let mut made = Vec::new();
    for name in ["b", "C", "a", "B", "Z", "é", "_"] {
        made.push(named(&*store, &owner, name).await);
    }
    let found = ordered(&*store, KeyOrder::Name(Ascending)).await;
    // `_` lies between the cases in ASCII; only its place among the letters may differ from one database to another.
    let letters: Vec<_> = found.iter().copied().filter(|id| *id != made[6]).collect();
    assert_eq!(letters, [made[2], made[0], made[3], made[1], made[4], made[5]]);
    let back = ordered(&*store, KeyOrder::Name(Descending)).await;
    assert!(back.iter().rev().eq(&found));
}

pub async fn keys_are_ordered_by_expiry_and_never_is_the_latest(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let never = expiring(&*store, &owner, None).await;
    let late = expiring(&*store, &owner, Some(START.plus_days(9))).await;
    let soon = expiring(&*store, &owner, Some(START)).await;
    let never_too = expiring(&*store, &owner, None).await;
    let wanted = [soon, late, never, never_too];
    assert_eq!(ordered(&*store, KeyOrder::Expires(Ascending)).await, wanted);
    let back = ordered(&*store, KeyOrder::Expires(Descending)).await;
    assert!(back.iter().rev().eq(&wanted));
}

pub async fn keys_are_ordered_by_last_use_and_never_is_the_earliest(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let never = expiring(&*store, &owner, None).await;
    let late = expiring(&*store, &owner, None).await;
    let early = expiring(&*store, &owner, None).await;
    let never_too = expiring(&*store, &owner, None).await;
    used(&*store, late, START.plus_millis(2)).await;
    used(&*store, early, START.plus_millis(1)).await;
    let wanted = [never, never_too, early, late];
    assert_eq!(ordered(&*store, KeyOrder::LastUsed(Ascending)).await, wanted);
    let back = ordered(&*store, KeyOrder::LastUsed(Descending)).await;
    assert!(back.iter().rev().eq(&wanted));
}

pub async fn pages_by_offset_visit_every_key_once_in_every_order(store: Arc<dyn Store>) {
    mixed(&*store, 60).await;
    let mut all = ordered(&*store, KeyOrder::default()).await;
    all.sort();
    assert_eq!(all.len(), 61);
    for order in ORDERS {
        let mut both = Vec::new();
        for order in [order(Ascending), order(Descending)] {
            let mut visited = Vec::new();
            loop {
                let skip = visited.len().try_into().unwrap();
                let page = KeyQuery {
                    order,
                    skip,
                    most: 7,
                    ..all_keys()
                };
                let page = ids(&*store, &page).await;
                if page.is_empty() {
                    break;
                }
                visited.extend(page);
            }
            assert_eq!(visited, ordered(&*store, order).await, "{order:?}");
            let mut sorted = visited.clone();
            sorted.sort();
            assert_eq!(sorted, all, "{order:?}");
            both.push(visited);
        }
        assert!(both[0].iter().rev().eq(&both[1]), "{:?}", order(Ascending));
    }
}

pub async fn pages_by_cursor_go_both_ways_through_time(store: Arc<dyn Store>) {
    mixed(&*store, 20).await;
    for direction in [Ascending, Descending] {
        let order = KeyOrder::Created(direction);
        let mut visited: Vec<KeyId> = Vec::new();
        loop {
            let page = KeyQuery {
                order,
                after: visited.last().copied(),
                most: 6,
                ..all_keys()
            };
            let page = ids(&*store, &page).await;
            if page.is_empty() {
                break;
            }
            visited.extend(page);
        }
        assert_eq!(visited, ordered(&*store, order).await);
    }
}

pub async fn an_offset_past_the_end_finds_nothing(store: Arc<dyn Store>) {
    mixed(&*store, 3).await;
    for order in ORDERS {
        for skip in [4, u64::MAX] {
            let page = KeyQuery {
                order: order(Ascending),
                skip,
                ..all_keys()
            };
            assert_eq!(ids(&*store, &page).await, []);
        }
    }
}

pub async fn orders_keep_the_filters(store: Arc<dyn Store>) {
    mixed(&*store, 12).await;
    let other = owner(&*store).await;
    let key = named(&*store, &other, "beta").await;
    for order in ORDERS {
        let query = KeyQuery {
            order: order(Descending),
            owner: Some(other.id),
            status: Some(KeyStatusFilter::Active { now: START }),
            text: Some("BET".into()),
            ..all_keys()
        };
        assert_eq!(ids(&*store, &query).await, [key]);
    }
}

pub async fn keys_are_counted_by_the_filters_alone(store: Arc<dyn Store>) {
    assert_eq!(store.count_keys(&all_keys()).await.unwrap(), 0);
    mixed(&*store, 21).await;
    let count = async |query: KeyQuery| store.count_keys(&query).await.unwrap();
    let none = KeyQuery::default();
    assert_eq!(count(none.clone()).await, 21);
    assert_eq!(count(all_keys()).await, 22);
    let text = Some("ALPHA".to_owned());
    assert_eq!(count(KeyQuery { text, ..none.clone() }).await, 6);
    let page = KeyQuery {
        order: KeyOrder::Name(Ascending),
        skip: 20,
        most: 1,
        after: ids(&*store, &all_keys()).await.last().copied(),
        ..none
    };
    assert_eq!(count(page).await, 21);
}

pub async fn a_text_finds_the_owners_address_only_when_asked_to(store: Arc<dyn Store>) {
    let (one, two) = (owner(&*store).await, owner(&*store).await);
    let key = expiring(&*store, &one, None).await;
    expiring(&*store, &two, None).await;
    let query = |text: &str, text_in_owner| KeyQuery {
        text: Some(text.to_owned()),
        text_in_owner,
        ..all_keys()
    };
    let email = one.email.as_str().to_ascii_uppercase();
    assert_eq!(ids(&*store, &query(&email, true)).await, [key]);
    assert_eq!(ids(&*store, &query(&email, false)).await, []);
    assert_eq!(ids(&*store, &query("%@example.com", true)).await, []);
    assert_eq!(ids(&*store, &query("@example.com", true)).await.len(), 2);
}

pub async fn keys_are_filtered_by_each_mark(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let at = START.plus_days(1);
    let plain = |key: &mut Key| {
        key.expires_at = Some(at.plus_millis(1));
        key.addresses = AddressRule::listed(["192.0.2.0/24"]).unwrap();
    };
    let fine = stored_key(&*store, &owner, plain).await.id;
    let unused = stored_key(&*store, &owner, plain).await.id;
    let old = stored_key(&*store, &owner, plain).await.id;
    let endless = stored_key(&*store, &owner, |key| {
        plain(key);
        key.expires_at = None;
    })
    .await
    .id;
    let open = stored_key(&*store, &owner, |key| {
        plain(key);
        key.addresses = AddressRule::ANY;
    })
    .await
    .id;
    let ending = stored_key(&*store, &owner, |key| {
        plain(key);
        key.expires_at = Some(at);
    })
    .await
    .id;
    for key in [fine, endless, open, ending] {
        used(&*store, key, START).await;
    }
    used(&*store, old, START.plus_millis(-1)).await;
    for (mark, wanted) in [
        (KeyMark::NeverUsed, unused),
        (KeyMark::UnusedSince(START), old),
        (KeyMark::NoExpiry, endless),
        (KeyMark::NoAddressRestriction, open),
        (KeyMark::ExpiresBy(at), ending),
    ] {
        let query = KeyQuery {
            mark: Some(mark),
            ..all_keys()
        };
        assert_eq!(ids(&*store, &query).await, [wanted], "{mark:?}");
        assert_eq!(store.count_keys(&query).await.unwrap(), 1, "{mark:?}");
    }
}

pub async fn a_mark_holds_together_with_the_state(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let on = expiring(&*store, &owner, None).await;
    let off = stored_key(&*store, &owner, |key| key.status = KeyStatus::Disabled)
        .await
        .id;
    deleted_key(&*store, &owner, START).await;
    for (status, wanted) in [
        (KeyStatusFilter::Active { now: START }, on),
        (KeyStatusFilter::Disabled { now: START }, off),
    ] {
        let query = KeyQuery {
            status: Some(status),
            mark: Some(KeyMark::NeverUsed),
            ..all_keys()
        };
        assert_eq!(ids(&*store, &query).await, [wanted]);
    }
}
