//! Attacks of a second look: each was possible once.

use keyward_testkit::{EchoUpstream, H2Outcome, KeySpec, Keyward, OWNER, RawClient, RawH2, Reply, World};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A gateway in front of an upstream, and the secret of a key without restrictions.
async fn start(config: &str) -> (Keyward, EchoUpstream, String) {
    let World {
        keyward,
        upstream,
        key,
        ..
    } = World::start(config).await;
    (keyward, upstream, key.secret)
}

/// The status of a GET with a key.
async fn get(keyward: &Keyward, host: &str, target: &str, secret: &str) -> u16 {
    let mut client = RawClient::connect(keyward.gateway()).await;
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nX-API-KEY: {secret}\r\n\r\n");
    client.send(request).await;
    client.read_response_to("GET").await.status
}

#[tokio::test]
async fn f3_a_length_over_http2_is_one_plain_number_too() {
    let (keyward, upstream, secret) = start("").await;
    for lengths in [
        &["5"][..],
        &["5", "5"],
        &["05"],
        &["05", "5"],
        &["00000000000000005"],
    ] {
        upstream.clear();
        let mut h2 = RawH2::connect(keyward.gateway()).await;
        let mut fields = vec![
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", "/api/1/x"),
            ("x-api-key", &*secret),
        ];
        fields.extend(lengths.iter().map(|length| ("content-length", *length)));
        h2.headers(1, &fields, false).await;
        h2.data(1, "hello", true).await;
        let outcome = h2.outcome(1).await;
        if lengths == ["5"] {
            assert_eq!(outcome, H2Outcome::Status(200));
            assert_eq!(upstream.last().header("content-length"), ["5"]);
        } else {
            assert_ne!(outcome, H2Outcome::Status(200), "{lengths:?}");
            assert_eq!(upstream.count(), 0, "{lengths:?}: {:?}", upstream.requests());
        }
    }
}

#[tokio::test]
async fn p7_a_host_names_its_site_in_either_case() {
    let routes = "[[gateway.routes]]\npath = \"/**\"\nsite = { host = \"{site}.example.com\" }\n";
    let (keyward, upstream, secret) = start(routes).await;
    keyward.site("shut").await;
    keyward.site("open").await;
    keyward
        .api_ok("PATCH", "/v1/sites/shut", &json!({ "active": false }))
        .await;
    for host in ["shut.example.com", "SHUT.example.com", "Shut.example.com"] {
        assert_eq!(get(&keyward, host, "/x", &secret).await, 403, "{host}");
    }
    assert_eq!(upstream.count(), 0);
    let spec = KeySpec::new(OWNER, "restricted").sites(&["open"]);
    let restricted = keyward.key(spec).await.secret;
    assert_eq!(get(&keyward, "OPEN.example.com", "/x", &restricted).await, 200);
    assert_eq!(upstream.last().header("x-keyward-site"), ["open"]);
}

#[tokio::test]
async fn p4_a_parameter_in_a_deciding_segment_leads_to_no_other_route() {
    let routes = "[[gateway.routes]]\npath = \"/api/{site}/**\"\n[[gateway.routes]]\npath = \"/**\"\n";
    let (keyward, upstream, secret) = start(routes).await;
    keyward.site("shut").await;
    keyward
        .api_ok("PATCH", "/v1/sites/shut", &json!({ "active": false }))
        .await;
    assert_eq!(get(&keyward, "localhost", "/api/shut/x", &secret).await, 403);
    for target in [
        "/api;x/shut/x",
        "/api;/shut/x",
        "/api%20/shut/x",
        "/api%3bx/shut/x",
        "/api%3fx/shut/x",
        "/api%C2%A0/shut/x",
        "/%20api/shut/x",
        "/;/api/shut/x",
        "/%20;x/api/shut/x",
    ] {
        assert_eq!(get(&keyward, "localhost", target, &secret).await, 400, "{target}");
    }
    assert_eq!(upstream.count(), 0);
    assert_eq!(get(&keyward, "localhost", "/other;x/y", &secret).await, 200);
}

