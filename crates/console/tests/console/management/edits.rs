//! Edits: what they may touch, and what happens when two come at once.

use crate::management::Plane;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;

#[tokio::test]
async fn a4_an_immutable_field_is_named_and_nothing_changes() {
    let plane = Plane::start().await;
    let made = plane
        .make_key(json!({ "name": "n", "limit": { "per_minute": 5 }, "expires_at": { "at": "2999-01-01T00:00:00Z" } }))
        .await;
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    let before = plane.get(&plane.admin, &path).await.json();
    for field in [
        "use_case",
        "expires_at",
        "id",
        "created_at",
        "fingerprint",
        "owner",
        "owner_id",
        "deleted_at",
        "hint",
        "revision",
        "secret",
        "status",
        "updated_at",
        "last_used",
        "useCase",
        "USE_CASE",
        "Use-Case",
        "expiresAt",
        "Expires_At",
        "ownerId",
        "ID",
    ] {
        for value in [json!("x"), Value::Null, before[field].clone()] {
            let body = json!({ "name": "changed", "limit": { "unlimited": true }, field: value });
            let answer = plane.call(&plane.admin, "PATCH", &path, &body).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (422, "immutable_field"),
                "{field}"
            );
            assert_eq!(answer.fields(), [field]);
            assert_eq!(plane.get(&plane.admin, &path).await.json(), before, "{field}");
        }
    }
}

#[tokio::test]
async fn a_patch_leaves_absent_fields_and_takes_restrictions_away_in_words() {
    let plane = Plane::start().await;
    assert_eq!(
        plane
            .call(&plane.admin, "POST", "/v1/sites", &json!({ "name": "123" }))
            .await
            .status,
        201
    );
    let made = plane
        .make_key(json!({ "name": "n", "description": "d", "limit": { "per_minute": 5 }, "sites": { "only": ["123"] }, "addresses": { "only": ["192.0.2.0/24"] } }))
        .await;
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    let edited = plane
        .call(&plane.admin, "PATCH", &path, &json!({ "name": "m" }))
        .await;
    let tag = format!("\"{}\"", edited.json()["revision"]);
    assert_eq!(edited.header("etag"), Some(tag.as_str()));
    for field in ["description", "limit", "sites", "addresses", "hint", "created_at"] {
        assert_eq!(edited.json()[field], made[field], "{field}");
    }
    let open =
        json!({ "limit": { "unlimited": true }, "sites": { "any": true }, "addresses": { "only": [] } });
    let edited = plane.call(&plane.admin, "PATCH", &path, &open).await.json();
    for field in ["limit", "sites", "addresses"] {
        assert_eq!(edited[field], open[field], "{field}");
    }
    assert_eq!(edited["name"], "m");
}

#[tokio::test]
async fn a9_of_parallel_edits_with_the_same_etag_one_wins() {
    let plane = Arc::new(Plane::start().await);
    let made = plane.make_key(json!({ "name": "n" })).await;
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    let tag = format!("\"{}\"", made["revision"]);
    let mut tasks = JoinSet::new();
    for number in 0..10 {
        let (plane, path, tag) = (Arc::clone(&plane), path.clone(), tag.clone());
        tasks.spawn(async move {
            let body = json!({ "name": format!("n{number}") }).to_string();
            plane
                .json(&plane.admin, "PATCH", &path, &[("If-Match", &tag)], &body)
                .await
                .status
        });
    }
    let mut statuses = tasks.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200], vec![412; 9]].concat());
}

