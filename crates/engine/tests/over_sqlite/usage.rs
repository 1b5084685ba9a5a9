//! Usage sums are exact under threads and failing flushes.

use crate::common::{Home, START, ask, create_key, draft, sized, word};
use crate::faulty::Faulty;
use keyward_domain::{KeyId, Reason};
use keyward_engine::{Counting, Engine, KeyDraft, LimitDraft, NodeAbout, Period, Store};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

type Sums = HashMap<(usize, Option<Reason>), u64>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_is_exact_while_threads_count_and_flushes_fail() {
    let home = Home::new().await;
    let faulty = Faulty::before(home.store.clone());
    let node = home.node_over(faulty.clone());
    node.load().await.unwrap();
    crate::common::create_user(&node, crate::common::OWNER).await;
    let mut keys = Vec::new();
    let (none, some) = (LimitDraft::Unlimited, LimitDraft::PerMinute);
    for limit in [none, some(1), some(1000), none, none] {
        keys.push(create_key(&node, &KeyDraft { limit, ..draft() }).await);
    }
    let wanted = Mutex::new(Sums::new());
    let running = AtomicBool::new(true);
    let requests = sized(20_000, 500_000);
    let count = |thread: usize| {
        let mut own = Sums::new();
        for n in 0..requests {
            let key = (n * 7 + thread) % keys.len();
            let outcome = word(&ask(&node, &keys[key].secret, Counting::Count)).err();
            *own.entry((key, outcome)).or_default() += 1;
            // Peeks and strangers are not counted.
            ask(&node, &keys[key].secret, Counting::Peek);
            ask(&node, "stranger", Counting::Count);
            if n % 1000 == 0 && thread == 0 {
                home.clock.advance(7000);
            }
        }
        let mut wanted = wanted.lock().unwrap();
        own.into_iter()
            .for_each(|(place, n)| *wanted.entry(place).or_default() += n);
    };
    let flush = async {
        let mut failed = 0;
        for turn in 0_u32.. {
            if !running.load(Ordering::SeqCst) {
                break;
            }
            faulty.fail_usage.store(turn % 3 == 0, Ordering::SeqCst);
            faulty.lose_answers.store(turn % 3 == 1, Ordering::SeqCst);
            failed += u32::from(node.flush_usage().await.is_err());
            tokio::task::yield_now().await;
        }
        assert!(failed > 0, "no flush failed");
    };
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let counters: Vec<_> = (0..4).map(|thread| scope.spawn(move || count(thread))).collect();
            let runtime = tokio::runtime::Handle::current();
            let flusher = scope.spawn(move || runtime.block_on(flush));
            let counted: Vec<_> = counters
                .into_iter()
                .map(|counter| counter.join().is_ok())
                .collect();
            running.store(false, Ordering::SeqCst);
            flusher.join().unwrap();
            assert!(counted.into_iter().all(|ok| ok));
        });
    });
    faulty.fail_usage.store(false, Ordering::SeqCst);
    faulty.lose_answers.store(false, Ordering::SeqCst);
    node.flush_usage().await.unwrap();
    let mut stored = Sums::new();
    for (place, key) in keys.iter().enumerate() {
        let id: KeyId = key.id.parse().unwrap();
        for period in [Period::Minute, Period::Hour, Period::Day] {
            let from = period.start_of(START);
            let buckets = faulty.usage(id, period, from, START.plus_days(60)).await.unwrap();
            let mut sums = Sums::new();
            for bucket in buckets {
                *sums.entry((place, bucket.refused)).or_default() += bucket.count;
            }
            match period {
                Period::Minute => stored.extend(sums),
                _ => assert!(sums.iter().all(|(place, n)| stored[place] == *n), "{period:?}"),
            }
        }
    }
    let wanted = wanted.into_inner().unwrap();
    assert_eq!(wanted.values().sum::<u64>(), 4 * requests as u64);
    assert_eq!(stored, wanted);
    assert_eq!(node.status().usage_lost, 0);
}

/// Uses a key once in each of so many minutes.
fn use_for_minutes(home: &Home, node: &Engine, secret: &str, minutes: usize) {
    for _ in 0..minutes {
        ask(node, secret, Counting::Count);
        home.clock.advance(60_000);
    }
}

#[tokio::test]
async fn much_usage_is_sent_in_pieces_with_numbers_of_their_own_and_smaller_ones_while_the_store_is_slow() {
    let home = Home::new().await;
    let faulty = Faulty::before(home.store.clone());
    let node = home.node_over(faulty.clone());
    node.load().await.unwrap();
    node.name_node(NodeAbout {
        host: "host".to_owned(),
        address: "192.0.2.1:8080".to_owned(),
        version: "1.2.3".to_owned(),
    });
    crate::common::create_user(&node, crate::common::OWNER).await;
    let key = create_key(&node, &draft()).await;
    use_for_minutes(&home, &node, &key.secret, 25_000);
    faulty.next_usage_millis.store(2_100, Ordering::SeqCst);
    node.flush_usage().await.unwrap();
    let batches = faulty.batches.lock().unwrap().clone();
    assert_eq!(batches.keys().copied().collect::<Vec<u64>>(), [1, 2, 3]);
    assert_eq!(
        batches.into_values().collect::<Vec<usize>>(),
        [10_000, 5_000, 10_000]
    );
    let status = node.status();
    assert_eq!((status.usage_pending, status.usage_lost), (0, 0));
}

#[tokio::test]
async fn usage_that_the_store_never_takes_is_lost_and_counted_and_what_follows_is_stored() {
    let home = Home::new().await;
    let faulty = Faulty::before(home.store.clone());
    let node = home.node_over(faulty.clone());
    node.load().await.unwrap();
    crate::common::create_user(&node, crate::common::OWNER).await;
    let key = create_key(&node, &draft()).await;
    use_for_minutes(&home, &node, &key.secret, 7);
    faulty.fail_usage.store(true, Ordering::SeqCst);
    for _ in 0..9 {
        assert!(node.flush_usage().await.is_err());
    }
    assert_eq!((node.status().usage_pending, node.status().usage_lost), (7, 0));
    node.flush_usage().await.unwrap();
    assert_eq!((node.status().usage_pending, node.status().usage_lost), (0, 7));
    faulty.fail_usage.store(false, Ordering::SeqCst);
    use_for_minutes(&home, &node, &key.secret, 3);
    node.flush_usage().await.unwrap();
    let id: KeyId = key.id.parse().unwrap();
    let stored = faulty
        .usage(id, Period::Minute, START, START.plus_days(1))
        .await
        .unwrap();
    assert_eq!(stored.iter().map(|bucket| bucket.count).sum::<u64>(), 3);
    assert_eq!(node.status().usage_lost, 7);
}
