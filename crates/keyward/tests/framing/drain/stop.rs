//! S14: a stop under load costs nobody an answer, and ends in time.

use super::world;
use keyward_testkit::{
    Certificate, H2Client, RawClient, RawH2, Reply, Signal, WAIT_TIMEOUT, World, exchange, get, request,
    sized, verdict,
};
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

fn drain(time: &str) -> String {
    format!("[gateway.timeouts]\ndrain = \"{time}\"")
}

/// Sends SIGTERM after some load, and waits for the end.
async fn stop_under_load(world: &World, within: Duration) {
    world.upstream.wait_for(500).await;
    end(world, within).await;
}

async fn end(world: &World, within: Duration) {
    world.keyward.signal(Signal::Term);
    let ended = world.keyward.wait_exit(within + WAIT_TIMEOUT).await;
    let status = ended.unwrap_or_else(|| panic!("still running: {}", world.keyward.log()));
    assert!(status.success(), "{status}: {}", world.keyward.log());
}

#[tokio::test]
async fn s14_kept_alive_clients_lose_nothing_and_are_told_to_go() {
    let world = world(&drain("30s")).start().await;
    world.upstream.record_bodies(false);
    let answered = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for number in 0..sized(12, 64) {
        let mut client = world.connect().await;
        let (secret, answered) = (world.secret().to_owned(), Arc::clone(&answered));
        clients.spawn(async move {
            loop {
                // Every other request has a body.
                let bytes = if number % 2 == 0 {
                    get("/api/1/x", &secret)
                } else {
                    request("POST", "/api/1/x", &[("X-API-KEY", &secret)], vec![b'b'; 20_000])
                };
                client.send(bytes).await;
                let answer = client.read_response().await;
                assert_eq!(verdict(&answer), "200");
                answered.fetch_add(1, Ordering::Relaxed);
                if answer.header("connection") == Some("close") {
                    assert!(client.is_closed_within(WAIT_TIMEOUT).await);
                    return;
                }
            }
        });
    }
    stop_under_load(&world, Duration::from_secs(30)).await;
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    let answered = usize::try_from(answered.load(Ordering::Relaxed)).unwrap();
    assert_eq!(answered, world.upstream.count());
}

#[tokio::test]
async fn s14_clients_with_a_connection_per_request_lose_nothing_until_the_port_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::create(folder.path());
    for tls in [None, Some(&certificate)] {
        let mut builder = world(&drain("120s"));
        if let Some(certificate) = tls {
            builder = builder.keyward(|keyward| keyward.gateway_tls(certificate));
        }
        let world = builder.start().await;
        world.upstream.record_bodies(false);
        let gateway = world.keyward.gateway();
        let mut clients = JoinSet::new();
        for _ in 0..sized(8, 32) {
            let (bytes, certificate) = (world.get("/api/1/x"), tls.cloned());
            clients.spawn(async move {
                for done in 0_u64.. {
                    let connected = match &certificate {
                        None => RawClient::try_connect(gateway).await,
                        Some(trusted) => RawClient::try_connect_tls(gateway, "localhost", trusted, &[]).await,
                    };
                    let mut client = match connected {
                        Ok(client) => client,
                        Err(e) if e.kind() == ErrorKind::ConnectionRefused => return done,
                        Err(e) => panic!("connection {done}: {e}"),
                    };
                    client.send(&bytes).await;
                    assert_eq!(verdict(&client.read_response().await), "200", "connection {done}");
                }
                0
            });
        }
        let began = Instant::now();
        stop_under_load(&world, Duration::from_secs(120)).await;
        assert!(
            began.elapsed() < Duration::from_secs(90),
            "new connections kept it alive"
        );
        let mut answered = 0;
        while let Some(done) = clients.join_next().await {
            answered += done.unwrap();
        }
        assert_eq!(usize::try_from(answered).unwrap(), world.upstream.count());
    }
}

#[tokio::test]
async fn s14_http2_clients_lose_nothing_and_are_told_to_go() {
    let world = world(&drain("30s")).start().await;
    let mut clients = JoinSet::new();
    for connection in 0..sized(3, 8) {
        let first = H2Client::connect(world.keyward.gateway()).await;
        for stream in 0..4 {
            let (mut client, secret) = (first.share(), world.secret().to_owned());
            clients.spawn(async move {
                for number in 0_u64.. {
                    let target = format!("/api/1/{connection}/{stream}/{number}");
                    let sent = client
                        .try_send("GET", &target, &[("x-api-key", &secret)], "")
                        .await;
                    match sent {
                        Ok(answer) => assert_eq!(answer.status, 200, "{target}"),
                        // The connection is told to end: this request was never sent, or never taken.
                        Err(e) => {
                            let told =
                                e.is_canceled() || e.is_closed() || format!("{e:?}").contains("GoAway");
                            assert!(told, "{target}: {e:?}");
                            return (number, target);
                        }
                    }
                }
                unreachable!("the connection ends")
            });
        }
    }
    stop_under_load(&world, Duration::from_secs(30)).await;
    let (mut answered, mut unsent) = (0, Vec::new());
    while let Some(ended) = clients.join_next().await {
        let (number, target) = ended.unwrap();
        answered += usize::try_from(number).unwrap();
        unsent.push(target);
    }
    let seen = world.upstream.requests();
    assert_eq!(answered, seen.len());
    for target in unsent {
        assert!(
            !seen.iter().any(|request| request.target() == target),
            "{target} was taken and never answered"
        );
    }
}

