//! Nodes that start while PostgreSQL is away, from the snapshot on disk; and nodes whose database answers nothing.

use keyward_domain::{Prefix, SecretFormat};
use keyward_testkit::{
    EchoUpstream, Issued, KeySpec, Keyward, OWNER, Postgres, Signal, WAIT_TIMEOUT, blocking, eventually,
    exchange, request,
};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

const KEPT: &str = "[replica]\nsnapshot = \"replica.snapshot\"\nsnapshot_every = \"200ms\"\n";

/// A node over a database of a server.
async fn node(upstream: &EchoUpstream, server: &Postgres, config: &str) -> Keyward {
    Keyward::before(upstream)
        .no_access_log()
        .database(&server.url("postgres"))
        .config_toml(config)
        .start()
        .await
}

struct World {
    upstream: EchoUpstream,
    server: Arc<Postgres>,
    node: Keyward,
    good: Issued,
    disabled: Issued,
}

impl World {
    async fn new(config: &str) -> Self {
        let server = Arc::new(Postgres::start_quick());
        let upstream = EchoUpstream::start().await;
        let node = node(&upstream, &server, config).await;
        node.user(OWNER, "member").await;
        let good = node.key(KeySpec::new(OWNER, "good")).await;
        let disabled = node.key(KeySpec::new(OWNER, "disabled")).await;
        let disable = format!("/v1/keys/{}/disable", disabled.id);
        node.api_ok("POST", &disable, &Value::Null).await;
        Self {
            upstream,
            server,
            node,
            good,
            disabled,
        }
    }

    fn snapshot(&self) -> PathBuf {
        self.node.dir().join("replica.snapshot")
    }

    async fn kill_server(&self) {
        let its = self.server.clone();
        blocking(move || its.sigkill()).await;
    }

    async fn resume_server(&self) {
        let its = self.server.clone();
        blocking(move || its.resume()).await;
    }

    async fn wait_for(&self, key: &Issued, wanted: &str) {
        self.node.wait_for_verdict(&key.secret, wanted).await;
    }

    /// Starts what cannot start, and gives what it said.
    async fn refusal(&self) -> String {
        let told = self.node.log().len();
        self.node.spawn();
        let status = self.node.wait_exit(WAIT_TIMEOUT).await;
        let log = self.node.log();
        assert!(status.is_some_and(|status| !status.success()), "{status:?} {log}");
        log[told..].to_owned()
    }
}

async fn readyz(node: &Keyward) -> (u16, Value) {
    let answer = node.readyz().await;
    (answer.status, answer.json())
}

