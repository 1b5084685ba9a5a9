//! The addresses that keys were used from last.

use super::samples::{START, deleted_key, event, key_id, owner, purge, stored_key};
use crate::{RECENT_ADDRESSES, RecentAddress, Store, UsageBatch};
use keyward_domain::KeyId;
use std::net::IpAddr;
use std::sync::Arc;

fn from(key: KeyId, address: &str, millis: i64) -> RecentAddress {
    RecentAddress {
        key,
        address: address.parse().unwrap(),
        at: START.plus_millis(millis),
    }
}

fn numbered(key: KeyId, number: u8) -> RecentAddress {
    RecentAddress {
        address: IpAddr::from([192, 0, 2, number]),
        ..from(key, "::", number.into())
    }
}

async fn add(store: &dyn Store, addresses: Vec<RecentAddress>) {
    let batch = UsageBatch {
        addresses,
        ..UsageBatch::default()
    };
    store.add_usage(&batch).await.unwrap();
}

pub async fn addresses_of_a_key_are_read_latest_first(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let key = stored_key(&*store, &owner, |_| {}).await.id;
    let other = stored_key(&*store, &owner, |_| {}).await.id;
    assert_eq!(store.recent_addresses(key).await.unwrap(), []);
    let (early, late) = (from(key, "2001:db8::1", 1), from(key, "192.0.2.1", 2));
    add(&*store, vec![early, from(other, "192.0.2.9", 3), late]).await;
    assert_eq!(store.recent_addresses(key).await.unwrap(), [late, early]);
}

pub async fn an_address_is_kept_once_and_never_moves_back(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let key = stored_key(&*store, &owner, |_| {}).await.id;
    let at = |millis| from(key, "192.0.2.1", millis);
    add(&*store, vec![at(5), at(7), at(6)]).await;
    assert_eq!(store.recent_addresses(key).await.unwrap(), [at(7)]);
    add(&*store, vec![at(3)]).await;
    assert_eq!(store.recent_addresses(key).await.unwrap(), [at(7)]);
    add(&*store, vec![at(9)]).await;
    assert_eq!(store.recent_addresses(key).await.unwrap(), [at(9)]);
}

pub async fn the_ten_latest_addresses_of_each_key_are_kept(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let key = stored_key(&*store, &owner, |_| {}).await.id;
    let quiet = stored_key(&*store, &owner, |_| {}).await.id;
    add(&*store, vec![from(quiet, "192.0.2.1", -1)]).await;
    for numbers in [0..25_u8, 25..30, 0..3] {
        add(&*store, numbers.map(|n| numbered(key, n)).collect()).await;
    }
    let wanted: Vec<_> = (20..30).rev().map(|n| numbered(key, n)).collect();
    assert_eq!(wanted.len(), RECENT_ADDRESSES);
    assert_eq!(store.recent_addresses(key).await.unwrap(), wanted);
    assert_eq!(store.recent_addresses(quiet).await.unwrap().len(), 1);
}

pub async fn a10_addresses_go_with_their_key(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let key = deleted_key(&*store, &owner, START).await;
    let absent = key_id();
    add(
        &*store,
        vec![from(absent, "192.0.2.1", 0), from(key.id, "192.0.2.1", 0)],
    )
    .await;
    assert_eq!(store.recent_addresses(absent).await.unwrap(), []);
    assert_eq!(store.recent_addresses(key.id).await.unwrap().len(), 1);
    store
        .purge_keys(&[purge(key.id, key.revision, event("key.purge"))])
        .await
        .unwrap();
    assert_eq!(store.recent_addresses(key.id).await.unwrap(), []);
}
