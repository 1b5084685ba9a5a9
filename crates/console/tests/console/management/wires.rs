//! Other wires than plain HTTP/1.1, and many of them.

use crate::management::{House, Plane, key, settings, use_cases, user};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use keyward_console::{Console, Settings};
use keyward_listener::TlsFiles;
use keyward_testkit::{RawClient, request};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// For what has to come about sooner or later; never a measure of speed.
const GUARD: Duration = Duration::from_secs(60);

async fn speak_h2(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> SendRequest<Full<Bytes>> {
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn me(uri: String, secret: &str) -> Request<Full<Bytes>> {
    let request = Request::get(uri).header("x-api-key", secret);
    request.body(Full::default()).unwrap()
}

#[tokio::test]
async fn http_2_is_spoken_without_tls() {
    let plane = Plane::start().await;
    let address = plane.console.address();
    let mut sender = speak_h2(TcpStream::connect(address).await.unwrap()).await;
    let uri = format!("http://{address}/v1/me");
    let answer = sender.send_request(me(uri.clone(), &plane.admin)).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("strict-transport-security"));
    let twice = Request::get(uri)
        .header("x-api-key", plane.admin.as_str())
        .header("x-api-key", plane.admin.as_str());
    let answer = sender
        .send_request(twice.body(Full::default()).unwrap())
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn o8_http_2_is_spoken_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        certificate: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
    };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let settings = Settings {
        tls: Some(files),
        ..settings()
    };
    let house = House::start(use_cases(), settings).await;
    let admin = user(&house.engine, "admin@example.com", "admin").await;
    let (_, secret) = key(&house.engine, &admin, "management", None).await;
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = TcpStream::connect(house.console.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
        .unwrap();
    let mut sender = speak_h2(tls).await;
    let uri = format!("https://localhost:{}/v1/me", house.console.address().port());
    let answer = sender.send_request(me(uri, &secret)).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("strict-transport-security"));
    house.console.drain(GUARD).await;
}

#[tokio::test]
async fn a_missing_certificate_and_a_taken_port_are_named() {
    let plane = Plane::start().await;
    let missing = TlsFiles {
        certificate: "/nowhere/cert.pem".into(),
        key: "/nowhere/key.pem".into(),
    };
    for (tls, word) in [(Some(missing), "cert.pem"), (None, "choose another port")] {
        let listen = plane.console.address();
        let settings = Settings {
            listen,
            tls,
            ..settings()
        };
        let fault = Console::start(&plane.engine, settings)
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(fault.contains(word), "{fault}");
    }
}

#[tokio::test]
async fn d10_connections_past_256_are_closed_and_the_others_go_on() {
    let plane = Plane::start().await;
    let mut held = Vec::new();
    for _ in 0..256 {
        let mut stream = TcpStream::connect(plane.console.address()).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        stream.read_exact(&mut [0; 12]).await.unwrap();
        held.push(stream);
    }
    let mut shed = TcpStream::connect(plane.console.address()).await.unwrap();
    let mut nothing = Vec::new();
    let ended = tokio::time::timeout(GUARD, shed.read_to_end(&mut nothing)).await;
    assert!(ended.is_ok() && nothing.is_empty());
    drop(held);
    // Each place is given back when the server has seen that its client is gone.
    let address = plane.console.address();
    let since = Instant::now();
    while status_of_me(address, &plane.admin).await != Some(200) {
        assert!(since.elapsed() < GUARD, "no place is given back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The status of one request; nothing when the connection is closed instead.
async fn status_of_me(address: SocketAddr, secret: &str) -> Option<u16> {
    let mut client = RawClient::try_connect(address).await.ok()?;
    let headers = [("X-API-KEY", secret), ("Connection", "close")];
    client
        .try_send(request("GET", "/v1/me", &headers, ""))
        .await
        .ok()?;
    let answer = client.try_read_response("GET").await.ok()?;
    Some(answer.status)
}
