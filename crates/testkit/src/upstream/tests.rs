use super::*;
use crate::{Certificate, RawClient, exchange, exchange_from, request};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const TEN_MIB: u64 = 10 * 1024 * 1024;

#[tokio::test]
async fn requests_on_one_connection_are_recorded_to_the_byte_and_in_order() {
    let upstream = EchoUpstream::start().await;
    let mut client = RawClient::connect(upstream.address()).await;
    let first = b"POST /a?x=1 HTTP/1.1\r\nhOsT:  u \r\nA: 1\r\na: 2\r\nContent-Length: 5\r\n\r\nhello";
    client.send(first).await;
    let answer = client.read_response().await;
    assert_eq!((answer.status, answer.reason.as_str()), (200, "OK"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let json = answer.json();
    assert_eq!(
        (&json["method"], &json["target"]),
        (&Value::from("POST"), &Value::from("/a?x=1"))
    );
    assert_eq!(json["headers"][0], "hOsT:  u ");
    assert_eq!(json["body_length"], 5);
    assert_eq!(
        json["body_sha256"],
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    );
    client.send(request("GET", "/b", &[], "")).await;
    client.read_response().await;
    exchange(upstream.address(), request("GET", "/c", &[], "")).await;

    let seen = upstream.wait_for(3).await;
    assert_eq!([&seen[0].head[..], &seen[0].body[..]].concat(), first);
    assert_eq!(seen[0].header("A"), ["1", "2"]);
    assert_eq!(seen[0].request_line(), "POST /a?x=1 HTTP/1.1");
    assert_eq!(
        seen.iter().map(Recorded::target).collect::<Vec<_>>(),
        ["/a?x=1", "/b", "/c"]
    );
    assert_eq!(seen.iter().map(|r| r.connection).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!(upstream.connections(), 2);
    upstream.clear();
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn pipelined_requests_are_told_apart() {
    let upstream = EchoUpstream::start().await;
    let mut client = RawClient::connect(upstream.address()).await;
    let both = [request("POST", "/1", &[], "abc"), request("GET", "/2", &[], "")].concat();
    client.send_slowly(&both, Duration::ZERO).await;
    assert_eq!(client.read_response().await.json()["target"], "/1");
    assert_eq!(client.read_response().await.json()["target"], "/2");
    assert!(!client.is_closed_within(Duration::from_millis(20)).await);
}

#[tokio::test]
async fn chunked_request_is_recorded_with_and_without_its_framing() {
    let upstream = EchoUpstream::start().await;
    let body = b"3;x=y\r\nabc\r\n0002\r\nde\r\n0\r\nX-Trailer: t\r\n\r\n";
    let head = request("PUT", "/", &[("Transfer-Encoding", "chunked")], "");
    let answer = exchange(upstream.address(), [&head[..], body].concat()).await;
    assert_eq!(answer.json()["body_length"], 5);
    let seen = upstream.last();
    assert_eq!((&seen.body[..], seen.body_len), (&b"abcde"[..], 5));
    assert_eq!(seen.chunked_body, body);
    assert_eq!(seen.trailers, b"X-Trailer: t\r\n");
}

#[tokio::test]
async fn chunked_answer_is_read_with_interim_heads_and_trailers() {
    let upstream = EchoUpstream::start().await;
    let reply = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 Fine by me\r\n\
        Transfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n0\r\nT: 1\r\n\r\n";
    upstream.queue(Reply::Bytes(reply.into()));
    let answer = exchange(upstream.address(), request("GET", "/", &[], "")).await;
    assert_eq!(answer.interim.len(), 2);
    assert_eq!(
        (answer.reason.as_str(), answer.text()),
        ("Fine by me", "wiki".to_owned())
    );
    assert_eq!(answer.trailers, [("T".to_owned(), "1".to_owned())]);
}

#[tokio::test]
async fn ten_mebibytes_stream_both_ways_without_being_kept() {
    let upstream = EchoUpstream::start().await;
    upstream.record_bodies(false);
    upstream.script("/down", Reply::Stream { total_bytes: TEN_MIB });
    let mut client = RawClient::connect(upstream.address()).await;
    let length = TEN_MIB.to_string();
    client
        .send(request("POST", "/up", &[("Content-Length", &length)], ""))
        .await;
    client.try_send_filler(TEN_MIB).await.unwrap();
    assert_eq!(client.read_response().await.json()["body_length"], TEN_MIB);
    client.send(request("GET", "/down", &[], "")).await;
    let answer = client.read_response_counting().await;
    assert_eq!((answer.body_len, answer.body.len()), (TEN_MIB, 0));
    let seen = upstream.wait_for(2).await;
    assert_eq!((seen[0].body_len, seen[0].body.len()), (TEN_MIB, 0));
}

#[tokio::test]
async fn upgraded_connection_sends_every_byte_back() {
    let upstream = EchoUpstream::start().await;
    upstream.script("/ws", Reply::Upgrade);
    let mut client = RawClient::connect(upstream.address()).await;
    let headers = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
    client
        .send([request("GET", "/ws", &headers, ""), b"early".to_vec()].concat())
        .await;
    assert_eq!(client.read_response().await.status, 101);
    client.send(b" late\r\n\0").await;
    assert_eq!(client.read_exact(13).await, b"early late\r\n\0");
}

#[tokio::test]
async fn scripts_go_by_the_longest_prefix_and_the_queue_comes_first() {
    let upstream = EchoUpstream::start().await;
    upstream.script("/", Reply::http(201, "short"));
    upstream.script("/api/", Reply::http(202, "long"));
    upstream.queue(Reply::http(503, ""));
    let status = async |path| {
        exchange(upstream.address(), request("GET", path, &[], ""))
            .await
            .status
    };
    assert_eq!(
        [status("/api/1").await, status("/api/1").await, status("/x").await],
        [503, 202, 201]
    );
    upstream.clear_scripts();
    assert_eq!(status("/x").await, 200);
}

#[tokio::test]
async fn head_and_no_content_answers_end_with_their_head() {
    let upstream = EchoUpstream::start().await;
    let mut client = RawClient::connect(upstream.address()).await;
    upstream.queue(Reply::http(200, "twelve bytes"));
    upstream.queue(Reply::http(204, ""));
    client.send(request("HEAD", "/", &[], "")).await;
    let answer = client.read_response_to("HEAD").await;
    assert_eq!(
        (answer.header("content-length"), answer.body_len),
        (Some("12"), 0)
    );
    client.send(request("GET", "/", &[], "")).await;
    let answer = client.read_response().await;
    assert_eq!((answer.status, answer.header("content-length")), (204, None));
    assert!(client.unread().is_empty());
}

#[tokio::test]
async fn closing_answers_close_and_hanging_ones_do_not() {
    let upstream = EchoUpstream::start().await;
    upstream.queue(Reply::BytesThenClose(
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end".to_vec(),
    ));
    let answer = exchange(upstream.address(), request("GET", "/", &[], "")).await;
    assert_eq!(answer.text(), "until the end");

    upstream.queue(Reply::CloseWithoutAnswer);
    let mut client = RawClient::connect(upstream.address()).await;
    client.send(request("GET", "/", &[], "")).await;
    let fault = client.try_read_response("GET").await.unwrap_err();
    assert_eq!(fault.kind(), std::io::ErrorKind::UnexpectedEof);
    assert!(client.is_closed_within(Duration::from_secs(5)).await);

    upstream.queue(Reply::Hang);
    let mut client = RawClient::connect(upstream.address()).await;
    client.send(request("GET", "/", &[], "")).await;
    upstream.wait_for(3).await;
    assert!(!client.is_closed_within(Duration::from_millis(50)).await);
}

#[tokio::test]
async fn slow_body_comes_whole_in_both_framings() {
    let upstream = EchoUpstream::start().await;
    for chunked in [true, false] {
        let pieces = vec![b"one ".to_vec(), b"two".to_vec()];
        upstream.queue(Reply::SlowBody {
            pieces,
            pause: Duration::from_millis(5),
            chunked,
        });
        let answer = exchange(upstream.address(), request("GET", "/", &[], "")).await;
        assert_eq!(
            (answer.text().as_str(), answer.header("content-length").is_none()),
            ("one two", chunked)
        );
    }
}

#[tokio::test]
async fn expectation_is_met_and_an_early_answer_comes_before_the_body() {
    let upstream = EchoUpstream::start().await;
    let mut client = RawClient::connect(upstream.address()).await;
    client
        .send(request(
            "POST",
            "/",
            &[("Expect", "100-continue"), ("Content-Length", "2")],
            "",
        ))
        .await;
    assert_eq!(client.read_exact(25).await, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ok").await;
    assert_eq!(client.read_response().await.status, 200);

    upstream.queue(Reply::BeforeBody(Box::new(Reply::http(413, "no"))));
    client
        .send(request("POST", "/", &[("Content-Length", "3")], ""))
        .await;
    assert_eq!(client.read_response().await.status, 413);
    let seen = upstream.wait_for_heads(2).await;
    assert!(!seen[1].complete);
    client.send("abc").await;
    assert_eq!(upstream.wait_for(2).await[1].body, b"abc");
}

#[tokio::test]
async fn stopped_upstream_closes_everything_and_frees_its_port() {
    let mut upstream = EchoUpstream::start().await;
    let mut client = RawClient::connect(upstream.address()).await;
    client.send(request("GET", "/", &[], "")).await;
    client.read_response().await;
    assert_eq!(upstream.open_connections(), 1);
    upstream.stop();
    assert_eq!((upstream.count(), upstream.open_connections()), (1, 0));
    assert!(client.is_closed_within(Duration::from_secs(5)).await);
    assert!(RawClient::try_connect(upstream.address()).await.is_err());
    let again = EchoUpstream::start_on(upstream.address()).await;
    assert_eq!(
        exchange(again.address(), request("GET", "/", &[], ""))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn client_connects_from_the_address_it_is_told() {
    let upstream = EchoUpstream::start().await;
    let local = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 7));
    assert_eq!(
        RawClient::connect_from(local, upstream.address())
            .await
            .local_addr()
            .ip(),
        local
    );
    let answer = exchange_from(local, upstream.address(), request("HEAD", "/", &[], "")).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn client_speaks_tls_and_trusts_only_its_certificate() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let certificate = Certificate::create(folder.path());
    let stranger = Certificate::create(other.path());
    let address = tls_server(&certificate).await;
    let mut client = RawClient::connect_tls(address, "localhost", &certificate, &["h2", "http/1.1"]).await;
    assert_eq!(client.alpn(), Some(&b"http/1.1"[..]));
    client.send(request("GET", "/", &[], "")).await;
    assert_eq!(client.read_response().await.text(), "secret");
    assert!(
        RawClient::try_connect_tls(address, "localhost", &stranger, &[])
            .await
            .is_err()
    );
}

async fn tls_server(certificate: &Certificate) -> SocketAddr {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let chain = vec![CertificateDer::from_pem_file(certificate.certificate_path()).unwrap()];
    let key = PrivateKeyDer::from_pem_file(certificate.key_path()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = versions
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(tls) = acceptor.accept(tcp).await else {
                continue;
            };
            let mut reader = wire::Reader::new(tls, None);
            reader.take_head().await.unwrap();
            reader
                .stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
                .await
                .unwrap();
        }
    });
    address
}
