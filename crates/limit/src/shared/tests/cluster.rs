//! A Redis Cluster counts as one server does.

use super::faults::holds_as_set;
use super::*;

/// One node that has all slots is a cluster too.
#[tokio::test]
async fn a_cluster_counts_like_one_server() {
    let redis = Redis::start_with(&["cluster-enabled yes", "cluster-config-file nodes.conf"]);
    redis.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    until_whole(&redis).await;
    for mode in [Mode::Exact, Mode::Leased] {
        let mut options = options(&redis.url(), mode, OnFailure::Refuse);
        assert!(inspect(&options).await.unwrap().is_cluster);
        options.cluster = true;
        assert_eq!(inspect(&options).await.unwrap().fault, None);
        let node = Node::start(options).await;
        early_in_a_minute(&redis).await;
        let passed = passes(&node, key(mode as u64), 50, 60).await;
        assert_all(&[&node], passed, 50);
        redis.command(&["SCRIPT", "FLUSH"]);
        passes(&node, key(10 + mode as u64), 50, 10).await;
        redis.stop();
        holds_as_set(&node, OnFailure::Refuse, key(20)).await;
        redis.resume();
        node.until("Redis counts again", |status| status.redis.as_ref().unwrap().up)
            .await;
    }
}

/// The counters of many keys lie on three servers; each is still one for all nodes.
#[tokio::test]
async fn l12_a_cluster_of_three_servers_has_one_counter_a_key() {
    let server = || Redis::start_with(&["cluster-enabled yes", "cluster-config-file nodes.conf"]);
    let servers = [server(), server(), server()];
    let addresses = servers.each_ref().map(|server| server.address().to_string());
    let [a, b, c] = addresses.each_ref().map(String::as_str);
    servers[0].command(&["--cluster", "create", a, b, c, "--cluster-yes"]);
    for server in &servers {
        until_whole(server).await;
    }
    for mode in [Mode::Exact, Mode::Leased] {
        let mut options = options(&servers[0].url(), mode, OnFailure::Refuse);
        options.cluster = true;
        let nodes = [Node::start(options.clone()).await, Node::start(options).await];
        early_in_a_minute(&servers[0]).await;
        for number in 0..12 {
            let key = key(100 * (1 + mode as u64) + number);
            let passed = passes(&nodes[0], key, 20, 15).await + passes(&nodes[1], key, 20, 15).await;
            assert_all(&[&nodes[0], &nodes[1]], passed, 20);
        }
    }
    for server in &servers {
        assert_ne!(server.command(&["DBSIZE"]), "0", "each has a part of the keys");
    }
}

async fn until_whole(server: &Redis) {
    let deadline = Instant::now() + GUARD;
    while !server.command(&["CLUSTER", "INFO"]).contains("cluster_state:ok") {
        assert!(Instant::now() < deadline, "{}", server.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
