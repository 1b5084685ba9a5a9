//! D1 and D10 on the ports besides the gateway's, whose deadlines are fixed: a head has 10 s, and there are 256 places.

use keyward_testkit::{RawClient, WAIT_TIMEOUT, World, exchange, exchange_from, request};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The console and the operator's port, each with a path that anybody may ask for.
fn ports(world: &World) -> [(SocketAddr, &'static str); 2] {
    [
        (world.keyward.console(), "/openapi.json"),
        (world.keyward.ops(), "/healthz"),
    ]
}

async fn answers(address: SocketAddr, path: &str) -> bool {
    exchange(address, request("GET", path, &[], "")).await.status == 200
}

/// Sends a piece of a head, and goes on with a bit each second; the server must end it.
async fn drip(address: SocketAddr, first: &'static str, more: &'static str) {
    let mut client = RawClient::connect(address).await;
    client.send(first).await;
    let since = Instant::now();
    while !client.is_closed_within(Duration::from_secs(1)).await {
        assert!(since.elapsed() < WAIT_TIMEOUT, "{first:?}: still open");
        if client.try_send(more).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_heads_that_do_not_come_are_cut_on_the_other_ports_too() {
    let world = World::start("").await;
    let mut clients = JoinSet::new();
    for (address, _) in ports(&world) {
        for (first, more) in [
            ("", ""),
            ("G", ""),
            ("GET /healthz", "x"),
            ("GET /healthz HTTP/1.1\r\nHost: a\r\n", "A: b\r\n"),
            ("GET /healthz HTTP/1.1\r\nHost: a\r\nX: ", ""),
            ("PRI * HT", ""),
        ] {
            clients.spawn(drip(address, first, more));
        }
    }
    while let Ok(Some(ended)) = tokio::time::timeout(Duration::from_millis(200), clients.join_next()).await {
        ended.unwrap();
    }
    for (address, path) in ports(&world) {
        assert!(answers(address, path).await, "{path}");
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_the_other_ports_close_connections_past_256_and_the_others_go_on() {
    let world = World::start("").await;
    for (address, path) in ports(&world) {
        let ask = request("GET", path, &[], "");
        let mut held = Vec::new();
        for _ in 0..256 {
            let mut client = RawClient::connect(address).await;
            client.send(&ask).await;
            assert_eq!(client.read_response().await.status, 200, "{path}");
            held.push(client);
        }
        let mut shed = RawClient::connect(address).await;
        drop(shed.try_send(&ask).await);
        assert!(
            shed.is_closed_within(WAIT_TIMEOUT).await,
            "{path}: one more is served"
        );
        assert!(shed.unread().is_empty(), "{path}: one more is served");
        held[255].send(&ask).await;
        assert_eq!(held[255].read_response().await.status, 200, "{path}");
        drop(held);
        let since = Instant::now();
        loop {
            let mut client = RawClient::connect(address).await;
            if client.try_send(&ask).await.is_ok() && client.try_read_response("GET").await.is_ok() {
                break;
            }
            assert!(since.elapsed() < WAIT_TIMEOUT, "{path}: no place is given back");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_one_address_that_holds_every_place_keeps_nobody_else_away() {
    let world = World::start("").await;
    for (address, path) in ports(&world) {
        let ask = request("HEAD", path, &[], "");
        let mut held = Vec::new();
        for _ in 0..256 {
            let mut client = RawClient::connect(address).await;
            client.send(&ask).await;
            held.push(client);
        }
        for last in 2..8 {
            let other = Ipv4Addr::new(127, 0, 0, last).into();
            let answer = exchange_from(other, address, request("GET", path, &[], "")).await;
            assert_eq!(answer.status, 200, "{path} from {other}");
        }
        // Whoever it is that holds them loses one at a time, and goes on with the others.
        held[255].send(&ask).await;
        let answer = held[255].try_read_response("HEAD").await;
        assert!(answer.is_ok_and(|answer| answer.status == 200), "{path}");
    }
}

#[tokio::test]
async fn d3_heads_are_bounded_on_the_other_ports_too() {
    let world = World::start("").await;
    for (address, path) in ports(&world) {
        let long = "b".repeat(64 * 1024);
        let mut client = RawClient::connect(address).await;
        drop(client.try_send(request("GET", path, &[("A", &long)], "")).await);
        let answer = client.try_read_response("GET").await;
        assert!(answer.is_ok_and(|answer| answer.status == 431), "{path}");
        assert!(answers(address, path).await, "{path}");
    }
}
