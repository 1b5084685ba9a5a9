//! Usage: sums by minute, hour and day; last uses.

use super::samples::{START, key_id, owner, stored_key};
use crate::{FlushId, LastUsed, Period, Store, UsageBatch, UsageBucket, UsageCount};
use keyward_domain::{KeyId, NodeId, Reason, Timestamp};
use std::sync::Arc;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn at(millis: i64) -> Timestamp {
    START.plus_millis(millis)
}

fn counts(key: KeyId, counts: &[(i64, Option<Reason>, u64)]) -> UsageBatch {
    let count = |&(millis, refused, count): &(i64, _, _)| UsageCount {
        key,
        minute: at(millis),
        refused,
        count,
    };
    UsageBatch {
        counts: counts.iter().map(count).collect(),
        ..UsageBatch::default()
    }
}

async fn sums(store: &dyn Store, key: KeyId, period: Period) -> Vec<(i64, Option<Reason>, u64)> {
    let buckets = store
        .usage(key, period, at(-10 * DAY), at(10 * DAY))
        .await
        .unwrap();
    let sum = |bucket: &UsageBucket| {
        (
            bucket.start.millis() - START.millis(),
            bucket.refused,
            bucket.count,
        )
    };
    buckets.iter().map(sum).collect()
}

pub async fn counts_add_up_by_minute_hour_and_day_across_midnight(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let key = stored_key(&*store, &owner, |_| {}).await.id;
    // START is a midnight: the minute before it belongs to another hour and another day.
    for _ in 0..2 {
        let batch = counts(
            key,
            &[
                (-MINUTE, None, 1),
                (0, None, 10),
                (MINUTE, None, 100),
                (HOUR, None, 1000),
            ],
        );
        store.add_usage(&batch).await.unwrap();
    }
    let minutes = [
        (-MINUTE, None, 2),
        (0, None, 20),
        (MINUTE, None, 200),
        (HOUR, None, 2000),
    ];
    assert_eq!(sums(&*store, key, Period::Minute).await, minutes);
    assert_eq!(
        sums(&*store, key, Period::Hour).await,
        [(-HOUR, None, 2), (0, None, 220), (HOUR, None, 2000)]
    );
    assert_eq!(
        sums(&*store, key, Period::Day).await,
        [(-DAY, None, 2), (0, None, 2220)]
    );
}

pub async fn counts_are_kept_by_outcome(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let key = stored_key(&*store, &owner, |_| {}).await.id;
    let other = stored_key(&*store, &owner, |_| {}).await.id;
    let outcomes: Vec<Option<Reason>> = Reason::ALL.into_iter().map(Some).chain([None]).collect();
    let batch: Vec<_> = outcomes
        .iter()
        .zip(1..)
        .map(|(outcome, n)| (0, *outcome, n))
        .collect();
    store.add_usage(&counts(key, &batch)).await.unwrap();
    store.add_usage(&counts(other, &[(0, None, 7)])).await.unwrap();
    let mut found = sums(&*store, key, Period::Day).await;
    found.sort_by_key(|(_, _, count)| *count);
    assert_eq!(found, batch);
    assert_eq!(sums(&*store, other, Period::Day).await, [(0, None, 7)]);
}

pub async fn the_same_bucket_twice_in_a_batch_adds_up(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let key = stored_key(&*store, &owner, |_| {}).await.id;
    store
        .add_usage(&counts(key, &[(0, None, 1), (0, None, 2), (0, None, 0)]))
        .await
        .unwrap();
    assert_eq!(sums(&*store, key, Period::Minute).await, [(0, None, 3)]);
}

pub async fn usage_is_read_from_an_instant_until_before_another(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let key = stored_key(&*store, &owner, |_| {}).await.id;
    store
        .add_usage(&counts(
            key,
            &[(0, None, 1), (MINUTE, None, 2), (2 * MINUTE, None, 3)],
        ))
        .await
        .unwrap();
    let found = store
        .usage(key, Period::Minute, at(MINUTE), at(2 * MINUTE))
        .await
        .unwrap();
    assert_eq!(
        found,
        [UsageBucket {
            start: at(MINUTE),
            refused: None,
            count: 2
        }]
    );
    assert_eq!(
        store
            .usage(key, Period::Minute, at(MINUTE), at(MINUTE))
            .await
            .unwrap(),
        []
    );
}

