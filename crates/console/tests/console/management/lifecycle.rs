//! Deletion and the way back.

use crate::management::Plane;
use serde_json::json;

#[tokio::test]
async fn a10_a_deleted_key_comes_back_only_by_restore_and_within_30_days() {
    let plane = Plane::start().await;
    let made = plane
        .make_key(json!({ "name": "n", "use_case": "management" }))
        .await;
    let secret = made["secret"].as_str().unwrap();
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    assert_eq!(plane.get(secret, "/v1/me").await.status, 200);
    assert_eq!(
        plane
            .send(Some(&plane.admin), "DELETE", &path, &[], b"")
            .await
            .json()["status"],
        "deleted"
    );
    let refused = plane.get(secret, "/v1/me").await;
    let unknown = plane.get("abcdef123456", "/v1/me").await;
    assert_eq!(refused.without_ids(), unknown.without_ids());
    for (method, rest) in [
        ("POST", "/enable"),
        ("POST", "/disable"),
        ("DELETE", ""),
        ("PATCH", ""),
    ] {
        let answer = plane
            .json(&plane.admin, method, &format!("{path}{rest}"), &[], "{}")
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (409, "key_deleted"),
            "{method} {rest}"
        );
    }
    let listed = |status: &'static str| {
        let plane = &plane;
        async move {
            let list = plane
                .get(&plane.admin, &format!("/v1/keys?text=n&status={status}"))
                .await
                .json();
            list["items"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|key| key["name"] == "n")
                .count()
        }
    };
    assert_eq!(
        (
            listed("active").await,
            listed("deleted").await,
            listed("any").await
        ),
        (0, 1, 1)
    );
    assert_eq!(
        plane.post(&plane.admin, &format!("{path}/restore")).await.status,
        200
    );
    assert_eq!(plane.get(secret, "/v1/me").await.status, 200);
    plane.send(Some(&plane.admin), "DELETE", &path, &[], b"").await;
    plane.clock.advance(30 * 86_400_000);
    let late = plane.post(&plane.admin, &format!("{path}/restore")).await;
    assert_eq!((late.status, late.code().as_str()), (409, "restore_too_late"));
    plane.clock.advance(1);
    plane.engine.clear_away().await.unwrap();
    assert_eq!(plane.get(&plane.admin, &path).await.status, 404);
}

#[tokio::test]
async fn enabling_what_is_enabled_and_disabling_what_is_disabled_is_no_change() {
    let plane = Plane::start().await;
    let made = plane.make_key(json!({ "name": "n" })).await;
    for (word, status, changes) in [
        ("enable", "active", 0),
        ("disable", "disabled", 1),
        ("disable", "disabled", 0),
        ("enable", "active", 1),
    ] {
        let before = plane.engine.revision().0;
        let path = format!("/v1/keys/{}/{word}", made["id"].as_str().unwrap());
        let answer = plane.post(&plane.admin, &path).await;
        assert_eq!((answer.status, &answer.json()["status"]), (200, &json!(status)));
        assert_eq!(plane.engine.revision().0 - before, changes, "{word}");
    }
}
