//! D3, D4: what is too large is refused early, and what is large goes through in constant memory.

use keyward_testkit::{H2Outcome, RawH2, Reply, World, request, sized, verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const QUIET: &str = "[log]\naccess = false";

/// Fields of so many bytes each.
fn fields(count: usize, name: &str, bytes: usize) -> String {
    (0..count)
        .map(|n| format!("{name}{n}: {}\r\n", "v".repeat(bytes)))
        .collect()
}

fn head(target: &str, secret: &str, fields: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {secret}\r\n{fields}\r\n").into_bytes()
}

/// A head of exactly so many bytes.
fn head_of(bytes: usize, secret: &str) -> Vec<u8> {
    let bare = head("/api/1/x", secret, "A: \r\n").len();
    head(
        "/api/1/x",
        secret,
        &format!("A: {}\r\n", "v".repeat(bytes - bare)),
    )
}

#[tokio::test]
async fn d3_long_heads_and_targets_are_refused() {
    let world = World::start(QUIET).await;
    let key = world.secret();
    let long = |n: usize| format!("/api/1/{}", "x".repeat(n));
    let cookies = |n: usize| "Cookie: name=value\r\n".repeat(n);
    let table = [
        (
            "100 fields of 8 KiB",
            head("/api/1/x", key, &fields(100, "A", 8192)),
            431,
        ),
        (
            "a field of 64 KiB",
            head("/api/1/x", key, &fields(1, "A", 65_536)),
            431,
        ),
        (
            "a name of 64 KiB",
            head("/api/1/x", key, &format!("{}: v\r\n", "n".repeat(65_536))),
            431,
        ),
        (
            "a field of 64 KiB first",
            format!(
                "GET /api/1/x HTTP/1.1\r\nA: {}\r\nHost: a\r\n\r\n",
                "v".repeat(65_536)
            )
            .into_bytes(),
            431,
        ),
        ("a target of 64 KiB", head(&long(65_536), key, ""), 414),
        (
            "a query of 64 KiB",
            head(&format!("/api/1/x?{}", "q".repeat(65_536)), key, ""),
            414,
        ),
        ("a target of 17 KiB", head(&long(17 * 1024), key, ""), 414),
        (
            "a public target of 64 KiB",
            head(&format!("/swagger/{}", "x".repeat(65_536)), key, ""),
            414,
        ),
        (
            "an absolute target of 64 KiB",
            head(&format!("http://localhost{}", long(65_536)), key, ""),
            414,
        ),
        ("1000 cookie fields", head("/api/1/x", key, &cookies(1000)), 431),
        (
            "1000 cookies in a field",
            head(
                "/api/1/x",
                key,
                &format!("Cookie: {}\r\n", "some-name=some-long-value; ".repeat(2000)),
            ),
            431,
        ),
        ("101 fields", head("/api/1/x", key, &fields(99, "A", 1)), 431),
        ("a head of 32 KiB and a byte", head_of(32_769, key), 431),
        (
            "32 KiB of X-API-KEY",
            head("/api/1/x", &"k".repeat(32_768), ""),
            431,
        ),
        (
            "a method of 64 KiB",
            format!("{} /api/1/x HTTP/1.1\r\nHost: a\r\n\r\n", "M".repeat(65_536)).into_bytes(),
            431,
        ),
    ];
    for (what, bytes, status) in table {
        let mut client = world.connect().await;
        // It may be refused before it is whole.
        let _ = client.try_send(&bytes).await;
        let answer = client.read_response().await;
        let wanted = if status == 431 {
            "431 head_too_large"
        } else {
            "414 target_too_long"
        };
        let by_method = what.contains("method") && answer.status == 400;
        assert!(
            by_method || verdict(&answer) == wanted,
            "{what}: {}",
            verdict(&answer)
        );
        assert_eq!(answer.header("connection"), Some("close"), "{what}");
        assert!(client.is_closed_within(Duration::from_secs(40)).await, "{what}");
        assert!(client.unread().is_empty(), "{what}");
    }
    assert_eq!(world.upstream.count(), 0);
    for (what, bytes) in [
        ("100 fields", head("/api/1/x", key, &fields(98, "A", 1))),
        ("a head of 32 KiB", head_of(32_768, key)),
        (
            "a query of 15 KiB",
            head(&format!("/api/1/x?{}", "q".repeat(15 * 1024)), key, ""),
        ),
    ] {
        assert_eq!(verdict(&world.send(bytes).await), "200", "{what}");
    }
}

#[tokio::test]
async fn d3_long_heads_over_http2_are_refused() {
    let world = World::start(QUIET).await;
    let long = "v".repeat(65_536);
    let (path, cookie) = (format!("/api/1/{long}"), "a=b".repeat(10));
    let key = ("x-api-key", world.secret());
    let many: Vec<(&str, &str)> = (0..1000)
        .map(|_| ("cookie", cookie.as_str()))
        .chain([key])
        .collect();
    let table = [
        ("a target of 64 KiB", path.as_str(), vec![key]),
        ("a field of 64 KiB", "/api/1/x", vec![key, ("a", long.as_str())]),
        ("1000 cookies", "/api/1/x", many),
    ];
    for (what, path, fields) in &table {
        let mut h2 = RawH2::connect(world.keyward.gateway()).await;
        h2.get(1, path, fields).await;
        let outcome = h2.outcome(1).await;
        assert!(
            !matches!(outcome, H2Outcome::Status(status) if !matches!(status, 414 | 431)),
            "{what}: {outcome:?}"
        );
    }
    assert_eq!(world.upstream.count(), 0);
}

#[tokio::test]
async fn d3_m3_what_is_bounded_over_http1_is_bounded_over_http2() {
    let world = World::start(QUIET).await;
    let key = ("x-api-key", world.secret());
    let many = |n: usize| {
        std::iter::repeat_n(("a", "v"), n)
            .chain([key])
            .collect::<Vec<_>>()
    };
    let crumbs: Vec<(&str, &str)> = std::iter::repeat_n(("cookie", "a=b"), 150).chain([key]).collect();
    let query = |n: usize| format!("/api/1/x?{}", "q".repeat(n));
    let (long, fair) = (query(30_000), query(15 * 1024));
    let (method, word) = ("M".repeat(14_000), "M".repeat(33));
    let table = [
        ("GET", "/api/1/x", many(99), 431, "head_too_large"),
        ("GET", "/api/1/x", many(400), 431, "head_too_large"),
        ("GET", "/swagger", many(400), 431, "head_too_large"),
        ("GET", &long, vec![key], 414, "target_too_long"),
        (&method, "/api/1/x", vec![key], 400, "bad_request"),
        (&word, "/api/1/x", vec![key], 400, "bad_request"),
        ("GET", "/api/1/x", many(98), 200, ""),
        ("GET", "/api/1/x", crumbs, 200, ""),
        ("GET", &fair, vec![key], 200, ""),
    ];
    for (method, path, fields, status, code) in &table {
        let mut h2 = RawH2::connect(world.keyward.gateway()).await;
        let pseudo = [
            (":method", *method),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", *path),
        ];
        let head: Vec<(&str, &str)> = pseudo.into_iter().chain(fields.iter().copied()).collect();
        world.upstream.clear();
        h2.headers(1, &head, true).await;
        let what = format!("{:.40} {path:.40} {}", method, fields.len());
        assert_eq!(h2.outcome(1).await, H2Outcome::Status(*status), "{what}");
        if *status != 200 {
            let body = h2.body(1).await.unwrap_or_default();
            assert!(String::from_utf8_lossy(&body).contains(code), "{what}");
        }
        assert_eq!(world.upstream.count(), usize::from(*status == 200), "{what}");
    }
}

#[tokio::test]
async fn d3_unfinished_heads_cost_little_memory() {
    let world = World::start(QUIET).await;
    let bytes = head_of(32_768, world.secret());
    assert_eq!(verdict(&world.send(&bytes).await), "200");
    let before = world.keyward.rss_kib();
    let count = sized(300, 3000);
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = world.connect().await;
        client.send(&bytes[..bytes.len() - 1]).await;
        clients.push(client);
    }
    assert_eq!(verdict(&world.send(world.get("/api/1/x")).await), "200");
    let grown = world.keyward.rss_kib().saturating_sub(before);
    assert!(grown < count * 32 * 8, "{grown} KiB for {count} heads of 32 KiB");
    drop(clients);
}

