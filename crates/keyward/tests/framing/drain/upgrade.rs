//! F9: a tunnel only after a granted request to become a WebSocket and a 101 to that; everything else stays HTTP.

use super::world;
use keyward_testkit::{
    Certificate, KeySpec, OWNER, RawClient, RawH2, Recorded, Reply, WAIT_TIMEOUT, eventually, get, request,
    verdict,
};

const ASKS: [(&str, &str); 4] = [
    ("Connection", "keep-alive, Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// Frames are read as the beginning of a head, whose end never comes.
const SHORT: &str = "[gateway.timeouts]\nrequest_head = \"4s\"";

/// The bytes of a request to become a WebSocket.
pub(crate) fn ask(secret: &str) -> Vec<u8> {
    let mut headers = vec![("X-API-KEY", secret)];
    headers.extend(ASKS);
    request("GET", "/api/1/ws", &headers, "")
}

/// A masked frame of a client (RFC 6455, section 5.2).
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![0x80 | opcode];
    match u16::try_from(payload.len()) {
        Ok(length @ 0..=125) => bytes.push(0x80 | u8::try_from(length).unwrap()),
        Ok(length) => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
        Err(_) => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&mask);
    bytes.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    bytes
}

async fn echoed(client: &mut RawClient, bytes: &[u8]) {
    client.send(bytes).await;
    assert!(
        client.read_exact(bytes.len()).await == bytes,
        "other bytes came back"
    );
}

fn lines(recorded: &Recorded) -> String {
    recorded.header_lines().join("\n").to_ascii_lowercase()
}

#[tokio::test]
async fn f9_frames_of_every_kind_pass_both_ways_and_an_end_passes_too() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::create(folder.path());
    for tls in [None, Some(&certificate)] {
        let mut builder = world("");
        if let Some(certificate) = tls {
            builder = builder.keyward(|keyward| keyward.gateway_tls(certificate));
        }
        let world = builder.start().await;
        world.upstream.script("/api/1/ws", Reply::Upgrade);
        let mut client = match tls {
            None => world.connect().await,
            Some(trusted) => {
                RawClient::connect_tls(world.keyward.gateway(), "localhost", trusted, &["http/1.1"]).await
            }
        };
        client.send(ask(world.secret())).await;
        let answer = client.read_response().await;
        assert_eq!(answer.status, 101);
        assert_eq!(answer.header_all("upgrade"), ["websocket"]);
        assert_eq!(answer.header_all("connection"), ["upgrade"]);
        let seen = lines(&world.upstream.last());
        for field in [
            "connection: upgrade",
            "upgrade: websocket",
            "sec-websocket-key: dghlihnhbxbszsbub25jzq==",
            "x-keyward-site: 1",
        ] {
            assert_eq!(seen.matches(field).count(), 1, "{field}: {seen}");
        }
        assert!(!seen.contains("x-api-key"), "{seen}");
        let sent = [
            frame(1, b"text"),
            frame(2, &[0, 255, 13, 10, 13, 10]),
            frame(1, &vec![b'm'; 300]),
            frame(2, &vec![0xa5; 200_000]),
            // What looks like HTTP is none any more.
            get("/api/2/x", "nothing"),
            frame(9, b"ping"),
            frame(8, &[3, 232]),
        ];
        for bytes in sent {
            echoed(&mut client, &bytes).await;
        }
        assert_eq!(world.keyward.metric("keyward_tunnels").await, Some(1.0));
        assert_eq!(world.upstream.count(), 1);
        client.finish_sending().await;
        assert_eq!(client.read_to_end().await, b"");
        eventually("the tunnel is gone", async || {
            world.keyward.metric("keyward_tunnels").await == Some(0.0)
                && world.upstream.open_connections() == 0
        })
        .await;
    }
}

