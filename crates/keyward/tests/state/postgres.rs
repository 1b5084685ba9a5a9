//! A Keyward over PostgreSQL: what it decides, and what becomes of it when the server is killed and comes back.

use keyward_testkit::{
    Certificate, EchoUpstream, Issued, KeySpec, Keyward, OWNER, Postgres, WAIT_TIMEOUT, blocking,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

/// A Keyward over a database of a server.
async fn node(upstream: &EchoUpstream, server: &Postgres) -> Keyward {
    Keyward::before(upstream)
        .no_access_log()
        .database(&server.url("postgres"))
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_made_by_the_cli_are_granted_and_those_disabled_by_it_refused() {
    let (_upstream, server, keyward) = started().await;
    let made = keyward
        .cli_ok(&["keys", "create", "--owner", OWNER, "--name", "one", "--json"])
        .await
        .json();
    let key = Issued {
        id: made["id"].as_str().unwrap().to_owned(),
        secret: made["secret"].as_str().unwrap().to_owned(),
        json: made,
    };
    assert_eq!(keyward.verdict(&key.secret).await, "200");
    keyward.cli_ok(&["keys", "disable", &key.id]).await;
    assert_eq!(keyward.verdict(&key.secret).await, "401 key_disabled");
    // What operators are told of the disk: with its places in the indexes, an event takes less than 1 KiB.
    let largest = server.sql("postgres", "SELECT max(pg_column_size(audit.*)) FROM audit");
    assert!(largest.parse::<u64>().unwrap() < 800, "{largest} bytes");
    // A restart finds the same.
    keyward.restart().await;
    assert_eq!(keyward.verdict(&key.secret).await, "401 key_disabled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_while_the_server_is_away_keys_are_granted_and_changes_answer_503() {
    let (_upstream, server, keyward) = started().await;
    let key = keyward.key(KeySpec::new(OWNER, "one")).await;
    let other = keyward.key(KeySpec::new(OWNER, "two")).await;
    assert_eq!(keyward.verdict(&key.secret).await, "200");
    let its = server.clone();
    blocking(move || its.sigkill()).await;
    let disable = format!("/v1/keys/{}/disable", other.id);
    for _ in 0..2 {
        let answer = keyward.api("POST", &disable, &Value::Null).await;
        assert_eq!(answer.status, 503, "{answer:#?}");
        assert_eq!(keyward.verdict(&key.secret).await, "200");
        assert_eq!(keyward.verdict(&other.secret).await, "200");
    }
    let log = keyward.log();
    assert!(!log.contains("pool timed out"), "{log}");
    let its = server.clone();
    blocking(move || its.resume()).await;
    let until = Instant::now() + WAIT_TIMEOUT;
    while keyward.api("POST", &disable, &Value::Null).await.status != 200 {
        assert!(Instant::now() < until, "log:\n{}", keyward.log());
    }
    assert_eq!(keyward.verdict(&other.secret).await, "401 key_disabled");
    assert_eq!(keyward.verdict(&key.secret).await, "200");
    let made = keyward
        .api_ok("POST", "/v1/keys", &json!({ "owner": OWNER, "name": "three" }))
        .await;
    assert_eq!(keyward.verdict(made["secret"].as_str().unwrap()).await, "200");
}

/// What a backup that was made at a revision leaves of a database when it is restored.
fn go_back(server: &Postgres, revision: &str, enabled: &str) {
    let sql = format!(
        "DELETE FROM keys WHERE revision > {revision} AND encode(id, 'hex') <> '{enabled}'; \
         UPDATE keys SET status = 'active', revision = {revision} WHERE encode(id, 'hex') = '{enabled}'; \
         DELETE FROM marks WHERE revision > {revision}; UPDATE meta SET revision = {revision}"
    );
    server.sql("postgres", &sql);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_a_database_that_went_back_is_decided_by_without_a_restart() {
    let (_upstream, server, keyward) = started().await;
    let old = keyward.key(KeySpec::new(OWNER, "old")).await;
    let revision = server.sql("postgres", "SELECT revision FROM meta");
    let lost = keyward.key(KeySpec::new(OWNER, "lost")).await;
    let disable = format!("/v1/keys/{}/disable", old.id);
    keyward.api_ok("POST", &disable, &Value::Null).await;
    assert_eq!(keyward.verdict(&old.secret).await, "401 key_disabled");
    go_back(&server, &revision, &old.id.replace('-', ""));
    // A change at once: its revision is one that the node knows already.
    let made = keyward.key(KeySpec::new(OWNER, "made")).await;
    assert_eq!(keyward.verdict(&made.secret).await, "200");
    assert_eq!(keyward.verdict(&lost.secret).await, "401 key_invalid");
    assert_eq!(keyward.verdict(&old.secret).await, "200");
    let told = |log: &str| log.contains("the database went back");
    keyward.until_log("the database went back", told).await;
    // And one that nobody changes is looked at within a second.
    go_back(&server, &revision, &old.id.replace('-', ""));
    keyward.wait_for_verdict(&made.secret, "401 key_invalid").await;
    assert_eq!(keyward.verdict(&old.secret).await, "200");
    let both = format!("known={} there={revision}", revision.parse::<u64>().unwrap() + 1);
    let told = |log: &str| log.contains(&both);
    keyward.until_log("from which revision to which", told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_the_server_has_to_prove_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str, names: &[&str]| {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        Certificate::create_for(&folder, names)
    };
    let (its, other) = (of("its", &["localhost"]), of("other", &["localhost"]));
    let server = Postgres::start_tls(&its);
    let upstream = EchoUpstream::start().await;
    let url = |host: &str, trusted: &Certificate| {
        let (port, trusted) = (server.address().port(), trusted.certificate_path().display());
        format!("postgres://keyward@{host}:{port}/postgres?sslmode=verify-full&sslrootcert={trusted}")
    };
    let config = format!("[database]\nurl = \"{}\"", url("localhost", &its));
    let keyward = Keyward::before(&upstream)
        .no_access_log()
        .config_toml(&config)
        .start()
        .await;
    keyward.user(OWNER, "member").await;
    let key = keyward.key(KeySpec::new(OWNER, "one")).await;
    keyward.site("1").await;
    assert_eq!(keyward.verdict(&key.secret).await, "200");
    let sessions = "SELECT count(*) > 0, bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                    WHERE application_name LIKE 'keyward%'";
    assert_eq!(server.sql("postgres", sessions), "t|t");
    // Another authority, and another name than the certificate's.
    for refused in [url("localhost", &other), url("127.0.0.1", &its)] {
        let config = std::fs::read_to_string(keyward.config_path()).unwrap();
        let config = config.replace(&url("localhost", &its), &refused);
        std::fs::write(keyward.config_path(), &config).unwrap();
        let told = keyward.cli(&["users", "list"]).await;
        assert!(
            !told.status.success() && told.stderr.contains("certificate"),
            "{told:?}"
        );
        std::fs::write(
            keyward.config_path(),
            config.replace(&refused, &url("localhost", &its)),
        )
        .unwrap();
    }
    keyward.cli_ok(&["users", "list"]).await;
}
