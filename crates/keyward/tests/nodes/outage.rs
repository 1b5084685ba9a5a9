//! An outage of the database is none of the API: behind the balancer that users are given, every request is answered.

use crate::rolling::{Traffic, balancer, wait_for_traffic};
use keyward_testkit::{Cluster, KeySpec, OWNER, request};
use serde_json::json;

const CONFIG: &str = "[gateway]\nmax_staleness = \"3s\"\n[gateway.timeouts]\ndrain_delay = \"2s\"\n\
                      [replica]\nsnapshot = \"replica.snapshot\"\nsnapshot_every = \"200ms\"\n";
/// The balancer looks every half second: this long after the bound it has looked many times.
const LONG_STALE_S: f64 = 7.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_an_outage_that_is_longer_than_max_staleness_fails_no_request_behind_the_balancer() {
    let cluster = Cluster::builder().config(CONFIG).start().await;
    let key = cluster.nodes[0].key(KeySpec::new(OWNER, "one")).await;
    cluster.agree().await;
    for node in &cluster.nodes {
        let revision = node.metric("keyward_replica_revision").await;
        node.wait_for_metric("keyward_snapshot_revision", |written| Some(written) == revision)
            .await;
    }
    let (proxy, address) = balancer(&cluster.nodes).await;
    let mut traffic = Traffic::start(address, &key.secret, 12);
    traffic.wait_for(100).await;
    for wire in &cluster.proxies {
        wire.refuse();
        wire.cut();
    }
    for node in &cluster.nodes {
        let age = "keyward_replica_age_seconds";
        node.wait_for_metric(age, |age| age > LONG_STALE_S).await;
        let told = node.readyz().await;
        assert_eq!(
            (told.status, &told.json()["checks"]["fresh"]),
            (200, &json!(false))
        );
        assert_eq!(node.metric("keyward_stale").await, Some(1.0));
    }
    traffic.wait_for(300).await;
    // One that starts meanwhile, from its snapshot, takes its part.
    cluster.nodes[0].restart().await;
    wait_for_traffic(&cluster.nodes[0]).await;
    assert_eq!(cluster.nodes[0].readyz().await.json()["source"], "snapshot");
    // People are answered by Keyward, and not by the balancer.
    let mut client = keyward_testkit::RawClient::connect(cluster.nodes[0].console()).await;
    client.send(request("GET", "/v1/keys", &[], "")).await;
    let answer = client.read_response().await;
    assert_ne!(answer.code(), "", "{}", answer.text());
    for wire in &cluster.proxies {
        wire.heal();
    }
    cluster.agree().await;
    for node in &cluster.nodes {
        node.wait_for_metric("keyward_stale", |stale| stale == 0.0).await;
    }
    let answered = traffic.stop().await;
    assert_eq!(answered, cluster.upstream.count(), "{}", proxy.log());
    println!("an outage of the database: {answered} requests, 0 failed");
}
