//! Keys: found, changed, purged.

use super::samples::{START, deleted_key, event, footprint, key, key_id, owner, purge, stored_key};
use crate::{AuditQuery, Duplicate, LastUsed, Period, Purge, Store, StoreError, UsageBatch, UsageCount};
use keyward_domain::{
    AddressRule, Description, Fingerprint, Hint, KeyStatus, Name, RateLimit, Revision, SiteId, SiteRule,
    Timestamp, UseCaseName,
};
use std::sync::Arc;

pub async fn a_new_key_is_found_as_it_was_inserted(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let stored = stored_key(&*store, &owner, |key| {
        key.name = Name::new("Billing").unwrap();
        key.description = Description::new("two\nlines").unwrap();
        key.expires_at = Some(START.plus_days(1));
        key.sites = SiteRule::listed([SiteId(3), SiteId(1)]);
        key.addresses = AddressRule::listed(["192.0.2.0/24", "2001:db8::1"]).unwrap();
        key.limit = Some(RateLimit::new(60).unwrap());
        key.status = KeyStatus::Disabled;
    })
    .await;
    assert_eq!(store.find_key(stored.id).await.unwrap(), Some(stored.clone()));
    assert_eq!(store.revision().await.unwrap(), stored.revision);
}

pub async fn an_absent_key_is_none(store: Arc<dyn Store>) {
    assert_eq!(store.find_key(key_id()).await.unwrap(), None);
}

pub async fn an_update_writes_what_may_change_and_nothing_else(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let other = super::samples::owner(&*store).await;
    let before = stored_key(&*store, &owner, |_| {}).await;
    let mut after = before.clone();
    after.name = Name::new("Renamed").unwrap();
    after.description = Description::new("described").unwrap();
    after.status = KeyStatus::Disabled;
    after.sites = SiteRule::listed([SiteId(9)]);
    after.addresses = AddressRule::listed(["198.51.100.7"]).unwrap();
    after.limit = Some(RateLimit::new(5).unwrap());
    after.updated_at = START.plus_days(3);
    let mut sent = after.clone();
    sent.owner = other.id;
    sent.use_case = UseCaseName::new("other").unwrap();
    sent.fingerprint = Fingerprint::from_bytes([99; 32]);
    sent.hint = Hint::stored("other");
    sent.created_at = START.plus_days(-9);
    sent.expires_at = Some(START);
    after.revision = store
        .update_key(&sent, before.revision, &event("key.update"))
        .await
        .unwrap();
    assert_eq!(store.find_key(before.id).await.unwrap(), Some(after));
}

pub async fn a9_an_update_of_a_stale_revision_is_a_conflict_and_changes_nothing(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let mut key = stored_key(&*store, &owner, |_| {}).await;
    let stale = key.revision;
    key.revision = store.update_key(&key, stale, &event("key.update")).await.unwrap();
    let before = footprint(&*store).await;
    let mut late = key.clone();
    late.name = Name::new("Late").unwrap();
    for expected in [
        stale,
        Revision(key.revision.0 + 1),
        Revision(0),
        Revision(u64::MAX),
    ] {
        let done = store.update_key(&late, expected, &event("key.update")).await;
        assert!(matches!(done, Err(StoreError::Conflict)), "{done:?}");
    }
    assert_eq!(store.find_key(key.id).await.unwrap(), Some(key));
    assert_eq!(footprint(&*store).await, before);
}

pub async fn an_update_of_an_absent_key_is_not_found(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let before = footprint(&*store).await;
    let done = store
        .update_key(&key(owner.id), Revision(1), &event("key.update"))
        .await;
    assert!(matches!(done, Err(StoreError::NotFound)), "{done:?}");
    assert_eq!(footprint(&*store).await, before);
}

pub async fn a9_of_20_parallel_updates_one_wins_per_revision(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let mut key = stored_key(&*store, &owner, |_| {}).await;
    for _ in 0..5 {
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..20 {
            let (store, mut mine) = (store.clone(), key.clone());
            mine.name = Name::new(&format!("name {n}")).unwrap();
            tasks.spawn(async move {
                let done = store.update_key(&mine, mine.revision, &event("key.update")).await;
                (mine, done)
            });
        }
        let mut won = Vec::new();
        for (mut mine, done) in tasks.join_all().await {
            match done {
                Ok(revision) => {
                    mine.revision = revision;
                    won.push(mine);
                }
                Err(fault) => assert!(matches!(fault, StoreError::Conflict), "{fault:?}"),
            }
        }
        assert_eq!(won.len(), 1);
        assert_eq!(won[0].revision, Revision(key.revision.0 + 1));
        key = won.remove(0);
        assert_eq!(store.find_key(key.id).await.unwrap().as_ref(), Some(&key));
    }
}

pub async fn a_fingerprint_that_is_there_is_a_duplicate(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let live = stored_key(&*store, &owner, |_| {}).await;
    let deleted = deleted_key(&*store, &owner, START).await;
    let before = footprint(&*store).await;
    for fingerprint in [live.fingerprint, deleted.fingerprint] {
        let mut twin = key(owner.id);
        twin.fingerprint = fingerprint;
        let done = store.insert_key(&twin, &event("key.create"), None).await;
        let what = Duplicate::Fingerprint;
        assert!(
            matches!(done, Err(StoreError::Duplicate { what: w, .. }) if w == what),
            "{done:?}"
        );
        assert_eq!(store.find_key(twin.id).await.unwrap(), None);
    }
    assert_eq!(footprint(&*store).await, before);
}

