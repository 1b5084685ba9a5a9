//! What a query may ask, and how faults are told.

use crate::support::Plane;
use serde_json::{Value, json};

#[tokio::test]
async fn queries_are_strict() {
    let plane = Plane::start().await;
    for (query, status) in [
        ("limit=0", 422),
        ("limit=201", 422),
        ("limit=x", 422),
        ("limit=-1", 422),
        ("limit=1", 200),
        ("unknown=1", 422),
        ("limit=1&limit=2", 400),
        ("text=%zz", 400),
        ("text=%ff", 400),
        ("text=a+b%20c", 200),
        ("status=gone", 422),
        ("cursor=x", 422),
        ("site=nosuch", 422),
        ("use_case=nosuch", 422),
        ("use_case=No%20Such", 422),
        ("use_case=rest-api", 200),
    ] {
        let answer = plane.get(&plane.admin, &format!("/v1/keys?{query}")).await;
        assert_eq!(answer.status, status, "{query}");
    }
    let mut seen = Vec::new();
    let mut path = "/v1/keys?limit=1".to_owned();
    loop {
        let page = plane.get(&plane.admin, &path).await.json();
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|key| key["id"].to_string()),
        );
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/keys?limit=1&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn a_parameter_that_nobody_reads_is_refused_and_nothing_changes() {
    let plane = Plane::start().await;
    let made = plane.make_key(json!({ "name": "kept" })).await;
    let key = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    let asks = [
        ("POST", "/v1/keys".to_owned(), json!({ "name": "n" })),
        ("POST", "/v1/sites".to_owned(), json!({ "name": "n" })),
        (
            "POST",
            "/v1/users".to_owned(),
            json!({ "email": "n@example.com" }),
        ),
        ("PATCH", key.clone(), json!({ "name": "n" })),
        ("POST", format!("{key}/disable"), json!({})),
        ("DELETE", key.clone(), json!({})),
        ("GET", key.clone(), json!({})),
        ("GET", "/v1/me".to_owned(), json!({})),
        ("GET", "/v1/use-cases".to_owned(), json!({})),
        ("GET", "/v1/sites/nosuch".to_owned(), json!({})),
        ("GET", format!("/v1/users/{}", plane.admin_id), json!({})),
    ];
    for (method, path, body) in &asks {
        let answer = plane
            .call(&plane.admin, method, &format!("{path}?dry_run=true"), body)
            .await;
        assert_eq!(
            (answer.status, answer.fields()),
            (422, vec!["dry_run".to_owned()]),
            "{method} {path}"
        );
    }
    assert_eq!(plane.get(&plane.admin, &key).await.json(), without_secret(made));
    let repeated = plane.get(&plane.admin, "/v1/keys?limit=1&limit=2").await;
    assert!(repeated.json()["detail"].as_str().unwrap().contains("`limit`"));
}

fn without_secret(mut key: Value) -> Value {
    key.as_object_mut().unwrap().remove("secret");
    key
}

#[tokio::test]
async fn the_audit_log_is_filtered_by_known_words_and_visible_users_only() {
    let plane = Plane::start().await;
    plane.make_key(json!({ "name": "n" })).await;
    for (query, field) in [
        ("target_kind=keys", "target_kind"),
        ("action=key.created", "action"),
        ("since=yesterday", "since"),
        ("until=2026-02-30T00:00:00Z", "until"),
        ("cursor=x", "cursor"),
        ("limit=0", "limit"),
    ] {
        let answer = plane.get(&plane.admin, &format!("/v1/audit?{query}")).await;
        assert_eq!(
            (answer.status, answer.fields()),
            (422, vec![field.to_owned()]),
            "{query}"
        );
    }
    let found = plane
        .get(
            &plane.admin,
            "/v1/audit?target_kind=key&action=key.create&limit=1",
        )
        .await
        .json();
    assert_eq!(found["items"][0]["action"], "key.create");
    let of = async |key: &str, user: &str| plane.get(key, &format!("/v1/audit?user={user}")).await.status;
    assert_eq!(of(&plane.admin, &plane.member_id).await, 200);
    assert_eq!(of(&plane.member, &plane.member_id).await, 200);
    assert_eq!(of(&plane.member, &plane.admin_id).await, 404);
    assert_eq!(of(&plane.member, "nobody@example.com").await, 404);
}

#[tokio::test]
async fn a_detail_is_a_sentence() {
    let plane = Plane::start().await;
    let answers = [
        plane.get(&plane.admin, "/v1/keys/nosuch").await,
        plane.get(&plane.member, "/v1/users").await,
        plane.call(&plane.admin, "POST", "/v1/keys", &json!({})).await,
        plane.get(&plane.admin, "/v1/nothing").await,
        plane.get(&plane.data, "/v1/keys").await,
    ];
    for answer in answers {
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        let first = detail.chars().next().unwrap();
        assert!(first.is_uppercase() && detail.ends_with('.'), "{detail}");
    }
}
