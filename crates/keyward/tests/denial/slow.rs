//! D1: clients that are slow on purpose lose their connections, and nobody else notices.

use keyward_testkit::{
    Certificate, RawClient, RawH2, Reply, WAIT_TIMEOUT, World, get, request, sized, verdict,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};

/// Short enough to wait for, and long enough for lawful clients of this same process, were it to stand still for a while.
const SHORT: &str = r#"
[log]
access = false
[gateway.timeouts]
request_head = "5s"
idle = "6s"
body_stall = "5s"
write_stall = "5s"
"#;

/// Lawful requests one after another until told to stop, on a kept connection and on new ones.
struct Lawful {
    stop: Arc<AtomicBool>,
    task: JoinHandle<usize>,
}

impl Lawful {
    fn begin(world: &World) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (address, secret) = (world.keyward.gateway(), world.secret().to_owned());
        let task = tokio::spawn(Self::run(address, secret, Arc::clone(&stop)));
        Self { stop, task }
    }

    async fn run(address: SocketAddr, secret: String, stop: Arc<AtomicBool>) -> usize {
        let mut kept = RawClient::connect(address).await;
        let mut served = 0;
        while !stop.load(Ordering::Relaxed) {
            kept.send(get("/api/1/lawful", &secret)).await;
            assert_eq!(verdict(&kept.read_response().await), "200");
            let mut fresh = RawClient::connect(address).await;
            let body = [b'x'; 100];
            fresh
                .send(request("POST", "/api/1/lawful", &[("X-API-KEY", &secret)], body))
                .await;
            assert_eq!(verdict(&fresh.read_response().await), "200");
            served += 2;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        served
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        let served = self.task.await.unwrap();
        assert!(served > 10, "{served}");
    }
}

/// What a slow client sends, and how it goes on.
#[derive(Clone, Debug)]
struct Slow {
    what: &'static str,
    first: Vec<u8>,
    /// Sent again and again.
    drip: &'static [u8],
    /// The answer, if there must be one.
    answer: Option<&'static str>,
}