#[tokio::test]
async fn f9_bytes_right_behind_the_head_belong_to_the_tunnel_on_both_sides() {
    let world = world("").start().await;
    world.upstream.script("/api/1/ws", Reply::Upgrade);
    let early = [
        frame(1, b"early"),
        get("/api/2/x", "nothing"),
        frame(2, &[7; 9000]),
    ]
    .concat();
    let mut client = world.connect().await;
    client.send([ask(world.secret()), early.clone()].concat()).await;
    assert_eq!(client.read_response().await.status, 101);
    assert!(client.read_exact(early.len()).await == early);
    echoed(&mut client, &frame(1, b"late")).await;
    // A head in pieces, with the first frame in the last of them.
    let mut client = world.connect().await;
    let head = ask(world.secret());
    for piece in head.chunks(40) {
        client.send(piece).await;
    }
    client.send(&early).await;
    assert_eq!(client.read_response().await.status, 101);
    assert!(client.read_exact(early.len()).await == early);
    // The upstream speaks first.
    let hello =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n\x81\x05hello";
    world.upstream.queue(Reply::Bytes(hello.to_vec()));
    let mut client = world.connect().await;
    client.send(ask(world.secret())).await;
    assert_eq!(client.read_response().await.status, 101);
    assert_eq!(client.read_exact(7).await, b"\x81\x05hello");
    assert_eq!(world.upstream.count(), 3);
}

#[tokio::test]
async fn f9_a_request_pipelined_before_an_upgrade_is_answered_first() {
    let world = world("").start().await;
    world.upstream.script("/api/1/ws", Reply::Upgrade);
    let early = frame(1, b"early");
    for before in [1, 3] {
        world.upstream.clear();
        let mut bytes = Vec::new();
        for number in 0..before {
            let key = [("X-API-KEY", world.secret())];
            bytes.extend(request("POST", &format!("/api/1/{number}"), &key, "body"));
        }
        bytes.extend(ask(world.secret()));
        bytes.extend_from_slice(&early);
        let mut client = world.connect().await;
        client.send(bytes).await;
        for number in 0..before {
            let answer = client.read_response().await;
            assert_eq!(answer.json()["target"], format!("/api/1/{number}"));
            assert_eq!(answer.json()["body_length"], 4);
        }
        assert_eq!(client.read_response().await.status, 101);
        assert!(client.read_exact(early.len()).await == early);
        echoed(&mut client, &frame(1, b"late")).await;
        assert_eq!(world.upstream.count(), before + 1);
    }
}

#[tokio::test]
async fn f9_an_upgrade_that_is_declined_leaves_http_and_what_follows_is_judged() {
    let world = world(SHORT).start().await;
    for status in [200, 204, 400, 403, 404, 426, 500, 503] {
        world.upstream.clear();
        let mut client = world.connect().await;
        world.upstream.queue(Reply::http(status, ""));
        // Behind the head: one request that may pass and one that may not.
        let other = get("/api/2/x", world.secret());
        client
            .send([ask(world.secret()), world.get("/api/1/next"), other].concat())
            .await;
        assert_eq!(client.read_response().await.status, status);
        assert_eq!(
            client.read_response().await.json()["target"],
            "/api/1/next",
            "{status}"
        );
        assert_eq!(
            verdict(&client.read_response().await),
            "403 site_forbidden",
            "{status}"
        );
        let seen = world.upstream.requests();
        assert_eq!(seen.len(), 2, "{status}: {seen:?}");
        // And a second try on the same connection may be granted.
        world.upstream.queue(Reply::Upgrade);
        client.send([ask(world.secret()), frame(1, b"x")].concat()).await;
        assert_eq!(client.read_response().await.status, 101, "{status}");
        assert!(client.read_exact(7).await == frame(1, b"x"));
    }
    // Frames behind a declined head are no request: refused, and none of it reaches the upstream.
    for status in [200, 403] {
        world.upstream.clear();
        world.upstream.queue(Reply::http(status, "no"));
        let mut client = world.connect().await;
        client
            .send([ask(world.secret()), frame(1, b"\r\n\r\nGET / HTTP/1.1\r\n\r\n")].concat())
            .await;
        assert_eq!(client.read_response().await.status, status);
        let refused = client.read_response().await;
        assert!(matches!(refused.status, 400 | 408), "{}", refused.status);
        assert_eq!(refused.header("connection"), Some("close"));
        assert!(client.is_closed_within(WAIT_TIMEOUT).await);
        assert_eq!(world.upstream.count(), 1);
    }
}

