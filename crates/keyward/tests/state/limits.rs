//! L1, L6, L7, L10, L12, L13, L14: one exact window for each key, whatever the way that requests come.

use crate::{now, started};
use keyward_testkit::{
    EchoUpstream, H2Client, KeySpec, Keyward, OWNER, RawClient, RawResponse, Reply, exchange, get, request,
    sized, verdict,
};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Barrier;

const REMAINING: &str = "X-RateLimit-Remaining";
const RESET: &str = "X-RateLimit-Reset";

/// Repeats a round that a minute's end fell into. A round gives what it saw, which is judged afterwards: an assertion in it that
/// only holds within one minute would fail before it could be repeated.
async fn within_one_minute<T>(mut round: impl AsyncFnMut() -> T) -> T {
    for _ in 0..5 {
        let minute = now().seconds() / 60;
        let outcome = round().await;
        if now().seconds() / 60 == minute {
            return outcome;
        }
    }
    panic!("a minute ended in every round");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l1_exactly_60_of_200_requests_at_the_same_instant_pass() {
    let (_upstream, keyward) = started().await;
    for round in 0..sized(5, 100) {
        // Keys of their own spare waiting for the next minute.
        let (passed, refused) = within_one_minute(async || {
            let key = keyward.key(KeySpec::new(OWNER, "k").limit(60)).await;
            let start = Arc::new(Barrier::new(200));
            let clients: Vec<_> = (0..200)
                .map(|_| {
                    tokio::spawn(one_of_many(
                        keyward.gateway(),
                        key.secret.clone(),
                        Arc::clone(&start),
                    ))
                })
                .collect();
            let mut counts = (0, 0);
            for client in clients {
                let answer = client.await.unwrap();
                assert_eq!(answer.number("X-RateLimit-Limit"), 60);
                assert_eq!(answer.number(RESET) % 60, 0);
                match verdict(&answer).as_str() {
                    "200" => counts.0 += 1,
                    "429 rate_limited" => {
                        assert!((1..=60).contains(&answer.number("Retry-After")));
                        assert_eq!(answer.number(REMAINING), 0);
                        counts.1 += 1;
                    }
                    other => panic!("{other}"),
                }
            }
            counts
        })
        .await;
        assert_eq!((passed, refused), (60, 140), "round {round}");
    }
}

async fn one_of_many(gateway: SocketAddr, secret: String, start: Arc<Barrier>) -> RawResponse {
    let mut client = RawClient::connect(gateway).await;
    start.wait().await;
    client.ask(&secret).await
}

#[tokio::test]
async fn l6_only_whole_numbers_from_1_to_1_000_000_are_limits() {
    let (_upstream, keyward) = started().await;
    let post = async |limit: &str| {
        let body = format!(r#"{{"owner":"{OWNER}","name":"k","limit":{{"per_minute":{limit}}}}}"#);
        let headers = [
            ("X-API-KEY", keyward.management_secret()),
            ("Content-Type", "application/json"),
        ];
        exchange(keyward.console(), request("POST", "/v1/keys", &headers, body)).await
    };
    for bad in [
        "0",
        "-1",
        "-0",
        "1.5",
        "1.0",
        "1e2",
        "1e400",
        "\"60\"",
        "\"\"",
        "true",
        "[60]",
        "{}",
        "null",
        "1000001",
        "2147483647",
        "4294967296",
        "4294967297",
        "9007199254740993",
        "9223372036854775808",
        "18446744073709551616",
        "100000000000000000000000000000000000000000000",
    ] {
        let answer = post(bad).await;
        assert!(
            matches!(answer.status, 400 | 422),
            "{bad}: {} {}",
            answer.status,
            answer.text()
        );
    }
    for (good, told) in [("1", 1), ("1000000", 1_000_000)] {
        let answer = post(good).await;
        let told = json!({ "per_minute": told });
        assert_eq!((answer.status, &answer.json()["limit"]), (201, &told), "{good}");
    }
}

#[tokio::test]
async fn l7_a_changed_limit_holds_from_the_next_request() {
    let (_upstream, keyward) = started().await;
    within_one_minute(async || {
        let key = keyward.key(KeySpec::new(OWNER, "k").limit(100)).await;
        let path = format!("/v1/keys/{}", key.id);
        let set = async |limit: Value| keyward.api_ok("PATCH", &path, &json!({ "limit": limit })).await;
        let mut client = RawClient::connect(keyward.gateway()).await;
        let mut steps = Vec::new();
        for _ in 0..50 {
            client.ask(&key.secret).await;
        }
        let so_many = |number: u32| json!({ "per_minute": number });
        for limit in [
            so_many(10),
            so_many(52),
            so_many(52),
            so_many(60),
            json!({ "unlimited": true }),
        ] {
            set(limit).await;
            let answer = client.ask(&key.secret).await;
            steps.push((answer.status, answer.header(REMAINING).map(str::to_owned)));
        }
        steps
    })
    .await
    .iter()
    .zip([
        (429, Some("0")),
        (200, Some("1")),
        (200, Some("0")),
        (200, Some("7")),
        (200, None),
    ])
    .for_each(|(step, wanted)| assert_eq!((step.0, step.1.as_deref()), wanted));
}

#[tokio::test]
async fn l10_refusals_and_free_ways_cost_nothing_and_failed_upstream_calls_cost_one() {
    let upstream = EchoUpstream::start().await;
    let keyward = Keyward::before(&upstream)
        .no_access_log()
        .config_toml(
            "[gateway.cors]\norigins = [\"https://app.example.com\"]\n\
             [[use_cases]]\nname = \"read\"\nroutes = [{ methods = [\"GET\"], path = \"/api/{site}/**\" }]",
        )
        .start()
        .await;
    keyward.user(OWNER, "member").await;
    keyward.site("1").await;
    upstream.script("/api/1/fails", Reply::http(500, "no"));
    upstream.script("/api/1/closes", Reply::CloseWithoutAnswer);
    let steps = within_one_minute(async || {
        let spec = KeySpec::new(OWNER, "k").sites(&["1"]).limit(1000);
        let key = keyward.key(spec.clone()).await;
        let far = keyward.key(spec.addresses(&["192.0.2.0/24"])).await;
        let headers = [("X-API-KEY", key.secret.as_str())];
        let left = async || keyward.ask(&key.secret).await.number(REMAINING);
        let mut steps = vec![("the first".to_owned(), left().await, 1)];
        let preflight = [
            ("X-API-KEY", key.secret.as_str()),
            ("Origin", "https://app.example.com"),
            ("Access-Control-Request-Method", "GET"),
        ];
        let free = [
            (get("/api/2/x", &key.secret), 403),
            (request("POST", "/api/1/x", &headers, "body"), 403),
            (get("/api/1/../1/x", &key.secret), 400),
            (get("/api/1/%00", &key.secret), 400),
            (get("/elsewhere", &key.secret), 404),
            (request("TRACE", "/api/1/x", &headers, ""), 405),
            (request("OPTIONS", "/api/1/x", &preflight, ""), 204),
            (request("GET", "/api/1/x", &[headers[0], headers[0]], ""), 401),
            (get("/swagger/v1/swagger.json", &key.secret), 200),
        ];
        for (bytes, status) in free {
            let shown = String::from_utf8_lossy(&bytes).into_owned();
            assert_eq!(exchange(keyward.gateway(), bytes).await.status, status, "{shown}");
            steps.push((shown, left().await, 1));
        }
        for (path, status) in [("/api/1/fails", 500), ("/api/1/closes", 502)] {
            let answer = exchange(keyward.gateway(), get(path, &key.secret)).await;
            assert_eq!(answer.status, status, "{path}");
            steps.push((path.to_owned(), left().await, 2));
        }
        let refused = keyward.ask(&far.secret).await;
        assert_eq!(
            (verdict(&refused).as_str(), refused.number(REMAINING)),
            ("403 ip_forbidden", 1000)
        );
        steps
    })
    .await;
    let mut wanted = 1000;
    for (what, left, cost) in steps {
        wanted -= cost;
        assert_eq!(left, wanted, "{what}");
    }
}

#[tokio::test]
async fn l12_every_spelling_of_a_request_counts_in_the_one_window_of_its_key() {
    let (_upstream, keyward) = started().await;
    let gateway = keyward.gateway();
    let seen = within_one_minute(async || {
        let key = keyward.key(KeySpec::new(OWNER, "k").limit(100)).await;
        let header = ("X-API-KEY", key.secret.as_str());
        let mut seen = Vec::new();
        let see = async |what: String, bytes: Vec<u8>| {
            let answer = exchange(gateway, bytes).await;
            (what, answer.status, answer.header(REMAINING).map(str::to_owned))
        };
        let plain = [
            ("GET", "/api/1/x"),
            ("GET", "/api/1/X"),
            ("GET", "/api/1/%E2%82%AC"),
            ("GET", "/api/1/x/"),
            ("GET", "/api/1/x?a=1"),
            ("GET", "/api/1/x?a=2&a=3"),
            ("GET", "/api/2/x"),
            ("GET", "/api/01/x"),
            ("HEAD", "/api/1/x"),
            ("POST", "/api/1/x"),
            ("DELETE", "/api/1/x"),
            ("PURGE", "/api/1/x"),
        ];
        for (method, target) in plain {
            let bytes = request(method, target, &[header], "");
            seen.push(see(format!("{method} {target}"), bytes).await);
        }
        let hosts = [
            "api.example.com",
            "API.EXAMPLE.COM",
            "api.example.com:8080",
            "127.0.0.1",
        ];
        for host in hosts {
            let bytes = request("GET", "/api/1/x", &[header, ("Host", host)], "");
            seen.push(see(host.to_owned(), bytes).await);
        }
        for name in ["x-api-key", "X-Api-Key", "X-API-KEY"] {
            for from in ["1.2.3.4", "5.6.7.8"] {
                let headers = [(name, key.secret.as_str()), ("X-Forwarded-For", from)];
                let bytes = request("GET", "/api/1/x", &headers, "");
                seen.push(see(format!("{name} {from}"), bytes).await);
            }
        }
        let absolute = format!(
            "GET http://localhost/api/1/x HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {}\r\n\r\n",
            key.secret
        );
        seen.push(see("absolute".to_owned(), absolute.into_bytes()).await);
        let mut h2 = H2Client::connect(gateway).await;
        let mut see_h2 = async |path: &str| {
            let answer = h2.send("GET", path, &[("x-api-key", &key.secret)], "").await;
            let left = answer.header("x-ratelimit-remaining").map(str::to_owned);
            (format!("HTTP/2 {path}"), answer.status, left)
        };
        for path in ["/api/1/x", "/api/1/%E2%82%AC", "/api/2/x"] {
            seen.push(see_h2(path).await);
        }
        // Until it is full, then full for all of them.
        while seen.len() < 100 {
            seen.push(see("filling".to_owned(), get("/api/1/x", &key.secret)).await);
        }
        for (method, target) in plain {
            let bytes = request(method, target, &[header], "");
            seen.push(see(format!("{method} {target}, full"), bytes).await);
        }
        seen.push(see_h2("/api/1/x").await);
        seen
    })
    .await;
    for (n, (what, status, left)) in (1..).zip(seen) {
        let wanted = if n <= 100 { (200, 100 - n) } else { (429, 0) };
        assert_eq!(
            (status, left),
            (wanted.0, Some(wanted.1.to_string())),
            "{n}: {what}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l13_garbage_keys_take_no_memory() {
    let (upstream, keyward) = started().await;
    let total = sized(150_000, 5_000_000);
    // Warmed up, so that buffers and pools do not count.
    garbage(keyward.gateway(), 0, total / 20).await;
    let before = keyward.rss_kib();
    let clients: Vec<_> = (1..=4)
        .map(|client| tokio::spawn(garbage(keyward.gateway(), client, total / 4)))
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let grown = keyward.rss_kib().saturating_sub(before);
    assert!(grown <= 64 * 1024, "{total} garbage keys: {grown} KiB");
    // An entry for each would show: its fingerprint alone has 32 bytes.
    assert!(
        grown <= 8 * 1024 + total as u64 * 12 / 1024,
        "{total} garbage keys: {grown} KiB"
    );
    assert_eq!(upstream.count(), 0);
    let key = keyward.key(KeySpec::new(OWNER, "k")).await;
    assert_eq!(keyward.verdict(&key.secret).await, "200");
}

/// Sends so many different keys, in batches on one connection.
async fn garbage(gateway: SocketAddr, client: usize, count: usize) {
    const BATCH: usize = 100;
    let mut connection = RawClient::connect(gateway).await;
    for batch in 0..count / BATCH {
        let mut bytes = Vec::new();
        for n in 0..BATCH {
            bytes.extend(get("/api/1/x", &format!("garbage-{client}-{batch}-{n}")));
        }
        connection.send(bytes).await;
        for _ in 0..BATCH {
            assert_eq!(connection.read_response().await.status, 401);
        }
    }
}

#[tokio::test]
async fn l14_a_restart_in_the_middle_of_a_window_gives_at_most_one_window_more() {
    let (_upstream, keyward) = started().await;
    let (before, after) = within_one_minute(async || {
        let key = keyward.key(KeySpec::new(OWNER, "k").limit(5)).await;
        let pass = async || {
            let mut passed = 0;
            for _ in 0..12 {
                passed += i32::from(keyward.ask(&key.secret).await.status == 200);
            }
            passed
        };
        let before = pass().await;
        keyward.restart().await;
        (before, pass().await)
    })
    .await;
    assert_eq!(before, 5);
    assert!(after <= 5, "{after}");
}

#[tokio::test]
#[ignore = "waits for a minute's end"]
async fn l8_after_waiting_as_told_the_next_request_passes() {
    let (_upstream, keyward) = started().await;
    let key = keyward.key(KeySpec::new(OWNER, "k").limit(3)).await;
    for _ in 0..sized(1, 10) {
        let refused = loop {
            let answer = keyward.ask(&key.secret).await;
            if answer.status == 429 {
                break answer;
            }
        };
        let wait = refused.number("Retry-After");
        tokio::time::sleep(std::time::Duration::from_secs(u64::try_from(wait).unwrap())).await;
        assert_eq!(keyward.verdict(&key.secret).await, "200");
    }
}
