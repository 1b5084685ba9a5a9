//! M: what needs no key: `OPTIONS` and the public path, and nothing but them.

use crate::ask::Ask;
use crate::proxy::{OWN, Proxy};
use crate::world::{CORS, ORIGIN, Wanted, World};
use keyward_testkit::{KeySpec, OWNER, RawClient, Reply};

const OVERRIDES: &[&str] = &[
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X-Forwarded-Method",
    "X-Original-Method",
    "X-Original-URL",
    "X-Original-URI",
    "X-Forwarded-Uri",
    "X-Rewrite-URL",
    "X-Envoy-Original-Path",
    "X-Rewrite-Path",
    "X-HTTP-Path-Override",
];

fn preflight(target: &str) -> Ask {
    Ask::new("OPTIONS", target)
        .with("Origin", ORIGIN)
        .with("Access-Control-Request-Method", "GET")
}

pub(crate) async fn m1_m9_pages_of_a_listed_origin_are_answered_by_keyward(proxy: Proxy) {
    let world = World::start(proxy, CORS).await;
    for target in ["/api/2/x", "/api/1", "/swagger"] {
        let said = world
            .refused("m1", &preflight(target), Wanted::Says(204, ""))
            .await;
        let answer = &said.answer;
        let origin = answer.header_all("access-control-allow-origin");
        assert_eq!(origin, [ORIGIN], "{proxy:?} {target}");
        let headers = answer.header("access-control-allow-headers").unwrap_or_default();
        assert!(
            headers.to_lowercase().contains("x-api-key"),
            "{proxy:?} {headers}"
        );
        assert!(
            answer.header("access-control-allow-methods").is_some(),
            "{proxy:?}"
        );
        assert_eq!(answer.header("access-control-max-age"), Some("600"), "{proxy:?}");
        let vary = answer.header_all("vary").join(",").to_lowercase();
        assert!(vary.contains("origin"), "{proxy:?} {vary}");
    }
    let stranger = Ask::new("OPTIONS", "/api/2/x")
        .with("Origin", "https://evil.example")
        .with("Access-Control-Request-Method", "GET");
    let said = world.refused("m1", &stranger, Wanted::Says(204, "")).await;
    assert_eq!(
        said.answer.header("access-control-allow-origin"),
        None,
        "{proxy:?}"
    );
    for (ask, status) in [
        (Ask::get("/api/1/x"), 401),
        (Ask::get("/api/2/x").key(&world.k1.secret), 403),
        (Ask::get("/nowhere"), 404),
    ] {
        let said = world
            .refused("m9", &ask.with("Origin", ORIGIN), Wanted::Says(status, ""))
            .await;
        let origin = said.answer.header_all("access-control-allow-origin");
        assert_eq!(origin, [ORIGIN], "{proxy:?} {status}");
        assert!(
            said.answer.header("access-control-expose-headers").is_some(),
            "{proxy:?}"
        );
    }
    // What is granted may be read as well, and your API's own permission does not widen it.
    let own = Reply::Http {
        status: 200,
        headers: vec![("Access-Control-Allow-Origin".to_owned(), "*".to_owned())],
        body: b"{}".to_vec(),
    };
    world.upstream.script("/api/1/own", own);
    for target in ["/api/1/x", "/api/1/own"] {
        let ask = Ask::get(target).key(&world.k1.secret).with("Origin", ORIGIN);
        let (said, _) = world.passed(&ask).await;
        let origin = said.answer.header_all("access-control-allow-origin");
        if target == "/api/1/own" && proxy.difference("own cors").is_some() {
            assert!(origin.join(",").contains(ORIGIN), "{proxy:?} {origin:?}");
        } else {
            assert_eq!(origin, [ORIGIN], "{proxy:?} {target}");
        }
        let vary = said.answer.header_all("vary").join(",").to_lowercase();
        assert!(vary.contains("origin"), "{proxy:?} {target} {vary}");
    }
}

pub(crate) async fn m2_a_preflight_that_goes_on_carries_nothing(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    let key = world.k1.secret.as_str();
    let mut ask = preflight("/api/2/x").key(key).with("X-Keyward-Site", "forged");
    for name in OVERRIDES {
        ask = ask.with(name, "DELETE");
    }
    let (_, got) = world.passed(&ask).await;
    assert_eq!(got.request_line(), "OPTIONS /api/2/x HTTP/1.1", "{proxy:?}");
    let text = String::from_utf8_lossy(&got.head).into_owned();
    for gone in ["DELETE", "forged", key] {
        assert!(!text.contains(gone), "{proxy:?} {gone}: {text}");
    }
    // A body: refused, or read and left behind. A request hides in it.
    let hidden = Ask::get("/api/1/hidden").key(key).bytes();
    for ask in [
        preflight("/api/2/x").body(&hidden),
        preflight("/api/2/x").chunked(&String::from_utf8_lossy(&hidden)),
    ] {
        world.upstream.clear();
        let mut client = RawClient::connect(world.door()).await;
        let next = Ask::get("/api/1/next").key(key).bytes();
        drop(client.try_send([ask.bytes(), next].concat()).await);
        let first = client
            .try_read_response("OPTIONS")
            .await
            .map(|answer| answer.status);
        drop(client.try_read_response("GET").await);
        let seen = world.upstream.requests();
        let what = format!("{proxy:?} {first:?} {}: {seen:?}", ask.text());
        assert!(seen.iter().all(|got| got.target() != "/api/1/hidden"), "{what}");
        let bodies: u64 = seen.iter().map(|got| got.body_len).sum();
        assert_eq!(bodies, 0, "{what}");
    }
}