pub async fn an_id_that_is_taken_is_a_conflict(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let stored = stored_key(&*store, &owner, |_| {}).await;
    let mut twin = key(owner.id);
    twin.id = stored.id;
    let done = store.insert_key(&twin, &event("key.create"), None).await;
    assert!(matches!(done, Err(StoreError::Conflict)), "{done:?}");
    assert_eq!(store.find_key(stored.id).await.unwrap(), Some(stored));
}

pub async fn a_key_of_an_absent_owner_is_not_found(store: Arc<dyn Store>) {
    let before = footprint(&*store).await;
    let orphan = key(super::samples::user().id);
    let done = store.insert_key(&orphan, &event("key.create"), None).await;
    assert!(matches!(done, Err(StoreError::NotFound)), "{done:?}");
    assert_eq!(footprint(&*store).await, before);
}

pub async fn a10_a_deleted_key_is_kept_and_can_be_restored(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    for was_active in [true, false] {
        let mut key = stored_key(&*store, &owner, |key| {
            if !was_active {
                key.status = KeyStatus::Disabled;
            }
        })
        .await;
        let status = key.status;
        key.delete(START).unwrap();
        key.revision = store
            .update_key(&key, key.revision, &event("key.delete"))
            .await
            .unwrap();
        let mut found = store.find_key(key.id).await.unwrap().unwrap();
        assert_eq!(
            found.status,
            KeyStatus::Deleted {
                at: START,
                was_active
            }
        );
        found.restore(START).unwrap();
        store
            .update_key(&found, key.revision, &event("key.restore"))
            .await
            .unwrap();
        assert_eq!(
            store.find_key(key.id).await.unwrap().map(|key| key.status),
            Some(status)
        );
    }
}

pub async fn a10_purge_removes_the_key_its_fingerprint_and_its_usage(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let key = deleted_key(&*store, &owner, START).await;
    let batch = UsageBatch {
        counts: vec![UsageCount {
            key: key.id,
            minute: START,
            refused: None,
            count: 3,
        }],
        last_used: vec![LastUsed {
            key: key.id,
            at: START,
            address: None,
        }],
        ..UsageBatch::default()
    };
    store.add_usage(&batch).await.unwrap();
    let revision = store
        .purge_keys(&[purge(key.id, key.revision, event("key.purge"))])
        .await
        .unwrap();
    assert_eq!(revision, Some(Revision(key.revision.0 + 1)));
    // What comes in late for a key that is gone is dropped.
    store.add_usage(&batch).await.unwrap();
    assert_eq!(store.find_key(key.id).await.unwrap(), None);
    let counts = store
        .usage(key.id, Period::Day, START, START.plus_days(1))
        .await
        .unwrap();
    assert_eq!(counts, []);
    assert_eq!(store.last_used(&[key.id]).await.unwrap(), []);
}

pub async fn a10_a_purged_fingerprint_can_be_used_again(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let old = deleted_key(&*store, &owner, START).await;
    store
        .purge_keys(&[purge(old.id, old.revision, event("key.purge"))])
        .await
        .unwrap();
    let again = stored_key(&*store, &owner, |key| key.fingerprint = old.fingerprint).await;
    assert_eq!(store.find_key(again.id).await.unwrap(), Some(again));
}

pub async fn a10_only_a_deleted_key_at_the_expected_revision_is_purged(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let live = stored_key(&*store, &owner, |_| {}).await;
    let deleted = deleted_key(&*store, &owner, START).await;
    let before = footprint(&*store).await;
    let not_to_go = [
        (live.id, live.revision),
        (deleted.id, Revision(deleted.revision.0 - 1)),
        (key_id(), deleted.revision),
    ];
    let mut purges: Vec<Purge> = not_to_go
        .into_iter()
        .map(|(id, expected)| purge(id, expected, event("key.purge")))
        .collect();
    assert_eq!(store.purge_keys(&purges).await.unwrap(), None);
    assert_eq!(footprint(&*store).await, before);
    // They keep nothing back that is to go, and have no line in the log.
    let own = event("key.purge");
    purges.insert(1, purge(deleted.id, deleted.revision, own.clone()));
    let revision = store.purge_keys(&purges).await.unwrap();
    assert_eq!(revision, Some(Revision(deleted.revision.0 + 1)));
    assert_eq!(store.find_key(deleted.id).await.unwrap(), None);
    assert!(store.find_key(live.id).await.unwrap().is_some());
    let log = store
        .list_audit(&AuditQuery {
            most: 50,
            ..AuditQuery::default()
        })
        .await
        .unwrap();
    let told: Vec<_> = log
        .iter()
        .filter(|line| line.action == "key.purge")
        .map(|line| line.id)
        .collect();
    assert_eq!(told, [own.id]);
}

pub async fn purgeable_keys_are_those_deleted_before_an_instant_oldest_first(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let at = |millis| Timestamp::from_millis(START.millis() + millis);
    stored_key(&*store, &owner, |_| {}).await;
    let mut deleted = Vec::new();
    for millis in [3, 1, 2] {
        deleted.push(deleted_key(&*store, &owner, at(millis)).await.id);
    }
    let list = async |before, most| -> Vec<_> {
        let keys = store.list_purgeable_keys(before, most).await.unwrap();
        keys.iter().map(|key| key.id).collect()
    };
    assert_eq!(list(at(1), 9).await, []);
    let oldest_first = [deleted[1], deleted[2], deleted[0]];
    assert_eq!(list(at(3), 9).await, oldest_first[..2]);
    assert_eq!(list(at(4), 9).await, oldest_first);
    assert_eq!(list(at(4), 2).await, oldest_first[..2]);
}
