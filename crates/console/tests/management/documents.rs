//! Everything that can be read off the OpenAPI document, so that no route is forgotten.

use crate::support::{Plane, key, user};
use serde_json::Value;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Every operation of the document: method, path, whether it needs a key.
async fn operations(plane: &Plane) -> Vec<(String, String, bool)> {
    let document = plane.send(None, "GET", "/openapi.json", &[], b"").await.json();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if METHODS.contains(&method.as_str()) {
                let open = operation["security"] == serde_json::json!([{}]);
                found.push((method.to_uppercase(), path.clone(), !open));
            }
        }
    }
    assert!(found.len() >= 26, "the document lost operations: {}", found.len());
    found
}

fn fill(path: &str, id: &str) -> String {
    path.replace("{id}", id).replace("{name}", id)
}

#[tokio::test]
async fn a1_every_operation_but_the_setup_needs_a_key() {
    let plane = Plane::start().await;
    let mut open = Vec::new();
    for (method, path, needs_key) in operations(&plane).await {
        if !needs_key {
            open.push(path);
            continue;
        }
        let target = fill(&path, "0192f0c1-2345-7abc-8def-0123456789ab");
        for wrong in [None, Some("kw_nosuchkey"), Some("abcdef123456")] {
            let answer = plane.send(wrong, &method, &target, &[], b"").await;
            assert_eq!(answer.status, 401, "{method} {path}");
            let challenge = answer.header("www-authenticate").unwrap();
            assert_eq!(challenge, "ApiKey realm=\"keyward\", header=\"X-API-KEY\"");
        }
    }
    assert_eq!(open, ["/v1/setup"]);
}

#[tokio::test]
async fn a3_a_data_plane_key_opens_no_operation() {
    let plane = Plane::start().await;
    for (method, path, needs_key) in operations(&plane).await {
        if needs_key {
            let target = fill(&path, &plane.member_id);
            let answer = plane.send(Some(&plane.data), &method, &target, &[], b"{}").await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "use_case_forbidden")
            );
        }
    }
}

/// A body that would be taken if the caller had the right.
fn body_for(method: &str, path: &str, owner: &str) -> (Value, &'static str) {
    let json = "application/json";
    match (method, path) {
        ("POST", "/v1/keys") => (serde_json::json!({ "name": "n", "owner": owner }), json),
        ("POST", "/v1/users") => (serde_json::json!({ "email": "new@example.com" }), json),
        ("POST", "/v1/sites") => (serde_json::json!({ "name": "new" }), json),
        ("POST", "/v1/verify") => (serde_json::json!({ "secret": "s", "path": "/" }), json),
        ("POST", "/v1/keys/import") => (serde_json::json!("owner,name,secret"), "text/csv"),
        ("PATCH", "/v1/sites/{name}") => (serde_json::json!({ "active": false }), json),
        _ => (serde_json::json!({ "name": "mine now" }), json),
    }
}

#[tokio::test]
async fn a1_a_member_gets_nothing_of_another_users_through_any_operation() {
    let plane = Plane::start().await;
    let victim = user(&plane.engine, "victim@example.com", "member").await;
    let (victim_key, _) = key(&plane.engine, &victim, "rest-api", None).await;
    let own = ["/v1/keys", "/v1/sites", "/v1/use-cases", "/v1/audit", "/v1/me"];
    let mut refused = 0;
    for (method, path, needs_key) in operations(&plane).await {
        if !needs_key {
            continue;
        }
        let id = if path.starts_with("/v1/keys") {
            &victim_key
        } else {
            &victim
        };
        let (body, kind) = body_for(&method, &path, &victim);
        let headers = [("Content-Type", kind)];
        let answer = plane
            .send(
                Some(&plane.member),
                &method,
                &fill(&path, id),
                &headers,
                body.to_string().as_bytes(),
            )
            .await;
        if method == "GET" && own.contains(&path.as_str()) {
            assert_eq!(answer.status, 200, "{path}");
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(
                !text.contains(&victim) && !text.contains(&victim_key),
                "{path}: {text}"
            );
        } else {
            assert!([403, 404].contains(&answer.status), "{method} {path}: {answer:?}");
            refused += 1;
        }
    }
    assert!(refused >= 20, "{refused}");
    let key = plane
        .get(&plane.admin, &format!("/v1/keys/{victim_key}"))
        .await
        .json();
    assert_eq!(
        (key["name"].as_str(), key["status"].as_str()),
        (Some("a key"), Some("active"))
    );
}

#[tokio::test]
async fn the_document_is_whole() {
    let plane = Plane::start().await;
    let document = plane.send(None, "GET", "/openapi.json", &[], b"").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let scheme = &document["components"]["securitySchemes"]["ApiKey"];
    assert_eq!(
        (scheme["in"].as_str(), scheme["name"].as_str()),
        (Some("header"), Some("X-API-KEY"))
    );
    assert_eq!(document["security"], serde_json::json!([{ "ApiKey": [] }]));
    let text = document.to_string();
    for part in text.split("\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(
            !document["components"]["schemas"][name].is_null(),
            "{name} is not described"
        );
    }
    let of = |path: &str| {
        let operation = &document["paths"][path]["get"];
        operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].clone()
    };
    assert_ne!(of("/v1/keys"), of("/v1/users"), "each list has a form of its own");
    let mut ids = Vec::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            ids.extend(operation["operationId"].as_str().map(str::to_owned));
            assert!(operation["summary"].is_string() && operation["responses"]["default"].is_object());
            for response in operation["responses"].as_object().unwrap().values() {
                assert!(
                    response["description"]
                        .as_str()
                        .is_some_and(|text| !text.is_empty())
                );
            }
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}
