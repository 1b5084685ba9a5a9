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

/// The rights that the manual names.
fn documented_rights() -> String {
    let manual = include_str!("../../../../../docs/operations.md");
    let (_, rest) = manual.split_once("- **Rights.** An ACL user needs `").unwrap();
    rest.split_once('`').unwrap().0.replace("\n ", "")
}

async fn allow(redis: &Redis, rights: &str) {
    let user = ["ACL", "SETUSER", "keyward", "reset", "on", ">rare-pw"];
    let rights: Vec<&str> = rights.split_whitespace().collect();
    assert_eq!(redis.command(&[&user[..], &rights].concat()), "OK");
}

fn as_keyward(redis: &Redis, more: &str, cluster: bool) -> RedisOptions {
    let url = format!("{}{more}", redis.url().replace("//", "//keyward:rare-pw@"));
    let mut options = options(&url, Mode::Exact, OnFailure::Refuse);
    options.cluster = cluster;
    options
}

#[tokio::test]
async fn the_rights_that_the_manual_names_suffice_and_one_that_lacks_is_named() {
    let rights = documented_rights();
    assert_eq!(rights, RIGHTS);
    let single = Redis::start();
    let clustered = Redis::start_with(&["cluster-enabled yes", "cluster-config-file nodes.conf"]);
    clustered.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    until_whole(&clustered).await;
    for (redis, more, cluster) in [
        (&single, "", false),
        (&single, "/3", false),
        (&clustered, "", true),
    ] {
        allow(redis, &rights).await;
        let options = as_keyward(redis, more, cluster);
        let seen = inspect(&options).await.unwrap();
        assert_eq!((seen.fault, seen.missing), (None, Vec::new()), "{more} {cluster}");
        let node = Node::start(options).await;
        assert!(passes(&node, key(500), 10, 5).await > 0, "{more} {cluster}");
        redis.command(&["SCRIPT", "FLUSH"]);
        assert!(passes(&node, key(501), 10, 5).await > 0, "{more} {cluster}");
    }
    // Each right is needed, and the one that is missing is told.
    for right in rights.split_whitespace() {
        let (redis, more, cluster) = match right {
            "+select" => (&single, "/3", false),
            "+cluster|slots" => (&clustered, "", true),
            // Only while slots move, when a connection is looked at again, and behind sentinels.
            "+asking" | "+ping" | "+role" => continue,
            _ => (&single, "", false),
        };
        let others: Vec<&str> = rights
            .split_whitespace()
            .filter(|other| *other != right)
            .collect();
        allow(redis, &others.join(" ")).await;
        redis.command(&["SCRIPT", "FLUSH"]);
        let named = right.trim_start_matches(['+', '~']);
        let told = match inspect(&as_keyward(redis, more, cluster)).await {
            Err(Unseen::Denied(text)) => text,
            Err(Unseen::Away(text)) => panic!("{right} {text}"),
            Ok(seen) => format!("{} {}", seen.fault.unwrap_or_default(), seen.missing.join(" ")),
        };
        let Some((words, _)) = told.split_once("; the account needs") else {
            panic!("{right} is not missed: {told}")
        };
        let missing = told.rsplit_once(RIGHTS).unwrap().1;
        let is_key = right.starts_with('~') && words.contains("key");
        assert!(
            words.contains(named) || missing.contains(right) || is_key,
            "{right}: {told}"
        );
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
