//! A Keyward over PostgreSQL: what it decides, and what becomes of it when the server is killed and comes back.

use crate::support::{OWNER, ask, before, sized, verdict};
use keyward_testkit::{EchoUpstream, Issued, KeySpec, Keyward, Postgres};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

const GUARD: Duration = Duration::from_secs(60);

/// A Keyward over a database of a server.
async fn node(upstream: &EchoUpstream, server: &Postgres) -> Keyward {
    let url = server.url("postgres");
    before(upstream)
        .config_toml(&format!("[database]\nurl = \"{url}\""))
        .start()
        .await
}

async fn started() -> (EchoUpstream, Arc<Postgres>, Keyward) {
    let server = Arc::new(Postgres::start());
    let upstream = EchoUpstream::start().await;
    let keyward = node(&upstream, &server).await;
    keyward.user(OWNER, "member").await;
    keyward.site("1").await;
    (upstream, server, keyward)
}

/// Waits until a key is judged so.
async fn wait_for(keyward: &Keyward, key: &Issued, wanted: &str) {
    let until = Instant::now() + GUARD;
    loop {
        let seen = verdict(&ask(keyward, &key.secret).await);
        if seen == wanted {
            return;
        }
        assert!(
            Instant::now() < until,
            "{seen} in place of {wanted}; log:\n{}",
            keyward.log()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_made_by_the_cli_are_granted_and_those_disabled_by_it_refused() {
    let (_upstream, _server, keyward) = started().await;
    let made = keyward
        .cli_ok(&["keys", "create", "--owner", OWNER, "--name", "one", "--json"])
        .await
        .json();
    let key = Issued {
        id: made["id"].as_str().unwrap().to_owned(),
        secret: made["secret"].as_str().unwrap().to_owned(),
        json: made,
    };
    wait_for(&keyward, &key, "200").await;
    keyward.cli_ok(&["keys", "disable", &key.id]).await;
    wait_for(&keyward, &key, "401 key_disabled").await;
    // A restart finds the same.
    keyward.restart().await;
    assert_eq!(verdict(&ask(&keyward, &key.secret).await), "401 key_disabled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_while_the_server_is_away_keys_are_granted_and_changes_answer_503() {
    let (_upstream, server, keyward) = started().await;
    let key = keyward.key(KeySpec::new(OWNER, "one")).await;
    let other = keyward.key(KeySpec::new(OWNER, "two")).await;
    assert_eq!(verdict(&ask(&keyward, &key.secret).await), "200");
    let its = server.clone();
    tokio::task::spawn_blocking(move || its.sigkill()).await.unwrap();
    let disable = format!("/v1/keys/{}/disable", other.id);
    for _ in 0..2 {
        let answer = keyward.api("POST", &disable, &Value::Null).await;
        assert_eq!(answer.status, 503, "{answer:#?}");
        assert_eq!(verdict(&ask(&keyward, &key.secret).await), "200");
        assert_eq!(verdict(&ask(&keyward, &other.secret).await), "200");
    }
    let its = server.clone();
    tokio::task::spawn_blocking(move || its.resume()).await.unwrap();
    let until = Instant::now() + GUARD;
    while keyward.api("POST", &disable, &Value::Null).await.status != 200 {
        assert!(Instant::now() < until, "log:\n{}", keyward.log());
    }
    assert_eq!(verdict(&ask(&keyward, &other.secret).await), "401 key_disabled");
    assert_eq!(verdict(&ask(&keyward, &key.secret).await), "200");
    let made = keyward
        .api_ok("POST", "/v1/keys", &json!({ "owner": OWNER, "name": "three" }))
        .await;
    assert_eq!(
        verdict(&ask(&keyward, made["secret"].as_str().unwrap()).await),
        "200"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_on_one_node_holds_on_the_other() {
    let (upstream, server, first) = started().await;
    let second = node(&upstream, &server).await;
    let key = first.key(KeySpec::new(OWNER, "one")).await;
    assert_eq!(verdict(&ask(&first, &key.secret).await), "200");
    wait_for(&second, &key, "200").await;
    first
        .api_ok("POST", &format!("/v1/keys/{}/disable", key.id), &Value::Null)
        .await;
    assert_eq!(verdict(&ask(&first, &key.secret).await), "401 key_disabled");
    wait_for(&second, &key, "401 key_disabled").await;
    second
        .api_ok("POST", &format!("/v1/keys/{}/enable", key.id), &Value::Null)
        .await;
    assert_eq!(verdict(&ask(&second, &key.secret).await), "200");
    wait_for(&first, &key, "200").await;
}

/// How long each change of one node took until the other refused or granted.
async fn delays(first: &Keyward, second: &Keyward, key: &Issued, rounds: usize) -> Vec<Duration> {
    let mut delays = Vec::new();
    for _ in 0..rounds {
        for (change, wanted) in [("disable", "401 key_disabled"), ("enable", "200")] {
            first
                .api_ok("POST", &format!("/v1/keys/{}/{change}", key.id), &Value::Null)
                .await;
            let answered = Instant::now();
            wait_for(second, key, wanted).await;
            delays.push(answered.elapsed());
        }
    }
    delays.sort();
    delays
}

#[expect(clippy::print_stdout, reason = "the figures are for whoever runs the test")]
fn told(what: &str, delays: &[Duration]) {
    let at = |part: usize| delays[(delays.len() - 1) * part / 100];
    println!("{what}: p50 {:?}, p99 {:?}, max {:?}", at(50), at(99), at(100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_notifications_the_other_node_follows_all_the_same() {
    let (upstream, server, first) = started().await;
    let second = node(&upstream, &server).await;
    let key = first.key(KeySpec::new(OWNER, "one")).await;
    wait_for(&second, &key, "200").await;
    told("notified", &delays(&first, &second, &key, sized(10, 500)).await);
    // Nobody is told of anything any more: the tables are in a schema of their own, with a function that says nothing.
    server.sql(
        "postgres",
        "CREATE SCHEMA silent; \
         CREATE FUNCTION silent.pg_notify(text, text) RETURNS void LANGUAGE sql AS 'SELECT'; \
         ALTER ROLE keyward SET search_path = silent, public, pg_catalog",
    );
    server.sql(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'keyward%'",
    );
    told(
        "not notified",
        &delays(&first, &second, &key, sized(3, 500)).await,
    );
    assert_eq!(
        server.sql(
            "postgres",
            "SELECT count(*) > 0 FROM pg_namespace WHERE nspname = 'silent'"
        ),
        "t"
    );
}
