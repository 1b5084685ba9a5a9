//! How long a million keys take to load, and lists of a hundred thousand. Run it in release mode:
//! `cargo test --release -p keyward-store --test sqlite_load -- --ignored --nocapture`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement"
)]

mod common;

use common::{START, created, fill, options};
use keyward_store::{
    Change, KeyMark, KeyOrder, KeyQuery, KeyStatusFilter, LastUsed, RecentAddress, SqliteStore, Store,
    UsageBatch,
};
use std::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, of a minute"]
async fn a_million_keys_load_in_well_under_4_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyward.db");
    let store = created(&path).await;
    let start = Instant::now();
    fill(&store, 1_000_000).await;
    println!("import: {:.2} s", start.elapsed().as_secs_f64());
    store.close().await;
    println!("file: {} MiB", std::fs::metadata(&path).unwrap().len() >> 20);
    for _ in 0..3 {
        let start = Instant::now();
        let store = SqliteStore::open(&options(&path)).await.unwrap();
        let opened = start.elapsed().as_secs_f64();
        let mut keys = 0_u32;
        store
            .load(&mut |change| keys += u32::from(matches!(change, Change::Key(_))))
            .await
            .unwrap();
        println!(
            "open: {opened:.3} s, open and load: {:.2} s",
            start.elapsed().as_secs_f64()
        );
        assert_eq!(keys, 1_000_000);
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, of some seconds"]
async fn lists_of_100_000_keys_are_quick() {
    let folder = tempfile::tempdir().unwrap();
    let store = created(&folder.path().join("keyward.db")).await;
    fill(&store, 100_000).await;
    use_them(&store).await;
    for (order, name) in KeyOrder::ALL {
        for skip in [0, 50_000] {
            let start = Instant::now();
            let query = KeyQuery {
                order,
                skip,
                most: 51,
                status: Some(KeyStatusFilter::Active { now: START }),
                ..KeyQuery::default()
            };
            let found = store.list_keys(&query).await.unwrap().len();
            println!(
                "{name} from {skip}: {found} in {:.1} ms",
                start.elapsed().as_secs_f64() * 1e3
            );
        }
    }
    for mark in [
        None,
        Some(KeyMark::NeverUsed),
        Some(KeyMark::UnusedSince(START.plus_millis(50_000))),
        Some(KeyMark::NoExpiry),
        Some(KeyMark::NoAddressRestriction),
        Some(KeyMark::ExpiresBy(START)),
    ] {
        for text in [None, Some("nothing of the kind".to_owned())] {
            let start = Instant::now();
            let query = KeyQuery {
                mark,
                text,
                text_in_owner: true,
                status: Some(KeyStatusFilter::Active { now: START }),
                ..KeyQuery::default()
            };
            let count = store.count_keys(&query).await.unwrap();
            println!(
                "count {mark:?}: {count} in {:.1} ms",
                start.elapsed().as_secs_f64() * 1e3
            );
        }
    }
}

/// Uses every other key from three addresses, and says how long storing that takes.
async fn use_them(store: &SqliteStore) {
    let keys = store
        .list_keys(&KeyQuery {
            most: u32::MAX,
            ..KeyQuery::default()
        })
        .await
        .unwrap();
    let mut batch = UsageBatch::default();
    for (key, n) in keys.iter().step_by(2).zip(0_i64..) {
        let at = START.plus_millis(n * 7919 % 100_003);
        batch.last_used.push(LastUsed {
            key: key.id,
            at,
            address: None,
        });
        batch.addresses.extend((0..3).map(|last| RecentAddress {
            key: key.id,
            address: [192, 0, 2, last].into(),
            at,
        }));
    }
    let addresses = std::mem::take(&mut batch.addresses);
    for (what, batch) in [
        ("last uses", batch),
        (
            "addresses",
            UsageBatch {
                addresses,
                ..UsageBatch::default()
            },
        ),
    ] {
        let start = Instant::now();
        store.add_usage(&batch).await.unwrap();
        println!("{what}: {:.2} s", start.elapsed().as_secs_f64());
    }
}
