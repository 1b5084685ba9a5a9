//! A master that sentinels name, and one that takes its place.

use super::faults::holds_as_set;
use super::*;
use keyward_testkit::{Certificate, TcpProxy};
use std::path::Path;

/// An address at which nobody listens, and one of a sentinel.
fn behind(sentinel: &Redis, password: &Path) -> RedisOptions {
    behind_all(&format!("127.0.0.1:1,{}", sentinel.address()), password)
}

fn behind_all(sentinels: &str, password: &Path) -> RedisOptions {
    let url = format!("redis+sentinel://keyward@{sentinels}/mymaster");
    RedisOptions {
        password_file: Some(password.to_owned()),
        ..options(&url, Mode::Exact, OnFailure::Refuse)
    }
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + GUARD;
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "not so far that {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Watched {
    servers: [Redis; 2],
    sentinel: Redis,
}

impl Watched {
    /// A master and a replica that has what it has, with the account that the manual asks for, and a sentinel that knows both.
    fn start() -> Self {
        let account = format!("user keyward on >s3cret {RIGHTS}");
        let servers = [Redis::start_with(&[&account]), Redis::start_with(&[&account])];
        let master = servers[0].address();
        servers[1].command(&["REPLICAOF", &master.ip().to_string(), &master.port().to_string()]);
        until("the replica has all", || {
            servers[1]
                .command(&["INFO", "replication"])
                .contains("master_link_status:up")
        });
        let sentinel = Redis::start_sentinel(&servers[0], None);
        let replica = servers[1].address().port().to_string();
        until("the sentinel knows both", || {
            let told = sentinel.command(&["SENTINEL", "REPLICAS", "mymaster"]);
            told.lines().any(|line| line == replica)
        });
        Self { servers, sentinel }
    }

    fn master(&self) -> String {
        let told = self
            .sentinel
            .command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"]);
        told.lines().last().unwrap_or_default().to_owned()
    }

    fn used(&self, server: usize, key: KeyId) -> u32 {
        let told = self.servers[server].command(&["GET", &format!("keyward:{key}")]);
        told.split(':').nth(1).map_or(0, |used| used.parse().unwrap())
    }
}

/// Counts in the master until it is killed, then in the one that takes its place, and again in the first one when that is made master
/// by hand. One of the sentinels is silent all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_nodes_follow_the_master_that_sentinels_name() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "s3cret\n").unwrap();
    let watched = Watched::start();
    let silent = TcpProxy::start(watched.sentinel.address());
    silent.hold();
    let sentinels = format!("{},{}", silent.address(), watched.sentinel.address());
    let options = behind_all(&sentinels, &password);
    assert_eq!(inspect(&options).await.unwrap().fault, None);
    let node = Node::start(options).await;
    assert!(matches!(node.request(key(1), 1000).await, Verdict::Pass(_)));
    assert!(watched.used(0, key(1)) > 0);

    watched.servers[0].sigkill();
    let killed = Instant::now();
    holds_as_set(&node, OnFailure::Refuse, key(2)).await;
    node.until("another master counts", |status| {
        status.redis.as_ref().unwrap().up
    })
    .await;
    eprintln!("another master counts {:?} after the kill", killed.elapsed());
    assert!(matches!(node.request(key(3), 1000).await, Verdict::Pass(_)));
    assert!(watched.used(1, key(3)) > 0);

    // It comes back as a master, and is made a replica.
    watched.servers[0].resume();
    assert!(matches!(node.request(key(4), 1000).await, Verdict::Pass(_)));
    assert!(watched.used(1, key(4)) > 0);
    let first = watched.servers[0].address().port().to_string();
    until("the first one is master again", || {
        watched.sentinel.command(&["SENTINEL", "FAILOVER", "mymaster"]);
        watched.master() == first
    });
    let deadline = Instant::now() + GUARD;
    while watched.used(0, key(5)) == 0 {
        assert!(Instant::now() < deadline, "nobody counts in the first one");
        node.request(key(5), 1000).await;
    }
}

/// The sentinels name another one, and the master of before is still there and counts: as when it is cut off from them, and not from
/// the node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_a_master_that_sentinels_have_given_up_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "s3cret\n").unwrap();
    let watched = Watched::start();
    let node = Node::start(behind(&watched.sentinel, &password)).await;
    node.request(key(1), 1000).await;
    let other = Redis::start_with(&[&format!("user keyward on >s3cret {RIGHTS}")]);
    let (ip, port) = (
        other.address().ip().to_string(),
        other.address().port().to_string(),
    );
    watched.sentinel.command(&["SENTINEL", "REMOVE", "mymaster"]);
    watched
        .sentinel
        .command(&["SENTINEL", "MONITOR", "mymaster", &ip, &port, "1"]);
    let named = Instant::now();
    let counter = format!("keyward:{}", key(2));
    while other.command(&["GET", &counter]).is_empty() {
        assert!(
            named.elapsed() < Duration::from_secs(15),
            "it goes on counting in the first one"
        );
        node.ask(key(2), 1000, true).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    eprintln!("left {:?} after the sentinels did", named.elapsed());
}

