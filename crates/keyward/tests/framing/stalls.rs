//! Pauses within bodies: what may be silent for how long, and that the log says what ended an answer.

use crate::world::World;
use keyward_testkit::{H2Client, KeySpec, OWNER, Reply, request};
use std::time::Duration;

/// Everywhere a short pause ends a body, but on `/events` none does.
const STALLS: &str = r#"
[log]
format = "json"
[gateway.timeouts]
body_stall = "200ms"
upstream_body_stall = "200ms"
[[gateway.routes]]
path = "/api/{site}/**"
[[gateway.routes]]
path = "/events/{site}/**"
stall = "off"
[[gateway.routes]]
path = "/brief/{site}/**"
stall = "10ms"
"#;

#[tokio::test]
async fn a_silent_answer_is_cut_and_told_unless_its_route_lets_it_be_silent() {
    let world = World::start(STALLS).await;
    let key = world.keyward.key(KeySpec::new(OWNER, "events")).await.secret;
    let slow = |pause| Reply::SlowBody {
        pieces: vec![b"first".to_vec(), b"second".to_vec()],
        pause: Duration::from_millis(pause),
        chunked: true,
    };
    let mut h2 = H2Client::connect(world.keyward.gateway()).await;
    let outcomes = |outcome: &str| format!("\"outcome\":\"{outcome}\"");
    let mut cut = 0;
    for (route, pause, whole) in [("api", 1000, false), ("brief", 150, false), ("events", 600, true)] {
        let target = format!("/{route}/1/s");
        world.upstream.script(&target, slow(pause));
        let mut client = world.connect().await;
        client
            .send(request("GET", &target, &[("X-API-KEY", &key)], ""))
            .await;
        let answer = client.try_read_response("GET").await;
        let over_h2 = h2.try_send("GET", &target, &[("x-api-key", &key)], "").await;
        if whole {
            assert_eq!(answer.unwrap().text(), "firstsecond");
            assert_eq!(over_h2.unwrap().body, "firstsecond");
        } else {
            answer.unwrap_err();
            over_h2.unwrap_err();
            cut += 2;
        }
        let log = world
            .keyward
            .until_log("how they ended", |log| {
                log.matches(&outcomes("stalled")).count() == cut
            })
            .await;
        assert_eq!(log.contains(&outcomes("granted")), whole, "{log}");
    }
    let counted = world
        .keyward
        .metric("keyward_upstream_faults_total{fault=\"stalled\"}")
        .await;
    assert_eq!(counted, Some(4.0));
    // The same holds for what the client sends.
    for (route, status) in [("api", 408), ("events", 200)] {
        let head = request(
            "POST",
            &format!("/{route}/1/x"),
            &[("X-API-KEY", &key), ("Content-Length", "4")],
            "",
        );
        let mut client = world.connect().await;
        client.send([&head[..], b"ab"].concat()).await;
        world.upstream.wait_for_heads(world.upstream.count()).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        // A client that was cut off gets its answer all the same.
        let _cut = client.try_send("cd").await;
        assert_eq!(client.read_response().await.status, status, "{route}");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_within_an_answer_is_told_in_the_log() {
    let world = World::start(STALLS).await;
    world
        .upstream
        .script("/events/1/s", Reply::Stream { total_bytes: 1 << 40 });
    let mut client = world.connect().await;
    client.send(world.request("GET", "/events/1/s", &[], b"")).await;
    let _begun = client.read_some().await;
    drop(client);
    world
        .keyward
        .until_log("who ended it", |log| log.contains("\"outcome\":\"client_gone\""))
        .await;
}
