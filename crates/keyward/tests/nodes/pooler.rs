//! Nodes that reach PostgreSQL by way of a PgBouncer as it is packaged, in each of its modes.

use crate::load::switch;
use keyward_testkit::{Cluster, Issued, KeySpec, OWNER, Times, blocking, eventually};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How soon a change holds on other nodes that are told of it, and on those that are not, as it is stated: docs/operations.md.
const BOUND: Duration = Duration::from_secs(1);
const SILENT_BOUND: Duration = Duration::from_secs(2);
/// Connections of a node that has nothing to do, as they are stated: docs/operations.md.
const MAX_QUIET: usize = 4;

/// How late changes of one node were at the other.
async fn late(cluster: &Cluster, key: &Issued, what: &str) -> Duration {
    let mut late = Vec::new();
    for turn in 0..6 {
        let (change, wanted) = [("disable", "401 key_disabled"), ("enable", "200")][turn % 2];
        switch(&cluster.nodes[turn % 2], key, change).await;
        let answered = Instant::now();
        let last = cluster.nodes[1 - turn % 2]
            .wait_for_verdict(&key.secret, wanted)
            .await;
        late.push(last.map_or(Duration::ZERO, |last| last - answered));
    }
    Times::printed(what, late).max
}

/// Waits until no node holds more than one that has nothing to do.
async fn few_connections(cluster: &Cluster) {
    eventually("no node holds more connections than it needs", async || {
        cluster
            .proxies
            .iter()
            .all(|proxy| proxy.connections() <= MAX_QUIET)
    })
    .await;
}

async fn listen(cluster: &Cluster, wanted: f64) {
    eventually("each node listens, or does not", async || {
        let mut is_so = true;
        for node in &cluster.nodes {
            is_so &= node.metric("keyward_listen_up").await == Some(wanted);
        }
        is_so
    })
    .await;
}

/// Ends the pooler and all that goes through it, and starts it again.
async fn restart(cluster: &Cluster, key: &Issued) {
    let pooler = Arc::clone(cluster.pooler.as_ref().unwrap());
    blocking(move || {
        pooler.sigkill();
        pooler.resume();
    })
    .await;
    eventually("the nodes change things again", async || {
        let path = format!("/v1/keys/{}/enable", key.id);
        cluster.nodes[0].api("POST", &path, &Value::Null).await.status == 200
    })
    .await;
    cluster.agree().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_a_pooler_in_session_mode_needs_no_settings() {
    let cluster = Cluster::builder().nodes(2).pooler("session").start().await;
    let key = cluster.nodes[0].key(KeySpec::new(OWNER, "switched")).await;
    listen(&cluster, 1.0).await;
    let first = late(&cluster, &key, "a change, behind a pooler in session mode").await;
    assert!(first <= BOUND, "{first:?}");
    restart(&cluster, &key).await;
    listen(&cluster, 1.0).await;
    let again = late(&cluster, &key, "the same, after its restart").await;
    assert!(again <= BOUND, "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_a_pooler_in_transaction_mode_tells_nobody_of_changes_and_the_nodes_say_so() {
    let cluster = Cluster::builder().nodes(2).pooler("transaction").start().await;
    let key = cluster.nodes[0].key(KeySpec::new(OWNER, "switched")).await;
    let first = late(&cluster, &key, "a change, behind a pooler in transaction mode").await;
    assert!(first <= SILENT_BOUND, "{first:?}");
    for node in &cluster.nodes {
        assert_eq!(node.metric("keyward_listen_up").await, Some(0.0));
        node.until_log("it is said in the log", |log| {
            log.contains("does not tell this node of changes") && log.contains("database.listen_url")
        })
        .await;
    }
    let doctor = cluster.nodes[0].cli(&["doctor"]).await;
    assert!(doctor.stdout.contains("database.listen_url"), "{doctor:?}");
    restart(&cluster, &key).await;
    let again = late(&cluster, &key, "the same, after its restart").await;
    assert!(again <= SILENT_BOUND, "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_nodes_behind_a_pooler_in_transaction_mode_may_listen_at_the_server() {
    let cluster = Cluster::builder()
        .nodes(2)
        .pooler("transaction")
        .listening_at_server()
        .start()
        .await;
    let key = cluster.nodes[0].key(KeySpec::new(OWNER, "switched")).await;
    listen(&cluster, 1.0).await;
    let first = late(&cluster, &key, "a change, heard at the server").await;
    assert!(first <= BOUND, "{first:?}");
    // What the pooler shares, and the sessions that listen.
    few_connections(&cluster).await;
    let listeners = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'keyward%listener'";
    let listeners = cluster
        .server(move |server| server.sql("postgres", listeners))
        .await;
    assert_eq!(listeners, "2");
    restart(&cluster, &key).await;
    let again = late(&cluster, &key, "the same, after the pooler's restart").await;
    assert!(again <= BOUND, "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_a_node_that_has_little_to_do_holds_few_connections() {
    let cluster = Cluster::builder().nodes(2).start().await;
    let key = cluster.nodes[0].key(KeySpec::new(OWNER, "switched")).await;
    listen(&cluster, 1.0).await;
    late(&cluster, &key, "a change, with few connections").await;
    few_connections(&cluster).await;
}
