//! The header of the key, the client's address, and what the service behind gets to see.

use crate::world::{World, echo, from, get, request, send};
use keyward_engine::{LimitDraft, RestrictionDraft};
use keyward_tower::RequireUseCase;
use serde_json::json;
use tower::Layer;

#[tokio::test]
async fn h1_h2_h3_h7_one_plain_field_is_a_key_and_nothing_else() {
    let world = World::start().await;
    let key = world.key_of_site("1").await;
    let layer = world.layer().build().unwrap();
    let list = format!("{key}, {key}");
    let bearer = format!("Bearer {key}");
    for (fields, code) in [
        (&[("x-api-key", key.as_str())][..], "passed"),
        (&[], "key_missing"),
        (&[("x-api-key", "")], "key_missing"),
        (&[("x-api-key", &key), ("x-api-key", &key)], "key_malformed"),
        (&[("x-api-key", &key), ("x-api-key", "")], "key_malformed"),
        (&[("x-api-key", &list)], "key_malformed"),
        (&[("x-api-key", "kw_unknown")], "key_invalid"),
        (&[("x_api_key", &key)], "key_missing"),
        (&[("x.api.key", &key)], "key_missing"),
        (&[("authorization", &bearer)], "key_missing"),
        (&[("cookie", &key)], "key_missing"),
    ] {
        let seen = send(echo(&layer), request("GET", "/api/1/x", fields)).await;
        assert_eq!(seen.code(), code, "{fields:?}");
        if code != "passed" {
            assert_eq!(seen.status, 401);
            assert_eq!(seen.header("content-type"), Some("application/problem+json"));
            assert_eq!(seen.header("cache-control"), Some("no-store"));
            assert_eq!(seen.header("vary"), Some("X-API-KEY"));
            let challenge = "ApiKey realm=\"api\", header=\"X-API-KEY\"";
            assert_eq!(seen.header("www-authenticate"), Some(challenge));
            assert_eq!(seen.header("x-request-id"), seen.json()["request_id"].as_str());
        }
    }
    let query = format!("/api/1/x?api_key={key}&X-API-KEY={key}");
    assert_eq!(
        send(echo(&layer), request("GET", &query, &[])).await.code(),
        "key_missing"
    );
}

#[tokio::test]
async fn h4_k8_the_service_behind_sees_no_key_no_forged_identity_and_nothing_that_changes_the_request() {
    let world = World::start().await;
    let key = world.key_of_site("1").await;
    let fields = [
        ("x-api-key", key.as_str()),
        ("x_api_key", "other"),
        ("x-keyward-key-id", "1"),
        ("x_keyward_user_id", "1"),
        ("x-http-method-override", "DELETE"),
        ("x-original-url", "/api/2"),
        ("x-forwarded-uri", "/api/2"),
        ("x-rewrite-path", "/api/2"),
        ("x-http-path-override", "/api/2"),
        ("proxy", "http://evil.example"),
        ("x-trace", "kept"),
        ("accept", "kept"),
    ];
    let layer = world.layer().build().unwrap();
    let seen = send(echo(&layer), request("GET", "/api/1/x", &fields)).await;
    assert_eq!(seen.json()["headers"], json!(["accept", "x-trace"]));
    assert_eq!(seen.header("vary"), Some("X-API-KEY"));
    let keeping = world.layer().keep_key().public_path("/swagger").build().unwrap();
    let seen = send(echo(&keeping), request("GET", "/api/1/x", &fields)).await;
    assert_eq!(seen.json()["headers"], json!(["accept", "x-api-key", "x-trace"]));
    let seen = send(echo(&keeping), request("GET", "/swagger", &fields)).await;
    assert_eq!(seen.json()["headers"], json!(["accept", "x-trace"]));
}

