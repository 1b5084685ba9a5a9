//! D1: an upgraded connection may be still for as long as it likes; whether its ends are there yet, the system asks.

use super::upgrade::ask;
use super::world;
use keyward_testkit::{Reply, eventually, sockets};

/// Whether the system will ask the other end of such a connection whether it is there.
fn will_ask(local: Option<u16>, remote: u16) -> bool {
    sockets().into_iter().any(|socket| {
        let is_it = local.is_none_or(|port| socket.local == port) && socket.remote == remote;
        is_it && socket.is_established && socket.is_probed
    })
}

#[tokio::test]
async fn d1_both_ends_of_a_tunnel_are_asked_whether_they_are_there() {
    let world = world("").start().await;
    world.upstream.script("/api/1/ws", Reply::Upgrade);
    let mut client = world.connect().await;
    client.send(ask(world.secret())).await;
    assert_eq!(client.read_response().await.status, 101);
    let gateway = world.keyward.gateway().port();
    let (client, upstream) = (client.local_addr().port(), world.upstream.address().port());
    eventually("the client is watched", async || will_ask(Some(gateway), client)).await;
    eventually("the upstream is watched", async || will_ask(None, upstream)).await;
}
