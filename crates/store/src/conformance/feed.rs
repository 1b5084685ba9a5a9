//! What replicas read.

use super::samples::{START, deleted_key, event, owner, stored_key, stored_site};
use crate::{Change, Feed, Store};
use keyward_domain::{AddressRule, Key, KeyId, KeyStatus, RateLimit, Revision, SiteId, SiteRule, UserStatus};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

async fn load(store: &dyn Store) -> Feed {
    let mut changes = Vec::new();
    let position = store.load(&mut |change| changes.push(change)).await.unwrap();
    Feed {
        position,
        mark_before: None,
        changes,
        imports: Vec::new(),
    }
}

/// The entities of a feed, by kind and revision, in their order.
fn outline(feed: &Feed) -> Vec<(&'static str, u64)> {
    feed.changes
        .iter()
        .map(|change| match change {
            Change::User(user) => ("user", user.revision.0),
            Change::Site(site) => ("site", site.revision.0),
            Change::Key(key) => ("key", key.revision.0),
            Change::LostKey(_) => ("lost key", 0),
        })
        .collect()
}

fn keys(feed: &Feed) -> HashMap<KeyId, (KeyStatus, Revision)> {
    let key = |change: &Change| match change {
        Change::Key(key) => Some((key.id, (key.status, key.revision))),
        _ => None,
    };
    feed.changes.iter().filter_map(key).collect()
}

pub async fn an_empty_store_loads_as_nothing(store: Arc<dyn Store>) {
    let feed = load(&*store).await;
    assert_eq!((feed.position.revision, feed.changes.len()), (Revision(0), 0));
}

pub async fn load_gives_all_users_all_sites_and_the_keys_that_are_not_deleted(store: Arc<dyn Store>) {
    let live = owner(&*store).await;
    let mut gone = owner(&*store).await;
    gone.status = UserStatus::Deleted { at: START };
    gone.revision = store
        .update_user(&gone, gone.revision, &event("user.delete"))
        .await
        .unwrap();
    let site = stored_site(&*store, "one").await;
    deleted_key(&*store, &live, START).await;
    let key = stored_key(&*store, &live, |key| {
        key.status = KeyStatus::Disabled;
        key.expires_at = Some(START);
        key.sites = SiteRule::listed([SiteId(1)]);
        key.addresses = AddressRule::listed([]).unwrap();
        key.limit = RateLimit::new(3).ok();
    })
    .await;
    let feed = load(&*store).await;
    assert_eq!(feed.position.revision, store.revision().await.unwrap());
    let [
        Change::User(first),
        Change::User(second),
        Change::Site(third),
        Change::Key(last),
    ] = &feed.changes[..]
    else {
        unreachable!("{:?}", feed.changes)
    };
    let mut users = [first, second];
    users.sort_by_key(|user| user.id);
    assert_eq!((users, third), ([&live, &gone], &site));
    let seen = Key {
        id: last.id,
        owner: last.owner,
        fingerprint: last.fingerprint,
        use_case: last.use_case.clone(),
        status: last.status,
        expires_at: last.expires_at,
        sites: last.sites.clone(),
        addresses: last.addresses.clone(),
        limit: last.limit,
        revision: last.revision,
        ..key.clone()
    };
    assert_eq!(seen, key);
}

pub async fn changes_since_gives_everything_after_a_revision(store: Arc<dyn Store>) {
    let user = owner(&*store).await;
    stored_site(&*store, "one").await;
    stored_key(&*store, &user, |_| {}).await;
    stored_key(&*store, &user, |_| {}).await;
    store
        .update_user(&user, user.revision, &event("user.update"))
        .await
        .unwrap();
    let table: [(u64, &[(&str, u64)]); 5] = [
        (0, &[("user", 5), ("site", 2), ("key", 3), ("key", 4)]),
        (2, &[("user", 5), ("key", 3), ("key", 4)]),
        (4, &[("user", 5)]),
        (5, &[]),
        (u64::MAX, &[]),
    ];
    for (after, wanted) in table {
        let feed = store.changes_since(Revision(after)).await.unwrap();
        assert_eq!(feed.position.revision, Revision(5), "after {after}");
        assert_eq!(outline(&feed), wanted, "after {after}");
    }
}

pub async fn each_change_has_a_mark_that_the_feed_after_it_names(store: Arc<dyn Store>) {
    let mut positions = vec![store.position().await.unwrap()];
    for name in ["one", "two", "three"] {
        stored_site(&*store, name).await;
        positions.push(store.position().await.unwrap());
    }
    assert_eq!(load(&*store).await.position, positions[3]);
    assert!(positions[1..].iter().all(|position| position.mark.is_some()));
    assert!(positions.windows(2).all(|pair| pair[0].mark != pair[1].mark));
    for position in &positions {
        let feed = store.changes_since(position.revision).await.unwrap();
        assert_eq!(feed.position, positions[3]);
        assert_eq!(feed.mark_before, position.mark);
    }
    // What has not come yet has no mark.
    let feed = store.changes_since(Revision(4)).await.unwrap();
    assert_eq!(feed.mark_before, None);
}

