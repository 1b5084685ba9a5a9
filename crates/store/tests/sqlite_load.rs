//! How long a million keys take to load. Run it in release mode:
//! `cargo test --release -p keyward-store --test sqlite_load -- --ignored --nocapture`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a measurement")]

mod common;

use common::{created, fill, options};
use keyward_store::{Change, SqliteStore, Store};
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
