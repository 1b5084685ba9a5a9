//! F13: what upstreams answer, and that each client gets its own answer whatever they do.

use crate::world::{World, assert_problem, scripted_upstream_that_counts};
use keyward_testkit::{KeySpec, Keyward, OWNER, RawClient, Reply, request, sized};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

const POISON: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

/// Answers that can be read in two ways, or in none.
fn bad_answers() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 02\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok",
        "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX\0: a\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX Y: a\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 O\0K\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 600 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 700\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 999 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 600 OK\r\n\r\nok",
        "<html>\n\nof HTTP/0.9</html>",
        "HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/3 200\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.9\r\n\r\n",
        "ok\n\nok",
        "\0\0\x12\x04\0\0\0\0\0\n\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    let flood = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(1000);
    all.push([flood.as_bytes(), POISON.as_bytes()].concat());
    all.push("HTTP/1.1 100 Continue\r\n\r\n".repeat(17).into_bytes());
    // Just longer than a head may be, and there all at once.
    let long = "y".repeat(65 * 1024);
    all.push(format!("HTTP/1.1 200 OK\r\nX: {long}\r\nContent-Length: 2\r\n\r\nok").into_bytes());
    let many = "X: y\r\n".repeat(1000);
    all.push(format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 2\r\n\r\nok").into_bytes());
    let huge = "y".repeat(usize::try_from(sized(1 << 20, 1 << 28)).unwrap());
    all.push(format!("HTTP/1.1 200 OK\r\nX: {huge}\r\n\r\n").into_bytes());
    all.push(format!("HTTP/1.1 200 {huge}\r\n\r\n").into_bytes());
    all
}

/// Answers that break off within their head, or before it: the upstream closes.
const EARLY_ENDS: &[&str] = &[
    "",
    "H",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
];

#[tokio::test]
async fn f13_bad_answers_are_502_and_their_connection_is_not_used_again() {
    let world = World::start("").await;
    let mut client = world.connect().await;
    let bad = bad_answers()
        .into_iter()
        .map(|bytes| (bytes, false, "upstream_bad_answer"));
    let ends = EARLY_ENDS
        .iter()
        .map(|text| (text.as_bytes().to_vec(), true, "upstream_unreachable"));
    for (bytes, close, code) in bad.chain(ends) {
        let shown = bytes[..bytes.len().min(120)].escape_ascii().to_string();
        // A kept connection is there to try again on.
        world.echoed(&mut client, "/api/1/before").await;
        for method in ["POST", "HEAD"] {
            if method == "HEAD" && close {
                continue;
            }
            world.upstream.clear();
            world.queue(&bytes, close);
            client
                .send(world.request(
                    method,
                    "/api/1/bad",
                    &[],
                    if method == "POST" { b"x" } else { b"" },
                ))
                .await;
            let answer = client.read_response_to(method).await;
            if method == "HEAD" {
                assert_eq!(answer.status, 502, "HEAD {shown}");
            } else {
                assert_problem(&answer, 502, code);
            }
            assert_eq!(world.upstream.count(), 1, "{method} {shown}: tried again");
            let faulty = world.upstream.last().connection as u64;
            assert_ne!(
                world.echoed(&mut client, "/api/1/after").await,
                faulty,
                "{method} {shown}: used again"
            );
        }
    }
}

/// Bodies that are not what their heads promise, and whether the upstream closes after them.
const BROKEN_BODIES: &[(&str, &str, bool)] = &[
    ("Content-Length: 10", "short", true),
    ("Content-Length: 10", "", true),
    ("Transfer-Encoding: chunked", "5\r\nshort\r\n", true),
    ("Transfer-Encoding: chunked", "5\r\nshort\r\n0\r\n", true),
    ("Transfer-Encoding: chunked", "", true),
    ("Transfer-Encoding: chunked", "5\r\nshor", true),
    ("Transfer-Encoding: chunked", "5\r\nlonger\r\n0\r\n\r\n", false),
    ("Transfer-Encoding: chunked", "5\r\nshort\r\nx\r\n", false),
    ("Transfer-Encoding: chunked", "0x5\r\nshort\r\n0\r\n\r\n", false),
    ("Transfer-Encoding: chunked", "+5\r\nshort\r\n0\r\n\r\n", false),
    ("Transfer-Encoding: chunked", "5\nshort\n0\n\n", false),
    ("Transfer-Encoding: chunked", "fffffffffffffffff\r\n", false),
    (
        "Transfer-Encoding: chunked",
        "5\r\nshort\r\n0\r\nno colon\r\n\r\n",
        false,
    ),
    ("Transfer-Encoding: chunked", "zz\r\n", false),
];