#[tokio::test]
async fn s14_http2_streams_that_are_open_end_with_their_answers() {
    let world = world(&drain("30s")).start().await;
    let pieces = vec![b"piece".to_vec(); 10];
    let reply = Reply::SlowBody {
        pieces,
        pause: Duration::from_millis(150),
        chunked: true,
    };
    world.upstream.script("/api/1/slow", reply);
    let mut h2 = RawH2::connect(world.keyward.gateway()).await;
    let key = [("x-api-key", world.secret())];
    h2.get(1, "/api/1/slow", &key).await;
    world.upstream.wait_for(1).await;
    world.keyward.signal(Signal::Term);
    let (mut body, mut told) = (Vec::new(), false);
    while let Some(frame) = h2.read_frame().await {
        match frame.kind {
            // What was on its way when the notice came is taken too.
            RawH2::GOAWAY if !told => {
                told = true;
                assert_eq!(
                    frame.payload[4..8],
                    [0, 0, 0, 0],
                    "a graceful end has no error code"
                );
                h2.get(3, "/api/1/late", &key).await;
            }
            RawH2::HEADERS => assert_eq!(frame.status(), Some(200)),
            RawH2::DATA if frame.stream == 1 => body.extend_from_slice(&frame.payload),
            RawH2::RST_STREAM => panic!("stream {} was reset", frame.stream),
            _ => {}
        }
    }
    assert!(told);
    assert_eq!(body, b"piece".repeat(10));
    let ended = world.keyward.wait_exit(WAIT_TIMEOUT).await;
    assert!(ended.unwrap().success());
}