#[tokio::test]
async fn f9_a_denied_key_gets_its_answer_and_no_tunnel() {
    let world = world(SHORT).start().await;
    world.upstream.script("/api/1/ws", Reply::Upgrade);
    let limited = KeySpec::new(OWNER, "other").addresses(&["192.0.2.1"]);
    let elsewhere = world.keyward.key(limited).await.secret;
    let mut no_key = ASKS.to_vec();
    no_key.push(("X-Other", "1"));
    for (bytes, refused) in [
        (request("GET", "/api/1/ws", &no_key, ""), "401 key_missing"),
        (ask("nothing"), "401 key_invalid"),
        (ask(&elsewhere), "403 ip_forbidden"),
    ] {
        // Frames right behind the head: never a tunnel, never at the upstream.
        let mut client = world.connect().await;
        client.send([bytes.clone(), frame(1, b"early")].concat()).await;
        assert_eq!(verdict(&client.read_response().await), refused);
        let after = client.read_response().await;
        assert!(matches!(after.status, 400 | 408), "{}", after.status);
        assert_eq!(after.header("connection"), Some("close"));
        assert!(client.is_closed_within(WAIT_TIMEOUT).await);
        assert_eq!(world.upstream.count(), 0, "{refused}");
        // A request behind the head is a request of its own.
        let mut client = world.connect().await;
        client.send([bytes, world.get("/api/1/next")].concat()).await;
        assert_eq!(verdict(&client.read_response().await), refused);
        assert_eq!(verdict(&client.read_response().await), "200");
        assert_eq!(world.upstream.last().target(), "/api/1/next");
        assert_eq!(world.upstream.count(), 1);
        world.upstream.clear();
    }
    assert_eq!(world.keyward.metric("keyward_tunnels").await, Some(0.0));
}

#[tokio::test]
async fn f9_other_protocols_are_never_forwarded_and_the_request_goes_on_as_http() {
    let world = world("").start().await;
    let settings = ("HTTP2-Settings", "AAMAAABkAAQAAP__");
    let asks: [&[(&str, &str)]; 14] = [
        &[
            ("Connection", "Upgrade, HTTP2-Settings"),
            ("Upgrade", "h2c"),
            settings,
        ],
        &[("Connection", "upgrade"), ("Upgrade", "H2C"), settings],
        &[("Connection", "Upgrade"), ("Upgrade", "foo")],
        &[("Connection", "Upgrade"), ("Upgrade", "TLS/1.0")],
        &[("Connection", "Upgrade"), ("Upgrade", "connect-udp")],
        &[("Connection", "Upgrade"), ("Upgrade", "websocket, h2c")],
        &[("Connection", "Upgrade"), ("Upgrade", "h2c, websocket")],
        &[("Connection", "Upgrade"), ("Upgrade", "websocket/13")],
        &[("Connection", "Upgrade"), ("Upgrade", "websocketx")],
        &[("Connection", "Upgrade"), ("Upgrade", "\"websocket\"")],
        &[
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Upgrade", "h2c"),
        ],
        &[
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Upgrade", "websocket"),
        ],
        &[("Upgrade", "websocket")],
        &[("Connection", "upgraded"), ("Upgrade", "websocket")],
    ];
    for fields in asks {
        world.upstream.clear();
        let mut headers = vec![("X-API-KEY", world.secret())];
        headers.extend(fields);
        let mut client = world.connect().await;
        let asked = request("GET", "/api/1/up", &headers, "");
        // What follows is HTTP, and judged as such.
        client
            .send(
                [
                    asked.clone(),
                    get("/api/2/x", world.secret()),
                    world.get("/api/1/next"),
                ]
                .concat(),
            )
            .await;
        assert_eq!(verdict(&client.read_response().await), "200", "{fields:?}");
        assert_eq!(verdict(&client.read_response().await), "403 site_forbidden");
        assert_eq!(verdict(&client.read_response().await), "200");
        let seen = world.upstream.requests();
        assert_eq!(seen.len(), 2, "{fields:?}: {seen:?}");
        let seen = lines(&seen[0]);
        assert!(
            !seen.contains("upgrade") && !seen.contains("http2-settings") && !seen.contains("connection:"),
            "{fields:?}: {seen}"
        );
        // An upstream that switches though nobody asked gets no tunnel.
        world.upstream.queue(Reply::Upgrade);
        let mut client = world.connect().await;
        client.send(asked).await;
        assert_eq!(client.read_response().await.status, 502, "{fields:?}");
        assert_eq!(world.keyward.metric("keyward_tunnels").await, Some(0.0));
    }
    // Nor by a method or a version that cannot ask.
    let asked = |line: &str| {
        let text = format!(
            "{line}\r\nHost: localhost\r\nX-API-KEY: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            world.secret()
        );
        text.into_bytes()
    };
    for line in [
        "POST /api/1/up HTTP/1.1",
        "get /api/1/up HTTP/1.1",
        "HEAD /api/1/up HTTP/1.1",
        "OPTIONS /api/1/up HTTP/1.1",
        "GET /api/1/up HTTP/1.0",
        // No key is asked for here, so nobody gets a tunnel.
        "GET /swagger/ws HTTP/1.1",
    ] {
        world.upstream.clear();
        world.upstream.script("/", Reply::Echo);
        let mut client = world.connect().await;
        client.send(asked(line)).await;
        let method = line.split(' ').next().unwrap();
        let answer = client.read_response_to(method).await;
        assert_ne!(answer.status, 101, "{line}");
        for seen in world.upstream.requests() {
            assert!(!lines(&seen).contains("upgrade"), "{line}: {}", lines(&seen));
        }
    }
    world.upstream.script("/", Reply::Upgrade);
    let mut client = world.connect().await;
    client.send(asked("GET /swagger/ws HTTP/1.1")).await;
    assert_eq!(client.read_response().await.status, 502);
}

