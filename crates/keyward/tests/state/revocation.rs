//! R1, R5, R6, R7, R9, A10: what an administrator's answer says is in force for every request that begins after it.

use crate::{now, started};
use keyward_domain::Timestamp;
use keyward_testkit::{KeySpec, Keyward, OWNER, RawClient, exchange, get, request, sized, verdict};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: usize = 64;

/// What one request met.
struct Seen {
    began: Instant,
    verdict: String,
}

/// Clients that send one request after another with the same key.
struct Hammer {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    clients: Vec<tokio::task::JoinHandle<Vec<Seen>>>,
}

impl Hammer {
    async fn start(gateway: SocketAddr, secret: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicUsize::new(0));
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let (stop, done, secret) = (Arc::clone(&stop), Arc::clone(&done), secret.to_owned());
            clients.push(tokio::spawn(async move {
                let mut client = RawClient::connect(gateway).await;
                let mut seen = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let began = Instant::now();
                    client.send(get("/api/1/x", &secret)).await;
                    let answer = client.read_response().await;
                    seen.push(Seen {
                        began,
                        verdict: verdict(&answer),
                    });
                    done.fetch_add(1, Ordering::SeqCst);
                }
                seen
            }));
        }
        let hammer = Self { stop, done, clients };
        hammer.wait_for(2 * CLIENTS).await;
        hammer
    }

    /// Waits until so many more requests are answered.
    async fn wait_for(&self, more: usize) {
        let wanted = self.done.load(Ordering::SeqCst) + more;
        while self.done.load(Ordering::SeqCst) < wanted {
            assert!(
                !self.clients.iter().any(tokio::task::JoinHandle::is_finished),
                "a client failed"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Ends, and counts the verdicts of the requests that began before and after an instant.
    async fn stop(self, at: Instant) -> [BTreeMap<String, usize>; 2] {
        self.stop.store(true, Ordering::SeqCst);
        let mut counts = [BTreeMap::new(), BTreeMap::new()];
        for client in self.clients {
            for seen in client.await.unwrap() {
                *counts[usize::from(seen.began > at)]
                    .entry(seen.verdict)
                    .or_default() += 1;
            }
        }
        counts
    }
}

/// A change, by method, path and body, and the verdict from it on. `{key}` and `{user}` stand for ids.
type Change = (&'static str, &'static str, Value, &'static str);

fn changes() -> Vec<Change> {
    vec![
        ("POST", "/v1/keys/{key}/disable", Value::Null, "401 key_disabled"),
        ("DELETE", "/v1/keys/{key}", Value::Null, "401 key_invalid"),
        (
            "PATCH",
            "/v1/keys/{key}",
            json!({ "sites": { "only": ["2"] } }),
            "403 site_forbidden",
        ),
        (
            "PATCH",
            "/v1/keys/{key}",
            json!({ "sites": { "only": [] } }),
            "403 site_forbidden",
        ),
        (
            "PATCH",
            "/v1/keys/{key}",
            json!({ "addresses": { "only": ["192.0.2.0/24"] } }),
            "403 ip_forbidden",
        ),
        (
            "PATCH",
            "/v1/keys/{key}",
            json!({ "addresses": { "only": [] } }),
            "403 ip_forbidden",
        ),
        (
            "PATCH",
            "/v1/keys/{key}",
            json!({ "limit": { "per_minute": 1 } }),
            "429 rate_limited",
        ),
        (
            "PATCH",
            "/v1/users/{user}",
            json!({ "sites": { "only": ["2"] } }),
            "403 site_forbidden",
        ),
        (
            "POST",
            "/v1/users/{user}/disable",
            Value::Null,
            "401 owner_inactive",
        ),
        ("DELETE", "/v1/users/{user}", Value::Null, "401 owner_inactive"),
        (
            "PATCH",
            "/v1/sites/1",
            json!({ "active": false }),
            "403 site_forbidden",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_r7_no_request_that_begins_after_the_answer_passes() {
    let (_upstream, keyward) = started().await;
    let rounds = sized(2, 50);
    for round in 0..rounds {
        for (number, change) in changes().into_iter().enumerate() {
            let mut repeat = 0;
            while !hammer_and_change(&keyward, &format!("{round}-{number}-{repeat}"), &change).await {
                repeat += 1;
                assert!(repeat < 5, "{change:?}: a minute's end in every try");
            }
        }
    }
}

/// False when a minute ended meanwhile, so that a window began anew.
async fn hammer_and_change(keyward: &Keyward, label: &str, change: &Change) -> bool {
    let (method, path, body, wanted) = change;
    let email = format!("u{label}@example.com");
    let user = keyward.user(&email, "member").await;
    let key = keyward
        .key(
            KeySpec::new(&email, "k")
                .sites(&["1", "2"])
                .addresses(&["127.0.0.0/8"])
                .limit(1_000_000),
        )
        .await;
    let minute = now().seconds() / 60;
    let hammer = Hammer::start(keyward.gateway(), &key.secret).await;
    let path = path.replace("{key}", &key.id).replace("{user}", &user);
    keyward.api_ok(method, &path, body).await;
    let answered = Instant::now();
    hammer.wait_for(4 * CLIENTS).await;
    let [before, after] = hammer.stop(answered).await;
    if path == "/v1/sites/1" {
        keyward
            .api_ok("PATCH", "/v1/sites/1", &json!({ "active": true }))
            .await;
    }
    if wanted.starts_with("429") && now().seconds() / 60 != minute {
        return false;
    }
    assert!(
        before.get("200").is_some_and(|n| *n >= CLIENTS),
        "{change:?}: {before:?}"
    );
    assert_eq!(
        after.keys().collect::<Vec<_>>(),
        [wanted],
        "{change:?}: {after:?}"
    );
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r5_quick_flips_end_in_the_last_state_and_nothing_flips_later() {
    let (_upstream, keyward) = started().await;
    let key = keyward.key(KeySpec::new(OWNER, "k")).await;
    let hammer = Hammer::start(keyward.gateway(), &key.secret).await;
    let change = async |word: &str, wanted: &str| {
        let path = format!("/v1/keys/{}/{word}", key.id);
        keyward.api_ok("POST", &path, &Value::Null).await;
        assert_eq!(keyward.verdict(&key.secret).await, wanted);
    };
    for _ in 0..sized(25, 1000) {
        change("disable", "401 key_disabled").await;
        change("enable", "200").await;
        change("disable", "401 key_disabled").await;
    }
    let answered = Instant::now();
    // Longer than the pause between two looks at the store.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let [_, after] = hammer.stop(answered).await;
    assert_eq!(
        after.keys().collect::<Vec<_>>(),
        ["401 key_disabled"],
        "{after:?}"
    );
}

#[tokio::test]
async fn r6_a_key_that_was_tried_before_it_was_made_works_at_once() {
    let (upstream, keyward) = started().await;
    let mut client = RawClient::connect(keyward.gateway()).await;
    for secret in ["abcdef123456", "fedcba654321"] {
        for _ in 0..500 {
            client.send(get("/api/1/x", secret)).await;
            assert_eq!(verdict(&client.read_response().await), "401 key_invalid");
        }
    }
    assert_eq!(upstream.count(), 0);
    let line = |secret: &str| {
        format!(
            "{}\n",
            json!({ "owner": OWNER, "name": "brought along", "secret": secret })
        )
    };
    let import = request(
        "POST",
        "/v1/keys/import",
        &[
            ("X-API-KEY", keyward.management_secret()),
            ("Content-Type", "application/jsonl"),
        ],
        line("abcdef123456"),
    );
    let imported = exchange(keyward.console(), import).await;
    assert_eq!(imported.status, 200, "{}", imported.text());
    client.send(get("/api/1/x", "abcdef123456")).await;
    assert_eq!(verdict(&client.read_response().await), "200");

    // By a command, which ends when this node has it.
    let file = keyward.dir().join("import.jsonl");
    std::fs::write(&file, line("fedcba654321")).unwrap();
    keyward.cli_ok(&["import", file.to_str().unwrap()]).await;
    assert_eq!(keyward.verdict("fedcba654321").await, "200");
}

#[tokio::test]
async fn r7_a_user_that_is_disabled_loses_the_console_too() {
    let (upstream, keyward) = started().await;
    for (end, again) in [("disable", true), ("delete", false)] {
        let email = format!("{end}@example.com");
        let user = keyward.user(&email, "admin").await;
        let management = keyward.management_key(&email).await;
        let mut keys = Vec::new();
        for _ in 0..5 {
            keys.push(keyward.key(KeySpec::new(&email, "k")).await);
        }
        let path = format!("/v1/users/{user}");
        let me = async || {
            keyward
                .api_as(&management.secret, "GET", "/v1/me", &Value::Null)
                .await
        };
        assert_eq!(me().await.status, 200);
        if again {
            keyward
                .api_ok("POST", &format!("{path}/disable"), &Value::Null)
                .await;
        } else {
            keyward.api_ok("DELETE", &path, &Value::Null).await;
        }
        upstream.clear();
        for key in &keys {
            assert_eq!(keyward.verdict(&key.secret).await, "401 owner_inactive");
        }
        assert_eq!(upstream.count(), 0);
        let refused = me().await;
        assert_eq!(
            (refused.status, &refused.json["code"]),
            (401, &json!("owner_inactive"))
        );
        if again {
            keyward
                .api_ok("POST", &format!("{path}/enable"), &Value::Null)
                .await;
            assert_eq!(keyward.verdict(&keys[0].secret).await, "200");
            assert_eq!(me().await.status, 200);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r9_requests_pass_until_the_instant_of_expiry_and_not_from_it_on() {
    let (_upstream, keyward) = started().await;
    // Time enough to make the key and for each client to ask once.
    let expiry = now().plus_millis(10_345);
    let key = keyward
        .key(KeySpec::new(OWNER, "k").expires_at(&expiry.to_string()))
        .await;
    let clients: Vec<_> = (0..8)
        .map(|_| tokio::spawn(hammer_over_expiry(keyward.gateway(), key.secret.clone(), expiry)))
        .collect();
    let mut counts = BTreeMap::new();
    for client in clients {
        for (certain, verdict) in client.await.unwrap() {
            let Some(before) = certain else { continue };
            let wanted = if before { "200" } else { "401 key_expired" };
            assert_eq!(verdict, wanted);
            *counts.entry(before).or_insert(0) += 1;
        }
    }
    assert!(counts.len() == 2, "{counts:?}");
}

/// For each request: whether it was certainly over before the expiry (true) or began from it on (false).
async fn hammer_over_expiry(
    gateway: SocketAddr,
    secret: String,
    expiry: Timestamp,
) -> Vec<(Option<bool>, String)> {
    let mut client = RawClient::connect(gateway).await;
    let mut seen = Vec::new();
    loop {
        let began = now();
        client.send(get("/api/1/x", &secret)).await;
        let answer = client.read_response().await;
        let certain = match (began >= expiry, now() < expiry) {
            (true, _) => Some(false),
            (_, true) => Some(true),
            _ => None,
        };
        seen.push((certain, verdict(&answer)));
        if began >= expiry.plus_millis(300) {
            return seen;
        }
        if seen.len() == 1 {
            // The second before is what matters.
            let quiet = expiry.millis() - 1000 - now().millis();
            let quiet = u64::try_from(quiet).unwrap_or_default();
            tokio::time::sleep(Duration::from_millis(quiet)).await;
        }
    }
}

#[tokio::test]
async fn r9_expiries_that_are_no_instants_to_come_are_refused_at_save() {
    let (_upstream, keyward) = started().await;
    for bad in [
        "2020-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-00:01",
        "2030-02-30T00:00:00Z",
        "2030-06-30T23:59:60Z",
        "2030-01-01",
        "",
    ] {
        let body = json!({ "owner": OWNER, "name": "k", "expires_at": { "at": bad } });
        let answer = keyward.api("POST", "/v1/keys", &body).await;
        assert_eq!(
            (answer.status, &answer.json["errors"][0]["field"]),
            (422, &json!("expires_at.at")),
            "{bad}"
        );
    }
    let far = keyward
        .key(KeySpec::new(OWNER, "k").expires_at("9999-12-31T23:59:59Z"))
        .await;
    assert_eq!(keyward.verdict(&far.secret).await, "200");
    let offset = keyward
        .key(KeySpec::new(OWNER, "k").expires_at("2099-01-01T12:00:00+14:00"))
        .await;
    assert_eq!(offset.json["expires_at"]["at"], "2098-12-31T22:00:00Z");
}

#[tokio::test]
async fn a10_a11_a_deleted_key_is_like_none_and_each_step_has_its_line() {
    let (upstream, keyward) = started().await;
    let key = keyward.key(KeySpec::new(OWNER, "k")).await;
    let path = format!("/v1/keys/{}", key.id);
    assert_eq!(keyward.verdict(&key.secret).await, "200");
    keyward.api_ok("DELETE", &path, &Value::Null).await;
    let gone = keyward.ask(&key.secret).await;
    let never = keyward.ask("no-such-key").await;
    let strip = |answer: &keyward_testkit::RawResponse| {
        let mut problem = answer.json();
        problem["request_id"] = Value::Null;
        let headers: Vec<_> = answer
            .headers
            .iter()
            .filter(|(name, _)| {
                !name.eq_ignore_ascii_case("date") && !name.to_ascii_lowercase().contains("request-id")
            })
            .cloned()
            .collect();
        (answer.status, headers, problem)
    };
    assert_eq!(
        strip(&gone),
        strip(&never),
        "a deleted key can be told from one that never was"
    );
    assert_eq!(upstream.count(), 1);
    for word in ["enable", "disable"] {
        let refused = keyward.api("POST", &format!("{path}/{word}"), &Value::Null).await;
        assert_eq!(
            (refused.status, &refused.json["code"]),
            (409, &json!("key_deleted"))
        );
    }
    let edit = keyward.api("PATCH", &path, &json!({ "name": "x" })).await;
    assert_eq!(edit.status, 409);
    assert_eq!(keyward.verdict(&key.secret).await, "401 key_invalid");
    let ids = async |status: &str| {
        let list = keyward
            .api_ok("GET", &format!("/v1/keys?status={status}"), &Value::Null)
            .await;
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["id"] == json!(key.id))
    };
    assert!(ids("deleted").await && !ids("active").await);
    keyward
        .api_ok("POST", &format!("{path}/restore"), &Value::Null)
        .await;
    assert_eq!(keyward.verdict(&key.secret).await, "200");
    let log = keyward
        .api_ok(
            "GET",
            &format!("/v1/audit?target_kind=key&target_id={}", key.id),
            &Value::Null,
        )
        .await;
    let actions: Vec<&str> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["key.restore", "key.delete", "key.create"]);
    assert!(!log.to_string().contains(&key.secret));
}
