//! F8–F12 and L8: what comes of requests that are refused, that ask for another protocol, or that have a limit.

use crate::world::{World, assert_problem};
use keyward_testkit::{KeySpec, OWNER, RawClient, RawResponse, Reply, request, sized};
use std::io::ErrorKind;
use std::time::Duration;

#[tokio::test]
async fn f8_refusals_drain_or_close_and_no_body_is_read_as_a_request() {
    let world = World::start("").await;
    world.upstream.record_bodies(false);
    let spent = world
        .keyward
        .key(KeySpec::new(OWNER, "spent").limit(1))
        .await
        .secret;
    let inner = world.request("GET", "/api/1/inner", &[], b"");
    for (target, secret, status) in [
        ("/api/1/x", "kw_nonsense", 401),
        ("/api/2/x", world.k1.as_str(), 403),
        ("/nowhere", world.secret(), 404),
        ("/api/1/x", spent.as_str(), 429),
    ] {
        for length in [1, 100, 64 * 1024, sized(1 << 20, 1 << 30)] {
            for chunked in [false, true] {
                if status == 429 {
                    spend(&world, &spent).await;
                }
                refused_with_body(&world, (target, secret, status), length, chunked, &inner).await;
            }
        }
    }
}

/// Uses up a key's only request of this minute.
async fn spend(world: &World, secret: &str) {
    let ask = request("GET", "/api/1/spend", &[("X-API-KEY", secret)], "");
    let mut client = world.connect().await;
    loop {
        client.send(&ask).await;
        if client.read_response().await.status == 429 {
            return;
        }
    }
}

async fn refused_with_body(
    world: &World,
    (target, secret, status): (&str, &str, u16),
    length: u64,
    chunked: bool,
    inner: &[u8],
) {
    let shown = format!("{target} {status}, {length} bytes, chunked: {chunked}");
    let after = world.request("GET", "/api/1/after", &[], b"");
    // The body's content begins with a whole request.
    let mut content = inner.to_vec();
    content.truncate(usize::try_from(length).unwrap());
    let filler = length - content.len() as u64;
    let size = length.to_string();
    let fields = if chunked {
        ("Transfer-Encoding", "chunked")
    } else {
        ("Content-Length", size.as_str())
    };
    let mut first = request("POST", target, &[("X-API-KEY", secret), fields], "");
    if chunked {
        first.extend_from_slice(format!("{length:x}\r\n").as_bytes());
    }
    first.extend_from_slice(&content);
    let end: &[u8] = if chunked { b"\r\n0\r\n\r\n" } else { b"" };
    for answer_first in [false, true] {
        world.upstream.clear();
        let mut client = world.connect().await;
        client.send(&first).await;
        let mut answer = None;
        if answer_first {
            answer = Some(client.read_response().await);
        }
        // The gateway may close while this is on its way.
        let mut sent = client.try_send_filler(filler).await;
        if sent.is_ok() {
            sent = client.try_send([end, &after[..]].concat()).await;
        }
        drop(sent);
        let answer = match answer {
            Some(answer) => answer,
            None => match client.try_read_response("GET").await {
                Ok(answer) => answer,
                // A client that does not read while it sends may lose the answer to a reset, once more than was
                // drained is on its way.
                Err(e) if length > 64 * 1024 => {
                    assert_ne!(e.kind(), ErrorKind::TimedOut, "{shown}");
                    continue;
                }
                Err(e) => panic!("{shown}: {e}"),
            },
        };
        assert_eq!(answer.status, status, "{shown}: {}", answer.text());
        let left = client_end(&mut client, answer.header("connection") == Some("close")).await;
        let targets = world.whole_targets();
        match left {
            Some(second) => assert_eq!(
                (second, targets),
                (200, vec!["/api/1/after".to_owned()]),
                "{shown}"
            ),
            None => assert!(
                targets.iter().all(|t| t == "/api/1/spend"),
                "{shown}: {targets:?}"
            ),
        }
    }
}

