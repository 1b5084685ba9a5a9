//! Forwarding: what goes to which upstream, what comes back, and what is said when nothing does.

use crate::world::{World, assert_problem, scripted_upstream};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use keyward_testkit::{EchoUpstream, KeySpec, Keyward, OWNER, RawClient, Reply, request};
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;

/// Short enough to wait for, and long enough for an upstream of this same process, were it to stand still for a while.
const SHORT: &str = "[gateway.timeouts]\nupstream_response = \"3s\"\nupstream_body_stall = \"3s\"\n";

/// A gateway in front of this upstream, and a key.
async fn in_front_of(upstream: SocketAddr, config: &str) -> (Keyward, String) {
    let keyward = Keyward::builder()
        .upstream(upstream)
        .config_toml(config)
        .start()
        .await;
    keyward.user(OWNER, "member").await;
    let key = keyward.key(KeySpec::new(OWNER, "all")).await.secret;
    (keyward, key)
}

#[tokio::test]
async fn an_upstream_that_is_down_is_502_and_served_again_when_it_is_back() {
    let mut world = World::start("").await;
    let mut client = world.connect().await;
    world.echoed(&mut client, "/api/1/before").await;
    world.upstream.stop();
    for (method, body) in [
        ("GET", &b""[..]),
        ("POST", b"hello"),
        ("DELETE", b""),
        ("OPTIONS", b""),
    ] {
        client.send(world.request(method, "/api/1/x", &[], body)).await;
        assert_problem(&client.read_response().await, 502, "upstream_unreachable");
    }
    world.upstream = EchoUpstream::start_on(world.upstream.address()).await;
    world.echoed(&mut client, "/api/1/after").await;
}

#[tokio::test]
async fn an_upstream_that_is_slow_is_504_or_breaks_off() {
    let world = World::start(SHORT).await;
    world.upstream.script("/api/1/hang", Reply::Hang);
    let mut client = world.connect().await;
    for body in [&b""[..], b"hello"] {
        client.send(world.request("POST", "/api/1/hang", &[], body)).await;
        assert_problem(&client.read_response().await, 504, "upstream_timeout");
        world.echoed(&mut client, "/api/1/next").await;
    }
    for (chunked, head) in [
        (true, "Transfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n"),
        (false, "Content-Length: 10\r\n\r\nbegin"),
    ] {
        world.queue(format!("HTTP/1.1 200 OK\r\n{head}").as_bytes(), false);
        let mut client = world.connect().await;
        client.send(world.request("GET", "/api/1/stall", &[], b"")).await;
        let text = String::from_utf8_lossy(&client.read_to_end().await).into_owned();
        assert!(
            text.starts_with("HTTP/1.1 200") && text.contains("begin"),
            "{text}"
        );
        assert!(!chunked || !text.ends_with("0\r\n\r\n"), "{text}");
    }
    // Slow, for longer than that in all, but never at once.
    let pieces = vec![b"12345".to_vec(); 8];
    let pause = Duration::from_millis(500);
    world.upstream.queue(Reply::SlowBody {
        pieces,
        pause,
        chunked: true,
    });
    let mut client = world.connect().await;
    assert_eq!(world.ask(&mut client, "GET", "/api/1/slow").await.body_len, 40);
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_does_not_outlast_the_deadline() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Slow: yes\r\n\r\nok";
    let pieces = head
        .iter()
        .map(|byte| (Duration::from_millis(100), vec![*byte]))
        .collect();
    let (keyward, key) = in_front_of(scripted_upstream(pieces).await, SHORT).await;
    let mut client = RawClient::connect(keyward.gateway()).await;
    client
        .send(request("GET", "/api/1/x", &[("X-API-KEY", &key)], ""))
        .await;
    assert_problem(&client.read_response().await, 504, "upstream_timeout");
}

#[tokio::test]
async fn f8_an_early_answer_comes_while_the_body_is_still_being_sent() {
    let world = World::start("").await;
    for (status, body) in [(413, "too much"), (200, ""), (204, "")] {
        for field in [("Content-Length", "1000000"), ("Transfer-Encoding", "chunked")] {
            world.upstream.clear();
            world
                .upstream
                .queue(Reply::BeforeBody(Box::new(Reply::http(status, body))));
            let mut client = world.connect().await;
            client
                .send(world.request("POST", "/api/1/early", &[field], b""))
                .await;
            client.send("5\r\nhello\r\n").await;
            let answer = client.read_response().await;
            assert_eq!((answer.status, answer.text().as_str()), (status, body));
            // The rest may not be taken any more; what it holds is not a request.
            let inner = world.request("GET", "/api/1/inner", &[], b"");
            drop(client.try_send([&b"5\r\nhello\r\n"[..], &inner].concat()).await);
            assert!(client.is_closed_within(Duration::from_secs(40)).await);
            assert!(client.unread().is_empty(), "{}", client.unread().escape_ascii());
            assert!(
                world
                    .upstream
                    .requests()
                    .iter()
                    .all(|r| r.target() == "/api/1/early")
            );
            let early = world.upstream.requests()[0].connection as u64;
            assert_ne!(
                world.echoed(&mut world.connect().await, "/api/1/next").await,
                early
            );
        }
    }
}

