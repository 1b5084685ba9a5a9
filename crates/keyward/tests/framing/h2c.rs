//! Upstreams that speak HTTP/2 without TLS: the same rules for their answers, and what of a hop is said anew.

use crate::world::{OWNER, assert_problem, builder};
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use keyward_testkit::{H2Client, KeySpec, Keyward, RawClient, request};
use std::convert::Infallible;
use std::io::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::Notify;

type Piece = Result<Frame<Bytes>, Error>;

/// Lets what waits within an answer go on.
type Go = Arc<Notify>;

async fn upstream(go: Go) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let go = Arc::clone(&go);
            let service = service_fn(move |request| answer(request, Arc::clone(&go)));
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

async fn answer(
    request: Request<Incoming>,
    go: Go,
) -> Result<Response<UnsyncBoxBody<Bytes, Error>>, Infallible> {
    let word = request.uri().path().rsplit('/').next().unwrap_or_default();
    let broken = || Err(Error::other("as asked"));
    let te = request
        .headers()
        .get("te")
        .map_or("none", |te| te.to_str().unwrap());
    let data = |text: &str| Ok(Frame::data(Bytes::from(text.to_owned())));
    let mut trailers = HeaderMap::new();
    trailers.insert("x-last", "2".parse().unwrap());
    let pieces: Vec<Piece> = match word {
        "broken" => vec![broken()],
        "later" => vec![data("begin"), broken()],
        "trailers" => vec![data(te), Ok(Frame::trailers(trailers))],
        _ => vec![data("ok")],
    };
    let waits = word == "later";
    let body = futures_util::stream::unfold((pieces.into_iter(), 0), move |(mut pieces, n)| {
        let go = Arc::clone(&go);
        async move {
            if waits && n == 1 {
                go.notified().await;
            }
            pieces.next().map(|piece| (piece, (pieces, n + 1)))
        }
    });
    let status = word.parse::<u16>().unwrap_or(200);
    let answer = Response::builder().status(status);
    Ok(answer.body(BodyExt::boxed_unsync(StreamBody::new(body))).unwrap())
}

async fn gateway(go: &Go) -> (Keyward, String) {
    let address = upstream(Arc::clone(go)).await;
    let keyward = builder()
        .config_toml(&format!(
            "[log]\nformat = \"json\"\n[[gateway.upstreams]]\nname = \"default\"\nurl = \"http://{address}\"\nprotocol = \"h2c\"\n"
        ))
        .start()
        .await;
    keyward.user(OWNER, "member").await;
    let key = keyward.key(KeySpec::new(OWNER, "all")).await.secret;
    (keyward, key)
}

#[tokio::test]
async fn f13_over_http2_bad_answers_are_502_and_what_breaks_off_is_told() {
    let go = Go::default();
    let (keyward, key) = gateway(&go).await;
    let mut client = RawClient::connect(keyward.gateway()).await;
    let ask =
        |method: &str, word: &str| request(method, &format!("/api/1/{word}"), &[("X-API-KEY", &key)], "");
    for word in ["600", "700", "999"] {
        client.send(ask("GET", word)).await;
        assert_problem(&client.read_response().await, 502, "upstream_bad_answer");
    }
    // A stream that is reset at once may have lost its head.
    client.send(ask("GET", "broken")).await;
    assert_eq!(client.read_response().await.status, 502);
    for (method, word, status, body) in [
        ("GET", "200", 200, "ok"),
        ("GET", "599", 599, "ok"),
        ("HEAD", "200", 200, ""),
        ("GET", "204", 204, ""),
        ("GET", "304", 304, ""),
        ("GET", "200", 200, "ok"),
    ] {
        client.send(ask(method, word)).await;
        let answer = client.read_response_to(method).await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (status, body),
            "{method} {word}"
        );
        assert!(client.unread().is_empty(), "{method} {word}");
    }
    client.send(ask("GET", "later")).await;
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("begin") {
        seen.extend(client.read_some().await);
    }
    go.notify_one();
    seen.extend(client.read_to_end().await);
    assert!(!seen.ends_with(b"0\r\n\r\n"), "a whole answer was made of it");
    keyward
        .until_log("how it ended", |log| log.contains("\"outcome\":\"broken_off\""))
        .await;
}

#[tokio::test]
async fn te_trailers_is_said_anew_to_an_upstream_whose_trailers_reach_the_client() {
    let go = Go::default();
    let (keyward, key) = gateway(&go).await;
    let target = "/api/1/trailers";
    for (te, reaches) in [("trailers", true), ("", false)] {
        let mut fields = vec![("x-api-key", key.as_str())];
        fields.extend(Some(("te", te)).filter(|(_, te)| !te.is_empty()));
        let mut client = H2Client::connect(keyward.gateway()).await;
        let answer = client.send("GET", target, &fields, "").await;
        assert_eq!(answer.body, if reaches { "trailers" } else { "none" });
        assert_eq!(answer.trailers.get("x-last").unwrap(), "2");
        assert!(answer.header("x-last").is_none(), "a trailer stays one");
    }
    // Trailers do not go on over HTTP/1.1, and are not asked for there.
    let mut client = RawClient::connect(keyward.gateway()).await;
    client
        .send(request(
            "GET",
            target,
            &[("X-API-KEY", &key), ("TE", "trailers"), ("Connection", "TE")],
            "",
        ))
        .await;
    let answer = client.read_response().await;
    assert_eq!(answer.text(), "none");
    assert!(answer.trailers.is_empty() && answer.header("x-last").is_none());
}
