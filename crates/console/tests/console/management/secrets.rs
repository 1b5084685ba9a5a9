//! Where secrets may be seen: in the answer that creates them, and nowhere else.

use crate::management::{House, Plane, key, settings, use_cases};
use crate::support::lines_of_log;
use serde_json::json;
use std::sync::Arc;
use tokio::task::JoinSet;

#[tokio::test]
async fn k4_k5_a_secret_is_shown_in_the_answer_that_creates_it_alone() {
    let plane = Plane::start().await;
    let answer = plane
        .call(&plane.admin, "POST", "/v1/keys", &json!({ "name": "n" }))
        .await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("content-encoding"), None);
    assert!(answer.header("etag").is_some());
    let secret = answer.json()["secret"].as_str().unwrap().to_owned();
    let path = format!("/v1/keys/{}", answer.json()["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), Some(path.as_str()));
    let gzip = [
        ("Content-Type", "application/json"),
        ("Accept-Encoding", "gzip, br"),
    ];
    let other = plane
        .send(Some(&plane.admin), "POST", "/v1/keys", &gzip, br#"{"name":"n"}"#)
        .await;
    assert_eq!((other.status, other.header("content-encoding")), (201, None));
    let verify = json!({ "secret": secret, "path": "/" });
    plane.call(&plane.admin, "POST", "/v1/verify", &verify).await;
    plane.engine.flush_usage().await.unwrap();
    for rest in ["", "/usage", "/nothing"] {
        plane.get(&plane.admin, &format!("{path}{rest}")).await;
    }
    for list in [
        "/v1/keys",
        "/v1/keys?status=any",
        "/v1/audit",
        "/v1/me",
        "/v1/users",
        "/openapi.json",
    ] {
        plane.get(&plane.admin, list).await;
    }
    for body in [
        format!("{{\"name\": \"n\", \"limit\": \"{secret}\"}}"),
        format!("{{\"name\": {secret}}}"),
        format!("{{\"name\": \"n\", \"expires_at\": \"{secret}\"}}"),
        format!("{{\"name\": \"n\", \"fingerprint\": \"{secret}\"}}"),
    ] {
        plane.json(&plane.admin, "PATCH", &path, &[], &body).await;
    }
    plane.get(&plane.admin, &format!("/v1/keys/{secret}")).await;
    plane.get(&plane.admin, &format!("/{secret}?{secret}")).await;
    plane.get(&secret, "/v1/me").await;
    plane.assert_no_secret_was_shown(&[&secret, &plane.admin, &plane.member, &plane.data]);
}

#[tokio::test]
async fn k6_k7_no_secret_and_no_control_character_reaches_the_log() {
    let lines = lines_of_log();
    let plane = Plane::start().await;
    let (id, secret) = key(&plane.engine, &plane.admin_id, "management", None).await;
    plane.get(&secret, "/v1/me").await;
    plane.get(&secret, &format!("/v1/keys/{id}")).await;
    plane.get(&secret, &format!("/v1/keys/{secret}")).await;
    plane.get(&secret, &format!("/{secret}")).await;
    plane
        .get(&secret, &format!("/v1/keys?text={secret}&x={secret}"))
        .await;
    plane
        .send(None, "GET", "/v1/me", &[("Authorization", &secret)], b"")
        .await;
    plane
        .json(
            &secret,
            "POST",
            "/v1/keys",
            &[],
            &format!("{{\"name\": {secret}}}"),
        )
        .await;
    plane
        .json(
            &secret,
            "POST",
            "/v1/verify",
            &[],
            &json!({ "secret": secret, "path": "/x" }).to_string(),
        )
        .await;
    plane.get(&secret, "/v1/sites/%0d%0a%1b[31m%e2%80%ae").await;
    plane
        .house
        .console
        .drain(std::time::Duration::from_secs(60))
        .await;
    let log = lines.text();
    assert!(
        log.contains(&format!("/v1/keys/{id}")) && log.contains("(no route)"),
        "{log}"
    );
    assert!(!log.contains(&secret));
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(!line.to_string().contains("\\u001b") && !line.to_string().contains('\u{202e}'));
    }
}

#[tokio::test]
async fn c12_the_setup_token_works_once_under_100_parallel_tries() {
    let empty = House::start(use_cases(), settings()).await;
    let clock = Arc::clone(&empty.clock);
    let mut plane = Plane::start().await;
    plane.house.console = empty.console;
    let plane = Arc::new(plane);
    let setup = |token: &str, number: usize| {
        json!({ "token": token, "email": format!("a{number}@example.com"), "name": "Ada" }).to_string()
    };
    let json_type = [("Content-Type", "application/json")];
    let refused = plane
        .send(
            None,
            "POST",
            "/v1/setup",
            &json_type,
            setup("setup_x", 0).as_bytes(),
        )
        .await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "forbidden"));
    let token = empty
        .engine
        .issue_setup_token()
        .await
        .unwrap()
        .reveal()
        .to_owned();
    let bad = json!({ "token": token, "email": "nobody" }).to_string();
    let invalid = plane
        .send(None, "POST", "/v1/setup", &json_type, bad.as_bytes())
        .await;
    assert_eq!(
        (invalid.status, invalid.fields()),
        (422, vec!["email".to_owned()])
    );
    let mut tasks = JoinSet::new();
    for number in 0..100 {
        let (plane, body) = (Arc::clone(&plane), setup(&token, number));
        tasks.spawn(async move {
            plane
                .send(
                    None,
                    "POST",
                    "/v1/setup",
                    &[("Content-Type", "application/json")],
                    body.as_bytes(),
                )
                .await
        });
    }
    let answers = tasks.join_all().await;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1);
    assert!(answers.iter().all(|answer| [201, 403].contains(&answer.status)));
    let secret = made[0].json()["key"]["secret"].as_str().unwrap().to_owned();
    let me = plane.get(&secret, "/v1/me").await.json();
    assert_eq!(me["user"]["role"], "admin");
    let late = empty
        .engine
        .issue_setup_token()
        .await
        .unwrap()
        .reveal()
        .to_owned();
    clock.advance(3_600_000);
    let expired = plane
        .send(
            None,
            "POST",
            "/v1/setup",
            &json_type,
            setup(&late, 500).as_bytes(),
        )
        .await;
    assert_eq!(expired.status, 403);
    plane.assert_no_secret_was_shown(&[&secret, &token]);
}