pub(crate) async fn m3_only_the_exact_method_options_is_exempt(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    for method in [
        "OPTION", "OPTIONSX", "TRACK", "DEBUG", "PURGE", "GET", "POST", "PUT", "PATCH", "DELETE",
    ] {
        let ask = Ask::new(method, "/api/1/x")
            .with("Origin", ORIGIN)
            .with("Access-Control-Request-Method", "GET");
        world.refused("m3", &ask, Wanted::Malformed).await;
        let key = Ask::new(method, "/api/2/x").key(&world.k1.secret);
        let said = world.say(&key).await;
        assert!(
            said.status == 403 || OWN.contains(&said.status),
            "{proxy:?} {method} {said:?}"
        );
        world
            .refused("m3", &Ask::new("POST", "/swagger/x"), Wanted::Says(404, ""))
            .await;
    }
    for method in [
        "options", "Options", "OPTIONS.", "get", "TRACE", "CONNECT", "OPT IONS", "",
    ] {
        for target in ["/api/1/x", "/swagger"] {
            world
                .refused("m3", &Ask::new(method, target), Wanted::Malformed)
                .await;
        }
    }
    let tunnel = Ask::new("CONNECT", "a:80").key(&world.k1.secret);
    world.refused("m3 connect", &tunnel, Wanted::Malformed).await;
    let long = Ask::new(&"M".repeat(64 * 1024), "/api/1/x").key(&world.k1.secret);
    world.refused("m3", &long, Wanted::Malformed).await;
    world
        .refused("m3 star", &Ask::new("OPTIONS", "*"), Wanted::Malformed)
        .await;
    world
        .cleaned(&Ask::new("OPTIONS\t", "/api/1/x"), "OPTIONS /api/1/x HTTP/1.1")
        .await;
}

pub(crate) async fn m4_no_field_turns_another_method_into_options(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    for name in OVERRIDES {
        for method in ["GET", "POST"] {
            let ask = Ask::new(method, "/api/1/x")
                .with(name, "OPTIONS")
                .with("Origin", ORIGIN)
                .with("Access-Control-Request-Method", "GET");
            world.refused("m4", &ask, Wanted::Says(401, "key_missing")).await;
        }
        // Nor does one make another site, or a public path, of the target.
        for target in ["/api/1/x", "/swagger"] {
            let ask = Ask::get("/api/2/x").key(&world.k1.secret).with(name, target);
            world
                .refused("m4", &ask, Wanted::Says(403, "site_forbidden"))
                .await;
        }
    }
}

pub(crate) async fn m5_nothing_but_the_public_path_is_public(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    let targets: &[&[u8]] = &[
        b"/swaggerx",
        b"/swagger..",
        b"/swagger%2f..%2fapi/2",
        b"/swagger/..;/api/2",
        b"/swagger/..%5capi/2",
        b"/swagger/..\\api\\2",
        b"/swagger/%252e%252e/api/2",
        b"/swagger%00",
        b"/swagger%00/api/2",
        b"/SWAGGER",
        b"/swagger;a=b",
        b"/swagger;a=b/x",
        b"/swagger/..",
        b"/swagger/../swagger",
        b"/swagger/../api/2/x",
        b"/swagger/x/../../api/2",
        b"/swagger//",
        b"//swagger",
        b"/swagger%20",
        b"/swagger%3fx",
        b"/swagger%23",
        b"/swagger#/../api/2",
        b"/swagger/x%2f..%2f..%2fapi/2",
        b"/swagger/%2e%2e/api/2/x",
        b"/swagger/%c0%ae%c0%ae/api/2",
        b"/%73wagger",
        b"/swagger%",
        b"/swagger/%zz",
        b"/swagger\\",
        b"/swagger\0",
        b"/swagger /api/2",
        b"/api/2/swagger",
        b"/api/1/..%2f..%2fswagger",
        b"http://other/swagger",
    ];
    for target in targets {
        world.refused("m5", &Ask::get(target), Wanted::Malformed).await;
    }
    world
        .cleaned(&Ask::get("/swagger\t"), "GET /swagger HTTP/1.1")
        .await;
}

pub(crate) async fn m6_m7_the_public_path_passes_whatever_key_comes_with_it(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    let limited = world.key(KeySpec::new(OWNER, "limited").limit(1000)).await.secret;
    for target in [
        "/swagger",
        "/swagger/",
        "/swagger/index.html",
        "/swagger/v1/swagger.json?x=/../y",
    ] {
        for method in ["GET", "HEAD"] {
            let (_, got) = world.passed(&Ask::new(method, target)).await;
            assert_eq!(
                got.request_line(),
                format!("{method} {target} HTTP/1.1"),
                "{proxy:?}"
            );
        }
        for method in ["POST", "PUT", "DELETE"] {
            let ask = Ask::new(method, target).key(&limited);
            world.refused("m6", &ask, Wanted::Says(404, "no_route")).await;
        }
    }
    world.upstream.script("/swagger", Reply::http(200, "docs"));
    for key in [limited.as_str(), "bogus", "a b", "", &world.k1.secret] {
        let (said, got) = world.passed(&Ask::get("/swagger/x").key(key)).await;
        assert_eq!(said.answer.text(), "docs", "{proxy:?}");
        assert_eq!(said.answer.header("x-ratelimit-limit"), None, "{proxy:?}");
        assert!(got.header("x-api-key").is_empty(), "{proxy:?}");
        assert!(got.header("x-keyward-key-id").is_empty(), "{proxy:?}");
    }
    let (said, _) = world.passed(&Ask::get("/api/1/x").key(&limited)).await;
    assert_eq!(
        said.answer.header("x-ratelimit-remaining"),
        Some("999"),
        "{proxy:?}"
    );
}
