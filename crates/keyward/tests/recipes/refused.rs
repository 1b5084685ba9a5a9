//! Requests that are refused: the client gets what the gateway would have answered, and the upstream gets nothing.

use crate::ask::{Ask, Said};
use crate::proxy::Proxy;
use crate::world::{Wanted, World};
use keyward_testkit::{KeySpec, OWNER, RawClient};
use std::time::Duration;

const OTHER: &str = "other@example.com";

pub(crate) async fn every_refusal_has_its_true_status_fields_and_document(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    let k1 = world.k1.secret.as_str();
    let disabled = world.key(KeySpec::new(OWNER, "disabled")).await;
    world
        .api("POST", &format!("/v1/keys/{}/disable", disabled.id))
        .await;
    let deleted = world.key(KeySpec::new(OWNER, "deleted")).await;
    world.api("DELETE", &format!("/v1/keys/{}", deleted.id)).await;
    let other = world.keyward.user(OTHER, "member").await;
    let orphan = world.key(KeySpec::new(OTHER, "orphan")).await;
    world.api("POST", &format!("/v1/users/{other}/disable")).await;
    let nowhere = world.key(KeySpec::new(OWNER, "nowhere").addresses(&[])).await;
    let reader = world.key(KeySpec::new(OWNER, "reader").use_case("read")).await;
    let get = || Ask::get("/api/1/x");
    for (ask, status, code) in [
        (get(), 401, "key_missing"),
        (get().key("a b"), 401, "key_malformed"),
        (get().key("bogus"), 401, "key_invalid"),
        (get().key(&deleted.secret), 401, "key_invalid"),
        (get().key(&disabled.secret), 401, "key_disabled"),
        (get().key(&orphan.secret), 401, "owner_inactive"),
        (Ask::get("/api/2/x").key(k1), 403, "site_forbidden"),
        (get().key(&nowhere.secret), 403, "ip_forbidden"),
        (
            Ask::new("DELETE", "/api/1/x").key(&reader.secret),
            403,
            "use_case_forbidden",
        ),
        (Ask::get("/nowhere").key(k1), 404, "no_route"),
        (Ask::get("/api/1/a/../b").key(k1), 400, "bad_path"),
    ] {
        let said = world.refused(code, &ask, Wanted::Says(status, code)).await;
        is_problem(&world, &said);
        let challenge = said.answer.header_all("www-authenticate");
        assert_eq!(challenge.len(), usize::from(status == 401), "{proxy:?} {code}");
        // The same for a request with a body.
        let post = Ask::new("POST", "/api/2/x").key(k1).body("hello");
        world
            .refused("post", &post, Wanted::Says(403, "site_forbidden"))
            .await;
    }
    expired(&world).await;
    let trace = Ask::new("TRACE", "/api/1/x").key(k1);
    let said = world.refused("trace", &trace, Wanted::Says(405, "")).await;
    if !said.code.is_empty() {
        is_problem(&world, &said);
        assert!(said.answer.header("allow").is_some(), "{proxy:?}");
    }
}

async fn expired(world: &World) {
    // Time enough to make the key.
    let at = jiff_now_plus(10);
    let key = world.key(KeySpec::new(OWNER, "expires").expires_at(&at)).await;
    let ask = Ask::get("/api/1/x").key(&key.secret);
    while world.say(&ask).await.status == 200 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    world.upstream.clear();
    world
        .refused("expired", &ask, Wanted::Says(401, "key_expired"))
        .await;
}

/// So many seconds from now, RFC 3339.
fn jiff_now_plus(seconds: i64) -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds)).to_string()
}

/// A document that says the status of the answer, whole, and kept by nobody.
fn is_problem(world: &World, said: &Said) {
    let answer = &said.answer;
    let proxy = world.proxy;
    assert_eq!(
        answer.header_all("content-type"),
        ["application/problem+json"],
        "{proxy:?} {said:?}"
    );
    assert_eq!(answer.header_all("cache-control"), ["no-store"], "{proxy:?}");
    assert_eq!(answer.json()["status"], said.status, "{proxy:?}");
    if proxy.difference("document of 503").is_none() || said.status != 503 {
        assert!(answer.json()["request_id"].is_string(), "{proxy:?}");
    }
    for inner in ["x-keyward-status", "x-keyward-body", "x-keyward-key-id"] {
        assert_eq!(answer.header(inner), None, "{proxy:?} {said:?}");
    }
}

