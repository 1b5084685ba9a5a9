//! The bounds of memory that docs/operations.md states for each port.

use crate::WHOLE_KIB;
use keyward_testkit::{Certificate, RawClient, World, eventually, get, sized, sockets, verdict};
use std::net::SocketAddr;

/// What a connection costs beside its head.
const EACH_KIB: u64 = 48;

/// A head of nearly 32 KiB that does not end.
fn unfinished(secret: &str) -> Vec<u8> {
    let head = format!("GET /api/1/x HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {secret}\r\nA: ");
    let filler = "v".repeat(32_000 - head.len());
    format!("{head}{filler}").into_bytes()
}

/// The beginning of a ClientHello of 16 KiB.
fn half_a_greeting() -> Vec<u8> {
    let mut bytes = vec![0x16, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xfb, 3, 3];
    bytes.resize(12_000, 7);
    bytes
}

async fn hold(address: SocketAddr, count: u64, bytes: &[u8]) -> Vec<RawClient> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = RawClient::connect(address).await;
        // Who is one too many is closed, which is one way to keep the bound.
        drop(client.try_send(bytes).await);
        clients.push(client);
    }
    clients
}

/// Whether the server has read all that came to this port.
fn has_read(port: u16) -> bool {
    let here = sockets().into_iter().filter(|socket| socket.local == port);
    here.map(|socket| socket.unread).sum::<u64>() == 0
}

#[tokio::test]
async fn unfinished_requests_on_every_port_cost_what_the_manual_says() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::create(folder.path());
    let config =
        "[gateway]\nmax_connections = 4000\n[authz]\nproxies = [\"127.0.0.1\"]\n[log]\naccess = false\n";
    let world = World::builder()
        .config(config)
        .keyward(|builder| builder.console_tls(&certificate))
        .start()
        .await;
    let head = unfinished(world.secret());
    let idle = world.keyward.peak_rss_kib();
    let short = head[..200].to_vec();
    let ports = [
        ("gateway, short", world.keyward.gateway(), 500, 96, &short),
        ("gateway", world.keyward.gateway(), sized(500, 1000), 192, &head),
        ("authz", world.keyward.authz(), 200, 192, &head),
        ("ops", world.keyward.ops(), 250, 192, &head),
        (
            "console, TLS",
            world.keyward.console(),
            250,
            64,
            &half_a_greeting(),
        ),
    ];
    let mut held = Vec::new();
    for (port, address, count, most, bytes) in ports {
        let before = world.keyward.peak_rss_kib();
        held.extend(hold(address, count, bytes).await);
        eventually("all is read", async || has_read(address.port())).await;
        // Those that come after are served all the same.
        assert_eq!(verdict(&world.send(get("/api/1/x", world.secret())).await), "200");
        let each = world.keyward.peak_rss_kib().saturating_sub(before) / count;
        println!("{port}: {each} KiB for each");
        assert!(each <= most, "{port}: {each} KiB for each");
    }
    let all = world.keyward.peak_rss_kib();
    assert!(all <= WHOLE_KIB, "{all} KiB, of which {idle} when idle");
    drop(held);
}

const UNFINISHED_MIB: u64 = 8;

#[tokio::test]
async fn d3_unfinished_heads_together_hold_what_they_may_and_those_that_wait_longest_give_way() {
    let config = format!(
        "[gateway]\nmax_connections = 10000\n[gateway.limits]\nunfinished_head_bytes = {}\n[log]\naccess = false",
        UNFINISHED_MIB << 20
    );
    let world = World::start(&config).await;
    let head = &unfinished(world.secret())[..20_000];
    let (count, idle) = (sized(1500, 8000), world.keyward.peak_rss_kib());
    let mut held = hold(world.keyward.gateway(), count, head).await;
    // Whoever sends all of it is served.
    assert_eq!(verdict(&world.send(get("/api/1/x", world.secret())).await), "200");
    let grown = world.keyward.peak_rss_kib().saturating_sub(idle);
    println!("{count} unfinished heads: {} MiB", grown >> 10);
    // Those that were told to give way hold as much again at most.
    let bound = ((2 * UNFINISHED_MIB) << 10) + count * EACH_KIB;
    assert!(grown <= bound, "{grown} KiB of {bound}");
    let first = held[0].read_response().await;
    assert_eq!(verdict(&first), "503 unavailable");
    eventually("a head that begins now has room", async || {
        let mut late = hold(world.keyward.gateway(), 1, head).await;
        late[0].send(b"\r\n\r\n").await;
        verdict(&late[0].read_response().await) == "200"
    })
    .await;
    drop(held);
    // The allocator gives back what is free when it is used the next time.
    eventually("memory is given back", async || {
        for _ in 0..20 {
            world.send(get("/api/1/x", world.secret())).await;
        }
        world.keyward.rss_kib().saturating_sub(idle) <= bound / 3
    })
    .await;
}
