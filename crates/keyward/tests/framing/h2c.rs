//! Upstreams that speak HTTP/2 without TLS: the same rules for their answers, and what of a hop is said anew.

use crate::world::assert_problem;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use keyward_testkit::{H2Client, KeySpec, Keyward, OWNER, RawClient, RawH2, request};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Error;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
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
    gateway_before(upstream(Arc::clone(go)).await).await
}

async fn gateway_before(address: SocketAddr) -> (Keyward, String) {
    let keyward = Keyward::builder()
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

/// What an upstream does with a request in place of answering it.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Act {
    /// It refuses the stream.
    Refuse,
    /// It goes away, and names the stream before as the last that it processes.
    GoAwayBefore,
    /// It goes away, names this stream as the last, and closes.
    GoAwayAfter,
    Close,
    /// It cancels the stream, which says nothing of how far it came.
    Cancel,
}

/// What an upstream is to do with the next requests, and how many it has seen.
#[derive(Default)]
struct Script {
    acts: Mutex<VecDeque<Act>>,
    seen: AtomicUsize,
    connections: AtomicUsize,
}

async fn scripted(script: &Arc<Script>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let script = Arc::clone(script);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            script.connections.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(play(stream, Arc::clone(&script)));
        }
    });
    address
}

async fn play(stream: TcpStream, script: Arc<Script>) {
    let mut h2 = RawH2::accept(stream).await;
    while let Some(frame) = h2.read_frame().await {
        if frame.kind != RawH2::HEADERS {
            continue;
        }
        script.seen.fetch_add(1, Ordering::SeqCst);
        let act = script.acts.lock().unwrap().pop_front();
        match act {
            None => h2.headers(frame.stream, &[(":status", "200")], true).await,
            Some(Act::Refuse) => h2.reset(frame.stream, 7).await,
            Some(Act::Cancel) => h2.reset(frame.stream, 8).await,
            Some(Act::GoAwayBefore) => h2.go_away(frame.stream.saturating_sub(2), 0).await,
            Some(Act::GoAwayAfter) => return h2.go_away(frame.stream, 0).await,
            Some(Act::Close) => return,
        }
    }
}

#[tokio::test]
async fn what_an_http2_upstream_has_not_processed_goes_out_once_more_and_nothing_else() {
    use Act::{Cancel, Close, GoAwayAfter, GoAwayBefore, Refuse};
    let script = Arc::new(Script::default());
    let (keyward, key) = gateway_before(scripted(&script).await).await;
    let mut client = RawClient::connect(keyward.gateway()).await;
    for (acts, method, body, status, seen) in [
        (&[Refuse][..], "GET", "", 200, 2),
        (&[GoAwayBefore], "GET", "", 200, 2),
        (&[GoAwayAfter], "GET", "", 200, 2),
        (&[Close], "GET", "", 200, 2),
        (&[Close], "DELETE", "", 200, 2),
        (&[Refuse], "POST", "", 200, 2),
        (&[GoAwayBefore], "PATCH", "", 200, 2),
        // It may have been processed.
        (&[GoAwayAfter], "POST", "", 502, 1),
        (&[Close], "POST", "", 502, 1),
        (&[Close], "PATCH", "", 502, 1),
        (&[Cancel], "GET", "", 502, 1),
        // Of the body some has gone out already.
        (&[Refuse], "PUT", "x", 502, 1),
        (&[Close], "PUT", "x", 502, 1),
        // Once more, and that is it.
        (&[Refuse, Refuse], "GET", "", 502, 2),
        (&[Close, Close], "GET", "", 502, 2),
        (&[GoAwayBefore, GoAwayBefore], "POST", "", 502, 2),
    ] {
        let mut ask = async |method: &str, body: &str| {
            let fields = [("X-API-KEY", key.as_str()), ("Content-Length", "0")];
            let says_none = method != "GET" && body.is_empty();
            let fields = &fields[..if says_none { 2 } else { 1 }];
            client.send(request(method, "/api/1/x", fields, body)).await;
            client.read_response_to(method).await.status
        };
        // So that there is a connection that was used before.
        assert_eq!(ask("GET", "").await, 200, "{acts:?} {method}");
        script.seen.store(0, Ordering::SeqCst);
        let connections = script.connections.load(Ordering::SeqCst);
        script.acts.lock().unwrap().extend(acts);
        assert_eq!(ask(method, body).await, status, "{acts:?} {method} {body}");
        assert_eq!(
            script.seen.load(Ordering::SeqCst),
            seen,
            "{acts:?} {method} {body}"
        );
        // An upstream that refuses streams has enough of them: it is not given another connection.
        let more = script.connections.load(Ordering::SeqCst) - connections;
        let is_refused = acts.iter().all(|act| *act == Refuse);
        assert!(!is_refused || more == 0, "{acts:?} {method}: {more} more");
    }
}
