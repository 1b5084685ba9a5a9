//! Over TLS, with a private authority; and the bounds.

use super::*;
use crate::settings::Issuer;
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

fn settings(issuer: &str, ca_file: Option<PathBuf>) -> Settings {
    Settings {
        issuer: Issuer::new(issuer).unwrap(),
        client_id: "keyward".into(),
        client_secret_file: None,
        name: "Example SSO".into(),
        ca_file,
        scopes: Vec::new(),
    }
}

/// A server for `localhost` that gives one answer to everybody, and its certificate.
async fn tls_server(answer: &'static str) -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Who does not trust the certificate goes away.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (port, made.cert.pem())
}

fn get(url: &str) -> HttpRequest {
    Request::builder().uri(url).body(Vec::new()).unwrap()
}

#[tokio::test]
async fn over_tls_the_server_must_be_vouched_for_by_the_named_authority() {
    let (port, pem) = tls_server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, pem).unwrap();
    let url = format!("https://localhost:{port}/x?y");
    let trusting = HttpClient::new(&settings("https://localhost", Some(file))).unwrap();
    assert_eq!(trusting.call(get(&url)).await.unwrap().body(), b"hi");
    // By the name that it was asked for.
    let other = trusting.call(get(&format!("https://127.0.0.1:{port}/"))).await;
    assert!(matches!(other, Err(HttpFault::Connect(_))), "{other:?}");
    let (_, foreign) = tls_server("").await;
    let file = folder.path().join("other.pem");
    std::fs::write(&file, foreign).unwrap();
    let wary = HttpClient::new(&settings("https://localhost", Some(file))).unwrap();
    let refused = wary.call(get(&url)).await;
    assert!(matches!(refused, Err(HttpFault::Connect(_))), "{refused:?}");
}

#[tokio::test]
async fn redirects_are_answers_and_broken_answers_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let table = [
        (
            "HTTP/1.1 302 Found\r\nlocation: https://evil.example/\r\ncontent-length: 0\r\n\r\n",
            Some(302),
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort", None),
        ("nonsense\r\n\r\n", None),
        ("", None),
    ];
    for (answer, status) in table {
        let (port, pem) = tls_server(answer).await;
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, pem).unwrap();
        let client = HttpClient::new(&settings("https://localhost", Some(file))).unwrap();
        let got = client.call(get(&format!("https://localhost:{port}/"))).await;
        assert_eq!(
            got.ok().map(|answer| answer.status().as_u16()),
            status,
            "{answer}"
        );
    }
}

#[tokio::test]
async fn only_addresses_of_the_issuers_kind_are_asked() {
    let plain = HttpClient::new(&settings("http://127.0.0.1:1", None)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, tls_server("").await.1).unwrap();
    let tls = HttpClient::new(&settings("https://a.example", Some(file))).unwrap();
    let url = |text: &str| Url::parse(text).unwrap();
    for (text, by_plain, by_tls) in [
        ("http://127.0.0.1:1/x", true, false),
        ("http://[::1]/", true, false),
        ("http://localhost/", true, false),
        ("http://10.0.0.1/", false, false),
        ("http://localhost.evil.example/", false, false),
        ("https://b.example/", false, true),
        ("javascript:alert(1)", false, false),
        ("file:///etc/passwd", false, false),
    ] {
        assert_eq!(
            (plain.allows(&url(text)), tls.allows(&url(text))),
            (by_plain, by_tls),
            "{text}"
        );
    }
    let refused = plain.call(get("http://10.0.0.1/")).await;
    assert!(matches!(refused, Err(HttpFault::Address(_))), "{refused:?}");
}

#[test]
fn a_file_without_certificates_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    for text in [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        std::fs::write(&file, text).unwrap();
        let fault = HttpClient::new(&settings("https://a.example", Some(file.clone())))
            .err()
            .unwrap();
        assert!(fault.to_string().starts_with("ca_file: "), "{fault}");
    }
}
