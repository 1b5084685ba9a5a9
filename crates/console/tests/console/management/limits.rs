//! Limits, expiry, and decisions for others.

use crate::management::{Plane, key};
use keyward_engine::Clock;
use serde_json::{Value, json};

#[tokio::test]
async fn l6_a_limit_is_a_whole_number_of_1_to_a_million_or_there_is_none() {
    let plane = Plane::start().await;
    let made = plane
        .make_key(json!({ "name": "n", "limit": { "per_minute": 7 } }))
        .await;
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    for limit in [
        "0",
        "-1",
        "1000001",
        "2147483647",
        "4294967296",
        "4294967356",
        "9007199254740993",
        "9223372036854775808",
        "18446744073709551616",
        "1e400",
        "1e2",
        "60.0",
        "1.5",
        "-0",
        "\"60\"",
        "true",
        "[60]",
        "{}",
        "null",
    ] {
        let limit = format!("{{\"per_minute\": {limit}}}");
        let new = format!("{{\"name\": \"n\", \"limit\": {limit}}}");
        let edit = format!("{{\"limit\": {limit}}}");
        for (method, path, body) in [("POST", "/v1/keys", new), ("PATCH", path.as_str(), edit)] {
            let answer = plane.json(&plane.admin, method, path, &[], &body).await;
            assert_eq!(
                (answer.status, answer.fields()),
                (422, vec!["limit.per_minute".to_owned()]),
                "{body}"
            );
        }
    }
    let seven = json!({ "per_minute": 7 });
    assert_eq!(plane.get(&plane.admin, &path).await.json()["limit"], seven);
    for limit in [
        json!({ "per_minute": 1 }),
        json!({ "per_minute": 1_000_000 }),
        json!({ "unlimited": true }),
    ] {
        let answer = plane
            .call(&plane.admin, "PATCH", &path, &json!({ "limit": limit }))
            .await;
        assert_eq!(answer.json()["limit"], limit);
    }
}

#[tokio::test]
async fn r9_expiry_is_an_instant_of_the_calendar_in_the_future() {
    let plane = Plane::start().await;
    for at in [
        "2020-01-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2027-02-29T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "2999-12-31T23:59:60Z",
        "2999-01-01",
        "2999-01-01T00:00:00",
        "2999-01-01 00:00:00Z",
        "",
        "tomorrow",
        "2999-13-01T00:00:00Z",
        "2999-01-01T24:00:00Z",
        "+2999-01-01T00:00:00Z",
        "4102444800",
    ] {
        let answer = plane
            .call(
                &plane.admin,
                "POST",
                "/v1/keys",
                &json!({ "name": "n", "expires_at": { "at": at } }),
            )
            .await;
        assert_eq!(
            (answer.status, answer.fields()),
            (422, vec!["expires_at.at".to_owned()]),
            "{at}"
        );
    }
    for (sent, kept) in [
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ("2999-01-01T14:00:00+14:00", "2999-01-01T00:00:00Z"),
        ("2996-02-29T00:00:00Z", "2996-02-29T00:00:00Z"),
    ] {
        let made = plane
            .make_key(json!({ "name": "n", "expires_at": { "at": sent } }))
            .await;
        let at = made["expires_at"]["at"].as_str().unwrap();
        assert_eq!(
            at.trim_end_matches('Z').trim_end_matches(".000"),
            kept.trim_end_matches('Z')
        );
    }
    let now = plane.clock.now();
    let at = now.plus_millis(5_000).to_string();
    let made = plane
        .make_key(json!({ "name": "n", "use_case": "management", "expires_at": { "at": at } }))
        .await;
    let secret = made["secret"].as_str().unwrap();
    for (after, status) in [(4_999, 200), (5_000, 401), (5_001, 401)] {
        plane.clock.set(now.plus_millis(after));
        assert_eq!(plane.get(secret, "/v1/me").await.status, status, "{after} ms");
    }
}

#[tokio::test]
async fn l8_every_answer_to_a_limited_key_tells_what_is_left() {
    let plane = Plane::start().await;
    let (_, secret) = key(&plane.engine, &plane.admin_id, "management", Some(3)).await;
    for (number, path) in ["/v1/me", "/v1/keys/none", "/v1/keys?limit=0", "/v1/me"]
        .iter()
        .enumerate()
    {
        let answer = plane.get(&secret, path).await;
        let remaining = 2usize.saturating_sub(number).to_string();
        assert_eq!(answer.status, [200, 404, 422, 429][number]);
        assert_eq!(answer.header("x-ratelimit-limit"), Some("3"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining.as_str()));
        let reset: i64 = answer.header("x-ratelimit-reset").unwrap().parse().unwrap();
        assert_eq!(reset % 60, 0);
        if number == 3 {
            let wait: i64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60).contains(&wait));
            plane.clock.advance(wait * 1000);
            assert_eq!(plane.get(&secret, "/v1/me").await.status, 200);
        }
    }
    assert_eq!(
        plane
            .get(&plane.admin, "/v1/me")
            .await
            .header("x-ratelimit-limit"),
        None
    );
}

