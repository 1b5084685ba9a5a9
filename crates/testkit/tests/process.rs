//! The runner against a stub with Keyward's commands and planes.

use keyward_testkit::{KeySpec, Keyward, KeywardBuilder, Signal};
use serde_json::json;
use std::time::Duration;

fn stub() -> KeywardBuilder {
    Keyward::builder().binary(env!("CARGO_BIN_EXE_keyward-stub"))
}

#[tokio::test]
async fn server_starts_restarts_and_ends() {
    let keyward = stub()
        .config_toml("[gateway.timeouts]\nidle = \"1s\"")
        .start()
        .await;
    let config = std::fs::read_to_string(keyward.config_path()).unwrap();
    assert!(
        config.contains("idle = \"1s\"") && config.contains("http://127.0.0.1:1"),
        "{config}"
    );
    assert!(keyward.dir().join("keyward.db").exists());
    assert!(keyward.rss_kib() > 100);
    assert_eq!(keyward.metric("up{plane=\"ops\"}").await, Some(1.0));
    let (pid, ops) = (keyward.pid(), keyward.ops());
    keyward.restart().await;
    assert_ne!(keyward.pid(), pid);
    assert_eq!(keyward.ops(), ops);
    assert_eq!(
        keyward.log(),
        "stub serves\nKeyward is ready\nstub serves\nKeyward is ready\nstub complains\nstub complains\n"
    );
    keyward.sigkill();
    assert!(!keyward.is_running());
    keyward.start().await;
    keyward.signal(Signal::Int);
    assert!(keyward.wait_exit(Duration::from_secs(10)).await.is_some());
}

#[tokio::test]
async fn users_sites_and_keys_are_made_by_the_api_while_the_server_runs() {
    let keyward = stub().start().await;
    assert_eq!(keyward.user("a@example.com", "member").await, "api-id");
    keyward.site("1").await;
    let spec = KeySpec::new("a@example.com", "k")
        .sites(&["1"])
        .addresses(&[])
        .limit(5)
        .description("d");
    let issued = keyward.key(spec).await;
    assert_eq!(
        (issued.secret.as_str(), &issued.json["key"]),
        ("kw_api", &json!("kw_cli"))
    );
    let expected = json!({
        "owner": "a@example.com", "name": "k", "sites": { "only": ["1"] }, "addresses": { "only": [] }, "limit": { "per_minute": 5 }, "description": "d"
    });
    assert_eq!(issued.json["sent"], expected);
    assert_eq!(keyward.api("GET", "/v1/nothing", &json!(null)).await.status, 404);
}

#[tokio::test]
async fn users_sites_and_keys_are_made_by_the_cli_while_it_does_not() {
    let keyward = stub().prepare().await;
    assert_eq!(
        keyward.user_of_sites("a@example.com", "member", &["1"]).await,
        "cli-a@example.com"
    );
    keyward.site("1").await;
    let spec = KeySpec::new("a@example.com", "k")
        .sites(&[])
        .addresses(&["::1/128", "10.0.0.0/8"])
        .limit(5);
    let issued = keyward.key(spec.expires_at("2030-01-01T00:00:00Z")).await;
    let given = issued.json["given"].as_str().unwrap();
    let expected = "keys create --owner a@example.com --name k --json --limit 5 --expires-at 2030-01-01T00:00:00Z \
        --no-sites --address ::1/128 --address 10.0.0.0/8 --config";
    assert!(given.starts_with(expected), "{given}");
    assert!(!keyward.cli(&["nonsense"]).await.status.success());
    keyward.start().await;
    assert_eq!(
        keyward.management_key("a@example.com").await.json["sent"]["use_case"],
        "management"
    );
}

#[tokio::test]
#[should_panic(expected = "Keyward did not start")]
async fn server_that_ends_at_once_is_reported_with_its_log() {
    stub()
        .config_toml("[ops]\nlisten = \"192.0.2.1:1\"")
        .start()
        .await;
}