#[tokio::test]
async fn bodies_go_both_ways_byte_for_byte_in_both_framings() {
    let world = World::start("").await;
    let mut client = world.connect().await;
    for length in [0, 1, 2, 255, 256, 8191, 8192, 8193, 65_535, 65_537, 1_000_003] {
        let body: Vec<u8> = (0..length)
            .map(|n: u32| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
            .collect();
        let sha: String = Sha256::digest(&body)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let mut chunked = Vec::new();
        for piece in body.chunks(4099) {
            chunked.extend_from_slice(format!("{:X};q=\"1\"\r\n", piece.len()).as_bytes());
            chunked.extend_from_slice(&[piece, b"\r\n"].concat());
        }
        chunked.extend_from_slice(b"0\r\n\r\n");
        let coding = [("Transfer-Encoding", "chunked")];
        for (head, sent) in [
            (world.request("PUT", "/api/1/up", &[], &body), vec![]),
            (world.request("PUT", "/api/1/up", &coding, b""), chunked),
        ] {
            client.send([head, sent].concat()).await;
            let echo = client.read_response().await.json();
            assert_eq!(
                (&echo["body_length"], &echo["body_sha256"]),
                (&length.into(), &sha.clone().into())
            );
        }
        let pieces: Vec<Vec<u8>> = body.chunks(200_000).map(<[u8]>::to_vec).collect();
        for down_chunked in [false, true] {
            world.upstream.queue(Reply::SlowBody {
                pieces: pieces.clone(),
                pause: Duration::from_millis(1),
                chunked: down_chunked,
            });
            let answer = world.ask(&mut client, "GET", "/api/1/down").await;
            assert!(
                answer.body == body,
                "{length} bytes down, chunked: {down_chunked}"
            );
            assert_eq!(answer.header("transfer-encoding").is_some(), down_chunked);
        }
    }
    assert!(world.upstream.requests().iter().all(|r| r.complete));
}

#[tokio::test]
async fn answers_without_a_body_end_with_their_head() {
    let world = World::start("").await;
    let mut client = world.connect().await;
    for (method, answer, length) in [
        ("HEAD", "200 OK\r\nContent-Length: 12\r\nETag: x", Some("12")),
        ("HEAD", "200 OK\r\nTransfer-Encoding: chunked\r\nETag: x", None),
        ("HEAD", "200 OK\r\nETag: x", None),
        ("HEAD", "404 Not Found\r\nContent-Length: 3\r\nETag: x", Some("3")),
        ("GET", "204 No Content\r\nETag: x", None),
        ("DELETE", "204 No Content\r\nContent-Length: 0\r\nETag: x", None),
        ("GET", "304 Not Modified\r\nETag: x", None),
        (
            "GET",
            "304 Not Modified\r\nContent-Length: 12\r\nETag: x",
            Some("12"),
        ),
    ] {
        world.queue(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes(), false);
        let got = world.ask(&mut client, method, "/api/1/x").await;
        assert!(
            answer.starts_with(&got.status.to_string()),
            "{method} {answer}: {got:?}"
        );
        assert_eq!(got.header("etag"), Some("x"));
        let told = got.header("content-length");
        // A 304 need not tell the length of what it does not send; another length it must not.
        let fits = told == length || (got.status == 304 && told.is_none());
        assert!(fits, "{method} {answer}: {told:?}");
        world.echoed(&mut client, "/api/1/next").await;
    }
}

#[tokio::test]
async fn routes_lead_to_their_upstreams() {
    let (first, second) = (EchoUpstream::start().await, EchoUpstream::start().await);
    let config = format!(
        r#"
[[gateway.upstreams]]
name = "first"
url = "http://{}"
[[gateway.upstreams]]
name = "second"
url = "http://{}"
[[gateway.routes]]
path = "/api/{{site}}/**"
upstream = "first"
[[gateway.routes]]
path = "/v2/{{site}}/**"
upstream = "second"
"#,
        first.address(),
        second.address()
    );
    let (keyward, key) = in_front_of(first.address(), &config).await;
    let mut client = RawClient::connect(keyward.gateway()).await;
    for (target, counts) in [
        ("/api/1/a", (1, 0)),
        ("/v2/1/b", (1, 1)),
        ("/api/1/c", (2, 1)),
        ("/v2/1/d", (2, 2)),
    ] {
        client
            .send(request("GET", target, &[("X-API-KEY", &key)], ""))
            .await;
        assert_eq!(client.read_response().await.json()["target"], target);
        assert_eq!((first.count(), second.count()), counts, "{target}");
    }
}

#[tokio::test]
async fn kept_connections_are_used_again_and_a_stale_one_is_tried_again_where_that_is_safe() {
    let world = World::start("").await;
    let mut client = world.connect().await;
    let first = world.echoed(&mut client, "/api/1/0").await;
    for n in 1..20 {
        assert_eq!(world.echoed(&mut client, &format!("/api/1/{n}")).await, first);
        assert_eq!(
            world.echoed(&mut world.connect().await, "/api/1/other").await,
            first
        );
    }
    // The upstream takes a request on a kept connection and closes it.
    for (method, body, status, times) in [
        ("GET", &b""[..], 200, 2),
        ("HEAD", b"", 200, 2),
        ("POST", b"x", 502, 1),
        ("POST", b"", 502, 1),
        ("DELETE", b"", 200, 2),
        ("PATCH", b"", 502, 1),
        ("GET", b"x", 502, 1),
    ] {
        world.echoed(&mut client, "/api/1/warm").await;
        world.upstream.clear();
        world.upstream.queue(Reply::CloseWithoutAnswer);
        client
            .send(world.request(method, "/api/1/stale", &[], body))
            .await;
        let answer = client.read_response_to(method).await;
        assert_eq!(
            (answer.status, world.upstream.count()),
            (status, times),
            "{method} {body:?}"
        );
    }
    // On a new connection nothing is tried again: it was not stale.
    world.upstream.clear();
    world.upstream.script("/api/1/never", Reply::CloseWithoutAnswer);
    assert_problem(
        &world.ask(&mut client, "GET", "/api/1/never").await,
        502,
        "upstream_unreachable",
    );
    assert!(world.upstream.count() <= 2);
    world.upstream.clear();
    assert_problem(
        &world.ask(&mut client, "GET", "/api/1/never").await,
        502,
        "upstream_unreachable",
    );
    assert_eq!(world.upstream.count(), 1);
    // One that closed while it was idle is not used at all.
    for _ in 0..5 {
        let closed = world.upstream.closed_connections();
        world.queue(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true);
        assert_eq!(world.ask(&mut client, "GET", "/api/1/x").await.text(), "ok");
        world.upstream.wait_for_closed(closed + 1).await;
        client.send(world.request("POST", "/api/1/y", &[], b"x")).await;
        assert_eq!(client.read_response().await.status, 200);
    }
}

/// An upstream that speaks HTTP/2 only, and tells what it was asked.
async fn h2c_upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service_fn(tell)));
        }
    });
    address
}