/// What comes after an answer: the status of a second one, or nothing and a close.
async fn client_end(client: &mut RawClient, closes: bool) -> Option<u16> {
    if closes {
        let rest = client.read_to_end().await;
        assert!(rest.is_empty(), "{}", rest.escape_ascii());
        return None;
    }
    match client.try_read_response("GET").await {
        Ok(second) => Some(second.status),
        Err(e) => {
            assert_ne!(e.kind(), ErrorKind::TimedOut, "{e}");
            None
        }
    }
}

#[tokio::test]
async fn f9_only_a_websocket_that_the_upstream_takes_becomes_a_tunnel() {
    let world = World::start("").await;
    let wish = [
        ("Connection", "keep-alive, Upgrade"),
        ("Upgrade", "WebSocket"),
        ("Sec-WebSocket-Key", "x"),
    ];
    // 101: bytes go both ways, those too that came with the request.
    world.upstream.queue(Reply::Upgrade);
    let mut client = world.connect().await;
    client
        .send([world.request("GET", "/api/1/ws", &wish, b""), b"early".to_vec()].concat())
        .await;
    let answer = client.read_response().await;
    assert_eq!(
        (answer.status, answer.header("upgrade")),
        (101, Some("websocket"))
    );
    let got = world.upstream.last();
    assert_eq!(
        (got.header("upgrade"), got.header("connection")),
        (vec!["websocket".into()], vec!["upgrade".into()])
    );
    let inside = world.request("GET", "/api/2/inside", &[], b"");
    client.send(&inside).await;
    assert_eq!(
        client.read_exact(5 + inside.len()).await,
        [b"early", &inside[..]].concat()
    );
    assert_eq!(
        world.upstream.count(),
        1,
        "what goes through a tunnel is no request"
    );
    client.finish_sending().await;
    assert!(client.read_to_end().await.is_empty());
    // Declined: what follows is the next request, and is judged.
    for status in [200, 403, 426] {
        world.upstream.clear();
        world.upstream.queue(Reply::http(status, "no"));
        let denied = request("GET", "/api/2/denied", &[("X-API-KEY", world.k1.as_str())], "");
        let mut client = world.connect().await;
        client
            .send(
                [
                    world.request("GET", "/api/1/ws", &wish, b""),
                    denied,
                    world.request("GET", "/api/1/next", &[], b""),
                ]
                .concat(),
            )
            .await;
        let statuses = [
            client.read_response().await,
            client.read_response().await,
            client.read_response().await,
        ]
        .map(|a| a.status);
        assert_eq!(statuses, [status, 403, 200]);
        assert_eq!(world.whole_targets(), ["/api/1/ws", "/api/1/next"]);
    }
    // A refused key: nothing is forwarded.
    world.upstream.clear();
    let mut client = world.connect().await;
    client.send(request("GET", "/api/1/ws", &wish, "")).await;
    assert_eq!(client.read_response().await.status, 401);
    world.echoed(&mut client, "/api/1/after").await;
    assert_eq!(world.whole_targets(), ["/api/1/after"]);
}

