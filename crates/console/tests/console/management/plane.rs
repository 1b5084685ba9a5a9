//! The plane itself: pages, headers, framing, deadlines, the end.

use crate::management::Plane;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// For what has to come about sooner or later; never a measure of speed.
const GUARD: Duration = Duration::from_secs(60);

#[tokio::test]
async fn swagger_ui_is_served_without_a_key_and_loads_nothing_from_elsewhere() {
    let plane = Plane::start().await;
    let to = plane.send(None, "GET", "/swagger", &[], b"").await;
    assert_eq!((to.status, to.header("location")), (308, Some("/swagger/")));
    let page = plane.send(None, "GET", "/swagger/", &[], b"").await;
    assert_eq!(page.status, 200);
    let html = page.body.clone();
    assert!(!html.contains("http://") && !html.contains("https://"), "{html}");
    assert!(!html.contains("<style") && !html.contains("style="), "{html}");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"));
    for name in html.split("./").skip(1).filter_map(|part| part.split('"').next()) {
        let asset = plane
            .send(None, "GET", &format!("/swagger/{name}"), &[], b"")
            .await;
        assert_eq!(asset.status, 200, "{name}");
    }
    let script = plane
        .send(None, "GET", "/swagger/swagger-initializer.js", &[], b"")
        .await;
    assert!(script.body.contains("/openapi.json"));
    assert_eq!(
        plane.send(None, "GET", "/swagger/none.js", &[], b"").await.status,
        404
    );
}

#[tokio::test]
async fn c5_every_answer_is_dressed() {
    let plane = Plane::start().await;
    for (method, path, status) in [
        ("GET", "/", 303),
        ("GET", "/swagger", 308),
        ("GET", "/nothing", 404),
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/me", 401),
        ("PUT", "/openapi.json", 405),
        ("OPTIONS", "/v1/setup", 405),
        ("TRACE", "/", 405),
        ("HEAD", "/v1/me", 401),
    ] {
        let own = [("X-Request-Id", "mine")];
        let answer = plane.send(None, method, path, &own, b"").await;
        assert_eq!(answer.status, status, "{method} {path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{method} {path} {name}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'self'"), "{method} {path} {policy}");
        let id = answer.header("x-request-id").unwrap();
        assert_ne!(id, "mine");
        if path.starts_with("/v1") {
            assert_eq!(answer.header("vary"), Some("X-API-KEY"));
        }
        if status == 405 {
            assert!(answer.header("allow").is_some(), "{method} {path}");
        }
        if status >= 400 {
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
            if method != "HEAD" {
                assert_eq!(answer.json()["request_id"], id);
                assert_eq!(answer.json()["status"], status);
            }
        }
    }
    let browser = [("Accept", "text/html,*/*;q=0.8"), ("Accept-Language", "fr")];
    let nothing = plane.send(None, "GET", "/nothing", &browser, b"").await;
    assert_eq!(nothing.status, 404);
    assert!(nothing.body.contains("Il n’y a rien ici"));
    let program = plane.send(None, "GET", "/v1/nothing", &browser, b"").await;
    assert_eq!((program.status, program.code().as_str()), (404, "not_found"));
    let put = plane.send(Some(&plane.admin), "PUT", "/v1/keys", &[], b"").await;
    assert_eq!((put.status, put.code().as_str()), (405, "method_not_allowed"));
    assert!(put.header("allow").unwrap().contains("POST"));
}