/// Sends as it is told to, and checks that the gateway ends it.
async fn suffer(address: SocketAddr, slow: Slow) {
    let mut client = RawClient::connect(address).await;
    client.send(&slow.first).await;
    let since = std::time::Instant::now();
    while !client.is_closed_within(Duration::from_millis(150)).await {
        assert!(since.elapsed() < WAIT_TIMEOUT, "{}: still open", slow.what);
        if client.unread().is_empty() && client.try_send(slow.drip).await.is_err() {
            break;
        }
    }
    match slow.answer {
        None => assert!(
            client.unread().is_empty(),
            "{}: {}",
            slow.what,
            String::from_utf8_lossy(client.unread())
        ),
        Some(wanted) => {
            let answer = client.try_read_response("GET").await;
            let answer = answer.unwrap_or_else(|e| panic!("{}: {e}", slow.what));
            assert_eq!(verdict(&answer), wanted, "{}", slow.what);
            assert_eq!(answer.header("connection"), Some("close"), "{}", slow.what);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_slow_heads_and_bodies_are_cut_and_lawful_traffic_is_served() {
    let world = World::start(SHORT).await;
    let head = |bytes: &[u8], drip, what| Slow {
        what,
        first: bytes.to_vec(),
        drip,
        answer: Some("408 head_timeout"),
    };
    let body = |bytes: Vec<u8>, drip, what| Slow {
        what,
        first: bytes,
        drip,
        answer: Some("408 body_timeout"),
    };
    let key = ("X-API-KEY", world.secret());
    let chunked = [key, ("Transfer-Encoding", "chunked")];
    let long = [key, ("Content-Length", "100000")];
    let mut second = request("GET", "/swagger/x", &[], "");
    second.truncate(second.len() - 2);
    let table = [
        Slow {
            what: "nothing at all",
            first: Vec::new(),
            drip: b"",
            answer: None,
        },
        Slow {
            what: "a piece of the HTTP/2 preface",
            first: b"PRI * HT".to_vec(),
            drip: b"",
            answer: None,
        },
        head(b"G", b"", "one byte"),
        head(b"P", b"", "one byte that HTTP/2 begins with too"),
        head(b"PRI", b"", "a method that HTTP/2 begins with too"),
        head(b"GET /api/1/slow", b"x", "a request line that never ends"),
        head(
            b"GET /api/1/slow HTTP/1.1\r\nHost: localhost\r\n",
            b"A: b\r\n",
            "fields that never end",
        ),
        head(
            b"GET /api/1/slow HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: ",
            b"",
            "a field without its end",
        ),
        head(&second, b"", "a head without its empty line"),
        head(b"\r\n\r\n\r\nGET", b"", "empty lines before a piece of a request"),
        body(
            request("POST", "/api/1/slow", &long, ""),
            b"",
            "no byte of a body",
        ),
        body(
            request("POST", "/api/1/slow", &long, ""),
            b"x",
            "a body in single bytes",
        ),
        body(
            request("POST", "/api/1/slow", &chunked, ""),
            b"",
            "no chunk of a body",
        ),
        body(
            request("POST", "/api/1/slow", &chunked, ""),
            b"1\r\nx\r\n",
            "a body in chunks of one byte",
        ),
        body(
            [request("POST", "/api/1/slow", &chunked, ""), b"10".to_vec()].concat(),
            b"",
            "a piece of a chunk size",
        ),
        body(
            [
                request("POST", "/api/1/slow", &chunked, ""),
                b"1\r\nx\r\n0\r\n".to_vec(),
            ]
            .concat(),
            b"A: b\r\n",
            "trailers that never end",
        ),
    ];
    let lawful = Lawful::begin(&world);
    let mut clients = JoinSet::new();
    for _ in 0..sized(10, 350) {
        for slow in &table {
            clients.spawn(suffer(world.keyward.gateway(), slow.clone()));
        }
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
    lawful.end().await;
    let slow: Vec<_> = world
        .upstream
        .requests()
        .into_iter()
        .filter(|r| r.target() == "/api/1/slow" && r.complete)
        .collect();
    assert!(slow.is_empty(), "{slow:?}");
    world
        .keyward
        .wait_for_metric("keyward_connections", |open| open <= 1.0)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_slow_readers_are_cut_and_lawful_traffic_is_served() {
    let world = World::start(SHORT).await;
    const TOTAL: u64 = 64 << 20;
    world
        .upstream
        .script("/api/1/big", Reply::Stream { total_bytes: TOTAL });
    let lawful = Lawful::begin(&world);
    let mut clients = JoinSet::new();
    for _ in 0..sized(20, 200) {
        let (address, ask) = (world.keyward.gateway(), world.get("/api/1/big"));
        clients.spawn(async move {
            let mut client = RawClient::connect(address).await;
            client.send(ask).await;
            // Longer than a write may stall.
            tokio::time::sleep(Duration::from_secs(15)).await;
            let got = client.read_to_end().await.len();
            assert!((got as u64) < TOTAL, "{got} bytes came after all");
        });
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
    // Many answers that nobody reads: they pile up behind the first.
    let mut client = world.connect().await;
    let ask = world.get("/api/1/unread").repeat(50);
    let since = std::time::Instant::now();
    while client.try_send(&ask).await.is_ok() {
        assert!(
            since.elapsed() < WAIT_TIMEOUT,
            "a client that reads nothing is still read"
        );
    }
    lawful.end().await;
    world
        .keyward
        .wait_for_metric("keyward_connections", |open| open <= 1.0)
        .await;
}

/// A whole HTTP/2 connection whose client is slow in one way; it acknowledges all that the server asks.
async fn suffer_h2(address: SocketAddr, way: &'static str, secret: String) {
    let mut h2 = RawH2::connect(address).await;
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/api/1/slow"),
        ("x-api-key", secret.as_str()),
    ];
    match way {
        "nothing" => {}
        "half a head" => h2.frame(RawH2::HEADERS, 0, 1, &[0x82]).await,
        "no body" => h2.headers(1, &fields, false).await,
        "no window, short answer" | "no window, long answer" => {
            // SETTINGS_INITIAL_WINDOW_SIZE = 0
            h2.frame(RawH2::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]).await;
            let path = if way.contains("long") {
                "/api/1/big"
            } else {
                "/nowhere"
            };
            h2.get(1, path, &[("x-api-key", &secret)]).await;
        }
        other => panic!("{other}"),
    }
    let ended = async { while h2.read_frame().await.is_some() {} };
    let ended = tokio::time::timeout(WAIT_TIMEOUT, ended).await;
    assert!(ended.is_ok(), "{way}: still open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_slow_http2_clients_are_cut_and_lawful_traffic_is_served() {
    let world = World::start(SHORT).await;
    world
        .upstream
        .script("/api/1/big", Reply::Stream { total_bytes: 8 << 20 });
    let lawful = Lawful::begin(&world);
    let mut clients = JoinSet::new();
    let ways = [
        "nothing",
        "half a head",
        "no body",
        "no window, short answer",
        "no window, long answer",
    ];
    for _ in 0..sized(5, 200) {
        for way in ways {
            clients.spawn(suffer_h2(world.keyward.gateway(), way, world.secret().to_owned()));
        }
    }
    let mut faults = Vec::new();
    while let Some(done) = clients.join_next().await {
        if let Err(fault) = done {
            faults.push(format!("{fault}"));
        }
    }
    lawful.end().await;
    assert!(faults.is_empty(), "{faults:?}");
    world
        .keyward
        .wait_for_metric("keyward_connections", |open| open <= 1.0)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_slow_handshakes_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::create(folder.path());
    let world = World::builder()
        .config(SHORT)
        .keyward(|builder| builder.gateway_tls(&certificate))
        .start()
        .await;
    for first in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"] {
        let mut client = world.connect().await;
        client.send(first).await;
        assert!(client.is_closed_within(WAIT_TIMEOUT).await, "{first:?}");
    }
    let mut lawful = RawClient::connect_tls(world.keyward.gateway(), "localhost", &certificate, &[]).await;
    lawful.send(world.get("/api/1/x")).await;
    assert_eq!(verdict(&lawful.read_response().await), "200");
}
