//! Kept connections to upstreams: how long they are kept, and which requests go out once more when one was closed meanwhile.

use crate::world::{World, assert_problem};
use keyward_testkit::{KeySpec, Keyward, OWNER, RawClient, request};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What an upstream does with a connection after its first answer.
#[derive(Clone, Copy, PartialEq)]
enum After {
    /// It closes at once.
    Close,
    /// It reads the next request and closes without an answer.
    CloseOnRequest,
    /// The same, after a part of an answer.
    CloseWithinAnswer,
    /// It sends 408 and closes, as some do when nothing has come for long.
    Farewell,
}

/// The requests that came whole, by their first lines.
type Seen = Arc<Mutex<Vec<String>>>;

/// Answers the first request of each connection; the watch counts the connections that it has closed before the next one.
async fn upstream(after: After) -> (SocketAddr, Seen, watch::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let (closed, closes) = watch::channel(0);
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (seen, closed) = (Arc::clone(&kept), closed.clone());
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                if !read_request(&mut stream, &mut bytes, &seen).await {
                    return;
                }
                let body = if bytes.starts_with(b"HEAD ") { "" } else { "ok" };
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
                match after {
                    After::Close => {}
                    After::Farewell => {
                        let word =
                            b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                        stream.write_all(word).await.unwrap();
                    }
                    After::CloseOnRequest | After::CloseWithinAnswer => {
                        read_request(&mut stream, &mut bytes, &seen).await;
                        if after == After::CloseWithinAnswer {
                            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-").await.unwrap();
                        }
                    }
                }
                stream.shutdown().await.unwrap();
                closed.send_modify(|closed| *closed += 1);
                while let Ok(1..) = stream.read_buf(&mut bytes).await {}
            });
        }
    });
    (address, seen, closes)
}

/// Reads a head, and two bytes of a body where there is one.
async fn read_request(stream: &mut tokio::net::TcpStream, bytes: &mut Vec<u8>, seen: &Seen) -> bool {
    bytes.clear();
    loop {
        let text = String::from_utf8_lossy(bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && (body.len() == 2 || !head.contains("content-length: 2"))
        {
            seen.lock().unwrap().push(head.lines().next().unwrap().to_owned());
            return true;
        }
        if !matches!(stream.read_buf(bytes).await, Ok(1..)) {
            return false;
        }
    }
}

/// A gateway of one worker before an upstream, and a good key.
async fn gateway(upstream: SocketAddr, more: &str) -> (keyward_testkit::Keyward, String) {
    let keyward = Keyward::builder()
        .config_toml("[gateway]\nworkers = 1")
        .config_toml(&format!(
            "[[gateway.upstreams]]\nname = \"default\"\nurl = \"http://{upstream}\"\n{more}"
        ))
        .start()
        .await;
    keyward.user(OWNER, "member").await;
    let key = keyward.key(KeySpec::new(OWNER, "all")).await.secret;
    (keyward, key)
}

const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "POST"];

#[tokio::test]
async fn a_connection_that_the_upstream_has_closed_is_not_used_whatever_the_method() {
    for after in [After::Close, After::Farewell] {
        let (address, seen, mut closes) = upstream(after).await;
        let (keyward, key) = gateway(address, "").await;
        let mut client = RawClient::connect(keyward.gateway()).await;
        let mut sent = 0;
        for method in METHODS {
            for body in ["", "hi"] {
                sent += 1;
                let target = format!("/api/1/{sent}");
                client
                    .send(request(method, &target, &[("X-API-KEY", &key)], body))
                    .await;
                let answer = client.read_response_to(method).await;
                assert_eq!(answer.status, 200, "{method} {body:?}: {}", answer.text());
                closes.wait_for(|closes| *closes == sent).await.unwrap();
            }
        }
        assert_eq!(seen.lock().unwrap().len(), sent, "each came once");
    }
}

#[tokio::test]
async fn when_a_kept_connection_ends_without_an_answer_idempotent_requests_alone_go_out_once_more() {
    for after in [After::CloseOnRequest, After::CloseWithinAnswer] {
        let (address, seen, _closes) = upstream(after).await;
        let (keyward, key) = gateway(address, "").await;
        let mut client = RawClient::connect(keyward.gateway()).await;
        for method in METHODS {
            for body in ["", "hi"] {
                let ask = |target: &str, body: &str| request(method, target, &[("X-API-KEY", &key)], body);
                client
                    .send(request("GET", "/api/1/first", &[("X-API-KEY", &key)], ""))
                    .await;
                let _first = client.read_response().await;
                seen.lock().unwrap().clear();
                client.send(ask("/api/1/x", body)).await;
                let answer = client.read_response_to(method).await;
                let idempotent = !matches!(method, "POST" | "PATCH");
                // The body of a preflight does not go on.
                let has_body = !body.is_empty() && method != "OPTIONS";
                let again = after == After::CloseOnRequest && !has_body && idempotent;
                let (status, times) = if again { (200, 2) } else { (502, 1) };
                assert_eq!(answer.status, status, "{method} {body:?}");
                assert_eq!(
                    *seen.lock().unwrap(),
                    vec![format!("{method} /api/1/x HTTP/1.1"); times],
                    "{method} {body:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_connection_is_kept_for_upstream_idle() {
    let world = World::start("").await;
    let upstream = world.upstream.address();
    for (setting, kept) in [
        ("upstream_idle = \"1h\"", true),
        ("upstream_idle = \"off\"", false),
        ("upstream_idle = \"1ms\"", false),
    ] {
        let (keyward, key) = gateway(upstream, setting).await;
        let mut client = RawClient::connect(keyward.gateway()).await;
        let mut used = Vec::new();
        for _ in 0..3 {
            client
                .send(request("GET", "/api/1/x", &[("X-API-KEY", &key)], ""))
                .await;
            used.push(client.read_response().await.json()["connection"].clone());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(
            used[0] == used[1] && used[1] == used[2],
            kept,
            "{setting}: {used:?}"
        );
    }
}

#[tokio::test]
async fn what_an_upstream_says_before_it_is_asked_is_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (keyward, key) = gateway(address, "").await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let greeting = b"220 mail.example.com ESMTP\r\n\r\n";
                let _gone = stream.write_all(greeting).await;
                while let Ok(1..) = stream.read_buf(&mut Vec::new()).await {}
            });
        }
    });
    let mut client = RawClient::connect(keyward.gateway()).await;
    for method in ["GET", "POST"] {
        client
            .send(request(method, "/api/1/x", &[("X-API-KEY", &key)], "hi"))
            .await;
        assert_problem(&client.read_response().await, 502, "upstream_bad_answer");
    }
}
