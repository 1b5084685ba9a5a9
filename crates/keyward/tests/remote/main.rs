//! The published middleware in front of a small service, asking a running Keyward over the wire.

#![expect(clippy::unwrap_used, reason = "everything here is a test, helpers included")]

#[cfg(test)]
mod grpc;

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use keyward_domain::Timestamp;
use keyward_engine::{Clock, SystemClock};
use keyward_testkit::{Certificate, EchoUpstream, KeySpec, Keyward, OWNER, TcpProxy, eventually};
use keyward_tower::{KeyIdentity, KeywardLayer, ManagementKey, Remote, RemoteOptions};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;
use tower::{Layer, ServiceExt};

async fn started() -> Keyward {
    let keyward = Keyward::builder().start().await;
    keyward.user(OWNER, "member").await;
    keyward
}

/// What asks a server whose answers may take their time: these tests are of what it answers, on machines that are busy.
fn options(keyward: &Keyward, url: &str) -> RemoteOptions {
    let key = ManagementKey::new(keyward.management_secret());
    Remote::options(url, key).deadline(Duration::from_secs(20))
}

/// The middleware is told of changes.
async fn following(options: RemoteOptions) -> Remote {
    let remote = options.start().unwrap();
    eventually("it follows", async || remote.is_following()).await;
    remote
}

/// The same, of the server itself.
async fn following_it(keyward: &Keyward) -> Remote {
    following(options(keyward, &format!("http://{}", keyward.console()))).await
}

#[derive(Debug)]
struct Seen {
    code: String,
    headers: HeaderMap,
    body: Value,
}

/// Sends a request through the layer to a service that tells who calls.
async fn ask(remote: &Remote, secret: &str) -> Seen {
    ask_at(remote, "/api/1/x", secret).await
}

async fn ask_at(remote: &Remote, path: &str, secret: &str) -> Seen {
    let layer = KeywardLayer::builder(remote.clone()).build().unwrap();
    let service = layer.layer(tower::service_fn(async |request: Request<String>| {
        let identity = KeyIdentity::of(request.extensions()).unwrap();
        let body = json!({ "code": "passed", "key": identity.key_id(), "site": identity.site() });
        Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::from(body.to_string())))
    }));
    let request = Request::get(path).header("x-api-key", secret);
    let answer = service
        .oneshot(request.body(String::new()).unwrap())
        .await
        .unwrap();
    let (parts, body) = answer.into_parts();
    let body: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
    Seen {
        code: body["code"].as_str().unwrap().to_owned(),
        headers: parts.headers,
        body,
    }
}

/// Asks until an answer is remembered.
async fn remembered(remote: &Remote, secret: &str) {
    eventually("an answer is remembered", async || {
        assert_eq!(ask(remote, secret).await.code, "passed");
        remote.remembered() > 0
    })
    .await;
}

async fn disable(keyward: &Keyward, id: &str) {
    keyward
        .api_ok("POST", &format!("/v1/keys/{id}/disable"), &Value::Null)
        .await;
}

#[tokio::test]
async fn r1_a_key_revoked_on_the_server_is_refused_at_the_middleware() {
    let keyward = started().await;
    let remote = following_it(&keyward).await;
    for _ in 0..5 {
        let key = keyward.key(KeySpec::new(OWNER, "a key")).await;
        remembered(&remote, &key.secret).await;
        let seen = ask(&remote, &key.secret).await;
        assert_eq!(
            (&seen.body["key"], &seen.body["site"]),
            (&json!(key.id), &json!("1"))
        );
        disable(&keyward, &key.id).await;
        eventually("it is refused", async || {
            ask(&remote, &key.secret).await.code == "key_disabled"
        })
        .await;
        // And it stays so, from memory too.
        for _ in 0..20 {
            assert_eq!(ask(&remote, &key.secret).await.code, "key_disabled");
        }
    }
}

#[tokio::test]
async fn r1_once_the_stream_is_silent_for_five_seconds_nothing_is_served_from_memory() {
    let keyward = started().await;
    let proxy = TcpProxy::start(keyward.console());
    let through = options(&keyward, &format!("http://{}", proxy.address()));
    // Each question is waited for as long, below.
    let remote = following(through.deadline(Duration::from_secs(6))).await;
    let key = keyward.key(KeySpec::new(OWNER, "a key")).await;
    remembered(&remote, &key.secret).await;
    // Nothing ends the connections; they carry nothing any more.
    proxy.hold();
    disable(&keyward, &key.id).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    // What was under way may have been read a little later.
    eventually("the stream is silent", async || !remote.is_following()).await;
    for _ in 0..3 {
        let seen = ask(&remote, &key.secret).await;
        assert_eq!(seen.code, "unavailable");
        assert_eq!(seen.headers["retry-after"], "1");
    }
    assert!(!remote.is_following());
    proxy.heal();
    eventually("it is asked again", async || {
        let code = ask(&remote, &key.secret).await.code;
        assert_ne!(code, "passed");
        code == "key_disabled"
    })
    .await;
}

#[tokio::test]
async fn r1_a_stream_that_is_cut_takes_the_memory_with_it_and_a_dead_server_lets_nothing_pass() {
    let keyward = started().await;
    let remote = following_it(&keyward).await;
    let key = keyward.key(KeySpec::new(OWNER, "a key")).await;
    remembered(&remote, &key.secret).await;
    keyward.sigkill();
    eventually("nothing is trusted", async || !remote.is_following()).await;
    assert_eq!(remote.remembered(), 0);
    assert_eq!(ask(&remote, &key.secret).await.code, "unavailable");
}