#[tokio::test]
async fn f13_a_body_fault_that_comes_with_the_head_is_502() {
    let world = World::start("").await;
    let mut client = world.connect().await;
    for (field, body, close) in BROKEN_BODIES {
        for method in ["GET", "POST"] {
            world.upstream.clear();
            world.queue(
                format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\n{body}").as_bytes(),
                *close,
            );
            let sent = if method == "POST" { &b"x"[..] } else { b"" };
            client
                .send(world.request(method, "/api/1/broken", &[], sent))
                .await;
            let answer = client.try_read_response(method).await;
            match answer {
                Ok(answer) => assert_problem(&answer, 502, "upstream_bad_answer"),
                // The close came after the head had gone on: the head is there, and the answer breaks off.
                Err(e) if *close => {
                    assert_ne!(e.kind(), ErrorKind::TimedOut, "{field} {body:?}: {e}");
                    client = world.connect().await;
                }
                Err(e) => panic!("{method} {field} {body:?}: {e}"),
            }
            let faulty = world.upstream.last().connection as u64;
            assert_ne!(
                world.echoed(&mut client, "/api/1/after").await,
                faulty,
                "{field} {body:?}"
            );
        }
    }
}

/// An upstream that begins the answer to `/api/1/<row of the table>` well, and goes on as the row says when it is told.
async fn upstream_that_goes_wrong(go: watch::Receiver<usize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut go = go.clone();
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while !seen.ends_with(b"\r\n\r\n") {
                    assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
                }
                let target = String::from_utf8(seen).unwrap();
                let row: usize = target.split(['/', ' ']).nth(4).unwrap().parse().unwrap();
                let (field, body, close) = BROKEN_BODIES[row];
                let begin = if field.starts_with('C') {
                    "begin"
                } else {
                    "5\r\nbegin\r\n"
                };
                let head = format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\n{begin}");
                stream.write_all(head.as_bytes()).await.unwrap();
                go.wait_for(|rows| *rows > row).await.unwrap();
                let rest = &body[..body.len().min(4)];
                let rest = if field.starts_with('C') { rest } else { body };
                stream.write_all(rest.as_bytes()).await.unwrap();
                if !close {
                    // Until the gateway closes.
                    while let Ok(1..) = stream.read_buf(&mut Vec::new()).await {}
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn f13_bodies_that_break_off_later_break_the_answer_off_and_the_log_says_how() {
    let (go, told) = watch::channel(0);
    let keyward = Keyward::builder()
        .upstream(upstream_that_goes_wrong(told).await)
        .config_toml("[log]\nformat = \"json\"")
        .start()
        .await;
    keyward.user(OWNER, "member").await;
    keyward.site("1").await;
    let key = keyward.key(KeySpec::new(OWNER, "all")).await.secret;
    for (row, (field, body, _)) in BROKEN_BODIES.iter().enumerate() {
        let mut client = RawClient::connect(keyward.gateway()).await;
        client
            .send(request(
                "GET",
                &format!("/api/1/{row}"),
                &[("X-API-KEY", &key)],
                "",
            ))
            .await;
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains("begin") {
            seen.extend(client.read_some().await);
        }
        assert!(seen.starts_with(b"HTTP/1.1 200 OK\r\n"), "{field} {body:?}");
        go.send(row + 1).unwrap();
        seen.extend(client.read_to_end().await);
        assert!(
            !seen.ends_with(b"0\r\n\r\n"),
            "a whole answer was made of {field} {body:?}"
        );
    }
    for (word, close) in [("broken_off", true), ("malformed_body", false)] {
        let rows = BROKEN_BODIES
            .iter()
            .filter(|(_, _, closes)| *closes == close)
            .count();
        let outcome = format!("\"outcome\":\"{word}\"");
        keyward
            .until_log("how each ended", |log| log.matches(&outcome).count() == rows)
            .await;
        let counted = format!("keyward_upstream_faults_total{{fault=\"{word}\"}}");
        assert_eq!(keyward.metric(&counted).await, Some(rows as f64));
    }
    assert!(!keyward.log().contains("\"outcome\":\"granted\""));
}

#[tokio::test]
async fn f13_bytes_that_nobody_asked_for_are_nobodys_answer() {
    let world = World::start("").await;
    let mut client = world.connect().await;
    for (method, head, body) in [
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            "ok",
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "",
        ),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", ""),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n",
            "",
        ),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", ""),
        ("POST", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"),
        ("POST", "HTTP/1.1 204 No Content\r\n\r\n", ""),
    ] {
        for unasked in [POISON, "\r\n", "x", "HTTP/1.1 100 Continue\r\n\r\n"] {
            world.upstream.clear();
            world.queue([head, unasked].concat().as_bytes(), false);
            client
                .send(world.request(
                    method,
                    "/api/1/more",
                    &[],
                    if method == "POST" { b"x" } else { b"" },
                ))
                .await;
            let answer = client.read_response_to(method).await;
            assert_eq!(answer.text(), body, "{method} {head}");
            assert!(client.unread().is_empty(), "{method} {head}");
            let faulty = world.upstream.last().connection as u64;
            assert_ne!(
                world.echoed(&mut client, "/api/1/after").await,
                faulty,
                "{method} {head}{unasked}"
            );
        }
    }
}

#[tokio::test]
async fn f13_bytes_that_come_late_are_nobodys_answer() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec();
    let pieces = vec![
        (Duration::ZERO, answer),
        (Duration::from_millis(50), POISON.into()),
    ];
    let (count, mut sent) = watch::channel(0);
    let upstream = scripted_upstream_that_counts(pieces, count).await;
    let keyward = Keyward::builder()
        .upstream(upstream)
        .config_toml("[gateway]\nworkers = 1")
        .start()
        .await;
    keyward.user("owner@example.com", "member").await;
    let key = keyward.key(KeySpec::new("owner@example.com", "all")).await.secret;
    let mut client = RawClient::connect(keyward.gateway()).await;
    for round in 1..=5 {
        client
            .send(request("GET", "/api/1/x", &[("X-API-KEY", &key)], ""))
            .await;
        let answer = client.read_response().await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
        sent.wait_for(|sent| *sent >= round).await.unwrap();
    }
}