#[tokio::test]
async fn verify_gives_the_whole_decision() {
    let plane = Plane::start().await;
    plane
        .call(&plane.admin, "POST", "/v1/sites", &json!({ "name": "123" }))
        .await;
    plane
        .call(&plane.admin, "POST", "/v1/sites", &json!({ "name": "456" }))
        .await;
    let made = plane
        .make_key(json!({ "name": "n", "sites": { "only": ["123"] }, "addresses": { "only": ["192.0.2.0/24"] }, "limit": { "per_minute": 2 } }))
        .await;
    let base =
        json!({ "secret": made["secret"], "site": "123", "address": "192.0.2.9", "path": "/api/123/x" });
    let with = |changes: Value| {
        let mut body = base.clone();
        body.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        body
    };
    let table = [
        (json!({ "site": "456" }), "site_forbidden", 403),
        (json!({ "address": "198.51.100.1" }), "ip_forbidden", 403),
        (json!({ "secret": "" }), "key_missing", 401),
        (json!({ "secret": "a b" }), "key_malformed", 401),
        (json!({ "secret": "kw_x" }), "key_invalid", 401),
        (json!({ "secret": plane.admin }), "use_case_forbidden", 403),
    ];
    for (changes, reason, status) in table {
        let answer = plane
            .call(&plane.admin, "POST", "/v1/verify", &with(changes.clone()))
            .await;
        let json = answer.json();
        assert_eq!(answer.status, 200, "{changes}: {json}");
        assert_eq!(
            (&json["granted"], &json["reason"], &json["status"]),
            (&json!(false), &json!(reason), &json!(status))
        );
    }
    for (left_out, reason) in [("site", "site_forbidden"), ("address", "ip_forbidden")] {
        let mut body = base.clone();
        body.as_object_mut().unwrap().remove(left_out);
        let answer = plane.call(&plane.admin, "POST", "/v1/verify", &body).await;
        assert_eq!(answer.json()["reason"], reason, "without {left_out}");
        body[left_out] = Value::Null;
        let answer = plane.call(&plane.admin, "POST", "/v1/verify", &body).await;
        assert_eq!((answer.status, answer.fields()), (422, vec![left_out.to_owned()]));
    }
    let mut remaining = Vec::new();
    for count in [false, true, false, true, false] {
        let answer = plane
            .call(
                &plane.admin,
                "POST",
                "/v1/verify",
                &with(json!({ "count": count })),
            )
            .await
            .json();
        remaining.push((answer["granted"].clone(), answer["remaining"].clone()));
        assert_eq!(
            (&answer["limit"], &answer["site"], &answer["key_id"]),
            (&json!({ "per_minute": 2 }), &json!("123"), &made["id"])
        );
    }
    let left: Vec<_> = [(true, 2), (true, 1), (true, 1), (true, 0), (false, 0)]
        .map(|(g, r)| (json!(g), json!(r)))
        .into();
    assert_eq!(remaining, left);
    for (changes, field) in [
        (json!({ "path": "/api/../x" }), "path"),
        (json!({ "path": "api" }), "path"),
        (json!({ "site": "a/b" }), "site"),
        (json!({ "address": "127.1" }), "address"),
        (json!({ "address": "192.0.2.9%eth0" }), "address"),
        (json!({ "method": "G T" }), "method"),
        (json!({ "count": "yes" }), "count"),
    ] {
        let answer = plane
            .call(&plane.admin, "POST", "/v1/verify", &with(changes))
            .await;
        assert_eq!((answer.status, answer.fields()), (422, vec![field.to_owned()]));
    }
    // A route may allow encoded slashes, which is the caller's affair.
    let slashed = with(json!({ "path": "/api/123/a%2Fb" }));
    let answer = plane.call(&plane.admin, "POST", "/v1/verify", &slashed).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(
        plane
            .call(&plane.member, "POST", "/v1/verify", &base)
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn r9_verify_tells_how_long_its_answer_may_be_kept() {
    let plane = Plane::start().await;
    let until = plane.clock.now().plus_millis(90_000).to_string();
    let expiring = plane
        .make_key(json!({ "name": "n", "limit": { "per_minute": 1 }, "expires_at": { "at": until } }))
        .await;
    let lasting = plane.make_key(json!({ "name": "n" })).await;
    let ask = async |secret: &Value| {
        let body = json!({ "secret": secret, "path": "/x" });
        plane.call(&plane.admin, "POST", "/v1/verify", &body).await.json()
    };
    let now = plane.clock.now().to_string();
    let revision = json!(plane.engine.revision().0);
    let granted = ask(&expiring["secret"]).await;
    assert_eq!(
        (&granted["expires_at"], &granted["decided_at"]),
        (&json!({ "at": until }), &json!(now))
    );
    assert_eq!(granted["revision"], revision);
    for absent in ["title", "detail", "retry_after", "reason"] {
        assert_eq!(granted.get(absent), None, "{absent}");
    }
    let open = ask(&lasting["secret"]).await;
    assert_eq!(
        (&open["expires_at"], &open["limit"]),
        (&json!({ "never": true }), &json!({ "unlimited": true }))
    );
    let full = ask(&expiring["secret"]).await;
    assert_eq!(
        (&full["reason"], &full["title"]),
        (&json!("rate_limited"), &json!("Rate limit exceeded"))
    );
    let wait = full["retry_after"].as_i64().unwrap();
    assert!((1..=60).contains(&wait), "{full}");
    let unknown = ask(&json!("kw_x")).await;
    assert!(
        unknown["detail"].as_str().unwrap().starts_with("No such API key"),
        "{unknown}"
    );
    assert_eq!(unknown["revision"], revision);
    for absent in ["expires_at", "limit", "key_id", "owner_id"] {
        assert_eq!(unknown.get(absent), None, "{absent}");
    }
}
