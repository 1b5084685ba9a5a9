//! Imports: all or none, and the place of the first row that cannot be taken.

use super::samples::{all_keys, event, footprint, key, owner, stored_key};
use crate::{Duplicate, Store, StoreError};
use keyward_domain::{Key, Revision, User};
use std::sync::Arc;
use std::sync::Mutex;

fn batch(owner: &User, count: usize) -> Vec<Key> {
    (0..count).map(|_| key(owner.id)).collect()
}

async fn assert_refused(store: &dyn Store, keys: &[Key], place: usize) {
    let before = footprint(store).await;
    let done = store
        .import_keys(&mut keys.chunks(700), &event("key.import"), &|_| {})
        .await;
    let Err(StoreError::Duplicate {
        what: Duplicate::Fingerprint,
        row,
    }) = done
    else {
        unreachable!("not a duplicate: {done:?}")
    };
    assert_eq!(row, place);
    assert_eq!(footprint(store).await, before);
}

pub async fn an_import_is_one_change_with_progress(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let (revision, events) = footprint(&*store).await;
    let keys = batch(&owner, 2500);
    let told = Mutex::new(Vec::new());
    let progress = |rows| told.lock().unwrap().push(rows);
    let done = store
        .import_keys(&mut keys.chunks(700), &event("key.import"), &progress)
        .await
        .unwrap();
    assert_eq!(done, Revision(revision.0 + 1));
    assert_eq!(footprint(&*store).await, (done, events + 1));
    let mut listed = store.list_keys(&all_keys()).await.unwrap();
    listed.reverse();
    let wanted: Vec<Key> = keys
        .into_iter()
        .map(|key| Key {
            revision: done,
            ..key
        })
        .collect();
    assert!(listed == wanted, "what is listed is not what was imported");
    let told = told.into_inner().unwrap();
    assert_eq!(told.last(), Some(&2500));
    assert!(told.len() > 1 && told.is_sorted(), "{told:?}");
}

pub async fn an_import_of_nothing_is_a_change_too(store: Arc<dyn Store>) {
    let done = store
        .import_keys(&mut [].chunks(1), &event("key.import"), &|_| {})
        .await
        .unwrap();
    assert_eq!(footprint(&*store).await, (done, 1));
}

pub async fn an_import_with_a_fingerprint_twice_in_it_is_refused_at_its_row(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    for (first, second) in [(0, 1), (3, 700), (10, 1999), (999, 1000)] {
        let mut keys = batch(&owner, 2200);
        keys[second].fingerprint = keys[first].fingerprint;
        assert_refused(&*store, &keys, second).await;
    }
}

pub async fn an_import_of_a_fingerprint_that_is_there_is_refused_at_its_row(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let there = stored_key(&*store, &owner, |_| {}).await;
    for place in [0, 999, 1000, 2100] {
        let mut keys = batch(&owner, 2200);
        keys[place].fingerprint = there.fingerprint;
        keys[2150].fingerprint = there.fingerprint;
        assert_refused(&*store, &keys, place).await;
    }
    assert_eq!(store.list_keys(&all_keys()).await.unwrap(), [there]);
}

pub async fn an_import_for_an_absent_owner_is_not_found(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let before = footprint(&*store).await;
    let mut keys = batch(&owner, 3);
    keys[1].owner = super::samples::user().id;
    let done = store
        .import_keys(&mut keys.chunks(700), &event("key.import"), &|_| {})
        .await;
    assert!(matches!(done, Err(StoreError::NotFound)), "{done:?}");
    assert_eq!(footprint(&*store).await, before);
}
