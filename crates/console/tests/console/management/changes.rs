//! The stream that tells of changes, read byte by byte.

use crate::management::{Plane, key, settings, use_cases, user};
use keyward_console::Console;
use keyward_engine::testing::{self, TestDatabase};
use keyward_engine::{Clock, Engine, SystemClock};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

struct Stream {
    reader: BufReader<TcpStream>,
    head: String,
}

/// One thing that a stream says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Event(String, u64),
    Heartbeat,
    End,
}

impl Stream {
    async fn open(console: SocketAddr, secret: &str) -> Self {
        let mut stream = TcpStream::connect(console).await.unwrap();
        let request = format!("GET /v1/changes HTTP/1.1\r\nHost: keyward\r\nX-API-KEY: {secret}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(
                timeout(PATIENCE, reader.read_line(&mut head))
                    .await
                    .unwrap()
                    .unwrap(),
                0
            );
        }
        Self { reader, head }
    }

    async fn next(&mut self) -> Said {
        timeout(PATIENCE, self.read()).await.unwrap()
    }

    async fn read(&mut self) -> Said {
        let mut size = String::new();
        self.reader.read_line(&mut size).await.unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        self.reader.read_exact(&mut chunk).await.unwrap();
        let text = String::from_utf8(chunk).unwrap();
        match text.trim_end() {
            "" => Said::End,
            ":" => Said::Heartbeat,
            text => {
                let (event, data) = text.split_once('\n').unwrap();
                let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
                let name = event.strip_prefix("event: ").unwrap();
                Said::Event(name.to_owned(), data["revision"].as_u64().unwrap())
            }
        }
    }

    /// What it says next that is no heartbeat.
    async fn next_event(&mut self) -> Said {
        loop {
            match self.next().await {
                Said::Heartbeat => {}
                other => return other,
            }
        }
    }

    /// Reads to its end.
    async fn ends(&mut self) {
        while self.next().await != Said::End {}
    }
}

fn revision(number: u64) -> Said {
    Said::Event("revision".to_owned(), number)
}

