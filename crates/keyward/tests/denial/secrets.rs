//! K1, K6, K7, K8, O9: where a secret may show, and what a log line or a metric may hold.

use crate::support::{Dice, OWNER, World, get, sized, verdict};
use keyward_testkit::{H2Client, KeySpec, RawClient, Reply, exchange, request};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// A page for the API's documentation, and logs as deep as they go.
const LOUD: &str = "[log]\nlevel = \"trace\"\nformat = \"json\"";

/// The files under a folder that hold a text.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
            continue;
        }
        let bytes = fs::read(&path).unwrap_or_default();
        if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// What nobody can know of a secret but who was told it.
fn random_part(secret: &str) -> &str {
    &secret[3..35]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k1_a_clear_secret_is_nowhere_after_ten_thousand_uses() {
    let world = World::start(LOUD).await;
    let limited = world.keyward.key(KeySpec::new(OWNER, "limited").limit(5)).await;
    let disabled = world.keyward.key(KeySpec::new(OWNER, "disabled")).await;
    let path = format!("/v1/keys/{}/disable", disabled.id);
    world.keyward.api_ok("POST", &path, &Value::Null).await;
    let expires = KeySpec::new(OWNER, "expired").expires_at("2999-12-31T23:59:59Z");
    let expired = world.keyward.key(expires).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(world.connect().await);
    }
    let secrets = [
        world.secret(),
        &limited.secret,
        &disabled.secret,
        &expired.secret,
        world.keyward.management_secret(),
    ];
    let uses = sized(10_000, 100_000);
    let mut used = 0;
    while used < uses {
        for client in &mut clients {
            let burst: Vec<u8> = (0..25)
                .flat_map(|n| get("/api/1/x", secrets[if n % 5 == 0 { n / 5 } else { 0 }]))
                .collect();
            client.send(burst).await;
        }
        for client in &mut clients {
            for _ in 0..25 {
                client.read_response().await;
                used += 1;
            }
        }
    }
    let metrics = world.keyward.metrics().await;
    // The usage counts are written a moment later.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for running in [true, false] {
        if !running {
            world.keyward.stop().await;
        }
        for secret in secrets {
            let part = random_part(secret);
            assert_eq!(files_with(world.keyward.dir(), part), [""; 0]);
            assert!(!metrics.contains(part));
        }
    }
    assert!(
        !files_with(world.keyward.dir(), &world.key.id).is_empty(),
        "nothing was logged"
    );
}