#[tokio::test]
async fn a9_if_match_has_one_form() {
    let plane = Plane::start().await;
    let made = plane.make_key(json!({ "name": "n" })).await;
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    let revision = made["revision"].to_string();
    for (tag, status) in [
        ("\"999999\"".to_owned(), 412),
        ("\"abc\"".to_owned(), 412),
        (format!("\"0{revision}\""), 412),
        (revision.clone(), 400),
        (format!("W/\"{revision}\""), 400),
        (format!("\"{revision}\", \"1\""), 400),
        ("\"a b\"".to_owned(), 400),
        (format!("\"{}\"", "1".repeat(127)), 400),
        (String::new(), 400),
        ("*".to_owned(), 200),
    ] {
        let answer = plane
            .json(&plane.admin, "PATCH", &path, &[("If-Match", &tag)], "{}")
            .await;
        assert_eq!(answer.status, status, "{tag}");
    }
    let stale = [("If-Match", "\"1\"")];
    for (method, rest) in [
        ("DELETE", ""),
        ("POST", "/enable"),
        ("POST", "/disable"),
        ("POST", "/restore"),
    ] {
        let answer = plane
            .send(Some(&plane.admin), method, &format!("{path}{rest}"), &stale, b"")
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (412, "stale"),
            "{method} {rest}"
        );
    }
}

#[tokio::test]
async fn a9_a_link_is_made_of_the_user_that_was_seen_and_of_nothing_else_that_was_said() {
    let plane = Plane::start().await;
    let user = format!("/v1/users/{}", plane.member_id);
    let revision = plane.get(&plane.admin, &user).await.json()["revision"].to_string();
    let path = format!("{user}/link");
    for (tag, status) in [
        ("\"1\"".to_owned(), 412),
        (revision.clone(), 400),
        (format!("\"{revision}\""), 201),
        ("*".to_owned(), 201),
    ] {
        let answer = plane
            .send(Some(&plane.admin), "POST", &path, &[("If-Match", &tag)], b"")
            .await;
        assert_eq!(answer.status, status, "{tag}");
    }
    let asked = plane.post(&plane.admin, &format!("{path}?x=1")).await;
    assert_eq!((asked.status, asked.fields()), (422, vec!["x".to_owned()]));
}

#[tokio::test]
async fn a9_a_delete_during_edits_is_not_undone() {
    let plane = Arc::new(Plane::start().await);
    let made = plane.make_key(json!({ "name": "n" })).await;
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    let mut tasks = JoinSet::new();
    for number in 0..20 {
        let (plane, path) = (Arc::clone(&plane), path.clone());
        tasks.spawn(async move {
            if number == 10 {
                plane
                    .send(Some(&plane.admin), "DELETE", &path, &[], b"")
                    .await
                    .status
            } else {
                let body = json!({ "name": format!("n{number}") });
                plane.call(&plane.admin, "PATCH", &path, &body).await.status
            }
        });
    }
    let statuses = tasks.join_all().await;
    assert!(
        statuses.iter().all(|status| [200, 409].contains(status)),
        "{statuses:?}"
    );
    assert_eq!(plane.get(&plane.admin, &path).await.json()["status"], "deleted");
}

#[tokio::test]
async fn a9_the_same_idempotency_key_makes_one_key() {
    let plane = Arc::new(Plane::start().await);
    let body = json!({ "name": "once" }).to_string();
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let (plane, body) = (Arc::clone(&plane), body.clone());
        tasks.spawn(async move {
            plane
                .json(
                    &plane.admin,
                    "POST",
                    "/v1/keys",
                    &[("Idempotency-Key", "abc")],
                    &body,
                )
                .await
        });
    }
    let answers = tasks.join_all().await;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1);
    let id = made[0].json()["id"].clone();
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(
            (answer.status, answer.header("idempotency-replayed")),
            (200, Some("true"))
        );
        assert_eq!(answer.json()["id"], id);
        assert!(answer.json().get("secret").is_none());
    }
    let other = plane
        .json(
            &plane.admin,
            "POST",
            "/v1/keys",
            &[("Idempotency-Key", "abc")],
            r#"{"name":"two"}"#,
        )
        .await;
    assert_eq!(
        (other.status, other.fields()),
        (422, vec!["Idempotency-Key".to_owned()])
    );
    let others = plane
        .json(
            &plane.member,
            "POST",
            "/v1/keys",
            &[("Idempotency-Key", "abc")],
            &body,
        )
        .await;
    assert_eq!(others.status, 201, "claims of different users never meet");
}

