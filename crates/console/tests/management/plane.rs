//! The plane itself: pages, headers, framing, deadlines, the end.

use crate::support::Plane;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn swagger_ui_is_served_without_a_key_and_loads_nothing_from_elsewhere() {
    let plane = Plane::start().await;
    let to = plane.send(None, "GET", "/swagger", &[], b"").await;
    assert_eq!((to.status, to.header("location")), (308, Some("/swagger/")));
    let page = plane.send(None, "GET", "/swagger/", &[], b"").await;
    assert_eq!(page.status, 200);
    let html = String::from_utf8(page.body.clone()).unwrap();
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
    assert!(String::from_utf8_lossy(&script.body).contains("/openapi.json"));
    assert_eq!(
        plane.send(None, "GET", "/swagger/none.js", &[], b"").await.status,
        404
    );
    let start = plane.send(None, "GET", "/", &[], b"").await;
    assert!(String::from_utf8_lossy(&start.body).contains("/swagger"));
}

#[tokio::test]
async fn c5_every_answer_is_dressed() {
    let plane = Plane::start().await;
    for (method, path, status) in [
        ("GET", "/", 200),
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
    let put = plane.send(Some(&plane.admin), "PUT", "/v1/keys", &[], b"").await;
    assert_eq!((put.status, put.code().as_str()), (405, "method_not_allowed"));
    assert!(put.header("allow").unwrap().contains("POST"));
}

#[tokio::test]
async fn f7_d3_hosts_and_headers_are_bounded() {
    let plane = Plane::start().await;
    for head in [
        "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ] {
        assert_eq!(plane.raw(head.as_bytes()).await.status, 400, "{head}");
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
async fn d1_a_connection_that_says_nothing_is_closed() {
    let plane = Plane::start().await;
    for sent in [b"".as_slice(), b"PRI * HTTP", b"GET / HTTP/1.1\r\nHost: a\r\n"] {
        let mut stream = TcpStream::connect(plane.console.address()).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(25), stream.read_to_end(&mut rest)).await;
        assert!(
            ended.is_ok(),
            "{:?} holds its connection",
            String::from_utf8_lossy(sent)
        );
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
        "POST /v1/keys HTTP/1.1\r\nHost: a\r\nX-API-KEY: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        plane.admin,
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..5]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let drain = tokio::spawn(plane.console.drain(Duration::from_secs(20)));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(TcpStream::connect(address).await.is_err());
    stream.write_all(&body[5..]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    tokio::time::timeout(Duration::from_secs(5), drain)
        .await
        .unwrap()
        .unwrap();
}