#[tokio::test]
async fn f9_a_switch_to_another_protocol_than_the_one_asked_for_is_no_tunnel() {
    let world = world("").start().await;
    for fields in [
        "Connection: Upgrade\r\nUpgrade: h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: foo\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n",
        "Connection: Upgrade\r\n",
        "",
    ] {
        let answer = format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\nbytes");
        world.upstream.queue(Reply::Bytes(answer.into_bytes()));
        let mut client = world.connect().await;
        client.send(ask(world.secret())).await;
        let answer = client.read_response().await;
        assert_eq!(answer.status, 502, "{fields:?}");
        assert!(!answer.text().contains("bytes"));
        // The connection goes on as HTTP.
        client.send(world.get("/api/1/x")).await;
        assert_eq!(verdict(&client.read_response().await), "200", "{fields:?}");
    }
    assert_eq!(world.keyward.metric("keyward_tunnels").await, Some(0.0));
}

#[tokio::test]
async fn f9_over_http2_nobody_gets_a_tunnel() {
    let world = world("").start().await;
    world.upstream.script("/", Reply::Upgrade);
    let secret = ("x-api-key", world.secret());
    let connect = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/api/1/ws"),
        secret,
    ];
    let mut h2 = RawH2::connect(world.keyward.gateway()).await;
    h2.headers(1, &connect, false).await;
    let outcome = h2.outcome(1).await;
    assert!(
        !matches!(outcome, keyward_testkit::H2Outcome::Status(200..=299)),
        "{outcome:?}"
    );
    let mut h2 = RawH2::connect(world.keyward.gateway()).await;
    h2.get(
        1,
        "/api/1/ws",
        &[secret, ("connection", "upgrade"), ("upgrade", "websocket")],
    )
    .await;
    let outcome = h2.outcome(1).await;
    assert!(
        !matches!(outcome, keyward_testkit::H2Outcome::Status(200..=299)),
        "{outcome:?}"
    );
    assert_eq!(world.upstream.count(), 0);
    assert_eq!(world.keyward.metric("keyward_tunnels").await, Some(0.0));
}

#[tokio::test]
async fn d1_f9_open_tunnels_count_as_connections() {
    let world = world("[gateway]\nmax_connections = 3").start().await;
    world.upstream.script("/api/1/ws", Reply::Upgrade);
    let mut tunnels = Vec::new();
    for _ in 0..3 {
        let mut client = world.connect().await;
        client.send(ask(world.secret())).await;
        assert_eq!(client.read_response().await.status, 101);
        tunnels.push(client);
    }
    let mut fourth = world.connect().await;
    assert!(
        fourth.is_closed_within(WAIT_TIMEOUT).await,
        "a fourth connection is taken"
    );
    for client in &mut tunnels {
        echoed(client, &frame(1, b"on")).await;
    }
    tunnels.pop();
    eventually("a place is free again", async || {
        let mut client = world.connect().await;
        client.try_send(world.get("/api/1/x")).await.is_ok() && client.try_read_response("GET").await.is_ok()
    })
    .await;
}