pub async fn l6_counts_do_not_wrap(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let key = stored_key(&*store, &owner, |_| {}).await.id;
    let highest = i64::MAX.unsigned_abs();
    for _ in 0..2 {
        store
            .add_usage(&counts(
                key,
                &[(0, None, highest), (0, Some(Reason::RateLimited), u64::MAX)],
            ))
            .await
            .unwrap();
    }
    let found = sums(&*store, key, Period::Day).await;
    assert!(
        found.len() == 2 && found.iter().all(|(_, _, count)| *count == highest),
        "{found:?}"
    );
}

pub async fn counts_of_absent_keys_are_dropped_and_the_others_kept(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let (key, absent) = (stored_key(&*store, &owner, |_| {}).await.id, key_id());
    let last_use = |key| LastUsed {
        key,
        at: START,
        address: None,
    };
    let batch = UsageBatch {
        counts: [
            counts(absent, &[(0, None, 5)]).counts,
            counts(key, &[(0, None, 6)]).counts,
        ]
        .concat(),
        last_used: vec![last_use(absent), last_use(key)],
        ..UsageBatch::default()
    };
    store.add_usage(&batch).await.unwrap();
    assert_eq!(sums(&*store, absent, Period::Day).await, []);
    assert_eq!(sums(&*store, key, Period::Day).await, [(0, None, 6)]);
    assert_eq!(store.last_used(&[absent, key]).await.unwrap(), [last_use(key)]);
}

pub async fn last_use_never_moves_back(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let key = stored_key(&*store, &owner, |_| {}).await.id;
    let last_use = |millis, address: &str| LastUsed {
        key,
        at: at(millis),
        address: address.parse().ok(),
    };
    let add = async |last_used| {
        store
            .add_usage(&UsageBatch {
                last_used,
                ..UsageBatch::default()
            })
            .await
            .unwrap();
    };
    let read = async || store.last_used(&[key]).await.unwrap();
    assert_eq!(read().await, []);
    add(vec![last_use(5, "192.0.2.1")]).await;
    add(vec![last_use(4, "192.0.2.2")]).await;
    assert_eq!(read().await, [last_use(5, "192.0.2.1")]);
    add(vec![last_use(9, "2001:db8::1"), last_use(7, "192.0.2.3")]).await;
    assert_eq!(read().await, [last_use(9, "2001:db8::1")]);
    add(vec![last_use(10, "unknown")]).await;
    assert_eq!(
        read().await,
        [LastUsed {
            key,
            at: at(10),
            address: None
        }]
    );
}

pub async fn last_uses_of_many_keys_are_read_at_once(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let mut wanted = Vec::new();
    for n in 0..30 {
        let key = stored_key(&*store, &owner, |_| {}).await.id;
        wanted.push(LastUsed {
            key,
            at: at(n),
            address: None,
        });
    }
    store
        .add_usage(&UsageBatch {
            last_used: wanted.clone(),
            ..UsageBatch::default()
        })
        .await
        .unwrap();
    let mut asked: Vec<KeyId> = wanted.iter().map(|last_use| last_use.key).collect();
    asked.extend((0..2500).map(|_| key_id()));
    let mut found = store.last_used(&asked).await.unwrap();
    found.sort_by_key(|last_use| last_use.key);
    assert_eq!(found, wanted);
    assert_eq!(store.last_used(&[]).await.unwrap(), []);
}

pub async fn a_batch_that_is_sent_again_is_counted_once(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let key = stored_key(&*store, &owner, |_| {}).await.id;
    let node = |number| NodeId::from_bytes([number; 16]);
    let flush = |node, number| Some(FlushId { node, number });
    let of = |flush| UsageBatch {
        flush,
        ..counts(key, &[(0, None, 1)])
    };
    let mut wanted = 0;
    for (name, is_new) in [
        (flush(node(1), 1), true),
        (flush(node(1), 1), false),
        (flush(node(1), 2), true),
        (flush(node(1), 1), false),
        (flush(node(1), 2), false),
        // Another node counts by itself, and numbers may be left out.
        (flush(node(2), 1), true),
        (flush(node(2), 9), true),
        // Without a name each is another.
        (None, true),
        (None, true),
    ] {
        store.add_usage(&of(name)).await.unwrap();
        wanted += u64::from(is_new);
        assert_eq!(
            sums(&*store, key, Period::Minute).await,
            [(0, None, wanted)],
            "{name:?}"
        );
    }
    // Also when both are under way at once.
    let twice = of(flush(node(3), 1));
    let (first, second) = tokio::join!(store.add_usage(&twice), store.add_usage(&twice));
    first.and(second).unwrap();
    assert_eq!(sums(&*store, key, Period::Minute).await, [(0, None, wanted + 1)]);
}