async fn tell(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    if head.uri.path().ends_with("/hang") {
        std::future::pending::<()>().await;
    }
    let mut text = format!("{} {} {:?}\n", head.method, head.uri, head.version);
    for (name, value) in &head.headers {
        text.push_str(&format!("{name}: {}\n", value.to_str().unwrap_or("?")));
    }
    let lengths = head.uri.query().filter(|_| head.uri.path().ends_with("/lengths"));
    if let Some(lengths) = lengths {
        let answer = lengths.split('&').fold(Response::builder(), |answer, length| {
            answer.header("content-length", length)
        });
        return Ok(answer.body(Full::from("ok")).unwrap());
    }
    let length = body.collect().await.map_or(0, |body| body.to_bytes().len());
    text.push_str(&format!("body: {length}\n"));
    Ok(Response::builder()
        .status(201)
        .header("x-tell", "yes")
        .body(Full::from(text))
        .unwrap())
}

fn h2c_config(address: SocketAddr) -> String {
    format!(
        "{SHORT}[[gateway.upstreams]]\nname = \"default\"\nurl = \"http://{address}\"\nprotocol = \"h2c\"\n"
    )
}

#[tokio::test]
async fn an_upstream_that_speaks_http2_gets_judged_requests_too() {
    let address = h2c_upstream().await;
    let (keyward, key) = in_front_of(address, &h2c_config(address)).await;
    let mut client = RawClient::connect(keyward.gateway()).await;
    let fields = [
        ("X-API-KEY", key.as_str()),
        ("Connection", "keep-alive, X-Gone"),
        ("X-Gone", "1"),
        ("X-Keyward-Site", "9"),
        ("TE", "trailers"),
    ];
    for (method, body) in [("GET", ""), ("POST", "hello"), ("GET", "")] {
        client.send(request(method, "/api/1/x?y=z", &fields, body)).await;
        let answer = client.read_response().await;
        let text = answer.text();
        assert_eq!(
            (answer.status, answer.header("x-tell")),
            (201, Some("yes")),
            "{text}"
        );
        assert!(
            text.starts_with(&format!("{method} http://localhost/api/1/x?y=z HTTP/2.0\n")),
            "{text}"
        );
        assert!(
            text.contains("\nx-keyward-site: 1\n") && text.contains(&format!("\nbody: {}\n", body.len())),
            "{text}"
        );
        for gone in [
            "x-api-key",
            "x-gone",
            "connection",
            "x-keyward-site: 9",
            "\nte:",
            "\nhost:",
        ] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
    }
    for (lengths, status) in [("2", 200), ("2&2", 502), ("02", 502), ("2&3", 502)] {
        let target = format!("/api/1/lengths?{lengths}");
        client.send(request("HEAD", &target, &fields, "")).await;
        assert_eq!(client.read_response_to("HEAD").await.status, status, "{lengths}");
    }
    client.send(request("GET", "/api/1/hang", &fields, "")).await;
    assert_problem(&client.read_response().await, 504, "upstream_timeout");
    client.send(request("GET", "/api/1/next", &fields, "")).await;
    assert_eq!(client.read_response().await.status, 201);
    // A body that the upstream does not take is no reason to wait for ever.
    let mut stuck = RawClient::connect(keyward.gateway()).await;
    let length = [("X-API-KEY", key.as_str()), ("Content-Length", "20000000")];
    stuck.send(request("POST", "/api/1/hang", &length, "")).await;
    drop(stuck.try_send_filler(20_000_000).await);
    match stuck.try_read_response("POST").await {
        Ok(answer) => assert_problem(&answer, 504, "upstream_timeout"),
        Err(e) => assert_ne!(e.kind(), std::io::ErrorKind::TimedOut, "{e}"),
    }
    // HTTP/1.1 where HTTP/2 is expected, and nobody at all.
    let other = EchoUpstream::start().await;
    for address in [other.address(), SocketAddr::from(([127, 0, 0, 1], 1))] {
        let (keyward, key) = in_front_of(address, &h2c_config(address)).await;
        let mut client = RawClient::connect(keyward.gateway()).await;
        client
            .send(request("GET", "/api/1/x", &[("X-API-KEY", &key)], ""))
            .await;
        let answer = client.read_response().await;
        assert!([502, 504].contains(&answer.status), "{}", answer.text());
        assert_problem(&answer, answer.status, answer.json()["code"].as_str().unwrap());
    }
}

