//! Batches of usage that are larger than a statement, and two nodes that store the same keys' usage at once.

use super::samples::{START, event, key};
use super::{created, options, owner};
use keyward_store::{LastUsed, PostgresStore, RecentAddress, Store, UsageBatch, UsageCount};
use keyward_testkit::Postgres;

const KEYS: u64 = 8000;
const ROUNDS: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_batches_of_two_nodes_add_up_and_are_pruned_whole() {
    let server = Postgres::start_quick();
    let first = created(&server).await;
    let second = PostgresStore::open(&options(&server)).await.unwrap();
    let owner = owner(&first).await;
    let keys: Vec<_> = (1..=KEYS).map(|number| key(owner.id, number)).collect();
    first
        .import_keys(&mut keys.chunks(700), &event(2), &|_| {})
        .await
        .unwrap();
    let mut batch = UsageBatch::default();
    for key in keys.iter().map(|key| key.id) {
        batch.counts.push(UsageCount {
            key,
            minute: START,
            refused: None,
            count: 7,
        });
        let address = "192.0.2.1".parse().unwrap();
        batch.last_used.push(LastUsed {
            key,
            at: START,
            address: Some(address),
        });
        batch.addresses.push(RecentAddress {
            key,
            address,
            at: START,
        });
    }
    // What operators are told of the disk: a row an hour, with its place in the index.
    first.add_usage(&batch).await.unwrap();
    let each = server.sql(
        "postgres",
        "SELECT pg_total_relation_size('usage') / count(*) FROM usage",
    );
    assert!(each.parse::<u64>().unwrap() < 200, "{each} bytes");
    // The other node's rows come in another order.
    let mut reversed = batch.clone();
    reversed.counts.reverse();
    reversed.last_used.reverse();
    reversed.addresses.reverse();
    for _ in 0..ROUNDS {
        let (one, other) = tokio::join!(first.add_usage(&batch), second.add_usage(&reversed));
        one.unwrap();
        other.unwrap();
    }
    let told = |sql: &str| server.sql("postgres", sql);
    assert_eq!(told("SELECT count(*) FROM usage"), (3 * KEYS).to_string());
    assert_eq!(
        told("SELECT sum(count) FROM usage"),
        (3 * KEYS * 7 * (2 * ROUNDS + 1)).to_string()
    );
    for table in ["last_used", "recent_addresses"] {
        assert_eq!(told(&format!("SELECT count(*) FROM {table}")), KEYS.to_string());
    }
    // As much again, so that more is past its keep than one transaction drops.
    told(
        "INSERT INTO usage SELECT key_id, period, start - 86400000 * n, outcome, 1 FROM usage, generate_series(1, 3) n",
    );
    while second.prune(START.plus_days(2000)).await.unwrap() {}
    assert_eq!(told("SELECT count(*) FROM usage"), "0");
    first.close().await;
    second.close().await;
}
