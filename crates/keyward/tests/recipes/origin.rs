//! I: where a request comes from. The proxy's own peer counts, and nothing that a client says of it.

use crate::ask::Ask;
use crate::proxy::Proxy;
use crate::world::World;
use keyward_testkit::{KeySpec, OWNER};

const CLAIMS: &[&str] = &[
    "X-Forwarded-For",
    "X_Forwarded_For",
    "X-Forwarded",
    "X-Real-IP",
    "Real-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X-Client-IP",
    "Client-IP",
    "X-Original-Forwarded-For",
    "X-Original-Address",
    "X-Cluster-Client-IP",
    "Fastly-Client-IP",
    "Forwarded-For",
    "WL-Proxy-Client-IP",
    "X-Azure-ClientIP",
    "X-Envoy-External-Address",
    "X-Forward-For",
    "X-Forwarder-For",
    "X-Remote-Addr",
    "X-Original-IP",
    "X-ProxyUser-Ip",
    "X-Appengine-User-Ip",
    "X-HTTP-Host",
    "Proxy",
];

pub(crate) async fn i1_only_the_proxys_peer_counts(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    let secret = world
        .key(KeySpec::new(OWNER, "k").addresses(&["127.0.0.5"]))
        .await
        .secret;
    let ask = || Ask::get("/api/1/x").key(&secret);
    let mut all = ask().with("Forwarded", "for=127.0.0.5");
    for claim in CLAIMS {
        for value in ["127.0.0.5", "127.0.0.1, 127.0.0.5", "127.0.0.5, 127.0.0.1"] {
            let said = ask().with(claim, value).say_from(2, world.door()).await;
            assert_eq!(
                (said.status, said.code.as_str()),
                (403, "ip_forbidden"),
                "{proxy:?} {claim}: {value}"
            );
        }
        all = all.with(claim, "127.0.0.5").with(claim, "127.0.0.5");
    }
    let said = all.say_from(2, world.door()).await;
    assert_eq!(
        (said.status, said.code.as_str()),
        (403, "ip_forbidden"),
        "{proxy:?}"
    );
    assert_eq!(world.upstream.count(), 0, "{proxy:?}");
    // From the right address the claims change nothing, and none goes on.
    let mut all = ask().with("Forwarded", "for=6.6.6.6");
    for claim in CLAIMS {
        all = all.with(claim, "6.6.6.6");
    }
    let said = all.say_from(5, world.door()).await;
    assert_eq!(said.status, 200, "{proxy:?} {said:?}");
    let got = world.upstream.last();
    let text = String::from_utf8_lossy(&got.head).into_owned();
    assert!(!text.contains("6.6.6.6"), "{proxy:?} {text}");
    let told = got.folded_lines(|name| name.starts_with("x-forwarded-for"));
    assert_eq!(told.len(), 1, "{proxy:?} {told:?}");
    assert_eq!(got.header("x-forwarded-for"), ["127.0.0.5"], "{proxy:?}");
}