#[tokio::test]
async fn f9_other_protocols_are_never_forwarded_and_a_101_to_them_is_none() {
    let world = World::start("").await;
    let follows = world.request("GET", "/api/1/next", &[], b"");
    for (method, protocols) in [
        ("GET", &["h2c"][..]),
        ("GET", &["foo"]),
        ("GET", &["websocket, h2c"]),
        ("GET", &["websocket", "h2c"]),
        ("GET", &["websocket", "websocket"]),
        ("GET", &["websocket/13"]),
        ("GET", &[" "]),
        ("GET", &["TLS/1.0"]),
        ("POST", &["websocket"]),
        ("HEAD", &["websocket"]),
    ] {
        for (reply, status) in [
            (Reply::Echo, 200),
            (Reply::http(403, "no"), 403),
            (Reply::Upgrade, 502),
        ] {
            world.upstream.clear();
            world.upstream.queue(reply);
            let mut fields = vec![
                ("Connection", "Upgrade, HTTP2-Settings"),
                ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
            ];
            fields.extend(protocols.iter().map(|protocol| ("Upgrade", *protocol)));
            let mut client = world.connect().await;
            client
                .send([world.request(method, "/api/1/ws", &fields, b""), follows.clone()].concat())
                .await;
            let answer = client.read_response_to(method).await;
            assert_eq!(answer.status, status, "{method} {protocols:?}");
            assert_eq!(
                client.read_response().await.json()["target"],
                "/api/1/next",
                "{method} {protocols:?}"
            );
            let got = &world.upstream.requests()[0];
            for name in ["upgrade", "http2-settings", "connection"] {
                assert!(got.header(name).is_empty(), "{method} {protocols:?} {name}");
            }
        }
    }
    // 101 to another protocol than was asked for, and to nobody's wish.
    let wish = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
    for fields in [
        "Connection: upgrade\r\nUpgrade: foo\r\n",
        "Upgrade: h2c\r\n",
        "Upgrade: websocket\r\nUpgrade: foo\r\n",
        "Upgrade: websocket, foo\r\n",
        "",
    ] {
        world.queue(
            format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n").as_bytes(),
            false,
        );
        let mut client = world.connect().await;
        client.send(world.request("GET", "/api/1/ws", &wish, b"")).await;
        assert_problem(&client.read_response().await, 502, "upstream_bad_answer");
        world.echoed(&mut client, "/api/1/next").await;
    }
    world.upstream.queue(Reply::Upgrade);
    let mut client = world.connect().await;
    client
        .send(world.request("POST", "/api/1/x", &[], b"hello"))
        .await;
    assert_problem(&client.read_response().await, 502, "upstream_bad_answer");
}

