//! The list of nodes: who is there, who left, who is gone, and that versions should agree.

use keyward_testkit::{Cluster, Keyward, WAIT_TIMEOUT};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Waits until a node's list of nodes is as wanted.
async fn listed(node: &Keyward, mut wanted: impl FnMut(&[Value]) -> bool) -> Vec<Value> {
    let until = Instant::now() + WAIT_TIMEOUT;
    loop {
        let answer = node.api_ok("GET", "/v1/nodes", &Value::Null).await;
        let nodes = answer["items"].as_array().unwrap().clone();
        if wanted(&nodes) {
            return nodes;
        }
        assert!(Instant::now() < until, "{nodes:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_lists_all_until_they_leave_or_are_gone() {
    let cluster = Cluster::start().await;
    let [first, second, third] = &cluster.nodes[..] else {
        unreachable!()
    };
    cluster.agree().await;
    let revision = first.readyz().await.json()["revision"].clone();
    let nodes = listed(first, |nodes| {
        nodes.len() == 3 && nodes.iter().all(|node| node["revision"] == revision)
    })
    .await;
    let addresses: Vec<&str> = nodes
        .iter()
        .map(|node| node["address"].as_str().unwrap())
        .collect();
    for node in &cluster.nodes {
        assert!(
            addresses.contains(&node.gateway().to_string().as_str()),
            "{addresses:?}"
        );
    }
    assert_eq!(nodes.iter().filter(|node| node["this"] == true).count(), 1);
    assert!(nodes.iter().all(|node| node["away"] == false), "{nodes:#?}");
    // One that ends cleanly is gone at once, one that is killed is shown as away.
    second.stop().await;
    listed(first, |nodes| nodes.len() == 2).await;
    third.sigkill();
    let gone = third.gateway().to_string();
    listed(first, |nodes| {
        nodes
            .iter()
            .any(|node| node["address"] == gone && node["away"] == true)
    })
    .await;
    // Started again it is there once; the row of the run that was killed says nothing more.
    third.start().await;
    listed(first, |nodes| {
        let mut its = nodes.iter().filter(|node| node["address"] == gone);
        its.next().is_some_and(|node| node["away"] == false) && its.next().is_none()
    })
    .await;
    third.sigkill();
    // After a day it is dropped: a node that starts clears away at once.
    let aged = format!("UPDATE nodes SET seen_at = seen_at - 86400000 WHERE address = '{gone}'");
    cluster.server.sql("postgres", &aged);
    second.start().await;
    listed(second, |nodes| nodes.iter().all(|node| node["address"] != gone)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_warns_of_nodes_of_another_version() {
    let cluster = Cluster::start().await;
    let node = &cluster.nodes[0];
    listed(node, |nodes| nodes.len() == 3).await;
    let told = node.cli(&["doctor"]).await.stdout;
    assert!(!told.contains("other versions"), "{told}");
    let older = "INSERT INTO nodes SELECT decode(repeat('07', 16), 'hex'), 'old', '192.0.2.1:80', '0.0.1', 0, 0, \
                 (extract(epoch FROM now()) * 1000)::bigint";
    cluster.server.sql("postgres", older);
    let told = node.cli(&["doctor"]).await.stdout;
    assert!(
        told.contains("old 192.0.2.1:80 runs 0.0.1") && told.contains("restart the nodes"),
        "{told}"
    );
}