#[tokio::test]
async fn a_body_may_take_longer_than_the_answer_to_it_may() {
    let h2c = h2c_upstream().await;
    let echo = EchoUpstream::start().await;
    for (address, config, status) in [
        (echo.address(), SHORT.to_owned(), 200),
        (h2c, h2c_config(h2c), 201),
    ] {
        let (keyward, key) = in_front_of(address, &config).await;
        let mut client = RawClient::connect(keyward.gateway()).await;
        let fields = [("X-API-KEY", key.as_str()), ("Content-Length", "12")];
        client.send(request("POST", "/api/1/x", &fields, "")).await;
        client
            .send_slowly("hello, world", Duration::from_millis(400))
            .await;
        assert_eq!(client.read_response().await.status, status, "{config}");
    }
}

#[tokio::test]
async fn f6_a_body_that_breaks_off_is_the_clients_fault_whatever_the_upstream_speaks() {
    let h2c = h2c_upstream().await;
    let echo = EchoUpstream::start().await;
    let patience = "[gateway.timeouts]\nbody_stall = \"3s\"\n";
    let upstream = h2c_config(h2c).replace(SHORT, "");
    for (address, config) in [
        (echo.address(), patience.to_owned()),
        (h2c, format!("{patience}{upstream}")),
    ] {
        let (keyward, key) = in_front_of(address, &config).await;
        let key = ("X-API-KEY", key.as_str());
        for (framing, body, status, code) in [
            (
                ("Transfer-Encoding", "chunked"),
                "3\r\nabc\r\nzz\r\n",
                400,
                "bad_request",
            ),
            (("Content-Length", "10"), "abc", 408, "body_timeout"),
        ] {
            let mut client = RawClient::connect(keyward.gateway()).await;
            client
                .send(request("POST", "/api/1/x", &[key, framing], ""))
                .await;
            client.send(body).await;
            assert_problem(&client.read_response().await, status, code);
        }
        let mut client = RawClient::connect(keyward.gateway()).await;
        client.send(request("POST", "/api/1/x", &[key], "hello")).await;
        assert!(
            matches!(client.read_response().await.status, 200 | 201),
            "{config}"
        );
    }
}