pub async fn a_deleted_key_comes_as_deleted(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let mut key = stored_key(&*store, &owner, |_| {}).await;
    let before = key.revision;
    key.delete(START).unwrap();
    key.revision = store
        .update_key(&key, before, &event("key.delete"))
        .await
        .unwrap();
    let feed = store.changes_since(before).await.unwrap();
    assert_eq!(keys(&feed), HashMap::from([(key.id, (key.status, key.revision))]));
    assert_eq!(keys(&load(&*store).await).len(), 0);
}

pub async fn an_import_comes_whole(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let batch: Vec<Key> = (0..1500).map(|_| super::samples::key(owner.id)).collect();
    let revision = store
        .import_keys(&mut batch.chunks(700), &event("key.import"), &|_| {})
        .await
        .unwrap();
    let feed = store.changes_since(owner.revision).await.unwrap();
    assert_eq!((feed.position.revision, feed.changes.len()), (revision, 0));
    let [import] = feed.imports[..] else {
        unreachable!("{feed:?}")
    };
    assert_eq!(import.revision, revision);
    let mut imported = HashMap::new();
    let mut after = None;
    loop {
        let portion = store
            .imported_keys(import.id, after, 700, revision)
            .await
            .unwrap();
        assert_eq!(portion.position, feed.position);
        assert_eq!(portion.mark_before, feed.position.mark);
        for change in &portion.changes {
            let Change::Key(key) = change else {
                unreachable!("{change:?}")
            };
            assert!(after.is_none_or(|after| key.id > after));
            imported.insert(key.id, (key.status, key.revision));
        }
        let Some(last) = portion.last else { break };
        assert!(portion.changes.len() <= 700);
        after = Some(last);
    }
    assert_eq!(imported.len(), 1500);
    assert!(imported.values().all(|(_, of)| *of == revision));
    assert_eq!(keys(&load(&*store).await), imported);
    assert_eq!(store.changes_since(revision).await.unwrap().imports, []);
}

pub async fn an_imported_key_that_changes_comes_as_any_other(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let batch: Vec<Key> = (0..3).map(|_| super::samples::key(owner.id)).collect();
    let imported = store
        .import_keys(&mut batch.chunks(700), &event("key.import"), &|_| {})
        .await
        .unwrap();
    let mut key = store.find_key(batch[1].id).await.unwrap().unwrap();
    assert_eq!(key.revision, imported);
    key.disable().unwrap();
    let done = store
        .update_key(&key, imported, &event("key.disable"))
        .await
        .unwrap();
    let feed = store.changes_since(imported).await.unwrap();
    assert_eq!(
        keys(&feed),
        HashMap::from([(key.id, (KeyStatus::Disabled, done))])
    );
    let stale = store.update_key(&key, imported, &event("key.disable")).await;
    assert!(matches!(stale, Err(crate::StoreError::Conflict)), "{stale:?}");
    assert_eq!(store.find_key(key.id).await.unwrap().unwrap().revision, done);
}

pub async fn load_is_of_one_instant_while_writers_go_on(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let batch: Vec<Key> = (0..3000).map(|_| super::samples::key(owner.id)).collect();
    store
        .import_keys(&mut batch.chunks(700), &event("key.import"), &|_| {})
        .await
        .unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (store, stop, owner) = (store.clone(), stop.clone(), owner.clone());
        async move {
            // Each change adds one key, so the revision tells how many there are.
            while !stop.load(Ordering::Relaxed) {
                stored_key(&*store, &owner, |_| {}).await;
            }
        }
    });
    let base = 3000 - (owner.revision.0 + 1);
    for _ in 0..10 {
        let feed = load(&*store).await;
        let count = u64::try_from(keys(&feed).len()).unwrap();
        assert_eq!(count, base + feed.position.revision.0);
        assert!(
            outline(&feed)
                .iter()
                .all(|(_, revision)| *revision <= feed.position.revision.0)
        );
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}

pub async fn r4_a_replica_that_follows_ends_up_like_one_that_loads(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let (store, owner) = (store.clone(), owner.clone());
            tokio::spawn(async move {
                for round in 0..12 {
                    let mut key = stored_key(&*store, &owner, |_| {}).await;
                    key.disable().unwrap();
                    key.revision = store
                        .update_key(&key, key.revision, &event("key.disable"))
                        .await
                        .unwrap();
                    if round % 2 == 0 {
                        key.delete(START).unwrap();
                        store
                            .update_key(&key, key.revision, &event("key.delete"))
                            .await
                            .unwrap();
                    }
                }
            })
        })
        .collect();
    let mut replica = HashMap::new();
    let mut at = Revision(0);
    loop {
        let done = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let feed = store.changes_since(at).await.unwrap();
        assert!(feed.position.revision >= at);
        assert!(
            keys(&feed)
                .values()
                .all(|(_, revision)| *revision > at && *revision <= feed.position.revision)
        );
        at = feed.position.revision;
        for (id, state) in keys(&feed) {
            match state.0 {
                KeyStatus::Deleted { .. } => replica.remove(&id),
                _ => replica.insert(id, state),
            };
        }
        if done {
            break;
        }
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let loaded = load(&*store).await;
    assert_eq!((at, replica), (loaded.position.revision, keys(&loaded)));
}