#[tokio::test]
async fn s14_a_download_that_ends_in_time_is_whole_and_one_that_does_not_is_seen_to_be_cut() {
    let world = world(&drain("12s")).start().await;
    for (name, count, chunked) in [
        ("short", 10, true),
        ("short-length", 10, false),
        ("long", 100_000, true),
        ("long-length", 100_000, false),
    ] {
        let reply = Reply::SlowBody {
            pieces: vec![b"0123456789".to_vec(); count],
            pause: Duration::from_millis(100),
            chunked,
        };
        world.upstream.script(&format!("/api/1/{name}/"), reply);
    }
    let mut downloads = JoinSet::new();
    for (name, whole) in [
        ("short", true),
        ("short-length", true),
        ("long", false),
        ("long-length", false),
    ] {
        let (mut client, bytes) = (world.connect().await, world.get(&format!("/api/1/{name}/x")));
        downloads.spawn(async move {
            client.send(bytes).await;
            (name, whole, client.try_read_response("GET").await)
        });
    }
    let mut socket = world.connect().await;
    world.upstream.script("/api/1/ws", Reply::Upgrade);
    let key = ("X-API-KEY", world.secret());
    let headers = [key, ("Connection", "upgrade"), ("Upgrade", "websocket")];
    socket.send(request("GET", "/api/1/ws", &headers, "")).await;
    assert_eq!(socket.read_response().await.status, 101);
    world.upstream.wait_for(5).await;

    world.keyward.signal(Signal::Term);
    // While downloads hold it, it says that it is going, and takes nobody new.
    let mut seen = false;
    while let Ok(mut ops) = RawClient::try_connect(world.keyward.ops()).await {
        let asked = ops.try_send(request("GET", "/readyz", &[("Connection", "close")], ""));
        if asked.await.is_err() {
            break;
        }
        let Ok(answer) = ops.try_read_response("GET").await else {
            break;
        };
        if answer.status == 503 {
            assert_eq!(answer.json()["checks"]["draining"], true, "{}", answer.text());
            seen = true;
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(seen, "/readyz never said that it drains");
    let ended = world
        .keyward
        .wait_exit(Duration::from_secs(12) + WAIT_TIMEOUT)
        .await;
    assert!(ended.unwrap().success(), "{}", world.keyward.log());
    assert!(socket.is_closed_within(WAIT_TIMEOUT).await);
    while let Some(download) = downloads.join_next().await {
        let (name, whole, answer) = download.unwrap();
        match answer {
            Ok(answer) => {
                assert!(whole, "{name}: a cut body looks whole");
                assert_eq!((answer.status, answer.body_len), (200, 100), "{name}");
            }
            Err(e) => assert!(!whole, "{name}: {e}"),
        }
    }
    let late = RawClient::try_connect(world.keyward.gateway()).await;
    assert_eq!(late.err().map(|e| e.kind()), Some(ErrorKind::ConnectionRefused));
}

#[tokio::test]
async fn s14_a_slow_upload_ends_with_its_answer() {
    let world = world(&drain("30s")).start().await;
    let mut client = world.connect().await;
    let key = ("X-API-KEY", world.secret());
    client
        .send(request("POST", "/api/1/up", &[key, ("Content-Length", "40")], ""))
        .await;
    client.send("0123456789").await;
    world.upstream.wait_for_heads(1).await;
    world.keyward.signal(Signal::Term);
    client.send_slowly([b'y'; 30], Duration::from_millis(60)).await;
    let answer = client.read_response().await;
    assert_eq!(verdict(&answer), "200");
    assert_eq!(answer.json()["body_length"], 40);
    assert_eq!(answer.header("connection"), Some("close"));
    let ended = world.keyward.wait_exit(WAIT_TIMEOUT).await;
    assert!(ended.unwrap().success());
}

#[tokio::test]
async fn s14_connections_without_a_request_do_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::create(folder.path());
    for tls in [None, Some(&certificate)] {
        let config = "[gateway.timeouts]\ndrain = \"120s\"\nrequest_head = \"100s\"\nidle = \"110s\"";
        let mut builder = world(config);
        if let Some(certificate) = tls {
            builder = builder.keyward(|keyward| keyward.gateway_tls(certificate));
        }
        let world = builder.start().await;
        let mut kept = Vec::new();
        // Nothing at all, a piece of the HTTP/2 preface, a piece of a head, a piece of a TLS record.
        for said in [&b""[..], b"PRI", b"GET /api/1/x HT", b"\x16\x03\x01"] {
            let mut client = world.connect().await;
            client.send(said).await;
            kept.push(client);
        }
        let mut idle = match tls {
            None => world.connect().await,
            Some(trusted) => RawClient::connect_tls(world.keyward.gateway(), "localhost", trusted, &[]).await,
        };
        idle.send(world.get("/api/1/x")).await;
        assert_eq!(verdict(&idle.read_response().await), "200");
        world.keyward.signal(Signal::Term);
        // Far less than any of the times above.
        let ended = world.keyward.wait_exit(Duration::from_secs(60)).await;
        assert!(
            ended.is_some_and(|status| status.success()),
            "TLS {}: still running: {}",
            tls.is_some(),
            world.keyward.log()
        );
        assert!(idle.is_closed_within(WAIT_TIMEOUT).await);
    }
}

#[tokio::test]
async fn s14_a_second_signal_ends_it_at_once() {
    let world = world(&drain("600s")).start().await;
    world.upstream.script("/api/1/hang", Reply::Hang);
    let mut client = world.connect().await;
    client.send(world.get("/api/1/hang")).await;
    world.upstream.wait_for(1).await;
    world.keyward.signal(Signal::Term);
    assert!(
        world
            .keyward
            .wait_exit(Duration::from_millis(500))
            .await
            .is_none()
    );
    world.keyward.signal(Signal::Int);
    let ended = world.keyward.wait_exit(WAIT_TIMEOUT).await;
    assert_eq!(ended.unwrap().code(), Some(1));
    assert!(client.is_closed_within(WAIT_TIMEOUT).await);
}

#[tokio::test]
async fn s14_after_restarts_under_load_the_same_key_goes_on() {
    let world = world(&drain("30s")).start().await;
    let gateway = world.keyward.gateway();
    for round in 0..sized(2, 20) {
        let (secret, before) = (world.secret().to_owned(), world.upstream.count());
        let load = tokio::spawn(async move {
            loop {
                match RawClient::try_connect(gateway).await {
                    Err(e) if e.kind() == ErrorKind::ConnectionRefused => return,
                    connected => {
                        let mut client = connected.unwrap();
                        client.send(get("/api/1/x", &secret)).await;
                        assert_eq!(verdict(&client.read_response().await), "200");
                    }
                }
            }
        });
        world.upstream.wait_for(before + 20).await;
        end(&world, Duration::from_secs(30)).await;
        load.await.unwrap();
        world.keyward.restart().await;
        let answer = exchange(gateway, world.get("/api/1/x")).await;
        assert_eq!(verdict(&answer), "200", "round {round}");
    }
}