#[tokio::test]
async fn i1_i2_the_client_is_whom_the_service_or_a_trusted_proxy_names() {
    let world = World::start().await;
    let key = world
        .key(|draft| draft.addresses = RestrictionDraft::Only(vec!["192.0.2.0/24".into()]))
        .await
        .1;
    let anyone = world.key(|_| {}).await.1;
    let plain = world.layer().build().unwrap();
    let proxies = || {
        let layer = world.layer().trusted_proxy("10.0.0.0/8");
        layer.trusted_proxy("192.0.2.66")
    };
    let behind = proxies().build().unwrap();
    let ask = |address: &str, forwarded: &[&str]| {
        let mut fields = vec![("x-api-key", key.as_str())];
        fields.extend(forwarded.iter().map(|value| ("x-forwarded-for", *value)));
        from(request("GET", "/api/1/x", &fields), address)
    };
    for (address, forwarded, at_plain, at_behind) in [
        ("192.0.2.9", &[][..], "passed", "passed"),
        ("::ffff:192.0.2.9", &[], "passed", "passed"),
        ("198.51.100.1", &["192.0.2.9"], "ip_forbidden", "ip_forbidden"),
        ("192.0.2.66", &[], "passed", "ip_forbidden"),
        ("192.0.2.66", &["192.0.2.9,"], "passed", "ip_forbidden"),
        ("10.0.0.1", &["198.51.100.1, 192.0.2.9"], "ip_forbidden", "passed"),
        (
            "10.0.0.1",
            &["198.51.100.1", "192.0.2.9, 10.0.0.2"],
            "ip_forbidden",
            "passed",
        ),
        (
            "10.0.0.1",
            &["192.0.2.9, 198.51.100.1"],
            "ip_forbidden",
            "ip_forbidden",
        ),
        (
            "10.0.0.1",
            &["192.0.2.9, unknown"],
            "ip_forbidden",
            "ip_forbidden",
        ),
    ] {
        let seen = send(echo(&plain), ask(address, forwarded)).await;
        assert_eq!(seen.code(), at_plain, "{address} {forwarded:?}");
        let seen = send(echo(&behind), ask(address, forwarded)).await;
        assert_eq!(seen.code(), at_behind, "{address} {forwarded:?}");
    }
    let may_be_client = proxies().trusted_proxy_may_be_client().build().unwrap();
    let seen = send(echo(&may_be_client), ask("192.0.2.66", &[])).await;
    assert_eq!(seen.code(), "passed");
    // Nobody says where it comes from: that satisfies no restriction.
    assert_eq!(
        send(echo(&plain), get("/api/1/x", &key)).await.code(),
        "ip_forbidden"
    );
    assert_eq!(
        send(echo(&plain), get("/api/1/x", &anyone)).await.code(),
        "passed"
    );
    let told = world
        .layer()
        .client_ip(|_| "192.0.2.9".parse().ok())
        .build()
        .unwrap();
    assert_eq!(send(echo(&told), get("/api/1/x", &key)).await.code(), "passed");
}

#[tokio::test]
async fn l8_a_limit_is_exact_and_told_with_each_answer() {
    let world = World::start().await;
    let key = world
        .key(|draft| draft.limit = LimitDraft::PerMinute(1000))
        .await
        .1;
    let layer = world.layer().build().unwrap();
    // The minute may end once meanwhile; within one, what remains falls by one each time.
    let mut last: Option<(i64, i64)> = None;
    for _ in 0..20 {
        let seen = send(echo(&layer), get("/api/1/x", &key)).await;
        let number = |name: &str| seen.header(name).unwrap().parse::<i64>().unwrap();
        assert_eq!(number("x-ratelimit-limit"), 1000);
        let (reset, remaining) = (number("x-ratelimit-reset"), number("x-ratelimit-remaining"));
        assert_eq!(reset % 60, 0);
        if let Some((_, before)) = last.filter(|(same, _)| *same == reset) {
            assert_eq!(remaining, before - 1);
        }
        last = Some((reset, remaining));
    }
    let one = world.key(|draft| draft.limit = LimitDraft::PerMinute(1)).await.1;
    let mut refused = None;
    for _ in 0..10 {
        let seen = send(echo(&layer), get("/api/1/x", &one)).await;
        if seen.status == 429 {
            refused = Some(seen);
            break;
        }
    }
    let refused = refused.unwrap();
    assert_eq!(refused.code(), "rate_limited");
    let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
}

#[tokio::test]
async fn a_route_can_ask_for_a_use_case() {
    let world = World::start().await;
    let rest = world.key(|_| {}).await.1;
    let reports = world.key(|draft| draft.use_case = Some("reports".into())).await.1;
    let layer = world.layer().public_path("/open").build().unwrap();
    let inner = RequireUseCase::of("reports").layer(crate::world::Echo);
    let service = layer.layer(inner);
    let refused = send(service.clone(), get("/api/1/x", &rest)).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "use_case_forbidden")
    );
    let passed = send(service.clone(), get("/api/1/x", &reports)).await;
    assert_eq!(passed.json()["identity"]["use_case"], "reports");
    // Without an identity nothing passes.
    assert_eq!(send(service.clone(), get("/open", &reports)).await.status, 403);
    let either = RequireUseCase::any(["reports", "rest-api"]).layer(crate::world::Echo);
    assert_eq!(
        send(layer.layer(either), get("/api/1/x", &rest)).await.code(),
        "passed"
    );
}

#[tokio::test]
async fn a_caller_over_grpc_is_answered_in_its_own_form() {
    let world = World::start().await;
    let key = world.key_of_site("1").await;
    let layer = world.layer().route("/reports.Reports/*").build().unwrap();
    let kind = ("content-type", "application/grpc+proto");
    for (fields, path, status) in [
        (&[kind][..], "/reports.Reports/List", "16"),
        (&[kind, ("x-api-key", &key)], "/reports.Reports/List", "7"),
        (&[kind], "/reports.Other/List", "12"),
        (&[kind], "/reports.Reports/%zz", "3"),
    ] {
        let seen = send(echo(&layer), request("POST", path, fields)).await;
        assert_eq!(
            (seen.status, seen.header("grpc-status")),
            (200, Some(status)),
            "{path}"
        );
        assert_eq!(seen.header("content-type"), Some("application/grpc"));
        assert!(
            seen.header("grpc-message").is_some() && seen.body.is_empty(),
            "{seen:?}"
        );
    }
}
