//! K6, K7: what a log line may hold.

use crate::secrets::{LOUD, random_part};
use keyward_testkit::{H2Client, OWNER, RawClient, Reply, World, get, request};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

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
        let world = World::builder()
            .config(&config)
            .config(&format!("[log]\nformat = \"{format}\""))
            .start()
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
        json!({ "owner": OWNER, "name": "a", "sites": { "only": [evil] }, "addresses": { "only": [evil] }, "use_case": evil }),
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
        let event = serde_json::from_str::<Value>(line);
        let event = event.unwrap_or_else(|fault| panic!("{fault}: {line}"));
        assert!(
            event["timestamp"].is_string() && event["level"].is_string(),
            "{line}"
        );
        seen += 1;
    }
    assert!(seen > 100, "{seen}");
}
