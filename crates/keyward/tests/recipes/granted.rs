//! Requests that are granted: what the upstream gets, and what the client is told.

use crate::ask::Ask;
use crate::proxy::Proxy;
use crate::world::World;
use keyward_testkit::{KeySpec, OWNER, RawClient, Recorded, Reply};

/// What an API may tell of a limit of its own.
const OWN_LIMIT: [&str; 9] = [
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "RateLimit",
    "RateLimit-Policy",
    "RateLimit-Remaining",
    "X-Rate-Limit-Limit",
    "X-Rate-Limit-Reset",
    "X-RateLimit-Used",
];

pub(crate) async fn a_granted_request_goes_on_unchanged_and_names_the_caller(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    let key = world.k1.secret.clone();
    let big = "0123456789abcdef".repeat(64 * 1024);
    let asks = [
        ("GET", Ask::get("/api/1/x?a=1&b=%2F"), ""),
        ("HEAD", Ask::new("HEAD", "/api/1/x"), ""),
        ("POST", Ask::new("POST", "/api/1/x?q").body("hello"), "hello"),
        ("POST", Ask::new("POST", "/api/1/x").body(&big), big.as_str()),
        (
            "PUT",
            Ask::new("PUT", "/api/1/x").chunked("hello world"),
            "hello world",
        ),
        ("PATCH", Ask::new("PATCH", "/api/1/x").body("{}"), "{}"),
        ("DELETE", Ask::new("DELETE", "/api/1"), ""),
        ("PURGE", Ask::new("PURGE", "/wh/any/1"), ""),
    ];
    for (method, ask, body) in asks {
        let (_, got) = world
            .passed(&ask.clone().with("X-Kept", "as it is").key(&key))
            .await;
        let line = ask.text();
        assert!(
            line.starts_with(&got.request_line()),
            "{proxy:?}: {}",
            got.request_line()
        );
        assert_eq!(got.method(), method);
        assert_eq!(got.body, body.as_bytes(), "{proxy:?} {}", got.request_line());
        assert_eq!(got.header("x-kept"), ["as it is"]);
        assert_eq!(got.header("host"), ["localhost"]);
        names_the_caller(&world, &got);
    }
    // On one connection as well.
    let mut client = RawClient::connect(world.door()).await;
    for number in 0..5 {
        let target = format!("/api/1/{number}");
        client
            .send(Ask::new("POST", &target).key(&key).body("x").bytes())
            .await;
        assert_eq!(client.read_response().await.status, 200);
        assert_eq!(world.upstream.last().target(), target);
    }
}

/// Each identity field once, and no key.
fn names_the_caller(world: &World, got: &Recorded) {
    let key = &world.k1;
    for (name, value) in [
        ("x-keyward-key-id", key.id.as_str()),
        ("x-keyward-user-id", key.json["owner"]["id"].as_str().unwrap()),
        ("x-keyward-use-case", "rest-api"),
        ("x-keyward-site", "1"),
    ] {
        assert_eq!(got.header(name), [value], "{:?} {name}", world.proxy);
    }
    assert_eq!(got.header("x-keyward-request-id").len(), 1, "{:?}", world.proxy);
    let all = got.folded_lines(|name| name.starts_with("x-keyward-"));
    assert_eq!(all.len(), 5, "{:?} {all:?}", world.proxy);
    let text = String::from_utf8_lossy(&got.head);
    assert!(!text.contains(&key.secret), "{:?} {text}", world.proxy);
    assert_eq!(got.header("x-forwarded-for"), ["127.0.0.1"], "{:?}", world.proxy);
    assert_eq!(got.header("x-forwarded-proto"), ["http"], "{:?}", world.proxy);
}

pub(crate) async fn a_body_streams_while_it_comes(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    let mut client = RawClient::connect(world.door()).await;
    let head = Ask::new("POST", "/api/1/x")
        .key(&world.k1.secret)
        .with("Content-Length", (4 * 1024 * 1024).to_string());
    client.send(head.bytes()).await;
    let piece = vec![b'x'; 64 * 1024];
    for number in 0..64 {
        client.send(&piece).await;
        if number == 8 {
            // More than any proxy keeps back is on its way, and the rest is not sent yet.
            let got = world.upstream.wait_for_heads(1).await;
            assert!(!got[0].complete, "{proxy:?}");
        }
    }
    assert_eq!(client.read_response().await.status, 200, "{proxy:?}");
    assert_eq!(world.upstream.last().body_len, 4 * 1024 * 1024, "{proxy:?}");
}

pub(crate) async fn l8_what_remains_is_told_on_success_once(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    let limited = world.key(KeySpec::new(OWNER, "limited").limit(1000)).await.secret;
    let own: Vec<(String, String)> = OWN_LIMIT
        .iter()
        .map(|name| ((*name).to_owned(), "7".to_owned()))
        .collect();
    let says_so_too = Reply::Http {
        status: 200,
        headers: own,
        body: b"{}".to_vec(),
    };
    world.upstream.script("/api/1/own", says_so_too);
    for target in ["/api/1/x", "/api/1/own"] {
        let (said, _) = world.passed(&Ask::get(target).key(&limited)).await;
        let told = |name: &str| -> u64 {
            let values = said.answer.header_all(name);
            assert_eq!(values.len(), 1, "{proxy:?} {target} {name}: {values:?}");
            values[0].parse().unwrap()
        };
        assert_eq!(told("x-ratelimit-limit"), 1000, "{proxy:?}");
        let vary = said.answer.header_all("vary").join(", ").to_ascii_lowercase();
        assert!(vary.contains("x-api-key"), "{proxy:?}: Vary: {vary}");
        assert!(told("x-ratelimit-remaining") < 1000, "{proxy:?}");
        assert_eq!(told("x-ratelimit-reset") % 60, 0, "{proxy:?}");
        for name in &OWN_LIMIT[3..] {
            let goes_on =
                *name == "X-RateLimit-Used" && proxy.difference("own limit by another name").is_some();
            let wanted = usize::from(goes_on && target == "/api/1/own");
            assert_eq!(
                said.answer.header_all(name).len(),
                wanted,
                "{proxy:?} {target} {name}"
            );
        }
    }
    // Who has no limit is told of none.
    let (said, _) = world.passed(&Ask::get("/api/1/x").key(&world.k1.secret)).await;
    let rate = said.answer.header_all("x-ratelimit-limit");
    assert!(rate.is_empty(), "{proxy:?}: {rate:?}");
    // The API's own then says what it says, as through the gateway.
    let (said, _) = world.passed(&Ask::get("/api/1/own").key(&world.k1.secret)).await;
    let goes_on = proxy.difference("own limit").is_none();
    for name in &OWN_LIMIT[..8] {
        assert_eq!(
            said.answer.header_all(name).len(),
            usize::from(goes_on),
            "{proxy:?} {name}"
        );
    }
}