/// Looks at a process's memory again and again.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    most: Arc<AtomicU64>,
    before: u64,
}

impl Watch {
    pub(crate) fn begin(world: &World) -> Self {
        let before = world.keyward.rss_kib();
        let (stop, most) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(before)));
        let (stopped, highest, pid) = (Arc::clone(&stop), Arc::clone(&most), world.keyward.pid());
        std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
                let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
                let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
                highest.fetch_max(kib.unwrap_or(0), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self { stop, most, before }
    }

    fn end(self, what: &str) {
        let grown = self.grown();
        assert!(grown <= 32 * 1024, "{what}: {grown} KiB more");
    }

    /// How many KiB there were at most beyond those of the beginning.
    pub(crate) fn grown(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.most.load(Ordering::Relaxed) - self.before
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d4_large_bodies_stream_both_ways_in_constant_memory() {
    let world = World::start(QUIET).await;
    world.upstream.record_bodies(false);
    let total: u64 = sized(256 << 20, 10 << 30);
    world
        .upstream
        .script("/api/1/down", Reply::Stream { total_bytes: total });
    assert_eq!(verdict(&world.send(world.get("/api/1/x")).await), "200");

    let watch = Watch::begin(&world);
    let mut client = world.connect().await;
    let length = total.to_string();
    let key = ("X-API-KEY", world.secret());
    client
        .send(request(
            "POST",
            "/api/1/up",
            &[key, ("Content-Length", &length)],
            "",
        ))
        .await;
    client.try_send_filler(total).await.unwrap();
    assert_eq!(verdict(&client.read_response().await), "200");
    assert_eq!(world.upstream.last().body_len, total);
    watch.end("up");

    let watch = Watch::begin(&world);
    client.send(world.get("/api/1/down")).await;
    assert_eq!(client.read_response_counting().await.body_len, total);
    watch.end("down");

    // Chunked, and the connection is still good.
    let watch = Watch::begin(&world);
    client
        .send(request(
            "POST",
            "/api/1/up",
            &[key, ("Transfer-Encoding", "chunked")],
            "",
        ))
        .await;
    let chunk = [&b"10000\r\n"[..], &[b'x'; 0x10000], b"\r\n"].concat();
    for _ in 0..total / 4 / 0x10000 {
        client.send(&chunk).await;
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(verdict(&client.read_response().await), "200");
    assert_eq!(world.upstream.last().body_len, total / 4);
    watch.end("up in chunks");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d4_a_client_that_does_not_read_holds_the_upstream_back() {
    let world = World::start(QUIET).await;
    world.upstream.script(
        "/api/1/down",
        Reply::Stream {
            total_bytes: 256 << 20,
        },
    );
    world.upstream.script("/api/1/hang", Reply::Hang);
    assert_eq!(verdict(&world.send(world.get("/api/1/x")).await), "200");
    let watch = Watch::begin(&world);
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = world.connect().await;
        client.send(world.get("/api/1/down")).await;
        clients.push(client);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let total = clients.remove(0).read_response_counting().await.body_len;
    assert_eq!(total, 256 << 20);
    watch.end("20 clients that do not read");
}