#[tokio::test]
async fn users_and_sites_have_fields_that_cannot_be_modified_too() {
    let plane = Plane::start().await;
    plane
        .call(&plane.admin, "POST", "/v1/sites", &json!({ "name": "123" }))
        .await;
    let user = format!("/v1/users/{}", plane.member_id);
    for (path, field) in [
        (user.as_str(), "email"),
        (user.as_str(), "id"),
        (user.as_str(), "status"),
        ("/v1/sites/123", "id"),
        ("/v1/sites/123", "created_at"),
    ] {
        let answer = plane
            .call(&plane.admin, "PATCH", path, &json!({ field: "x" }))
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (422, "immutable_field"),
            "{field}"
        );
        assert_eq!(answer.fields(), [field]);
    }
    let renamed = plane
        .call(
            &plane.admin,
            "PATCH",
            "/v1/sites/123",
            &json!({ "name": "124", "active": false }),
        )
        .await;
    assert_eq!(
        (
            renamed.json()["name"].as_str(),
            renamed.json()["active"].as_bool()
        ),
        (Some("124"), Some(false))
    );
    assert_eq!(plane.get(&plane.admin, "/v1/sites/123").await.status, 404);
    let role = plane
        .call(
            &plane.admin,
            "PATCH",
            &user,
            &json!({ "role": "admin", "sites": { "only": ["124"] } }),
        )
        .await;
    assert_eq!((role.status, role.json()["role"].as_str()), (200, Some("admin")));
    let verify = json!({ "secret": "x", "path": "/" });
    assert_eq!(
        plane
            .call(&plane.member, "POST", "/v1/verify", &verify)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn one_answer_names_every_field_at_fault_whatever_the_fault_is() {
    let plane = Plane::start().await;
    plane
        .call(&plane.admin, "POST", "/v1/sites", &json!({ "name": "123" }))
        .await;
    let made = plane.make_key(json!({ "name": "n" })).await;
    let key = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    let user = format!("/v1/users/{}", plane.member_id);
    let long = "x".repeat(65);
    let asks = [
        (
            "POST",
            "/v1/keys",
            json!({ "zzz": 1, "limit": { "per_minute": 0 }, "addresses": { "only": ["192.0.2.300/24"] }, "sites": { "any": true, "only": [] },
                "expires_at": { "at": "2001-01-01T00:00:00Z" }, "use_case": "nosuch", "owner": null, "description": 7, "name": long }),
            "name description owner use_case expires_at.at sites addresses.only limit.per_minute zzz",
        ),
        (
            "POST",
            "/v1/keys",
            json!({ "limit": null, "sites": { "only": ["nosuch"] }, "owner": "nobody@example.com", "aaa": 1, "bbb": 2 }),
            "name owner sites.only limit aaa bbb",
        ),
        (
            "PATCH",
            key.as_str(),
            json!({ "secret": "x", "name": [], "limit": { "per_minute": 0 }, "addresses": { "only": ["x"] }, "sites": null, "zzz": 1 }),
            "name sites addresses.only limit.per_minute secret zzz",
        ),
        (
            "POST",
            "/v1/users",
            json!({ "sites": { "only": ["nosuch"] }, "role": "king", "email": "x", "name": 1, "zzz": 1 }),
            "email name role sites.only zzz",
        ),
        (
            "POST",
            "/v1/users",
            json!({ "role": null, "sites": { "only": [1] } }),
            "email role sites.only",
        ),
        (
            "PATCH",
            user.as_str(),
            json!({ "role": 1, "name": long, "sites": { "only": ["nosuch"] }, "zzz": 1 }),
            "name role sites.only zzz",
        ),
        // An unknown field hides none that has a similar name.
        (
            "PATCH",
            key.as_str(),
            json!({ "limit.x": 1, "limit": { "per_minute": 0 }, "addresses": { "only": ["x"], "y": 1 } }),
            "addresses.y limit.x limit.per_minute",
        ),
        (
            "POST",
            "/v1/sites",
            json!({ "name": "a b", "zzz": 1 }),
            "name zzz",
        ),
        (
            "PATCH",
            "/v1/sites/123",
            json!({ "active": "no", "name": "a b", "zzz": 1 }),
            "name active zzz",
        ),
        (
            "POST",
            "/v1/setup",
            json!({ "token": 1, "email": "x", "name": long, "zzz": 1 }),
            "token email name zzz",
        ),
        (
            "POST",
            "/v1/verify",
            json!({ "secret": 1, "site": "a b", "address": "x", "method": "", "path": "x", "count": 1, "zzz": 1 }),
            "secret site address method path count zzz",
        ),
    ];
    for (method, path, body, fields) in asks {
        let answer = plane.call(&plane.admin, method, path, &body).await;
        assert_eq!(answer.status, 422, "{method} {path}: {}", answer.json());
        assert_eq!(
            answer.fields().join(" "),
            fields,
            "{method} {path}: {}",
            answer.json()
        );
        let is_immutable = body.get("secret").is_some() && method == "PATCH";
        assert_eq!(
            answer.code() == "immutable_field",
            is_immutable,
            "{method} {path}"
        );
    }
    let kept = plane.get(&plane.admin, &key).await.json();
    assert_eq!(
        (&kept["name"], &kept["revision"]),
        (&made["name"], &made["revision"])
    );
    // A claim that was made for another request is one fault among the others.
    let claim = [("Idempotency-Key", "abc")];
    let first = plane
        .json(&plane.admin, "POST", "/v1/sites", &claim, r#"{"name":"124"}"#)
        .await;
    assert_eq!(first.status, 201);
    let other = plane
        .json(
            &plane.admin,
            "POST",
            "/v1/sites",
            &claim,
            r#"{"name":"a b","zzz":1}"#,
        )
        .await;
    assert_eq!(other.fields(), ["name", "zzz", "Idempotency-Key"]);
}

#[tokio::test]
async fn who_may_not_is_told_so_whatever_the_body_says() {
    let plane = Plane::start().await;
    let of_another = json!({ "name": 1, "owner": plane.admin_id, "zzz": 1 });
    for (path, body) in [("/v1/users", json!({ "zzz": 1 })), ("/v1/keys", of_another)] {
        let answer = plane.call(&plane.member, "POST", path, &body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "forbidden"),
            "{path}"
        );
    }
    let body = json!({ "token": "setup_wrong", "email": "x" });
    let answer = plane.call(&plane.member, "POST", "/v1/setup", &body).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"));
    let theirs = plane.make_key(json!({ "name": "n" })).await;
    let path = format!("/v1/keys/{}", theirs["id"].as_str().unwrap());
    let answer = plane
        .call(&plane.member, "PATCH", &path, &json!({ "zzz": 1, "owner": "x" }))
        .await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"));
}

#[tokio::test]
async fn a_member_learns_of_no_site_that_is_not_theirs_whatever_else_is_at_fault() {
    let plane = Plane::start().await;
    let site = plane
        .call(&plane.admin, "POST", "/v1/sites", &json!({ "name": "hidden" }))
        .await;
    assert_eq!(site.status, 201, "{site:?}");
    let path = format!("/v1/users/{}", plane.member_id);
    let restricted = plane
        .call(&plane.admin, "PATCH", &path, &json!({ "sites": { "only": [] } }))
        .await;
    assert_eq!(restricted.status, 200, "{restricted:?}");
    let mut answers = Vec::new();
    for name in ["hidden", "nowhere"] {
        let body = json!({ "name": "n", "owner": 5, "sites": { "only": [name] } });
        let answer = plane.call(&plane.member, "POST", "/v1/keys", &body).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        answers.push(answer.fields());
    }
    assert_eq!(answers[0], answers[1]);
}
