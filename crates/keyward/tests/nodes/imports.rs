//! An import of many keys holds up nobody: it is all or nothing, and a revocation is in force meanwhile as at any time.

use crate::load::switch;
use keyward_testkit::{
    Cluster, Issued, KeySpec, Keyward, OWNER, RawResponse, Times, eventually, exchange, request, sized,
};
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How soon a revocation is in force everywhere, as it is stated in docs/operations.md.
const BOUND: Duration = Duration::from_secs(1);

/// Holds the lock that every change takes, until there is a table of this name.
const HOLD: &str = "DO $$ BEGIN PERFORM 1 FROM meta FOR UPDATE; \
    WHILE NOT EXISTS (SELECT 1 FROM pg_tables WHERE tablename = 'go_on') LOOP PERFORM pg_sleep(0.02); END LOOP; END $$";

fn secret(number: usize) -> String {
    format!("imported-{number:08}")
}

fn file(keys: usize) -> String {
    (0..keys).fold(String::from("owner,name,secret\n"), |mut text, number| {
        writeln!(text, "{OWNER},key {number},{}", secret(number)).unwrap();
        text
    })
}

/// An import by a node's management API, under way.
fn import(node: &Keyward, keys: usize) -> JoinHandle<RawResponse> {
    let (console, management) = (node.console(), node.management_secret().to_owned());
    tokio::spawn(async move {
        let fields = [
            ("X-API-KEY", management.as_str()),
            ("Content-Type", "text/csv"),
            ("Connection", "close"),
        ];
        exchange(console, request("POST", "/v1/keys/import", &fields, file(keys))).await
    })
}

/// How many rows a table or a view has.
async fn listed(cluster: &Cluster, table: &'static str) -> String {
    let sql = format!("SELECT count(*) FROM {table}");
    cluster.server(move |server| server.sql("postgres", &sql)).await
}

/// What changes took, and how long after their answers the last request began that a node decided by the older state.
#[derive(Default)]
struct Changes {
    took: Vec<Duration>,
    late: Vec<Duration>,
}

impl Changes {
    /// Switches a key off and on.
    async fn make(&mut self, cluster: &Cluster, key: &Issued) {
        for (change, wanted) in [("disable", "401 key_disabled"), ("enable", "200")] {
            let begun = Instant::now();
            switch(&cluster.nodes[1], key, change).await;
            let answered = Instant::now();
            self.took.push(answered - begun);
            let [first, second, third] = &cluster.nodes[..] else {
                unreachable!("three nodes")
            };
            let last = tokio::join!(
                first.wait_for_verdict(&key.secret, wanted),
                second.wait_for_verdict(&key.secret, wanted),
                third.wait_for_verdict(&key.secret, wanted)
            );
            assert_eq!(last.1, None, "the node that made it");
            self.late
                .push(last.0.max(last.2).map_or(Duration::ZERO, |last| last - answered));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_is_in_force_within_its_bound_while_many_keys_are_imported() {
    let cluster = Cluster::start().await;
    let keys = sized(20_000, 300_000);
    let key = cluster.nodes[0].key(KeySpec::new(OWNER, "switched")).await;
    cluster.agree().await;
    let (mut before, mut during) = (Changes::default(), Changes::default());
    for _ in 0..5 {
        before.make(&cluster, &key).await;
    }
    let import = import(&cluster.nodes[0], keys);
    while !import.is_finished() {
        during.make(&cluster, &key).await;
    }
    let answer = import.await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    for number in [0, keys / 2, keys - 1] {
        assert_eq!(cluster.nodes[0].verdict(&secret(number)).await, "200");
    }
    for node in &cluster.nodes[1..] {
        for number in [0, keys - 1] {
            node.wait_for_verdict(&secret(number), "200").await;
        }
    }
    // One that waited for all of it would have been the last.
    assert!(during.took.len() > 4, "{:?}", during.took);
    let before = Times::printed("a change before an import", before.took);
    let took = Times::printed("a change during an import", during.took);
    let late = Times::printed("until it holds on three nodes", during.late);
    assert!(late.max <= BOUND, "{late:?}");
    // A machine on which one change takes its time, does not do it sooner beside an import.
    assert!(took.max <= BOUND.max(10 * before.p50), "{took:?}; {before:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_whose_node_dies_leaves_nothing_and_can_be_repeated_elsewhere() {
    let cluster = Cluster::start().await;
    let keys = 20_000;
    let before = listed(&cluster, "visible_keys").await;
    // Nobody can publish anything for now.
    let server = Arc::clone(&cluster.server);
    let held = tokio::task::spawn_blocking(move || server.sql("postgres", HOLD));
    eventually("the lock is held", async || {
        listed(
            &cluster,
            "pg_locks WHERE relation = 'meta'::regclass AND mode = 'RowShareLock'",
        )
        .await
        .trim()
            != "0"
    })
    .await;
    let broken = import(&cluster.nodes[0], keys);
    eventually("keys are written", async || {
        listed(&cluster, "keys").await.trim().len() >= 4
    })
    .await;
    cluster.nodes[0].sigkill();
    broken.abort();
    cluster
        .server(|server| server.sql("postgres", "CREATE TABLE go_on ()"))
        .await;
    held.await.unwrap();
    assert_eq!(listed(&cluster, "visible_keys").await, before);
    for node in &cluster.nodes[1..] {
        assert_eq!(node.verdict(&secret(0)).await, "401 key_invalid");
    }
    // Whoever repeats it at once is told why not.
    let answer = import(&cluster.nodes[1], keys).await.unwrap();
    assert_eq!(answer.status, 503, "{answer:?}");
    // As if it had stood still for a minute.
    cluster
        .server(|server| server.sql("postgres", "UPDATE imports SET seen_at = 0"))
        .await;
    let answer = import(&cluster.nodes[1], keys).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(cluster.nodes[1].verdict(&secret(keys - 1)).await, "200");
    assert_eq!(
        listed(&cluster, "keys").await,
        listed(&cluster, "visible_keys").await
    );
}
