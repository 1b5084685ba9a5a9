//! The access log: which client it names.

use crate::cors::{CORS, ORIGIN, preflight};
use crate::spoken::Ask;
use crate::world::{ASKED, BOTH, World};
use keyward_testkit::{KeySpec, OWNER, Reply};
use serde_json::Value;

/// Behind a balancer on this machine.
const BALANCED: &str = r#"
[log]
format = "json"
[gateway]
trusted_proxies = ["127.0.0.1"]
[gateway.swagger]
upstream_path = "/docs/openapi.json"
"#;
const CLIENT: &str = "192.0.2.7";
const BALANCER: &str = "127.0.0.1";

/// What became of each request, and the client that the log names.
fn logged(log: &str) -> Vec<(String, String)> {
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    lines
        .filter(|line| line["target"] == "keyward::access")
        .map(|line| (text(&line["outcome"]), text(&line["client"])))
        .collect()
}

#[tokio::test]
async fn a_client_behind_a_trusted_proxy_is_logged_by_its_own_address_whatever_its_answer_is() {
    let world = World::start(&format!("{BALANCED}{CORS}")).await;
    world.upstream.script("/api/1/gone", Reply::CloseWithoutAnswer);
    let limited = world.secret_of(KeySpec::new(OWNER, "limited").limit(1)).await;
    let elsewhere = world
        .secret_of(KeySpec::new(OWNER, "elsewhere").addresses(&["203.0.113.1"]))
        .await;
    let key = |target: &str, secret: &str| Ask::get(target).key(secret);
    let of_the_gateway = [
        (key("/api/1/x", &world.k1), "granted"),
        (key("/api/1/gone", &world.k1), "unreachable"),
        (key("/keyward/self", &world.k1), "own_key"),
        (key("/keyward/self", "nothing"), "key_invalid"),
        (Ask::get("/swagger/"), "swagger"),
    ];
    let of_all = [
        (Ask::get("/api/1/x"), "key_missing"),
        (key("/api/1/x", "nothing"), "key_invalid"),
        (key("/api/2/x", &world.k1), "site_forbidden"),
        (key("/api/1/x", &elsewhere), "ip_forbidden"),
        (key("/nowhere", &world.k1), "no_route"),
        (key("/hdr/x", &world.k1), "bad_request"),
        (preflight("/api/1/x", ORIGIN), "preflight"),
    ];
    let mut wanted = Vec::new();
    let gateways = of_the_gateway.iter().map(|row| (BOTH, row));
    let every = of_all.iter().flat_map(|row| [(BOTH, row), (ASKED, row)]);
    for (ways, (ask, outcome)) in gateways.chain(every) {
        let ask = ask.clone().with("X-Forwarded-For", CLIENT);
        for way in ways.iter().filter(|way| way.can_tell(&ask)) {
            world.door().say(*way, &ask).await;
            wanted.push(((*outcome).to_owned(), CLIENT.to_owned()));
        }
    }
    // The first of a minute passes; a minute may begin between two.
    let ask = key("/api/1/x", &limited).with("X-Forwarded-For", CLIENT);
    while world.say(&ask).await.status == 200 {
        wanted.push(("granted".to_owned(), CLIENT.to_owned()));
    }
    wanted.push(("rate_limited".to_owned(), CLIENT.to_owned()));
    // Of what cannot be read, nobody but the balancer is known.
    for (target, claim, outcome) in [
        ("/api//x", CLIENT, "bad_path"),
        ("/api/1/x", "nonsense", "granted"),
    ] {
        world
            .say(&key(target, &world.k1).with("X-Forwarded-For", claim))
            .await;
        wanted.push((outcome.to_owned(), BALANCER.to_owned()));
    }
    world.keyward.stop().await;
    let mut seen = logged(&world.keyward.log());
    seen.sort();
    wanted.sort();
    assert_eq!(seen, wanted);
}
