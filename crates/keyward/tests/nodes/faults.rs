//! S9, S10: whatever becomes of the way to the database, requests are decided, changes are refused in time, and all goes on
//! by itself.

use crate::load::switch;
use keyward_testkit::{
    Cluster, Issued, KeySpec, Keyward, OWNER, Postgres, RawClient, TcpProxy, Times, get, request, verdict,
};
use serde_json::Value;
use std::time::{Duration, Instant};

/// How soon after a fault all nodes follow each other again, and half of the times, as it is stated: docs/architecture.md.
const RECOVERED: Duration = Duration::from_secs(5);
const HALF_RECOVERED: Duration = Duration::from_secs(2);

/// A fault: its name, how it begins, how it ends, and whether a change may still be made.
struct Fault {
    name: &'static str,
    begin: fn(&TcpProxy, &Postgres),
    end: fn(&TcpProxy, &Postgres),
    may_change: bool,
}

const FAULTS: [Fault; 7] = [
    Fault {
        name: "connections reset, new ones refused",
        begin: |wire, _| {
            wire.refuse();
            wire.cut();
        },
        end: |wire, _| wire.heal(),
        may_change: false,
    },
    Fault {
        name: "nothing passes, and nobody is told",
        begin: |wire, _| wire.hold(),
        end: |wire, _| wire.heal(),
        may_change: false,
    },
    Fault {
        name: "two seconds of delay",
        begin: |wire, _| wire.delay(Duration::from_secs(1)),
        end: |wire, _| wire.heal(),
        may_change: true,
    },
    Fault {
        name: "half-closed connections",
        begin: |wire, _| wire.half_close(),
        end: |wire, _| wire.heal(),
        may_change: true,
    },
    Fault {
        name: "connections reset once",
        begin: |wire, _| wire.cut(),
        end: |_, _| {},
        may_change: true,
    },
    Fault {
        name: "the server is frozen",
        begin: |_, server| server.freeze(),
        end: |_, server| server.thaw(),
        may_change: false,
    },
    Fault {
        name: "the server is killed",
        begin: |_, server| server.sigkill(),
        end: |_, server| server.resume(),
        may_change: false,
    },
];

/// What the gateway of a node says while the fault lasts: the same as before, at once.
async fn judge(cluster: &Cluster, keys: &[(Issued, &str)], name: &str) {
    for (key, wanted) in keys {
        let mut client = RawClient::connect(cluster.nodes[0].gateway()).await;
        client.send(get("/api/1/x", &key.secret)).await;
        assert_eq!(verdict(&client.read_response().await), *wanted, "{name}");
    }
}

/// How a change is answered. A database that is slow, and not away, may take its time for each of several statements.
async fn change_status(node: &Keyward, path: &str) -> u16 {
    let headers = [("X-API-KEY", node.management_secret()), ("Connection", "close")];
    let mut client = RawClient::connect(node.console()).await;
    client.send(request("POST", path, &headers, "")).await;
    let mut tries = 0;
    loop {
        tries += 1;
        match client.try_read_response("POST").await {
            Ok(answer) => return answer.status,
            Err(fault) => assert!(tries < 3, "{fault}; log:\n{}", node.log()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_s10_requests_are_decided_and_changes_refused_whatever_becomes_of_the_database() {
    let cluster = Cluster::start().await;
    let node = &cluster.nodes[0];
    let granted = node.key(KeySpec::new(OWNER, "granted")).await;
    let revoked = node.key(KeySpec::new(OWNER, "revoked")).await;
    let switched = node.key(KeySpec::new(OWNER, "switched")).await;
    switch(node, &revoked, "disable").await;
    let keys = [(granted, "200"), (revoked, "401 key_disabled")];
    cluster.agree().await;
    let mut recoveries = Vec::new();
    for (turn, fault) in FAULTS.into_iter().enumerate() {
        let wire = &cluster.proxies[0];
        tokio::task::block_in_place(|| (fault.begin)(wire, &cluster.server));
        let (change, after) = [("disable", "401 key_disabled"), ("enable", "200")][turn % 2];
        let path = format!("/v1/keys/{}/{change}", switched.id);
        let begun = Instant::now();
        let (answer, ()) = tokio::join!(change_status(node, &path), judge(&cluster, &keys, fault.name));
        let took = begun.elapsed();
        println!("{}: a change is answered {answer} after {took:?}", fault.name);
        let fits = answer == 503 || (fault.may_change && answer == 200);
        assert!(fits, "{}: {answer}", fault.name);
        // A database that is away is told so after the 4 s that a connection may take, and not after those of an answer.
        assert!(
            fault.may_change || took < Duration::from_secs(12),
            "{}: {took:?}",
            fault.name
        );
        judge(&cluster, &keys, fault.name).await;
        tokio::task::block_in_place(|| (fault.end)(wire, &cluster.server));
        let ended = Instant::now();
        while change_status(node, &path).await != 200 {
            assert!(
                ended.elapsed() < Duration::from_secs(60),
                "{}: {}",
                fault.name,
                node.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The others know it too, so this node is heard, and hears.
        for other in &cluster.nodes {
            other.wait_for_verdict(&switched.secret, after).await;
        }
        let other = &cluster.nodes[1 + turn % 2];
        let (back, before) = [("enable", "200"), ("disable", "401 key_disabled")][turn % 2];
        switch(other, &switched, back).await;
        node.wait_for_verdict(&switched.secret, before).await;
        switch(other, &switched, change).await;
        node.wait_for_verdict(&switched.secret, after).await;
        recoveries.push(ended.elapsed());
        judge(&cluster, &keys, fault.name).await;
    }
    let recovery = Times::printed(
        "from the end of a fault until all nodes follow each other again",
        recoveries,
    );
    assert!(
        recovery.p50 <= HALF_RECOVERED && recovery.max <= RECOVERED,
        "{recovery:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_misses_nothing_once_it_is_back() {
    let cluster = Cluster::start().await;
    let mut keys = Vec::new();
    for number in 0..20 {
        let node = &cluster.nodes[number % 3];
        keys.push(node.key(KeySpec::new(OWNER, &format!("k{number}"))).await);
    }
    cluster.agree().await;
    cluster.proxies[2].refuse();
    cluster.proxies[2].cut();
    for key in &keys[..10] {
        switch(&cluster.nodes[0], key, "disable").await;
    }
    for key in &keys[10..15] {
        cluster.nodes[1]
            .api_ok("DELETE", &format!("/v1/keys/{}", key.id), &Value::Null)
            .await;
    }
    let made = cluster.nodes[1].key(KeySpec::new(OWNER, "new")).await;
    // It knows nothing of it, and says what it knew.
    for key in &keys {
        assert_eq!(cluster.nodes[2].verdict(&key.secret).await, "200");
    }
    cluster.proxies[2].heal();
    cluster.agree().await;
    for node in &cluster.nodes {
        for (number, key) in keys.iter().enumerate() {
            let wanted = match number {
                0..10 => "401 key_disabled",
                10..15 => "401 key_invalid",
                _ => "200",
            };
            assert_eq!(node.verdict(&key.secret).await, wanted, "key {number}");
        }
        assert_eq!(node.verdict(&made.secret).await, "200");
    }
}