pub(crate) async fn l8_over_the_limit_is_429_with_its_fields(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    let limited = world.key(KeySpec::new(OWNER, "limited").limit(1)).await.secret;
    let ask = Ask::get("/api/1/x").key(&limited);
    // The first may be the last of a minute.
    while world.say(&ask).await.status == 200 {}
    world.upstream.clear();
    let said = loop {
        let said = world.say(&ask).await;
        if said.status != 200 {
            break said;
        }
        world.upstream.clear();
    };
    assert_eq!(
        (said.status, said.code.as_str()),
        (429, "rate_limited"),
        "{proxy:?}"
    );
    assert_eq!(world.upstream.count(), 0, "{proxy:?}");
    is_problem(&world, &said);
    let told = |name: &str| -> u64 {
        let values = said.answer.header_all(name);
        assert_eq!(values.len(), 1, "{proxy:?} {name}: {values:?}");
        values[0].parse().unwrap()
    };
    assert_eq!(told("x-ratelimit-limit"), 1, "{proxy:?}");
    assert_eq!(told("x-ratelimit-remaining"), 0, "{proxy:?}");
    assert_eq!(told("x-ratelimit-reset") % 60, 0, "{proxy:?}");
    assert!((1..=60).contains(&told("retry-after")), "{proxy:?}");
}

/// A limiter that nobody answers for: port 1, where nobody listens.
const NO_LIMITER: &str = "[limits]\nurl = \"redis://127.0.0.1:1\"\non_limiter_failure = \"refuse\"\n";

pub(crate) async fn s8_what_cannot_be_counted_is_503(proxy: Proxy) {
    let world = World::start(proxy, NO_LIMITER).await;
    let limited = world.key(KeySpec::new(OWNER, "limited").limit(10)).await.secret;
    let ask = Ask::get("/api/1/x").key(&limited);
    let said = world
        .refused("limiter", &ask, Wanted::Says(503, "unavailable"))
        .await;
    is_problem(&world, &said);
    assert!(said.answer.header("retry-after").is_some(), "{proxy:?}");
}

pub(crate) async fn f8_a_refused_body_is_never_read_as_a_request(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    let hidden = Ask::get("/api/1/hidden").key(&world.k1.secret).bytes();
    for ask in [
        Ask::new("POST", "/api/2/x").key(&world.k1.secret).body(&hidden),
        Ask::new("POST", "/api/1/x").body(&hidden),
        Ask::new("POST", "/api/1/x").chunked(&String::from_utf8_lossy(&hidden)),
    ] {
        world.upstream.clear();
        let mut client = RawClient::connect(world.door()).await;
        let next = Ask::get("/api/1/next").key(&world.k1.secret).bytes();
        client.send([ask.bytes(), next].concat()).await;
        let answer = client.read_response().await;
        assert!(matches!(answer.status, 401 | 403), "{proxy:?} {answer:?}");
        let second = client.try_read_response("GET").await.map(|answer| answer.status);
        let seen = world.upstream.requests();
        assert_eq!(seen.len(), usize::from(second.is_ok()), "{proxy:?} {second:?}");
        assert!(
            seen.iter().all(|got| got.target() == "/api/1/next"),
            "{proxy:?} {seen:?}"
        );
    }
}

/// Keyward takes 100 fields. Each proxy adds some to its question, and is alive after it whatever the client sends.
pub(crate) async fn d3_many_fields_pass_or_are_too_many_and_never_a_fault(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    for number in [
        50, 80, 90, 93, 94, 95, 96, 97, 98, 99, 100, 101, 105, 120, 200, 400,
    ] {
        let mut ask = Ask::get("/api/1/x").key(&world.k1.secret);
        for field in 0..number - 2 {
            ask = ask.with(&format!("X-F{field}"), "a");
        }
        world.upstream.clear();
        let status = world.say(&ask).await.status;
        let passes = status == 200;
        let difference = proxy.difference("too many fields");
        let is_known = difference.is_some_and(|difference| difference.statuses.contains(&status));
        assert!(
            passes || number > 100 && (is_known || matches!(status, 0 | 400 | 431)),
            "{proxy:?} {number}: {status}; {}",
            world.front.log()
        );
        assert_eq!(world.upstream.count(), usize::from(passes), "{proxy:?} {number}");
    }
    world.upstream.clear();
    world.passed(&Ask::get("/api/1/x").key(&world.k1.secret)).await;
}