#[tokio::test]
async fn k1_a_secret_that_a_member_pastes_in_place_of_an_id_is_kept_nowhere() {
    let world = World::start(LOUD).await;
    let member = world.keyward.management_key(OWNER).await.secret;
    let (pasted, rename) = (world.secret(), json!({ "name": "x" }));
    for (method, path, body) in [
        ("GET", format!("/v1/keys/{pasted}"), &Value::Null),
        ("PATCH", format!("/v1/keys/{pasted}"), &rename),
        ("DELETE", format!("/v1/keys/{pasted}"), &Value::Null),
        ("POST", format!("/v1/keys/{pasted}/disable"), &Value::Null),
        ("GET", format!("/v1/keys/{pasted}/usage"), &Value::Null),
        ("GET", format!("/v1/keys?text={pasted}"), &Value::Null),
        (
            "POST",
            "/v1/keys".into(),
            &json!({ "name": "n", "owner": pasted }),
        ),
        (
            "POST",
            "/v1/keys".into(),
            &json!({ "name": "n", "sites": [pasted] }),
        ),
        ("PATCH", format!("/v1/users/{pasted}"), &rename),
        ("DELETE", format!("/v1/users/{pasted}"), &Value::Null),
        ("POST", format!("/v1/users/{pasted}/disable"), &Value::Null),
        (
            "PATCH",
            format!("/v1/sites/{pasted}"),
            &json!({ "active": false }),
        ),
        ("GET", format!("/v1/audit?target_id={pasted}"), &Value::Null),
    ] {
        for caller in [&*member, world.keyward.management_secret()] {
            let said = world.keyward.api_as(caller, method, &path, body).await;
            assert!((200..500).contains(&said.status), "{method} {path}: {said:?}");
        }
    }
    // The tries are in the audit log all the same, and what they were about when it is a thing of ours.
    world
        .keyward
        .api_as(&member, "PATCH", "/v1/sites/1", &json!({ "active": false }))
        .await;
    let user = format!("/v1/users/{OWNER}/disable");
    world.keyward.api_as(&member, "POST", &user, &Value::Null).await;
    let lines = world
        .keyward
        .api_ok("GET", "/v1/audit?limit=200", &Value::Null)
        .await;
    let denied: Vec<_> = lines["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["outcome"] == "denied")
        .collect();
    assert_eq!(denied.len(), 10, "{denied:?}");
    let named: Vec<_> = denied.iter().filter(|line| line["target"]["id"] != "").collect();
    assert_eq!(named.len(), 2, "{named:?}");
    world.keyward.stop().await;
    let found = files_with(world.keyward.dir(), random_part(pasted));
    assert!(found.is_empty(), "{found:?}");
}

/// Requests that carry a secret where it does not belong, or that are refused with it in their hands.
fn misplaced(secret: &str) -> Vec<Vec<u8>> {
    let key = ("X-API-KEY", secret);
    let bearer = format!("Bearer {secret}");
    let lines =
        |first: &str, fields: &str| format!("{first}\r\nHost: localhost\r\n{fields}\r\n").into_bytes();
    let mut all = vec![
        get("/api/1/x", secret),
        get("/api/2/x", secret),
        get("/nowhere", secret),
        request("GET", "/api/1/x", &[("Authorization", &bearer)], ""),
        request("GET", "/api/1/x", &[("Cookie", &format!("key={secret}"))], ""),
        request(
            "GET",
            "/api/1/x",
            &[("User-Agent", secret), ("Referer", secret), key],
            "",
        ),
        request(
            "GET",
            "/api/1/x",
            &[("Origin", &format!("https://{secret}")), key],
            "",
        ),
        request("GET", "/api/1/x", &[key, key], ""),
        request(
            "GET",
            "/api/1/x",
            &[("X-API-KEY", &format!("{secret}, {secret}"))],
            "",
        ),
        request("GET", "/api/1/x", &[("X-API-KEY", &format!("\"{secret}\""))], ""),
        request("GET", "/api/1/x", &[("X_API_KEY", secret)], ""),
        request("GET", "/api/1/x", &[("X-API-KEY", &format!("{secret}x"))], ""),
        request("GET", "/api/1/x", &[(secret, "v"), key], ""),
        request("GET", "/api/1/x", &[("Connection", secret)], ""),
        request(
            "GET",
            "/api/1/x",
            &[("Connection", &format!("X-API-KEY, {secret}"))],
            "",
        ),
        request("GET", "/api/1/x", &[("Host", secret)], ""),
        request("GET", "/api/1/x", &[("Host", &format!("a@{secret}"))], ""),
        request("GET", "/api/1/x", &[("Transfer-Encoding", secret), key], ""),
        request("GET", "/api/1/x", &[("Content-Length", secret), key], ""),
        request("GET", "/api/1/x", &[("Expect", secret), key], ""),
        request(
            "GET",
            "/api/1/x",
            &[("Upgrade", secret), ("Connection", "upgrade"), key],
            "",
        ),
        request("GET", "/api/1/x", &[("X-Forwarded-For", secret), key], ""),
        request("GET", "/api/1/x", &[("X-Request-Id", secret), key], ""),
        request("POST", "/api/1/x", &[key], secret),
        request("POST", "/api/1/x", &[("Transfer-Encoding", "chunked"), key], "")
            .into_iter()
            .chain(secret.bytes())
            .collect(),
        lines(&format!("{secret} /api/1/x HTTP/1.1"), ""),
        lines(&format!("{} /api/1/x HTTP/1.1", &secret[..32]), ""),
        lines(&format!("GET /api/1/x HTTP/{secret}"), ""),
        lines(&format!("GET {secret} HTTP/1.1"), ""),
        lines("GET /api/1/x HTTP/1.1", &format!("X-API-KEY : {secret}\r\n")),
        lines("GET /api/1/x HTTP/1.1", &format!("X-API-KEY: {secret}\n")),
        lines("GET /api/1/x HTTP/1.1", &format!("X-API-KEY: \0{secret}\r\n")),
        format!("{secret}\r\n\r\n").into_bytes(),
    ];
    let targets = [
        format!("/api/1/x?api_key={secret}"),
        format!("/swagger/x?api_key={secret}"),
        format!("/swagger/{secret}"),
        format!("/nowhere/{secret}"),
        format!("/nowhere?{secret}"),
        format!("/{secret}"),
        format!("/api/{secret}/x"),
        format!("/api/{secret}"),
        format!("/api/1/{secret}"),
        format!("/api/1/a/{secret}/b"),
        format!(
            "/api/1/{}%{:02x}{}",
            &secret[..3],
            secret.as_bytes()[3],
            &secret[4..]
        ),
        format!("/api//{secret}"),
        format!("/api/../{secret}"),
        format!("/api/1/%zz{secret}"),
        format!("/api/1/x#{secret}"),
        format!("http://localhost/api/1/{secret}"),
        format!("http://{secret}/api/1/x"),
        format!("http://{secret}@localhost/api/1/x"),
        format!("/api/1/gone/{secret}"),
        format!("/api/1/bad/{secret}"),
    ];
    for target in &targets {
        for method in ["GET", "POST", "OPTIONS", "TRACE"] {
            all.push(request(method, target, &[], ""));
            all.push(request(method, target, &[key], ""));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k6_no_log_line_holds_a_secret_wherever_the_client_put_it() {
    for format in ["json", "human"] {
        let config = format!("{LOUD}\n[gateway.cors]\norigins = [\"*\"]");
        let world = World::start_with(&config, |builder| {
            builder.config_toml(&format!("[log]\nformat = \"{format}\""))
        })
        .await;
        world.upstream.script("/api/1/gone", Reply::CloseWithoutAnswer);
        world.upstream.script(
            "/api/1/bad",
            Reply::BytesThenClose(format!("{}\r\n\r\n", world.secret()).into_bytes()),
        );
        let management = world.keyward.management_secret().to_owned();
        let secrets = [world.secret().to_owned(), management.clone()];
        for secret in &secrets {
            for bytes in misplaced(secret) {
                for port in [
                    world.keyward.gateway(),
                    world.keyward.console(),
                    world.keyward.ops(),
                ] {
                    answer_to(port, &bytes).await;
                }
            }
            over_http2(&world, secret).await;
            for path in [
                format!("/v1/keys/{secret}"),
                format!("/v1/keys?q={secret}&key={secret}"),
                format!("/v1/users/{secret}"),
                format!("/v1/sites/{secret}"),
                format!("/{secret}"),
                format!("/v1/{secret}"),
                format!("/static/{secret}"),
            ] {
                for method in ["GET", "DELETE", "PATCH", "BREW"] {
                    world
                        .keyward
                        .api(method, &path, &json!({ "name": secret, secret: secret }))
                        .await;
                    world.keyward.api_as("nobody", method, &path, &Value::Null).await;
                }
            }
        }
        world.keyward.stop().await;
        let log = world.keyward.log();
        assert!(log.lines().count() > 300, "{log}");
        for secret in &secrets {
            // A method may have 32 bytes, so that a secret may be cut there.
            let part = &random_part(secret)[..24];
            let lines: Vec<&str> = log.lines().filter(|line| line.contains(part)).collect();
            assert!(lines.is_empty(), "{format}: {lines:#?}");
        }
    }
}

/// Sends bytes and reads what comes for a moment; what it is does not matter here.
async fn answer_to(port: SocketAddr, bytes: &[u8]) {
    let mut client = RawClient::connect(port).await;
    let _ = client.try_send(bytes).await;
    let _ = tokio::time::timeout(Duration::from_millis(300), client.try_read_response("GET")).await;
}

/// The places that HTTP/2 has of its own.
async fn over_http2(world: &World, secret: &str) {
    let mut h2 = H2Client::connect(world.keyward.gateway()).await;
    let bearer = format!("Bearer {secret}");
    for (method, path) in [
        (secret, "/api/1/x"),
        ("GET", format!("/api/{secret}/x").as_str()),
        ("GET", format!("/nowhere/{secret}?{secret}").as_str()),
        ("PUT", format!("/api/1/{secret}").as_str()),
    ] {
        for header in [("x-api-key", secret), ("authorization", bearer.as_str())] {
            let _ = h2.try_send(method, path, &[header], "").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k7_a_log_line_is_one_json_object_whatever_a_client_sends() {
    let world = World::start(LOUD).await;
    let evil = "a\r\nforged \u{1b}[31m\" \\ \u{202e}txt \u{2028} \u{85} \u{7f}";
    for body in [
        json!({ "owner": OWNER, "name": evil, "description": evil }),
        json!({ "owner": evil, "name": "a" }),
        json!({ "owner": OWNER, "name": "a", evil: 1 }),
        json!({ "owner": OWNER, "name": "a", "sites": [evil], "addresses": [evil], "use_case": evil }),
    ] {
        world.keyward.api("POST", "/v1/keys", &body).await;
    }
    for path in ["/v1/users", "/v1/sites"] {
        let body = json!({ "name": evil, "email": evil, "role": evil });
        world.keyward.api("POST", path, &body).await;
    }
    let signs = [
        "%0d%0aforged",
        "%1b[31m",
        "%e2%80%ae",
        "\u{202e}",
        "\u{1b}[2J",
        "\"",
        "%22",
        "\\",
        "\\n",
        "\u{85}",
        "\0",
        "\u{7f}",
        "`$(x)",
    ];
    for port in [
        world.keyward.gateway(),
        world.keyward.console(),
        world.keyward.ops(),
    ] {
        for sign in signs {
            for bytes in [
                request("GET", &format!("/api/1/{sign}"), &[], ""),
                request("GET", &format!("/{sign}?{sign}"), &[], ""),
                request(
                    "GET",
                    &format!("/v1/keys/{sign}"),
                    &[("X-API-KEY", world.keyward.management_secret())],
                    "",
                ),
                request(
                    "GET",
                    "/api/1/x",
                    &[("User-Agent", sign), ("X-API-KEY", world.secret())],
                    "",
                ),
                request(
                    "GET",
                    "/api/1/x",
                    &[("X-API-KEY", sign), ("X-Request-Id", sign)],
                    "",
                ),
                request("GET", "/api/1/x", &[("Host", sign)], ""),
                request(&format!("A{sign}"), "/api/1/x", &[], ""),
                request("A!#$%&'*^`|~", "/api/1/x", &[], ""),
            ] {
                answer_to(port, &bytes).await;
            }
        }
    }
    world.keyward.stop().await;
    let log = world.keyward.stderr();
    let mut seen = 0;
    for line in log.split('\n').filter(|line| !line.is_empty()) {
        let control =
            |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!line.contains(control), "{}", line.escape_debug());
        // The one line for people that a stop writes is no event.
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            assert!(line.starts_with("stopping: "), "{line}");
            continue;
        };
        assert!(
            event["timestamp"].is_string() && event["level"].is_string(),
            "{line}"
        );
        seen += 1;
    }
    assert!(seen > 100, "{seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k8_a_secret_reaches_the_upstream_only_when_it_is_told_to() {
    for forward in [false, true] {
        let world = World::start(&format!("[gateway]\nforward_key = {forward}")).await;
        let secret = world.secret().to_owned();
        let mut h2 = H2Client::connect(world.keyward.gateway()).await;
        assert_eq!(verdict(&world.send(world.get("/api/1/x")).await), "200");
        assert_eq!(
            h2.send("GET", "/api/1/x", &[("x-api-key", &secret)], "")
                .await
                .status,
            200
        );
        let upper = request("POST", "/api/1/x", &[("x-Api-kEY", &secret)], "body");
        assert_eq!(verdict(&world.send(upper).await), "200");
        let wanted: Vec<String> = if forward { vec![secret.clone()] } else { Vec::new() };
        for got in world.upstream.wait_for(3).await {
            assert_eq!(got.header("x-api-key"), wanted, "{got:?}");
            let times = String::from_utf8_lossy(&got.head)
                .matches(secret.as_str())
                .count();
            assert_eq!(times, wanted.len(), "{got:?}");
        }
        world.upstream.clear();
        // Neither a preflight nor a spelling that only looks like the field carries it.
        for bytes in [
            request("OPTIONS", "/api/1/x", &[("X-API-KEY", &secret)], ""),
            request("GET", "/swagger/x", &[("X_API_KEY", &secret)], ""),
            request(
                "GET",
                "/api/1/x",
                &[
                    ("X-API-KEY", &secret),
                    ("X_Api.Key", &secret),
                    ("X-API_KEY", &secret),
                ],
                "",
            ),
        ] {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            world.send(bytes).await;
            for got in world.upstream.requests() {
                let times = String::from_utf8_lossy(&got.head)
                    .matches(secret.as_str())
                    .count();
                let most = usize::from(forward && got.method() == "GET" && got.target() == "/api/1/x");
                assert!(times <= most, "{text}: {got:?}");
            }
            world.upstream.clear();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k8_a_redirect_of_ours_never_carries_a_secret() {
    let world = World::start("[gateway.swagger]\nupstream_path = \"/openapi.json\"").await;
    let secret = world.secret().to_owned();
    let mut redirects = 0;
    for port in [
        world.keyward.gateway(),
        world.keyward.console(),
        world.keyward.ops(),
    ] {
        for path in [
            "/swagger",
            "/swagger/",
            "/",
            "/login",
            "/console",
            "/keys",
            "/docs",
            "/healthz/",
            "/metrics/",
            "/v1",
            "/api/1",
        ] {
            for bytes in [
                get(&format!("{path}?api_key={secret}"), &secret),
                get(&format!("{path}?next=//{secret}"), "nobody"),
                request("GET", path, &[("Host", &secret), ("X-API-KEY", &secret)], ""),
                request(
                    "GET",
                    path,
                    &[("X-Forwarded-Host", &secret), ("Referer", &secret)],
                    "",
                ),
            ] {
                let answer = exchange(port, &bytes).await;
                redirects += usize::from(answer.header("location").is_some());
                let head = String::from_utf8_lossy(&answer.head).into_owned();
                let upstreams = answer
                    .header("content-type")
                    .is_some_and(|kind| kind == "application/json")
                    && path == "/api/1";
                assert!(
                    upstreams || !head.contains(&secret),
                    "{}",
                    String::from_utf8_lossy(&bytes)
                );
            }
        }
    }
    assert!(redirects > 0, "nothing redirects: the table is out of date");
}

/// Names and labels of all series.
fn series(metrics: &str) -> BTreeSet<String> {
    metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, _)| series.to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o9_metrics_hold_no_secret_and_no_series_of_a_clients_making() {
    let world = World::start("[log]\naccess = false").await;
    let secret = world.secret().to_owned();
    world.upstream.script("/api/1/gone", Reply::CloseWithoutAnswer);
    world.send(world.get("/api/1/x")).await;
    world.send(world.get("/api/1/gone")).await;
    let before = series(&world.keyward.metrics().await);
    let mut dice = Dice(0x1357_9bdf_0246_8ace);
    let mut made = Vec::new();
    for _ in 0..sized(1000, 20_000) {
        let word = dice.text(12, b"abcdefghijklmnopqrstuvwxyz");
        made.push(word.clone());
        let n = dice.roll(8);
        let bytes = match n {
            0 => get(&format!("/{word}"), &secret),
            1 => get(&format!("/api/{word}/x"), &secret),
            2 => get("/api/1/x", &word),
            3 => request(&word.to_uppercase(), "/api/1/x", &[("X-API-KEY", &secret)], ""),
            4 => request(
                "GET",
                &format!("/swagger/{word}?{word}"),
                &[("User-Agent", &word)],
                "",
            ),
            5 => request("GET", "/api/1/x", &[("Host", &word), (&word, &word)], ""),
            6 => request(
                "OPTIONS",
                "/api/1/x",
                &[
                    ("Origin", &format!("https://{word}")),
                    ("Access-Control-Request-Method", "GET"),
                ],
                "",
            ),
            _ => format!("{word}\r\n\r\n").into_bytes(),
        };
        world.send(bytes).await;
    }
    // A site and a key more make no series either.
    world.keyward.site("site-of-its-own").await;
    world.keyward.key(KeySpec::new(OWNER, "key-of-its-own")).await;
    let metrics = world.keyward.metrics().await;
    let after = series(&metrics);
    let fresh: Vec<_> = after.difference(&before).collect();
    assert!(fresh.len() <= 2, "{fresh:?}");
    assert!(after.len() < 200, "{}", after.len());
    let lower = metrics.to_lowercase();
    for word in made.iter().map(String::as_str).chain([
        OWNER,
        "site-of-its-own",
        "key-of-its-own",
        &world.key.id,
        random_part(&secret),
    ]) {
        assert!(!lower.contains(&word.to_lowercase()), "{word}");
    }
}

#[tokio::test]
async fn o9_no_plane_tells_what_it_is_made_of() {
    let world = World::start("").await;
    let version = env!("CARGO_PKG_VERSION");
    let key = world.secret().to_owned();
    let management = world.keyward.management_secret().to_owned();
    for (port, secret) in [
        (world.keyward.gateway(), &key),
        (world.keyward.console(), &management),
        (world.keyward.ops(), &management),
    ] {
        let asked = [
            "/",
            "/healthz",
            "/readyz",
            "/metrics",
            "/swagger/",
            "/api/1/x",
            "/nowhere",
            "/v1/keys",
            "/v1",
            "/version",
            "/debug",
            "/debug/pprof",
            "/status",
            "//",
        ];
        for path in asked {
            for bytes in [
                get(path, secret),
                request("GET", path, &[], ""),
                request("DELETE", path, &[], ""),
                b"nonsense\r\n\r\n".to_vec(),
            ] {
                let answer = exchange(port, &bytes).await;
                let what = format!("{port} {path} {}", answer.status);
                for name in ["server", "x-powered-by", "via", "x-version"] {
                    assert_eq!(answer.header(name), None, "{what}");
                }
                let text = String::from_utf8_lossy(&answer.head).to_lowercase();
                assert!(
                    !text.contains(version) && !text.contains("hyper") && !text.contains("axum"),
                    "{what}: {text}"
                );
                let body = answer.text();
                assert!(!body.contains(random_part(secret)), "{what}");
                if path != "/api/1/x" && path != "/v1" {
                    assert!(
                        !body.contains("hyper") && !body.contains("panicked"),
                        "{what}: {body}"
                    );
                }
                if matches!(path, "/healthz" | "/readyz" | "/metrics" | "/nowhere") {
                    assert!(!body.contains(version), "{what}: {body}");
                }
            }
        }
    }
    let health = exchange(world.keyward.ops(), request("GET", "/healthz", &[], "")).await;
    assert_eq!((health.status, health.text().as_str()), (200, "ok"));
}
