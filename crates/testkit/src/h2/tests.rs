use super::*;
use http::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::net::TcpListener;

#[tokio::test]
async fn client_and_server_exchange_requests_on_one_connection() {
    let address = server().await;
    let mut client = H2Client::connect(address).await;
    let answer = client.send("POST", "/a?b", &[("x-status", "401")], "hello").await;
    assert_eq!((answer.status, answer.header("x-path")), (401, Some("/a?b")));
    assert_eq!(answer.body, "hello");
    let mut second = client.share();
    let (one, two) = tokio::join!(
        client.send("GET", "/1", &[], ""),
        second.send("GET", "/2", &[], "")
    );
    assert_eq!(
        (one.header("x-path"), two.header("x-path")),
        (Some("/1"), Some("/2"))
    );
}

#[tokio::test]
async fn hand_written_frames_get_their_answer() {
    let mut raw = RawH2::connect(server().await).await;
    for (stream, status) in [(1, 200), (3, 401), (5, 429), (7, 503)] {
        raw.get(stream, "/", &[("x-status", &status.to_string())]).await;
        assert_eq!(raw.outcome(stream).await, H2Outcome::Status(status));
    }
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "u"),
        (":path", "/"),
    ];
    raw.headers(9, &fields, false).await;
    raw.data(9, "two ", false).await;
    raw.data(9, "pieces", true).await;
    assert_eq!(raw.outcome(9).await, H2Outcome::Status(200));
    assert_eq!(raw.body(9).await.unwrap(), b"two pieces");
}

#[tokio::test]
async fn illegal_fields_reach_the_server_and_are_refused() {
    let address = server().await;
    let fields: [(bool, &[u8], &[u8]); 6] = [
        (true, b"x-lower", b"1"),
        (false, b"X-Upper", b"1"),
        (false, b"x", b"a\r\nb: c"),
        (false, b"x", b"a\0b"),
        (false, b"connection", b"close"),
        (false, b":path", b"/2"),
    ];
    for (legal, name, value) in fields {
        let mut raw = RawH2::connect(address).await;
        let mut all: Vec<(&[u8], &[u8])> = vec![
            (b":method", b"GET"),
            (b":scheme", b"http"),
            (b":authority", b"u"),
            (b":path", b"/"),
        ];
        all.push((name, value));
        raw.headers(1, &all, true).await;
        let outcome = raw.outcome(1).await;
        assert_eq!(
            outcome == H2Outcome::Status(200),
            legal,
            "{}: {outcome:?}",
            shown(name)
        );
    }
}

async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(builder.serve_connection(TokioIo::new(tcp), service_fn(answer)));
        }
    });
    address
}

async fn answer(request: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
    let status = request
        .headers()
        .get("x-status")
        .map_or(200, |v| v.to_str().unwrap().parse().unwrap());
    let response = Response::builder()
        .status(status)
        .header("x-path", request.uri().path_and_query().unwrap().as_str());
    let body = request.into_body().collect().await?.to_bytes();
    Ok(response.body(Full::new(body)).unwrap())
}