#[tokio::test]
async fn f13_where_bytes_came_that_nobody_asked_for_no_connection_is_used_twice() {
    let world = World::start("").await;
    let mut client = world.connect().await;
    let kept = world.echoed(&mut client, "/api/1/1").await;
    assert_eq!(world.echoed(&mut client, "/api/1/2").await, kept);
    world.queue(
        format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmore{POISON}").as_bytes(),
        false,
    );
    assert_eq!(world.ask(&mut client, "GET", "/api/1/more").await.text(), "more");
    // An answer too many could come just after the next request: nothing would tell it from that one's.
    let mut used = vec![kept];
    for n in 0..5 {
        let connection = world.echoed(&mut client, &format!("/api/1/after-{n}")).await;
        assert!(!used.contains(&connection), "{connection} is used twice");
        used.push(connection);
    }
    world
        .keyward
        .until_log("a warning", |log| {
            log.contains("bytes that no request has asked for")
        })
        .await;
}

#[tokio::test]
async fn f13_connections_are_kept_only_when_their_answer_says_where_it_ends() {
    let world = World::start("").await;
    let mut client = world.connect().await;
    for (bytes, close, again) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, true),
        ("HTTP/1.1 200 OK\nContent-Length: 2\n\nok", false, true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nok\r\n0\r\nX: y\r\n\r\n",
            false,
            true,
        ),
        (
            "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
            false,
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
            false,
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: foo, CLOSE\r\n\r\nok",
            false,
            false,
        ),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false, false),
        ("HTTP/1.1 200 OK\r\n\r\nok", true, false),
        ("HTTP/1.0 200 OK\r\n\r\nok", true, false),
    ] {
        world.upstream.clear();
        world.queue(bytes.as_bytes(), close);
        let answer = world.ask(&mut client, "GET", "/api/1/x").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok"), "{bytes:?}");
        assert!(
            answer.interim.is_empty() && answer.trailers.is_empty(),
            "{bytes:?}"
        );
        let connection = world.upstream.last().connection as u64;
        let next = world.echoed(&mut client, "/api/1/next").await;
        assert_eq!(next == connection, again, "{bytes:?}");
    }
}