#[tokio::test]
async fn f7_d3_hosts_and_headers_are_bounded() {
    let plane = Plane::start().await;
    let long = format!("{}.example.com", "a".repeat(300));
    for host in ["a/b", "a@b", "a b", "a?b", "a#b", "a,b", "a:x", "[::1", "", &long] {
        let head = format!("GET /sign-in HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(plane.raw(head.as_bytes()).await.status, 400, "{host}");
    }
    for head in [
        "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET http://evil.example/sign-in HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a:81/sign-in HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a/sign-in HTTP/1.0\r\n\r\n",
    ] {
        assert_eq!(plane.raw(head.as_bytes()).await.status, 400, "{head}");
    }
    for head in [
        "GET /swagger HTTP/1.0\r\n\r\n",
        "GET http://A:80/swagger HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n\r\n",
        "GET /swagger HTTP/1.1\r\nHost: [2001:db8::1]:443\r\nConnection: close\r\n\r\n",
    ] {
        assert_eq!(plane.raw(head.as_bytes()).await.status, 308, "{head}");
    }
    let big = "a".repeat(64 * 1024);
    let answer = plane
        .raw(format!("GET / HTTP/1.1\r\nHost: a\r\nX-Big: {big}\r\n\r\n").as_bytes())
        .await;
    assert_eq!(answer.status, 431);
    let answer = plane
        .raw(format!("GET /{big} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
        .await;
    assert!([414, 431].contains(&answer.status), "{}", answer.status);
}

#[tokio::test]
async fn d1_what_stalls_is_ended() {
    let plane = Plane::start().await;
    let body = format!(
        "POST /v1/keys HTTP/1.1\r\nHost: a\r\nX-API-KEY: {}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\n\r\n{{",
        plane.admin
    );
    let mut tasks = tokio::task::JoinSet::new();
    for (sent, seconds, answer) in [
        // Less than what ends a connection that is idle.
        (String::new(), 45, ""),
        ("PRI * HTTP".into(), 45, ""),
        ("GET / HTTP/1.1\r\nHost: a\r\n".into(), 45, ""),
        (body, 60, "HTTP/1.1 408"),
    ] {
        let mut stream = TcpStream::connect(plane.console.address()).await.unwrap();
        tasks.spawn(async move {
            stream.write_all(sent.as_bytes()).await.unwrap();
            let mut rest = Vec::new();
            let patience = Duration::from_secs(seconds);
            let ended = tokio::time::timeout(patience, stream.read_to_end(&mut rest)).await;
            assert!(ended.is_ok(), "{sent:?} holds its connection");
            assert!(
                rest.starts_with(answer.as_bytes()),
                "{sent:?}: {}",
                String::from_utf8_lossy(&rest)
            );
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// The HTTP library folds two equal Content-Length into one, and drops a Content-Length that follows a
/// Transfer-Encoding, before a layer of ours can see them. Nothing is forwarded from this plane, so there is no second
/// reader; those two spellings are left out here.
#[tokio::test]
async fn f1_f2_f3_a_body_has_one_length() {
    let plane = Plane::start().await;
    for lengths in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: +5",
        "Content-Length: -1",
        "Content-Length: 5,5",
        "Content-Length: 0x5",
        "Content-Length: 99999999999999999999",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked,chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
    ] {
        let head = "POST /v1/keys HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nX-API-KEY: ";
        let request = format!(
            "{head}{}\r\n{lengths}\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            plane.admin
        );
        let answer = plane.raw(request.as_bytes()).await;
        assert_eq!(answer.status, 400, "{lengths}");
        let text = answer.body.clone();
        assert!(!text.contains("HTTP/1.1"), "{lengths}: {text}");
    }
}

#[tokio::test]
async fn f12_a_refused_request_gets_no_100_continue() {
    let plane = Plane::start().await;
    let answer = plane
        .raw(b"POST /v1/keys HTTP/1.1\r\nHost: a\r\nX-API-KEY: wrong\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 10\r\n\r\n")
        .await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn s14_a_drain_lets_requests_end_and_takes_no_new_ones() {
    let plane = Plane::start().await;
    let address = plane.console.address();
    let body = br#"{"name": "late"}"#;
    let head = format!(
        "POST /v1/keys HTTP/1.1\r\nHost: a\r\nX-API-KEY: {}\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        plane.admin,
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // It has read the head, then, and waits for the body.
    let mut told = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut told).await.unwrap();
    assert!(told.starts_with(b"HTTP/1.1 100 "), "{told:?}");
    stream.write_all(&body[..5]).await.unwrap();
    let drain = tokio::spawn(plane.house.console.drain(GUARD));
    let since = Instant::now();
    while TcpStream::connect(address).await.is_ok() {
        assert!(since.elapsed() < GUARD, "new connections are taken");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stream.write_all(&body[5..]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    // Its one connection has ended, so it waits for nothing more.
    tokio::time::timeout(GUARD / 2, drain).await.unwrap().unwrap();
}