#[tokio::test]
async fn a2_a_member_learns_nothing_of_sites_beyond_their_own() {
    let keyward = Keyward::builder().start().await;
    for site in ["mine", "hidden"] {
        keyward.site(site).await;
    }
    keyward.user_of_sites(OWNER, "member", &["mine"]).await;
    let secret = keyward.management_key(OWNER).await.secret;
    let made = keyward
        .api_as(
            &secret,
            "POST",
            "/v1/keys",
            &json!({ "name": "n", "sites": { "only": ["mine"] } }),
        )
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let key = format!("/v1/keys/{}", made.json["id"].as_str().unwrap());
    let mut answers = Vec::new();
    for site in ["hidden", "absent"] {
        let without_id = |mut json: Value| {
            json["request_id"] = Value::Null;
            json.to_string().replace(site, "SITE")
        };
        let mut answer = Vec::new();
        let create = json!({ "name": "n", "sites": { "only": [site] } });
        for (method, path, body) in [
            ("POST", "/v1/keys", create),
            ("PATCH", &*key, json!({ "sites": { "only": ["mine", site] } })),
            ("GET", &*format!("/v1/keys?site={site}"), Value::Null),
            ("GET", &*format!("/v1/sites/{site}"), Value::Null),
        ] {
            let said = keyward.api_as(&secret, method, path, &body).await;
            answer.push((said.status, without_id(said.json)));
        }
        answers.push(answer);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn two_administrators_who_disable_each_other_leave_one() {
    let keyward = Keyward::builder().start().await;
    let me = keyward.api_ok("GET", "/v1/me", &Value::Null).await;
    let first = me["user"]["id"]
        .as_str()
        .or(me["id"].as_str())
        .unwrap()
        .to_owned();
    let second = keyward.user("second@example.com", "admin").await;
    let secret = keyward.management_key("second@example.com").await.secret;
    for round in 0..40 {
        let (disable_second, disable_first) = (
            format!("/v1/users/{second}/disable"),
            format!("/v1/users/{first}/disable"),
        );
        let (one, other) = tokio::join!(
            keyward.api("POST", &disable_second, &Value::Null),
            keyward.api_as(&secret, "POST", &disable_first, &Value::Null),
        );
        let done = u8::from(one.status == 200) + u8::from(other.status == 200);
        assert_eq!(done, 1, "round {round}: {} and {}", one.status, other.status);
        if one.status == 200 {
            keyward
                .api_ok("POST", &format!("/v1/users/{second}/enable"), &Value::Null)
                .await;
        } else {
            let again = format!("/v1/users/{first}/enable");
            assert_eq!(
                keyward.api_as(&secret, "POST", &again, &Value::Null).await.status,
                200
            );
        }
    }
}

#[tokio::test]
async fn d1_a_stream_that_takes_nothing_holds_no_upstream() {
    let (keyward, upstream, secret) = start("[gateway.timeouts]\nwrite_stall = \"1s\"\n").await;
    upstream.script("/api/1/big", Reply::http(200, vec![b'x'; 4 << 20]));
    let mut h2 = RawH2::connect(keyward.gateway()).await;
    // SETTINGS_INITIAL_WINDOW_SIZE = 0
    h2.frame(RawH2::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]).await;
    h2.get(1, "/api/1/big", &[("x-api-key", &secret)]).await;
    assert_eq!(h2.outcome(1).await, H2Outcome::Status(200));
    assert_eq!(upstream.open_connections(), 1);
    let deadline = Instant::now() + Duration::from_secs(60);
    while upstream.open_connections() > 0 {
        assert!(
            Instant::now() < deadline,
            "the upstream's connection is still held"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a1_a_member_cannot_name_another_user_in_a_filter_either() {
    let keyward = Keyward::builder().start().await;
    keyward.user(OWNER, "member").await;
    let other = keyward.user("other@example.com", "member").await;
    let secret = keyward.management_key(OWNER).await.secret;
    for user in ["other@example.com", &other, "nobody@example.com", "", "*"] {
        for path in [format!("/v1/audit?user={user}"), format!("/v1/keys?owner={user}")] {
            let said = keyward.api_as(&secret, "GET", &path, &Value::Null).await;
            assert_eq!(said.status, 404, "{path}: {said:?}");
        }
    }
    for path in [
        format!("/v1/audit?user={OWNER}"),
        format!("/v1/keys?owner={OWNER}"),
    ] {
        let said = keyward.api_as(&secret, "GET", &path, &Value::Null).await;
        assert_eq!(said.status, 200, "{path}: {said:?}");
    }
}