async fn page(node: &Keyward, path: &str) -> u16 {
    // Of the form of a token, so that it is looked for.
    let format = SecretFormat::new(Prefix::new("session").unwrap(), Vec::new());
    let token = format.generate(&mut |bytes| bytes.fill(7));
    let cookie = format!("keyward-session={}", token.reveal());
    let cookie = [("Connection", "close"), ("Cookie", cookie.as_str())];
    exchange(node.console(), request("GET", path, &cookie, ""))
        .await
        .status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_a_node_that_starts_while_the_server_is_away_decides_by_its_snapshot_and_catches_up() {
    let world = World::new(KEPT).await;
    let (node, good) = (&world.node, &world.good);
    let (status, told) = readyz(node).await;
    assert_eq!((status, told["source"].as_str()), (200, Some("database")));
    let revision = told["revision"].clone();
    node.stop().await;
    // Made and changed while the node is down: it does not know of it.
    let second = self::node(&world.upstream, &world.server, "").await;
    let late = second.key(KeySpec::new(OWNER, "late")).await;
    let revoked = good;
    second
        .api_ok("DELETE", &format!("/v1/keys/{}", revoked.id), &Value::Null)
        .await;
    second.sigkill();
    world.kill_server().await;
    node.start().await;
    let (status, told) = readyz(node).await;
    assert_eq!(
        (status, told["source"].as_str()),
        (200, Some("snapshot")),
        "{told}"
    );
    assert!(
        told["revision"] == revision && told["age_ms"].as_u64() > Some(0),
        "{told}"
    );
    assert_eq!(node.metric("keyward_replica_from_snapshot").await, Some(1.0));
    assert!(node.metric("keyward_snapshot_age_seconds").await > Some(0.0));
    let told =
        |log: &str| log.contains("started from the snapshot on disk") && log.contains("cannot be reached");
    node.until_log("it started from the snapshot, and why", told)
        .await;
    assert_eq!(node.verdict(&good.secret).await, "200");
    assert_eq!(node.verdict(&world.disabled.secret).await, "401 key_disabled");
    assert_eq!(node.verdict(&late.secret).await, "401 key_invalid");
    for (method, path) in [
        ("GET", "/v1/keys".to_owned()),
        ("POST", format!("/v1/keys/{}/disable", good.id)),
        ("GET", "/v1/audit".to_owned()),
    ] {
        let answer = node.api(method, &path, &Value::Null).await;
        assert_eq!(answer.status, 503, "{method} {path} {answer:#?}");
    }
    assert_eq!(page(node, "/integrations/keys").await, 503);
    world.resume_server().await;
    world.wait_for(&late, "200").await;
    assert_eq!(node.verdict(&revoked.secret).await, "401 key_invalid");
    // Keys that are new hold while the rest is still being read; the snapshot has served once everything is.
    eventually("it runs from the database", async || {
        readyz(node).await.1["source"] == "database"
    })
    .await;
    let (status, told) = readyz(node).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(node.metric("keyward_replica_from_snapshot").await, Some(0.0));
    let told = |log: &str| log.contains("has taken the snapshot's place");
    node.until_log("the snapshot has served", told).await;
    let made = node
        .api_ok("POST", "/v1/keys", &json!({ "owner": OWNER, "name": "after" }))
        .await;
    assert_eq!(node.verdict(made["secret"].as_str().unwrap()).await, "200");
    assert_ne!(page(node, "/integrations/keys").await, 503);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_a_node_that_was_killed_starts_from_what_it_wrote_while_it_ran() {
    let world = World::new(KEPT).await;
    let revision = readyz(&world.node).await.1["revision"].as_f64();
    let of_snapshot = "keyward_snapshot_revision";
    eventually("the snapshot is written", async || {
        world.node.metric(of_snapshot).await == revision
    })
    .await;
    let mode = fs::metadata(world.snapshot()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    world.node.sigkill();
    world.kill_server().await;
    world.node.start().await;
    assert_eq!(world.node.verdict(&world.good.secret).await, "200");
    assert_eq!(
        world.node.verdict(&world.disabled.secret).await,
        "401 key_disabled"
    );
    // What it was started from is there for the next start too.
    world.node.restart().await;
    assert_eq!(world.node.verdict(&world.good.secret).await, "200");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_snapshot_is_refused_or_served_from_as_on_stale_says() {
    for (on_stale, wanted, ready) in [("refuse", "503 unavailable", 503), ("serve", "200", 200)] {
        let config = format!("{KEPT}[gateway]\non_stale = \"{on_stale}\"\nmax_staleness = \"3s\"\n");
        let world = World::new(&config).await;
        world.node.stop().await;
        world.kill_server().await;
        tokio::time::sleep(Duration::from_millis(3500)).await;
        world.node.spawn();
        eventually("it is ready again", async || {
            world.node.stdout().matches("Keyward is ready").count() == 2
        })
        .await;
        assert_eq!(world.node.verdict(&world.good.secret).await, wanted);
        let (status, told) = readyz(&world.node).await;
        assert_eq!(
            (status, &told["checks"]["fresh"]),
            (ready, &json!(false)),
            "{told}"
        );
        assert!(told["age_ms"].as_u64() > Some(3000), "{told}");
        world.resume_server().await;
        world.wait_for(&world.good, "200").await;
        eventually("it is ready", async || readyz(&world.node).await.0 == 200).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s6_without_a_snapshot_that_is_whole_and_its_own_a_node_does_not_start() {
    let world = World::new(KEPT).await;
    world.node.stop().await;
    world.kill_server().await;
    let file = world.snapshot();
    let whole = fs::read(&file).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let told = world.refusal().await;
    assert!(
        told.contains("other accounts may open it") && told.contains("cannot be reached"),
        "{told}"
    );
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert!(world.refusal().await.contains("damaged or cut off"));
    fs::remove_file(&file).unwrap();
    assert!(world.refusal().await.contains("there is no snapshot"));
    // With the server, the file is of no concern: it is written anew.
    fs::write(&file, "rubbish").unwrap();
    world.resume_server().await;
    world.node.start().await;
    eventually("a new snapshot is written", async || {
        fs::read(&file).is_ok_and(|bytes| bytes != b"rubbish")
    })
    .await;
    assert_eq!(world.node.verdict(&world.good.secret).await, "200");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_is_wrong_is_no_server_that_is_away() {
    let world = World::new(KEPT).await;
    world.node.stop().await;
    let hba = world.server.sql("postgres", "SHOW hba_file");
    let rules = "VALUES ('host all all 127.0.0.1/32 scram-sha-256')";
    world
        .server
        .sql("postgres", &format!("COPY ({rules}) TO '{hba}'"));
    world.server.sql("postgres", "SELECT pg_reload_conf()");
    eventually("the database answers nothing", async || {
        world.node.cli(&["users", "list"]).await.status.code() == Some(1)
    })
    .await;
    let told = world.refusal().await;
    assert!(
        told.contains("check user and password") && !told.contains("snapshot"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_a_server_that_answers_nothing_makes_a_node_stale_which_serves_or_refuses() {
    for (on_stale, wanted, ready) in [("refuse", "503 unavailable", 503), ("serve", "200", 200)] {
        let config = format!("[gateway]\non_stale = \"{on_stale}\"\nmax_staleness = \"3s\"\n");
        let world = World::new(&config).await;
        world.wait_for(&world.good, "200").await;
        world.server.freeze();
        eventually("it is stale", async || {
            readyz(&world.node).await.1["checks"]["fresh"] == json!(false)
        })
        .await;
        assert_eq!(world.node.verdict(&world.good.secret).await, wanted);
        assert_eq!(readyz(&world.node).await.0, ready);
        assert_eq!(world.node.metric("keyward_stale").await, Some(1.0));
        let words = format!("on_stale=\"{on_stale}\"");
        let told = |log: &str| log.contains(&words);
        world.node.until_log("it is stale", told).await;
        world.server.thaw();
        eventually("it is fresh", async || {
            readyz(&world.node).await.1["checks"]["fresh"] == json!(true)
        })
        .await;
        assert_eq!(readyz(&world.node).await.0, 200);
        world.wait_for(&world.good, "200").await;
        let told = |log: &str| log.contains("fresh again");
        world.node.until_log("it is fresh again", told).await;
        assert_eq!(
            world.node.verdict(&world.disabled.secret).await,
            "401 key_disabled"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_a_standby_confirms_nothing_and_is_away_for_a_node_that_starts() {
    let config = format!("{KEPT}[gateway]\nmax_staleness = \"3s\"\n");
    let world = World::new(&config).await;
    let its = world.server.clone();
    blocking(move || its.become_standby()).await;
    eventually("it is stale", async || {
        readyz(&world.node).await.1["checks"]["fresh"] == json!(false)
    })
    .await;
    // The node may be stale before it has reached the server again.
    let told = |log: &str| log.contains("it is a standby");
    world.node.until_log("it is a standby", told).await;
    assert_eq!(world.node.verdict(&world.good.secret).await, "200");
    world.node.stop().await;
    world.node.spawn();
    eventually("it is ready again", async || {
        world.node.stdout().matches("Keyward is ready").count() == 2
    })
    .await;
    assert_eq!(readyz(&world.node).await.1["source"], "snapshot");
    assert_eq!(world.node.verdict(&world.good.secret).await, "200");
    let its = world.server.clone();
    blocking(move || its.promote()).await;
    eventually("it runs from the database", async || {
        readyz(&world.node).await.1["source"] == "database"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_a_server_that_answers_nothing_is_away_for_a_node_that_starts() {
    let world = World::new(KEPT).await;
    world.node.stop().await;
    world.server.freeze();
    world.node.start().await;
    assert_eq!(readyz(&world.node).await.1["source"], "snapshot");
    assert_eq!(world.node.verdict(&world.good.secret).await, "200");
    world.server.thaw();
    eventually("it runs from the database", async || {
        readyz(&world.node).await.1["source"] == "database"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_a_node_that_ends_while_the_server_is_silent_writes_its_snapshot_and_does_not_wait() {
    let seldom = KEPT.replace("200ms", "1h");
    let world = World::new(&seldom).await;
    let (node, good) = (&world.node, &world.good);
    let late = node.key(KeySpec::new(OWNER, "late")).await;
    world.wait_for(&late, "200").await;
    assert_eq!(node.verdict(&good.secret).await, "200");
    world.server.freeze();
    node.signal(Signal::Term);
    let begun = Instant::now();
    let status = node.wait_exit(Duration::from_secs(30)).await;
    assert!(
        status.is_some_and(|status| status.success()),
        "{:?} {}",
        begun.elapsed(),
        node.log()
    );
    println!("it ended after {:?}", begun.elapsed());
    // Nothing was under way, so that the drain took no time.
    assert!(begun.elapsed() < Duration::from_secs(10));
    node.start().await;
    assert_eq!(readyz(node).await.1["source"], "snapshot");
    assert_eq!(node.verdict(&late.secret).await, "200");
    world.server.thaw();
}
