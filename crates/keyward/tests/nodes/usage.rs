//! Usage of all nodes: summed, and nothing counted twice, also when an answer of the database is lost.

use keyward_testkit::{Cluster, Issued, KeySpec, Keyward, OWNER, WAIT_TIMEOUT};
use serde_json::Value;
use std::time::{Duration, Instant};

async fn usage(node: &Keyward, key: &Issued) -> (u64, Value) {
    let path = format!("/v1/keys/{}/usage?period=day", key.id);
    let told = node.api_ok("GET", &path, &Value::Null).await;
    let buckets = told["buckets"].as_array().unwrap().iter();
    (
        buckets.map(|bucket| bucket["granted"].as_u64().unwrap()).sum(),
        told["last_used"]["at"].clone(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_is_counted_once_over_all_nodes_whatever_becomes_of_the_answers() {
    let cluster = Cluster::start().await;
    let key = cluster.nodes[0].key(KeySpec::new(OWNER, "counted")).await;
    cluster.agree().await;
    let mut granted = 0;
    let mut last = Value::Null;
    for round in 0..6 {
        for (node, wire) in cluster.nodes.iter().zip(&cluster.proxies) {
            for _ in 0..10 {
                assert_eq!(node.verdict(&key.secret).await, "200");
                granted += 1;
            }
            // Cut in the midst of whatever is under way, a flush among it.
            if round % 2 == 1 {
                wire.cut();
                wire.heal();
            }
        }
        tokio::time::sleep(Duration::from_millis(1700)).await;
    }
    for node in &cluster.nodes {
        let until = Instant::now() + WAIT_TIMEOUT;
        loop {
            let (counted, at) = usage(node, &key).await;
            assert!(counted <= granted, "{counted} of {granted}");
            if counted == granted {
                // The same on every node.
                assert!(last.is_null() || last == at, "{last} {at}");
                last = at;
                break;
            }
            assert!(Instant::now() < until, "{counted} of {granted}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    assert!(!last.is_null());
}
