//! Imports: all or none, and the place of the first row that cannot be taken.

use super::samples::{all_keys, event, footprint, key, owner, stored_key};
use crate::{Change, Duplicate, KeySource, Store, StoreError};
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

/// Gives its portions one by one, and says between them what is to be seen meanwhile.
struct Slow<'k> {
    store: &'k dyn Store,
    portions: std::slice::Chunks<'k, Key>,
    before: (Revision, usize),
}

#[async_trait::async_trait]
impl KeySource for Slow<'_> {
    async fn next_keys(&mut self) -> Result<Vec<Key>, StoreError> {
        assert_eq!(footprint(self.store).await, self.before);
        assert_eq!(self.store.list_keys(&all_keys()).await?, []);
        assert_eq!(self.store.count_keys(&all_keys()).await?, 0);
        let mut loaded = 0;
        self.store
            .load(&mut |change| loaded += usize::from(matches!(change, Change::Key(_))))
            .await?;
        assert_eq!(loaded, 0);
        self.store.check().await?;
        let portion = self.portions.next().unwrap_or_default().to_vec();
        if let [first, ..] = &portion[..] {
            assert_eq!(self.store.find_key(first.id).await?, None);
        }
        Ok(portion)
    }
}

pub async fn nobody_sees_a_key_of_an_import_before_all_are_there(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let keys = batch(&owner, 2400);
    let mut source = Slow {
        store: &*store,
        portions: keys.chunks(1200),
        before: footprint(&*store).await,
    };
    store
        .import_keys(&mut source, &event("key.import"), &|_| {})
        .await
        .unwrap();
    assert_eq!(store.count_keys(&all_keys()).await.unwrap(), 2400);
}

/// Makes changes between its portions.
struct Busy<'k> {
    store: &'k dyn Store,
    owner: &'k User,
    portions: std::slice::Chunks<'k, Key>,
    made: u64,
}

#[async_trait::async_trait]
impl KeySource for Busy<'_> {
    async fn next_keys(&mut self) -> Result<Vec<Key>, StoreError> {
        stored_key(self.store, self.owner, |_| {}).await;
        self.made += 1;
        Ok(self.portions.next().unwrap_or_default().to_vec())
    }
}

pub async fn changes_have_their_turn_between_the_portions_of_an_import(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let keys = batch(&owner, 2000);
    let mut source = Busy {
        store: &*store,
        owner: &owner,
        portions: keys.chunks(1000),
        made: 0,
    };
    let done = store
        .import_keys(&mut source, &event("key.import"), &|_| {})
        .await
        .unwrap();
    assert_eq!((done.0, source.made), (owner.revision.0 + 3 + 1, 3));
    assert_eq!(store.count_keys(&all_keys()).await.unwrap(), 2003);
}

/// Fails after its portions.
struct Broken<'k>(std::slice::Chunks<'k, Key>);

#[async_trait::async_trait]
impl KeySource for Broken<'_> {
    async fn next_keys(&mut self) -> Result<Vec<Key>, StoreError> {
        let portion = self.0.next().map(<[Key]>::to_vec);
        portion.ok_or_else(|| StoreError::Unavailable("the file ends early".to_owned()))
    }
}

pub async fn of_an_import_that_fails_nothing_stays(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let before = footprint(&*store).await;
    let keys = batch(&owner, 1500);
    let done = store
        .import_keys(&mut Broken(keys.chunks(1000)), &event("key.import"), &|_| {})
        .await;
    assert!(matches!(done, Err(StoreError::Unavailable(_))), "{done:?}");
    assert_eq!(footprint(&*store).await, before);
    assert!(!store.prune(super::samples::START).await.unwrap());
    // Its secrets are free again.
    store
        .import_keys(&mut keys.chunks(1000), &event("key.import"), &|_| {})
        .await
        .unwrap();
    assert_eq!(store.count_keys(&all_keys()).await.unwrap(), 1500);
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
