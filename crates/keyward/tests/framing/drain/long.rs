//! R10: what was granted and is still open ends by itself; what is new is refused at once.

use super::world;
use keyward_testkit::{RawClient, RawH2, Reply, World, exchange, request, verdict};
use serde_json::{Value, json};
use std::time::Duration;

const PIECES: usize = 15;

async fn open_upgraded(world: &World) -> RawClient {
    let mut socket = world.connect().await;
    let key = ("X-API-KEY", world.secret());
    let headers = [key, ("Connection", "Upgrade"), ("Upgrade", "websocket")];
    socket.send(request("GET", "/api/1/ws", &headers, "")).await;
    assert_eq!(socket.read_response().await.status, 101);
    socket
}

#[tokio::test]
async fn r10_open_streams_go_on_and_new_requests_are_refused_when_a_key_ends() {
    let changes = [
        ("POST", "/disable", Value::Null, "401 key_disabled"),
        (
            "PATCH",
            "",
            json!({ "sites": { "only": ["2"] } }),
            "403 site_forbidden",
        ),
        (
            "PATCH",
            "",
            json!({ "addresses": { "only": ["192.0.2.1"] } }),
            "403 ip_forbidden",
        ),
        ("DELETE", "", Value::Null, "401 key_invalid"),
    ];
    for (method, path, change, refused) in changes {
        let world = world("").start().await;
        for (name, chunked) in [("download", false), ("events", true), ("h2", true)] {
            let reply = Reply::SlowBody {
                pieces: vec![b"data: x\n\n".to_vec(); PIECES],
                pause: Duration::from_millis(100),
                chunked,
            };
            world.upstream.script(&format!("/api/1/{name}"), reply);
        }
        world.upstream.script("/api/1/ws", Reply::Upgrade);
        let mut download = world.connect().await;
        download.send(world.get("/api/1/download")).await;
        let mut events = world.connect().await;
        events.send(world.get("/api/1/events")).await;
        let mut h2 = RawH2::connect(world.keyward.gateway()).await;
        h2.get(1, "/api/1/h2", &[("x-api-key", world.secret())]).await;
        let mut upload = world.connect().await;
        let key = ("X-API-KEY", world.secret());
        upload
            .send(request("POST", "/api/1/up", &[key, ("Content-Length", "10")], ""))
            .await;
        upload.send("01234").await;
        let mut socket = open_upgraded(&world).await;
        let mut kept = world.connect().await;
        kept.send(world.get("/api/1/x")).await;
        assert_eq!(verdict(&kept.read_response().await), "200");
        let before = world.upstream.wait_for_heads(6).await.len();

        let path = format!("/v1/keys/{}{path}", world.key.id);
        world.keyward.api_ok(method, &path, &change).await;
        let fresh = exchange(world.keyward.gateway(), world.get("/api/1/x")).await;
        assert_eq!(verdict(&fresh), refused, "{method} {path}");
        kept.send(world.get("/api/1/x")).await;
        assert_eq!(
            verdict(&kept.read_response().await),
            refused,
            "{method} {path}, kept connection"
        );
        // No second WebSocket, and no bytes behind the refused request either.
        let headers = [key, ("Connection", "Upgrade"), ("Upgrade", "websocket")];
        let again = exchange(world.keyward.gateway(), request("GET", "/api/1/ws", &headers, "")).await;
        assert_eq!(verdict(&again), refused);
        assert_eq!(world.upstream.count(), before);

        socket.send(b"still here").await;
        assert_eq!(socket.read_exact(10).await, b"still here");
        upload.send("56789").await;
        assert_eq!(upload.read_response().await.json()["body_length"], 10);
        for client in [&mut download, &mut events] {
            let answer = client.read_response().await;
            assert_eq!(
                (answer.status, answer.body),
                (200, b"data: x\n\n".repeat(PIECES)),
                "{method} {path}"
            );
        }
        assert_eq!(h2.body(1).await, Some(b"data: x\n\n".repeat(PIECES)));
        // The connections themselves are good for nothing new with this key.
        download.send(world.get("/api/1/x")).await;
        assert_eq!(verdict(&download.read_response().await), refused);
        h2.get(3, "/api/1/x", &[("x-api-key", world.secret())]).await;
        let status = refused[..3].parse::<u16>().unwrap();
        assert_eq!(h2.outcome(3).await, keyward_testkit::H2Outcome::Status(status));
        assert_eq!(world.upstream.count(), before);
    }
}