/// One that was cut off from the others still names the master of before, which is one still. It is named first.
#[tokio::test]
async fn s8_what_most_sentinels_say_is_taken_whoever_is_named_first() {
    let (old, new) = (Redis::start(), Redis::start());
    let sentinels = [&old, &new, &new].map(|master| Redis::start_sentinel(master, None));
    let addresses = sentinels
        .each_ref()
        .map(|sentinel| sentinel.address().to_string());
    let url = format!("redis+sentinel://{}/mymaster", addresses.join(","));
    let node = Node::start(options(&url, Mode::Exact, OnFailure::Refuse)).await;
    assert!(matches!(node.request(key(1), 1000).await, Verdict::Pass(_)));
    let counted = |server: &Redis| {
        !server
            .command(&["GET", &format!("keyward:{}", key(1))])
            .is_empty()
    };
    assert!(counted(&new) && !counted(&old));
}

/// As after a failover, when each thread makes a connection.
#[tokio::test]
async fn threads_that_connect_together_ask_the_sentinels_once() {
    let master = Redis::start();
    let sentinel = Redis::start_sentinel(&master, None);
    let url = format!("redis+sentinel://{}/mymaster", sentinel.address());
    let links = Links::new(&options(&url, Mode::Exact, OnFailure::Refuse)).unwrap();
    let connections = || -> u32 {
        let told = sentinel.command(&["INFO", "stats"]);
        let count = told
            .lines()
            .find_map(|line| line.strip_prefix("total_connections_received:"));
        count.unwrap().trim().parse().unwrap()
    };
    let before = connections();
    let made = futures_util::future::join_all((0..8).map(|_| links.connect())).await;
    assert!(made.iter().all(Result::is_ok));
    // The other one is this count's own.
    assert_eq!(connections() - before, 2);
}

#[tokio::test]
async fn what_sentinels_and_masters_refuse_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (password, other) = (folder.path().join("password"), folder.path().join("other"));
    std::fs::write(&password, "s3cret\n").unwrap();
    std::fs::write(&other, "of-sentinels").unwrap();
    let watched = Watched::start();
    let right = behind(&watched.sentinel, &password);
    assert_eq!(inspect(&right).await.unwrap().fault, None);

    let mut unknown = right.clone();
    unknown.url = unknown.url.replace("mymaster", "yours");
    let told = inspect(&unknown).await.unwrap_err().to_string();
    assert!(told.contains("not found in sentinel"), "{told}");

    for server in &watched.servers {
        server.command(&["ACL", "SETUSER", "keyward", "-role"]);
    }
    let Err(Unseen::Denied(told)) = inspect(&right).await else {
        panic!("the account may not ask for the role")
    };
    assert!(told.contains("role"), "{told}");
    for server in &watched.servers {
        server.command(&["ACL", "SETUSER", "keyward", "+role"]);
    }

    watched
        .sentinel
        .command(&["ACL", "SETUSER", "default", "resetpass", ">of-sentinels"]);
    let told = inspect(&right).await.unwrap_err().to_string();
    assert!(
        told.contains("NOAUTH") || told.contains("uthentication"),
        "{told}"
    );
    let mut with = right;
    with.sentinel_password_file = Some(other);
    assert_eq!(inspect(&with).await.unwrap().fault, None);
    let shown = format!("{with:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn tls_is_spoken_to_sentinels_and_to_the_master_that_they_name() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::create(folder.path());
    let master = Redis::start_tls(&[], &certificate);
    let sentinel = Redis::start_sentinel(&master, Some(&certificate));
    let url = format!("rediss+sentinel://{}/mymaster/2", sentinel.tls_address());
    let mut trusting = options(&url, Mode::Exact, OnFailure::Refuse);
    trusting.authorities = Some(std::fs::read(certificate.certificate_path()).unwrap());
    let node = Node::start(trusting).await;
    assert!(matches!(node.request(key(1), 5).await, Verdict::Pass(_)));
    assert!(master.command(&["INFO", "keyspace"]).contains("db2:"));
    let stranger = options(&url, Mode::Exact, OnFailure::Refuse);
    let fault = inspect(&stranger).await.unwrap_err().to_string();
    assert!(fault.to_lowercase().contains("certificate"), "{fault}");
}