/// What a client sends next, told by a number alone, so that clients do the same in every run.
fn mixed_target(client: u64, n: u64) -> (&'static str, String) {
    // A linear congruential step (Knuth's constants) spreads neighbouring numbers.
    let dice = (client * 1_000_003 + n)
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407)
        >> 33;
    let kind = match dice % 12 {
        0 => "bad",
        1 => "gone",
        2 => "again",
        3 => "late-close",
        4 => "short",
        5 => "chunks",
        _ => "echo",
    };
    let method = ["GET", "POST", "HEAD"][usize::try_from(dice / 12 % 3).unwrap()];
    (method, format!("/api/1/{kind}/{client}-{n}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f13_in_mixed_traffic_each_client_gets_its_own_answer() {
    let world = Arc::new(World::start("").await);
    let script = |path: &str, text: String, close: bool| {
        let bytes = text.into_bytes();
        world.upstream.script(
            path,
            if close {
                Reply::BytesThenClose(bytes)
            } else {
                Reply::Bytes(bytes)
            },
        );
    };
    script(
        "/api/1/bad",
        format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 45\r\n\r\n{POISON}"),
        false,
    );
    script(
        "/api/1/late-close",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate".into(),
        true,
    );
    script(
        "/api/1/short",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort".into(),
        true,
    );
    script(
        "/api/1/chunks",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nchun\r\n2\r\nks\r\n0\r\n\r\n".into(),
        false,
    );
    world.upstream.script("/api/1/gone", Reply::CloseWithoutAnswer);
    let (clients, total) = (16, sized(5_000, 100_000));
    let tasks: Vec<_> = (0..clients)
        .map(|client| tokio::spawn(mixed_client(Arc::clone(&world), client, total / clients)))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn mixed_client(world: Arc<World>, number: u64, requests: u64) {
    let mut client = world.connect().await;
    for n in 0..requests {
        let (method, target) = mixed_target(number, n);
        let body = target.repeat(usize::try_from(n % 7).unwrap());
        let body = if method == "POST" { body.as_bytes() } else { b"" };
        client.send(world.request(method, &target, &[], body)).await;
        let answer = client.try_read_response(method).await;
        let kind = target.split('/').nth(3).unwrap();
        match (kind, answer) {
            ("short", Err(e)) if method != "HEAD" => {
                assert_ne!(e.kind(), ErrorKind::TimedOut, "{target}: {e}");
                client = world.connect().await;
            }
            ("short", Ok(answer)) if method == "HEAD" => {
                assert_eq!(answer.header("content-length"), Some("100"));
            }
            // The close came with the head.
            ("short", Ok(answer)) if answer.status == 502 => {
                assert_problem(&answer, 502, "upstream_bad_answer");
            }
            ("bad" | "gone", Ok(answer)) => assert_eq!(answer.status, 502, "{target}"),
            // An idle connection may be closing while a request without a second chance goes out on it.
            (_, Ok(answer)) if answer.status == 502 && method == "POST" => {
                assert_problem(&answer, 502, "upstream_unreachable");
            }
            (_, Ok(answer)) if method == "HEAD" => {
                assert_eq!((answer.status, answer.body_len), (200, 0), "{target}");
            }
            ("echo" | "again", Ok(answer)) => {
                let echo = answer.json();
                assert_eq!(
                    (&echo["target"], &echo["body_length"]),
                    (&target.clone().into(), &body.len().into())
                );
            }
            ("late-close", Ok(answer)) => assert_eq!(answer.text(), "late", "{target}"),
            ("chunks", Ok(answer)) => assert_eq!(answer.text(), "chunks", "{target}"),
            (_, answer) => panic!("{method} {target}: {answer:?}"),
        }
    }
}