#[tokio::test]
async fn f12_an_expectation_of_a_denied_key_is_answered_at_once() {
    let world = World::start("").await;
    let fields = |secret| {
        [
            ("X-API-KEY", secret),
            ("Expect", "100-continue"),
            ("Content-Length", "5"),
        ]
    };
    for (secret, target, status) in [("kw_no", "/api/1/x", 401), (world.k1.as_str(), "/api/2/x", 403)] {
        let mut client = world.connect().await;
        client.send(request("POST", target, &fields(secret), "")).await;
        let answer = client.read_response().await;
        assert_eq!((answer.status, answer.interim.len()), (status, 0));
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(client.is_closed_within(Duration::from_secs(40)).await);
    }
    assert_eq!(world.upstream.count(), 0);
    let mut client = world.connect().await;
    client
        .send(request("POST", "/api/1/x", &fields(world.secret()), ""))
        .await;
    assert_eq!(client.read_exact(25).await, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello").await;
    assert_eq!(client.read_response().await.json()["body_length"], 5);
    assert!(world.upstream.last().header("expect").is_empty());
    world.echoed(&mut client, "/api/1/next").await;
}

#[tokio::test]
async fn l8_every_answer_to_a_limited_key_tells_its_limit() {
    let world = World::start("").await;
    let secret = world
        .keyward
        .key(KeySpec::new(OWNER, "limited").limit(5).sites(&["1"]))
        .await
        .secret;
    // A minute may end in the middle: then the round is repeated.
    let round = loop {
        let mut client = world.connect().await;
        let mut round = Vec::new();
        world.upstream.clear_scripts();
        world.upstream.script(
            "/api/1/bad",
            Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n".to_vec()),
        );
        world.upstream.script("/api/1/gone", Reply::CloseWithoutAnswer);
        world.upstream.script("/api/1/404", Reply::http(404, ""));
        for (target, status, remaining) in [
            ("/api/1/x", 200, 4),
            ("/api/2/x", 403, 4),
            ("/api/1/404", 404, 3),
            ("/api/1/bad", 502, 2),
            ("/api/1/gone", 502, 1),
            ("/api/1/x", 200, 0),
            ("/api/2/x", 403, 0),
            ("/api/1/x", 429, 0),
            ("/api/1/x", 429, 0),
        ] {
            client
                .send(request("GET", target, &[("X-API-KEY", &secret)], ""))
                .await;
            round.push((target, status, remaining, client.read_response().await));
        }
        let resets: Vec<_> = round
            .iter()
            .map(|(_, _, _, answer)| answer.header("x-ratelimit-reset").map(str::to_owned))
            .collect();
        let told: Vec<_> = resets.iter().flatten().collect();
        if told.iter().all(|reset| *reset == told[0])
            && round[0].3.header("x-ratelimit-remaining") == Some("4")
        {
            break round;
        }
        // Within the next minute the count begins anew.
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    for (target, status, remaining, answer) in &round {
        assert_eq!(answer.status, *status, "{target}");
        let number = |name: &str| number(answer, name);
        assert_eq!(
            (number("x-ratelimit-limit"), number("x-ratelimit-remaining")),
            (5, *remaining),
            "{target} {status}"
        );
        assert_eq!(number("x-ratelimit-reset") % 60, 0);
        assert!(
            answer
                .header_all("vary")
                .iter()
                .any(|v| v.eq_ignore_ascii_case("x-api-key")),
            "{target} {status}"
        );
        match answer.header("retry-after") {
            Some(seconds) => assert!(*status == 429 && (1..=60).contains(&seconds.parse::<u64>().unwrap())),
            None => assert_ne!(*status, 429),
        }
    }
    // Who has no key, or one without a limit, is told none.
    let mut client = world.connect().await;
    client
        .send(request("GET", "/api/1/x", &[("X-API-KEY", "kw_no")], ""))
        .await;
    let unknown = client.read_response().await;
    let unlimited = world.ask(&mut client, "GET", "/api/1/x").await;
    for answer in [unknown, unlimited] {
        assert!(
            answer
                .headers
                .iter()
                .all(|(name, _)| !name.to_ascii_lowercase().starts_with("x-ratelimit"))
        );
    }
}

#[tokio::test]
async fn l8_fields_of_an_upstreams_own_limit_never_stand_beside_those_of_the_keys() {
    let world = World::start("").await;
    let limited = world
        .keyward
        .key(KeySpec::new(OWNER, "limited").limit(60))
        .await
        .secret;
    let theirs = [
        ("X-RateLimit-Limit", "5"),
        ("X-RateLimit-Remaining", "0"),
        ("X-RateLimit-Reset", "7"),
        ("X-RateLimit-Used", "5"),
        ("RateLimit", "\"a\";r=0;t=7"),
        ("RateLimit-Policy", "\"a\";q=5;w=10"),
        ("Retry-After", "7"),
    ];
    let headers: Vec<(String, String)> = theirs.map(|(name, value)| (name.into(), value.into())).into();
    for status in [200, 429] {
        world.upstream.script(
            "/api/1/theirs",
            Reply::Http {
                status,
                headers: headers.clone(),
                body: Vec::new(),
            },
        );
        for (key, ours) in [(limited.as_str(), true), (world.secret(), false)] {
            let mut client = world.connect().await;
            client
                .send(request("GET", "/api/1/theirs", &[("X-API-KEY", key)], ""))
                .await;
            let answer = client.read_response().await;
            assert_eq!((answer.status, answer.header("retry-after")), (status, Some("7")));
            if ours {
                assert_eq!(answer.header_all("x-ratelimit-limit"), ["60"]);
                assert_eq!(answer.header_all("x-ratelimit-remaining").len(), 1);
                assert_ne!(answer.header("x-ratelimit-remaining"), Some("0"));
                assert_ne!(answer.header("x-ratelimit-reset"), Some("7"));
                for name in ["x-ratelimit-used", "ratelimit", "ratelimit-policy"] {
                    assert_eq!(answer.header(name), None, "{name}");
                }
            } else {
                for (name, value) in theirs {
                    assert_eq!(answer.header_all(name), [value], "{name}");
                }
            }
        }
    }
}

fn number(answer: &RawResponse, name: &str) -> u64 {
    let all = answer.header_all(name);
    assert_eq!(all.len(), 1, "{name}: {all:?} in {answer:?}");
    all[0].parse().unwrap()
}
