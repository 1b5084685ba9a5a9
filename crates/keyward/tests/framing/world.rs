//! What every test stands on: a gateway with one pool of connections to an upstream that records, and two keys.

use keyward_testkit::{KeySpec, OWNER, RawClient, RawResponse, Recorded, Reply};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A gateway between a test and an upstream, with the sites 1 and 2, and a key without restrictions.
pub(crate) struct World {
    inner: keyward_testkit::World,
    /// The secret of a key for site `1` only.
    pub(crate) k1: String,
}

impl Deref for World {
    type Target = keyward_testkit::World;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}

impl World {
    /// Starts with one worker, so that all requests share one pool of connections to the upstream.
    pub(crate) async fn start(config: &str) -> Self {
        let inner = keyward_testkit::World::builder()
            .config("[gateway]\nworkers = 1")
            .config(config)
            .sites(&["1", "2"])
            .start()
            .await;
        let k1 = inner.keyward.key(KeySpec::new(OWNER, "one").sites(&["1"])).await;
        Self { inner, k1: k1.secret }
    }

    /// Sends a request with a good key on an open connection and reads the answer.
    pub(crate) async fn ask(&self, client: &mut RawClient, method: &str, target: &str) -> RawResponse {
        client.send(self.request(method, target, &[], b"")).await;
        client.read_response_to(method).await
    }

    /// Sends a GET that the upstream echoes, and asserts that the answer is its own. Returns the upstream's connection.
    pub(crate) async fn echoed(&self, client: &mut RawClient, target: &str) -> u64 {
        let answer = self.ask(client, "GET", target).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        let echo = answer.json();
        assert_eq!(echo["target"], target, "another request's answer");
        echo["connection"].as_u64().unwrap()
    }

    /// The targets of all requests that came whole.
    pub(crate) fn whole_targets(&self) -> Vec<String> {
        let all = self.upstream.requests();
        all.iter().filter(|r| r.complete).map(Recorded::target).collect()
    }

    /// Lets the upstream answer the next request with these bytes.
    pub(crate) fn queue(&self, bytes: &[u8], close: bool) {
        self.upstream.queue(if close {
            Reply::BytesThenClose(bytes.to_vec())
        } else {
            Reply::Bytes(bytes.to_vec())
        });
    }
}

/// Asserts that an answer is a problem document of the gateway's own, whole in every field.
pub(crate) fn assert_problem(answer: &RawResponse, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.code()),
        (status, code.to_owned()),
        "{answer:?}"
    );
    let json = answer.json();
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json"),
        "{answer:?}"
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    assert_eq!(
        json["request_id"].as_str(),
        answer.header("x-request-id"),
        "{answer:?}"
    );
    assert!(json["title"].is_string() && json["detail"].is_string(), "{json}");
    assert!(!answer.text().contains("127.0.0.1"), "an address is told: {json}");
}

/// An upstream that answers every request of every connection with these pieces, and a pause before each.
pub(crate) async fn scripted_upstream(pieces: Vec<(Duration, Vec<u8>)>) -> SocketAddr {
    scripted_upstream_that_counts(pieces, watch::Sender::new(0)).await
}

/// The same, which counts how often it has sent the last piece.
pub(crate) async fn scripted_upstream_that_counts(
    pieces: Vec<(Duration, Vec<u8>)>,
    done: watch::Sender<usize>,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (pieces, done) = (pieces.clone(), done.clone());
            tokio::spawn(async move {
                let mut seen = Vec::new();
                // An error means that the gateway has closed.
                while let Ok(1..) = stream.read_buf(&mut seen).await {
                    if !seen.ends_with(b"\r\n\r\n") {
                        continue;
                    }
                    seen.clear();
                    for (pause, piece) in &pieces {
                        tokio::time::sleep(*pause).await;
                        if stream.write_all(piece).await.is_err() {
                            return;
                        }
                    }
                    done.send_modify(|done| *done += 1);
                }
            });
        }
    });
    address
}
