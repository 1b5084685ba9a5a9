//! Pruning, checks, backups, closing.

use super::samples::{START, claim, event, key, new, number, owner, stored_key, user};
use crate::{Inserted, Period, Store, StoreError, UsageBatch, UsageCount};
use keyward_domain::Timestamp;
use std::sync::Arc;

pub async fn prune_drops_counts_past_their_keep(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let key = stored_key(&*store, &owner, |_| {}).await.id;
    let now = START;
    let count = |days: i64| UsageCount {
        key,
        minute: now.plus_days(-days),
        refused: None,
        count: 1,
    };
    let counts = [0, 2, 3, 62, 63, 800, 801].map(count).to_vec();
    store
        .add_usage(&UsageBatch {
            counts,
            ..UsageBatch::default()
        })
        .await
        .unwrap();
    store.prune(now).await.unwrap();
    for (period, wanted) in [
        (Period::Minute, &[2, 0][..]),
        (Period::Hour, &[62, 3, 2, 0]),
        (Period::Day, &[800, 63, 62, 3, 2, 0]),
    ] {
        let found = store
            .usage(key, period, now.plus_days(-2000), now.plus_days(1))
            .await
            .unwrap();
        let starts: Vec<Timestamp> = found.iter().map(|bucket| bucket.start).collect();
        let wanted: Vec<Timestamp> = wanted
            .iter()
            .map(|days| now.plus_days(-i64::from(*days)))
            .collect();
        assert_eq!(starts, wanted, "{period:?}");
    }
}

pub async fn prune_drops_what_has_gathered_in_pieces(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let key = stored_key(&*store, &owner, |_| {}).await.id;
    let count = |minute: i64| UsageCount {
        key,
        minute: START.plus_millis(minute * Period::Minute.millis()),
        refused: None,
        count: 1,
    };
    let most = crate::kept::ROWS;
    let batch = UsageBatch {
        counts: (0..most + 1).map(count).collect(),
        ..UsageBatch::default()
    };
    store.add_usage(&batch).await.unwrap();
    let now = START.plus_days(20);
    assert!(store.prune(now).await.unwrap(), "all at once");
    assert!(!store.prune(now).await.unwrap(), "never done");
    let left = store.usage(key, Period::Minute, START, now).await.unwrap();
    assert_eq!(left, []);
}

pub async fn prune_drops_claims_after_24_hours(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let insert = async || {
        store
            .insert_key(&key(owner.id), &event("key.create"), Some(&claim("t")))
            .await
            .unwrap()
    };
    new(insert().await);
    store.prune(START.plus_days(1)).await.unwrap();
    assert!(matches!(insert().await, Inserted::Replay { .. }));
    store.prune(START.plus_days(1).plus_millis(1)).await.unwrap();
    new(insert().await);
}

pub async fn prune_drops_setup_tokens_from_their_expiry_on(store: Arc<dyn Store>) {
    let user = user();
    for (now, kept) in [(START, false), (START.plus_millis(-1), true)] {
        store.put_setup_token(&[3; 32], START).await.unwrap();
        store.prune(now).await.unwrap();
        let before = START.plus_millis(-1);
        let done = store
            .redeem_setup_token(&[3; 32], before, &user, &key(user.id), &[])
            .await;
        assert_eq!(done.is_ok(), kept, "{done:?}");
    }
}

pub async fn a_store_in_use_is_sound(store: Arc<dyn Store>) {
    store.check().await.unwrap();
    let owner = owner(&*store).await;
    stored_key(&*store, &owner, |_| {}).await;
    store.check().await.unwrap();
}

/// A store that leaves backups to its database's own tools says so, and leaves no file.
pub async fn a_backup_goes_to_a_new_file_only(store: Arc<dyn Store>) {
    owner(&*store).await;
    let name = format!("keyward-backup-{}-{}", std::process::id(), number());
    let file = std::env::temp_dir().join(name);
    let done = store.backup(&file).await;
    if matches!(done, Err(StoreError::Unsupported(_))) {
        assert!(!file.exists());
        return;
    }
    done.unwrap();
    let first = std::fs::read(&file).unwrap();
    assert!(!first.is_empty());
    let again = store.backup(&file).await;
    assert!(matches!(again, Err(StoreError::NotWritable(_))), "{again:?}");
    assert!(std::fs::read(&file).unwrap() == first);
    std::fs::remove_file(&file).unwrap();
}

pub async fn a_closed_store_says_that_it_cannot_answer(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    store.close().await;
    let read = store.revision().await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let written = store.insert_key(&key(owner.id), &event("key.create"), None).await;
    assert!(matches!(written, Err(StoreError::Unavailable(_))), "{written:?}");
    store.close().await;
}