/// The engine follows its store, as a running Keyward does.
fn follow(engine: &Arc<Engine>) -> tokio::task::JoinHandle<()> {
    let engine = Arc::clone(engine);
    tokio::spawn(async move {
        loop {
            engine.follow().await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
}

#[tokio::test]
async fn r1_the_stream_tells_the_revision_and_then_every_change_of_it() {
    let plane = Plane::start().await;
    let following = follow(&plane.engine);
    let mut stream = Stream::open(plane.console.address(), &plane.admin).await;
    assert!(stream.head.starts_with("HTTP/1.1 200"), "{}", stream.head);
    let head = stream.head.to_lowercase();
    for field in [
        "content-type: text/event-stream",
        "cache-control: no-store",
        "vary: x-api-key",
    ] {
        assert!(head.contains(field), "{head}");
    }
    assert!(!head.contains("content-encoding"), "{head}");
    let mut known = plane.engine.revision().0;
    assert_eq!(stream.next_event().await, revision(known));
    for name in ["one", "two", "three"] {
        plane.make_key(json!({ "name": name })).await;
        known += 1;
        assert_eq!(plane.engine.revision().0, known);
        assert_eq!(stream.next_event().await, revision(known));
    }
    assert_eq!(stream.next().await, Said::Heartbeat);
    following.abort();
}

#[tokio::test]
async fn r1_the_stream_ends_when_its_key_or_its_owner_may_no_longer_have_it() {
    let plane = Plane::start().await;
    let following = follow(&plane.engine);
    let other = user(&plane.engine, "other@example.com", "admin").await;
    let owner = user(&plane.engine, "owner@example.com", "admin").await;
    let (disabled, disabled_secret) = key(&plane.engine, &other, "management", None).await;
    let (deleted, deleted_secret) = key(&plane.engine, &other, "management", None).await;
    let (_, demoted_secret) = key(&plane.engine, &owner, "management", None).await;
    let until = plane.clock.now().plus_millis(60_000).to_string();
    let expiring = plane
        .make_key(json!({ "name": "n", "use_case": "management", "expires_at": { "at": until } }))
        .await;
    let mut streams = Vec::new();
    for secret in [&disabled_secret, &deleted_secret, &demoted_secret] {
        streams.push(Stream::open(plane.console.address(), secret).await);
    }
    let mut expires = Stream::open(plane.console.address(), expiring["secret"].as_str().unwrap()).await;
    let demote = json!({ "role": "member" });
    plane
        .post(&plane.admin, &format!("/v1/keys/{disabled}/disable"))
        .await;
    plane
        .send(
            Some(&plane.admin),
            "DELETE",
            &format!("/v1/keys/{deleted}"),
            &[],
            b"",
        )
        .await;
    let edited = plane
        .call(&plane.admin, "PATCH", &format!("/v1/users/{owner}"), &demote)
        .await;
    assert_eq!(edited.status, 200, "{edited:?}");
    for stream in &mut streams {
        stream.ends().await;
    }
    let current = revision(plane.engine.revision().0);
    while expires.next_event().await != current {}
    plane.clock.advance(61_000);
    expires.ends().await;
    following.abort();
}

#[tokio::test]
async fn the_streams_are_bounded_and_their_places_are_given_back() {
    let plane = Plane::start().await;
    let mut streams = Vec::new();
    for _ in 0..64 {
        streams.push(Stream::open(plane.console.address(), &plane.admin).await);
    }
    let full = plane.get(&plane.admin, "/v1/changes").await;
    assert_eq!((full.status, full.code().as_str()), (503, "too_many_streams"));
    assert_eq!(full.header("retry-after"), Some("5"));
    assert_eq!(plane.get(&plane.admin, "/v1/me").await.status, 200);
    drop(streams);
    // A place is free when the server has seen that its client is gone.
    let again = async {
        loop {
            let mut stream = Stream::open(plane.console.address(), &plane.admin).await;
            if stream.head.starts_with("HTTP/1.1 200") {
                return stream.next_event().await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert_eq!(
        timeout(PATIENCE, again).await.unwrap(),
        revision(plane.engine.revision().0)
    );
}

#[tokio::test]
async fn members_and_keys_of_the_protected_api_watch_nothing() {
    let plane = Plane::start().await;
    let member = plane.get(&plane.member, "/v1/changes").await;
    assert_eq!((member.status, member.code().as_str()), (403, "forbidden"));
    let data = plane.get(&plane.data, "/v1/changes").await;
    assert_eq!((data.status, data.code().as_str()), (403, "use_case_forbidden"));
    assert_eq!(plane.get(&plane.admin, "/v1/changes?since=1").await.status, 422);
}

#[tokio::test]
async fn s14_a_drain_ends_every_stream() {
    let plane = Plane::start().await;
    let mut stream = Stream::open(plane.console.address(), &plane.admin).await;
    let draining = tokio::spawn(plane.house.console.drain(PATIENCE));
    stream.ends().await;
    timeout(PATIENCE, draining).await.unwrap().unwrap();
}

#[tokio::test]
async fn r1_a_node_that_cannot_tell_whether_it_is_up_to_date_says_so() {
    let database = TestDatabase::at(SystemClock.now()).await;
    let never_fresh = keyward_engine::Settings {
        max_staleness: Duration::ZERO,
        ..testing::settings(use_cases())
    };
    let engine = database.node(never_fresh).await;
    let admin = user(&engine, "admin@example.com", "admin").await;
    let (_, secret) = key(&engine, &admin, "management", None).await;
    let console = Console::start(&engine, settings()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let mut stream = Stream::open(console.address(), &secret).await;
    let stale = Said::Event("stale".to_owned(), engine.revision().0);
    // In place of the first event, and of each heartbeat.
    assert_eq!(stream.next().await, stale);
    assert_eq!(stream.next().await, stale);
}
