use super::*;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn limits() -> Limits {
    Limits {
        head_bytes: 1024,
        headers: 20,
        head_time: Duration::from_secs(10),
        idle: Duration::from_secs(60),
        write_stall: Duration::from_secs(30),
    }
}

type Seen = Arc<Mutex<Vec<Result<String, Fault>>>>;

/// Sends bytes through a guard into a real hyper connection; tells what the service saw and what came back.
async fn serve(pieces: &[&[u8]]) -> (Vec<Result<String, Fault>>, String) {
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let link = Arc::new(Link::default());
    let guard = Guard::http1(server, BytesMut::new(), limits(), Arc::clone(&link));
    let seen: Seen = Arc::default();
    let record = Arc::clone(&seen);
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let (link, record) = (Arc::clone(&link), Arc::clone(&record));
        async move {
            let (_in_flight, fault) = link.serve();
            let line = format!("{} {}", request.method(), request.uri());
            let body = request.into_body().collect().await;
            let body = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned());
            let entry = match fault {
                Some(fault) => Err(fault),
                None => Ok(format!("{line} {}", body.unwrap_or_else(|_| "!".into()))),
            };
            record.lock().unwrap().push(entry);
            Ok::<_, std::convert::Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let connection = tokio::spawn(async move {
        let _ = hyper::server::conn::http1::Builder::new()
            .serve_connection(guard, service)
            .await;
    });
    for piece in pieces {
        client.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    let _ = client.read_to_string(&mut answer).await;
    connection.await.unwrap();
    let seen = seen.lock().unwrap().clone();
    (seen, answer)
}

#[tokio::test]
async fn whole_requests_pass_in_order_however_they_are_cut() {
    let bytes = b"\r\nPOST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /b?q HTTP/1.1\r\nHost: x\r\n\r\n\
        POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nGET /d HTTP/1.1\r\nHost: x\r\n\r\n";
    let wanted = ["POST /a abc", "GET /b?q ", "POST /c hi", "GET /d "].map(|line| Ok(line.to_owned()));
    for size in [1, 2, 3, 7, 50, bytes.len()] {
        let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
        assert_eq!(serve(&pieces).await.0, wanted, "{size}");
    }
}

#[tokio::test]
async fn a_fault_is_answered_in_its_turn_and_ends_the_connection() {
    let good = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
    let bad = b"GET /b HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\nGET /never HTTP/1.1\r\nHost: x\r\n\r\n";
    let whole = [&good[..], &bad[..]].concat();
    let (seen, answer) = serve(&[&whole]).await;
    assert_eq!(
        seen,
        [
            Ok("GET /a ".to_owned()),
            Err(Fault::Malformed("more than one Host"))
        ]
    );
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2);
    assert!(answer.to_ascii_lowercase().contains("connection: close"));
}

#[tokio::test]
async fn f_rows_heads_that_can_be_read_in_two_ways_are_refused() {
    let with = |line: &str| format!("GET / HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n");
    let rows = [
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\nHost: x\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: x\n\r\n".to_owned(),
        "GET /#a HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET evil:80/api HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET /\u{e9} HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET  / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "G\u{e9}T / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        with("Content-Length: 5\r\nTransfer-Encoding: chunked"),
        with("Transfer-Encoding: chunked\r\nContent-Length: 5"),
        with("Content-Length: 5\r\nContent-Length: 5"),
        with("Transfer-Encoding : chunked"),
        with("X: a\r\n folded"),
        with(": empty"),
        with("no colon"),
        with("X: a\0b"),
        with("X: a\rb"),
        with("X API KEY: a"),
        with("Upgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 3"),
    ];
    for row in rows {
        let (seen, _) = serve(&[row.as_bytes(), b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n"]).await;
        assert!(
            matches!(seen[..], [Err(Fault::Malformed(_))]),
            "{row:?} gave {seen:?}"
        );
    }
}

#[tokio::test]
async fn d3_heads_are_bounded() {
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(2000));
    let long_field = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(2000));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: a\r\n".repeat(30));
    let method = format!("{} / HTTP/1.1\r\nHost: x\r\n\r\n", "A".repeat(2000));
    let rows = [
        (long_target, Fault::TargetTooLong),
        (long_field, Fault::HeadTooLarge),
        (many, Fault::HeadTooLarge),
        (method, Fault::HeadTooLarge),
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n".into(), Fault::Version),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n".into(),
            Fault::UnknownCoding,
        ),
    ];
    for (row, fault) in rows {
        assert_eq!(serve(&[row.as_bytes()]).await.0, [Err(fault)], "{}", &row[..40]);
    }
}

#[tokio::test(start_paused = true)]
async fn d1_a_head_that_does_not_come_is_answered_and_an_idle_connection_ends() {
    // As long as a head and an idle connection are waited for, and a moment for the last bytes.
    for (sent, wanted, seconds) in [(&b"GET / HT"[..], "200", 10..=12), (b"", "", 60..=62)] {
        let (mut client, server) = tokio::io::duplex(1024);
        let link = Arc::new(Link::default());
        let guard = Guard::http1(server, BytesMut::new(), limits(), Arc::clone(&link));
        let service = service_fn(move |_| {
            let fault = link.serve().1;
            async move {
                assert_eq!(fault, Some(Fault::HeadTimeout));
                Ok::<_, std::convert::Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        });
        client.write_all(sent).await.unwrap();
        tokio::spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(guard, service)
                .await;
        });
        let start = tokio::time::Instant::now();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.contains(wanted) && seconds.contains(&start.elapsed().as_secs()),
            "{answer:?} {:?}",
            start.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn f8_no_more_than_64_kib_of_a_body_are_read_after_its_refusal() {
    let (mut client, server) = tokio::io::duplex(1024);
    let link = Arc::new(Link::default());
    let guard = Guard::http1(server, BytesMut::new(), limits(), Arc::clone(&link));
    let service = service_fn(move |_| {
        let _served = link.serve();
        async move {
            let refusal = Response::builder().status(401).header("connection", "close");
            Ok::<_, std::convert::Infallible>(refusal.body(Empty::<Bytes>::new()).unwrap())
        }
    });
    tokio::spawn(async move {
        let _ = hyper::server::conn::http1::Builder::new()
            .serve_connection(guard, service)
            .await;
    });
    let head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n";
    client.write_all(head).await.unwrap();
    let mut sent = 0;
    while client.write_all(&[b'x'; 1024]).await.is_ok() {
        sent += 1024;
    }
    // And what had been read before the answer was written, or lies in the pipe.
    let (least, most) = (64 * 1024, 64 * 1024 + 2 * READ_BYTES);
    assert!((least..most).contains(&sent), "{sent}");
}

#[tokio::test]
async fn f9_what_a_client_says_after_the_upstream_has_ended_is_not_lost() {
    let asks = b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
    let (mut client, server) = tokio::io::duplex(1024);
    let link = Arc::new(Link::default());
    let mut tunnel = TokioIo::new(Guard::http1(server, BytesMut::new(), limits(), Arc::clone(&link)));
    client.write_all(asks).await.unwrap();
    tunnel.read_exact(&mut [0; 4]).await.unwrap();
    link.serve().0.upgraded();
    client.write_all(b"last words").await.unwrap();
    tunnel.shutdown().await.unwrap();
    client.shutdown().await.unwrap();
    let mut rest = String::new();
    tunnel.read_to_string(&mut rest).await.unwrap();
    assert!(rest.ends_with("\r\n\r\nlast words"), "{rest:?}");
}
