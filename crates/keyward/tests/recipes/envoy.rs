//! What Envoy alone can do: its own log says who called.

use crate::ask::Ask;
use crate::proxy::Proxy;
use crate::world::World;
use keyward_testkit::WAIT_TIMEOUT;
use serde_json::Value;
use std::time::{Duration, Instant};

#[tokio::test]
async fn the_access_log_names_key_owner_and_site_and_no_secret() {
    for proxy in [Proxy::EnvoyGrpc, Proxy::EnvoyHttp] {
        let Some(proxy) = proxy.if_here() else { return };
        let world = World::start(proxy, "").await;
        world.passed(&Ask::get("/api/1/x").key(&world.k1.secret)).await;
        let line = logged(&world).await;
        assert_eq!(line["key"], world.k1.id, "{proxy:?} {line}");
        assert_eq!(line["owner"], world.k1.json["owner"]["id"], "{proxy:?} {line}");
        assert_eq!(
            (&line["site"], &line["status"]),
            (&"1".into(), &200.into()),
            "{proxy:?}"
        );
        assert!(!world.front.log().contains(&world.k1.secret), "{proxy:?}");
    }
}

/// The first line of the access log.
async fn logged(world: &World) -> Value {
    let began = Instant::now();
    loop {
        let log = world.front.log();
        let line = log
            .lines()
            .find(|line| line.starts_with('{') && line.ends_with('}'));
        if let Some(line) = line {
            return serde_json::from_str(line).unwrap();
        }
        assert!(began.elapsed() < WAIT_TIMEOUT, "no line in {log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
