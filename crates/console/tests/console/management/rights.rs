//! Whose things they are.

use crate::management::{Plane, key, user};
use serde_json::json;

#[tokio::test]
async fn a2_another_users_key_looks_like_one_that_never_was() {
    let plane = Plane::start().await;
    let victim = user(&plane.engine, "victim@example.com", "member").await;
    let (theirs, _) = key(&plane.engine, &victim, "rest-api", None).await;
    let never = "0192f0c1-2345-7abc-8def-0123456789ab";
    for (method, rest) in [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/enable"),
        ("POST", "/disable"),
        ("POST", "/restore"),
        ("GET", "/usage"),
    ] {
        let mut answers = Vec::new();
        for id in [theirs.as_str(), never, "1", "not-an-id", "%00", "%ff"] {
            let path = format!("/v1/keys/{id}{rest}");
            answers.push(plane.json(&plane.member, method, &path, &[], "{}").await);
        }
        assert_eq!(answers[0].status, 404, "{method} {rest}");
        assert_eq!(
            answers[0].without_ids(),
            answers[1].without_ids(),
            "{method} {rest}"
        );
        assert!(answers.iter().all(|answer| answer.status == 404));
    }
    for owner in [victim.as_str(), never, "victim@example.com", "nobody@example.com"] {
        let answer = plane.get(&plane.member, &format!("/v1/keys?owner={owner}")).await;
        assert_eq!(answer.status, 404, "{owner}");
    }
}

#[tokio::test]
async fn a1_a_member_cannot_name_another_owner() {
    let plane = Plane::start().await;
    for owner in [plane.admin_id.as_str(), "admin@example.com", "nobody@example.com"] {
        let answer = plane
            .call(
                &plane.member,
                "POST",
                "/v1/keys",
                &json!({ "name": "n", "owner": owner }),
            )
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "forbidden"),
            "{owner}"
        );
    }
    for field in ["userId", "user_id", "owner_id"] {
        let answer = plane
            .call(
                &plane.member,
                "POST",
                "/v1/keys",
                &json!({ "name": "n", field: plane.admin_id }),
            )
            .await;
        assert_eq!((answer.status, answer.fields()), (422, vec![field.to_owned()]));
    }
    let made = plane
        .call(&plane.member, "POST", "/v1/keys", &json!({ "name": "n" }))
        .await;
    assert_eq!(made.json()["owner"]["id"], plane.member_id.as_str());
}

#[tokio::test]
async fn r7_a_disabled_users_keys_are_refused_from_the_answer_on() {
    let plane = Plane::start().await;
    assert_eq!(plane.get(&plane.member, "/v1/me").await.status, 200);
    let path = format!("/v1/users/{}", plane.member_id);
    assert_eq!(
        plane.post(&plane.admin, &format!("{path}/disable")).await.status,
        200
    );
    let answer = plane.get(&plane.member, "/v1/me").await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "owner_inactive"));
    assert_eq!(
        plane.post(&plane.admin, &format!("{path}/enable")).await.status,
        200
    );
    assert_eq!(plane.get(&plane.member, "/v1/me").await.status, 200);
    assert_eq!(
        plane
            .send(Some(&plane.admin), "DELETE", &path, &[], b"")
            .await
            .status,
        200
    );
    assert_eq!(plane.get(&plane.member, "/v1/me").await.status, 401);
    let last = format!("/v1/users/{}/disable", plane.admin_id);
    let answer = plane.post(&plane.admin, &last).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "last_admin"));
}

#[tokio::test]
async fn h1_the_key_comes_in_one_header_alone() {
    let plane = Plane::start().await;
    let admin = plane.admin.clone();
    for headers in [
        vec![("X-API-KEY", admin.as_str()), ("X-API-KEY", admin.as_str())],
        vec![("X-API-KEY", admin.as_str()), ("X-API-KEY", "")],
        vec![("X_API_KEY", admin.as_str())],
        vec![("Authorization", admin.as_str())],
        vec![("Cookie", admin.as_str())],
    ] {
        let answer = plane.send(None, "GET", "/v1/me", &headers, b"").await;
        assert_eq!(answer.status, 401, "{headers:?}");
    }
    for value in [
        format!("\"{admin}\""),
        format!("{admin}, {admin}"),
        format!("{admin};"),
    ] {
        assert_eq!(plane.get(&value, "/v1/me").await.status, 401);
    }
    let query = format!("/v1/me?X-API-KEY={admin}");
    assert_eq!(plane.send(None, "GET", &query, &[], b"").await.status, 401);
}