#[tokio::test]
async fn l1_l8_limits_are_counted_at_the_server_and_never_remembered() {
    let keyward = started().await;
    let remote = following_it(&keyward).await;
    let key = keyward.key(KeySpec::new(OWNER, "a key").limit(5)).await;
    // Which requests passed in which minute: the minute may end meanwhile.
    let mut passed = std::collections::BTreeMap::<String, u32>::new();
    let mut refused = 0;
    for _ in 0..12 {
        let seen = ask(&remote, &key.secret).await;
        let text = |name: &str| seen.headers[name].to_str().unwrap().to_owned();
        assert_eq!(text("x-ratelimit-limit"), "5");
        if seen.code == "passed" {
            let count = passed.entry(text("x-ratelimit-reset")).or_default();
            *count += 1;
            assert_eq!(text("x-ratelimit-remaining"), (5 - *count).to_string());
        } else {
            assert_eq!(seen.code, "rate_limited");
            assert!((1..=60).contains(&text("retry-after").parse::<u32>().unwrap()));
            assert_eq!(passed[&text("x-ratelimit-reset")], 5);
            refused += 1;
        }
    }
    assert!(refused > 0 && remote.remembered() == 0);
}

#[tokio::test]
async fn r9_no_remembered_answer_outlives_its_key() {
    let keyward = started().await;
    let remote = following_it(&keyward).await;
    let until_then: Timestamp = SystemClock.now().plus_millis(10_000);
    let spec = KeySpec::new(OWNER, "a key").expires_at(&until_then.to_string());
    let key = keyward.key(spec).await;
    remembered(&remote, &key.secret).await;
    // The second before is what matters.
    let quiet = until_then.millis() - 1000 - SystemClock.now().millis();
    tokio::time::sleep(Duration::from_millis(u64::try_from(quiet).unwrap_or_default())).await;
    let mut from_memory = 0;
    loop {
        let began = SystemClock.now();
        let from_here = remote.remembered() > 0;
        let seen = ask(&remote, &key.secret).await;
        if began >= until_then {
            assert_eq!(seen.code, "key_expired");
            break;
        }
        from_memory += u32::from(from_here && seen.code == "passed");
    }
    println!("{from_memory} of them from memory");
}

#[tokio::test]
async fn l13_memory_is_bounded_and_a_flood_of_guesses_leaves_good_keys_in_it() {
    let keyward = started().await;
    let options = options(&keyward, &format!("http://{}", keyward.console()));
    // Before it follows: no change shall empty the memory while it is looked at.
    let key = keyward.key(KeySpec::new(OWNER, "a key")).await;
    let remote = options.remember(10).start().unwrap();
    eventually("it follows", async || remote.is_following()).await;
    remembered(&remote, &key.secret).await;
    for guess in 0..50 {
        assert_eq!(ask(&remote, &format!("guess{guess}")).await.code, "key_invalid");
    }
    assert_eq!(remote.remembered(), 11);
    // Each question by itself: another path is another one.
    for path in ["/api/2/x", "/api/1/y"] {
        assert_eq!(ask_at(&remote, path, &key.secret).await.code, "passed");
    }
    assert_eq!(remote.remembered(), 13);
}

#[tokio::test]
async fn it_speaks_tls_with_whom_its_authorities_vouch_for_and_with_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::create(folder.path());
    let upstream = EchoUpstream::start().await;
    let keyward = Keyward::builder()
        .upstream(upstream.address())
        .console_tls(&certificate)
        .start()
        .await;
    keyward.user(OWNER, "member").await;
    let key = keyward.key(KeySpec::new(OWNER, "a key")).await;
    let url = format!("https://{}", keyward.console());
    let options = || options(&keyward, &url);
    let trusted = options().ca_file(certificate.certificate_path()).start().unwrap();
    assert_eq!(ask(&trusted, &key.secret).await.code, "passed");
    eventually("it follows", async || trusted.is_following()).await;
    let other = tempfile::tempdir().unwrap();
    let other = Certificate::create(other.path());
    let fooled = options().ca_file(other.certificate_path()).start().unwrap();
    assert_eq!(ask(&fooled, &key.secret).await.code, "unavailable");
}

#[tokio::test]
async fn k1_settings_are_checked_and_the_management_key_is_never_shown() {
    let key = || ManagementKey::new("kw_secretsecret\n");
    for url in [
        "keyward:8081",
        "ftp://keyward",
        "http://",
        "https://keyward/path",
        "http://keyward?x",
    ] {
        assert!(Remote::options(url, key()).start().is_err(), "{url}");
    }
    assert!(
        Remote::options("http://127.0.0.1:1", ManagementKey::new(" "))
            .start()
            .is_err()
    );
    assert!(
        Remote::options("https://x", key())
            .ca_file("/nowhere")
            .start()
            .is_err()
    );
    let shown = format!("{:?} {:?}", key(), Remote::options("http://127.0.0.1:1", key()));
    assert!(!shown.contains("secretsecret"), "{shown}");
    // The server need not be there yet.
    let remote = Remote::options("http://127.0.0.1:1", key()).start().unwrap();
    assert_eq!(ask(&remote, "kw_x").await.code, "unavailable");
    assert_eq!(ask(&remote, "a b").await.code, "key_malformed");
}
