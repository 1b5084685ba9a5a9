//! What can be left open is said in words, and null is none: in every field of every body, and in no answer.

use crate::management::Plane;
use serde_json::{Map, Value, json};

/// Every operation that takes JSON: method, path, and a body that it takes as it is.
async fn bodies(plane: &Plane) -> Vec<(&'static str, String, Value)> {
    let key = plane.make_key(json!({ "name": "edited" })).await;
    let key = format!("/v1/keys/{}", key["id"].as_str().unwrap());
    let member = format!("/v1/users/{}", plane.member_id);
    let setup = json!({ "token": "setup_x", "email": "first@example.com" });
    vec![
        ("POST", "/v1/keys".into(), json!({ "name": "n" })),
        ("PATCH", key, json!({})),
        ("POST", "/v1/users".into(), json!({ "email": "n@example.com" })),
        ("PATCH", member, json!({})),
        ("POST", "/v1/sites".into(), json!({ "name": "n" })),
        ("PATCH", "/v1/sites/123".into(), json!({})),
        ("POST", "/v1/verify".into(), json!({ "secret": "s", "path": "/" })),
        ("POST", "/v1/setup".into(), setup),
    ]
}

async fn started() -> Plane {
    let plane = Plane::start().await;
    let made = plane
        .call(&plane.admin, "POST", "/v1/sites", &json!({ "name": "123" }))
        .await;
    assert_eq!(made.status, 201);
    plane
}

/// The fields of each JSON body that the document describes, by method and path.
async fn described(plane: &Plane) -> Vec<(String, String, Map<String, Value>)> {
    let document = plane.send(None, "GET", "/openapi.json", &[], b"").await.json();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            if let Some(reference) = schema.as_str() {
                let schema = document.pointer(reference.trim_start_matches('#')).unwrap();
                let fields = schema["properties"].as_object().unwrap().clone();
                found.push((method.to_uppercase(), path.clone(), fields));
            }
        }
    }
    found
}

#[tokio::test]
async fn null_is_refused_in_every_field_of_every_body_and_changes_nothing() {
    let plane = started().await;
    let bodies = bodies(&plane).await;
    let described = described(&plane).await;
    assert_eq!(
        described.len(),
        bodies.len(),
        "an operation takes JSON and is not tried here"
    );
    for (method, path, fields) in described {
        let is_it = |asked: &str| {
            let parts = path.split('/').zip(asked.split('/'));
            path.matches('/').count() == asked.matches('/').count()
                && parts
                    .into_iter()
                    .all(|(part, asked)| part.starts_with('{') || part == asked)
        };
        let (_, asked, body) = bodies.iter().find(|b| b.0 == method && is_it(&b.1)).unwrap();
        let before = state(&plane).await;
        for (field, schema) in &fields {
            let mut body = body.clone();
            body[field] = Value::Null;
            let answer = plane.call(&plane.admin, &method, asked, &body).await;
            assert_eq!(
                (answer.status, answer.fields()),
                (422, vec![field.clone()]),
                "{method} {path}"
            );
            let message = answer.json()["errors"][0]["message"].as_str().unwrap().to_owned();
            let way_out = if schema["$ref"].as_str().is_some_and(|to| !to.ends_with("Role")) {
                "write {\""
            } else {
                "send "
            };
            assert!(
                message.starts_with("null does not say what is meant: ") && message.contains(way_out),
                "{method} {path} {field}: {message}"
            );
        }
        assert_eq!(state(&plane).await, before, "{method} {path}");
    }
}

/// All that there is, as answers show it.
async fn state(plane: &Plane) -> Vec<Value> {
    let mut state = Vec::new();
    for list in ["/v1/keys", "/v1/users", "/v1/sites"] {
        let mut list = plane.get(&plane.admin, list).await.json();
        for item in list["items"].as_array_mut().unwrap() {
            item.as_object_mut().unwrap().remove("last_used");
        }
        state.push(list);
    }
    state
}

/// Field, its word for open, its member with a value, and a value.
fn choices() -> [(&'static str, &'static str, &'static str, Value); 4] {
    [
        ("sites", "any", "only", json!(["123"])),
        ("addresses", "any", "only", json!(["192.0.2.0/24"])),
        ("limit", "unlimited", "per_minute", json!(60)),
        ("expires_at", "never", "at", json!("2027-12-31T00:00:00Z")),
    ]
}

#[tokio::test]
async fn a_choice_that_is_not_spelled_as_one_is_refused_at_its_place_with_both_spellings() {
    let plane = started().await;
    let bodies = bodies(&plane).await;
    let key = plane
        .make_key(json!({ "name": "kept", "sites": { "only": ["123"] }, "addresses": { "only": ["192.0.2.0/24"] }, "limit": { "per_minute": 60 } }))
        .await;
    let of = |kind: &str, method: &str| {
        bodies
            .iter()
            .find(|b| b.0 == method && b.1.starts_with(kind))
            .unwrap()
    };
    for (field, open, set, value) in choices() {
        let wrong = [
            // What clients of an older form send.
            (json!(null), field.to_owned()),
            (value.clone(), field.to_owned()),
            (json!(true), field.to_owned()),
            (json!(open), field.to_owned()),
            (json!({}), field.to_owned()),
            (json!({ open: true, set: value }), field.to_owned()),
            (json!({ open: false, set: value }), field.to_owned()),
            (json!({ open: null, set: value }), format!("{field}.{open}")),
            (json!({ open: true, set: null }), format!("{field}.{set}")),
            (json!({ open: false }), format!("{field}.{open}")),
            (json!({ open: 1 }), format!("{field}.{open}")),
            (json!({ open: null }), format!("{field}.{open}")),
            (json!({ set: null }), format!("{field}.{set}")),
            (json!({ set: [null] }), format!("{field}.{set}")),
            (json!({ set: { set: value } }), format!("{field}.{set}")),
            (json!({ "nosuch": true }), format!("{field}.nosuch")),
            (json!({ open: true, "nosuch": 1 }), format!("{field}.nosuch")),
        ];
        let shown = format!(r#"write {{"{open}": true}} or {{"{set}": {value}}}"#);
        let takes = |path: &str, method: &str| match field {
            "sites" => true,
            "expires_at" => path.starts_with("/v1/keys") && method == "POST",
            _ => path.starts_with("/v1/keys"),
        };
        for (kind, method) in [
            ("/v1/keys", "POST"),
            ("/v1/keys", "PATCH"),
            ("/v1/users", "POST"),
            ("/v1/users", "PATCH"),
        ] {
            let (method, path, body) = of(kind, method);
            if !takes(path, method) {
                continue;
            }
            for (sent, place) in &wrong {
                let mut body = body.clone();
                body[field] = sent.clone();
                let answer = plane.call(&plane.admin, method, path, &body).await;
                assert_eq!(
                    (answer.status, answer.fields()),
                    (422, vec![place.clone()]),
                    "{method} {path} {body}"
                );
                let message = answer.json()["errors"][0]["message"].as_str().unwrap().to_owned();
                assert!(message.ends_with(&shown), "{body}: {message}");
            }
        }
    }
    let path = format!("/v1/keys/{}", key["id"].as_str().unwrap());
    let again = plane.get(&plane.admin, &path).await.json();
    assert_eq!(again["revision"], key["revision"]);
}

/// What stands in a choice and cannot be taken is told at the member, in creates and in edits.
#[tokio::test]
async fn a_value_that_cannot_be_taken_is_told_where_it_stands() {
    let plane = started().await;
    let bodies = bodies(&plane).await;
    for (field, bad, place) in [
        ("sites", json!({ "only": ["nosuch"] }), "sites.only"),
        ("addresses", json!({ "only": ["127.1"] }), "addresses.only"),
        ("limit", json!({ "per_minute": 0 }), "limit.per_minute"),
        ("expires_at", json!({ "at": "yesterday" }), "expires_at.at"),
    ] {
        for (method, path, body) in &bodies {
            let is_user = path.starts_with("/v1/users");
            if !(path.starts_with("/v1/keys") && !(field == "expires_at" && *method == "PATCH")
                || is_user && field == "sites")
            {
                continue;
            }
            let mut body = body.clone();
            body[field] = bad.clone();
            let answer = plane.call(&plane.admin, method, path, &body).await;
            assert_eq!(
                (answer.status, answer.fields()),
                (422, vec![place.to_owned()]),
                "{method} {path}"
            );
        }
    }
}

/// Keys and users of every kind of restriction.
async fn furnished(plane: &Plane) -> (Vec<Value>, Vec<Value>) {
    let restricted = json!({
        "name": "restricted", "description": "d", "sites": { "only": ["123"] }, "addresses": { "only": ["192.0.2.0/24", "2001:db8::1/128"] },
        "limit": { "per_minute": 60 }, "expires_at": { "at": "2027-12-31T00:00:00Z" }
    });
    let closed = json!({ "name": "closed", "sites": { "only": [] }, "addresses": { "only": [] } });
    let open = json!({
        "name": "open", "sites": { "any": true }, "addresses": { "any": true }, "limit": { "unlimited": true },
        "expires_at": { "never": true }
    });
    let mut keys = Vec::new();
    for body in [json!({ "name": "absent" }), restricted, closed, open] {
        let made = plane.make_key(body.clone()).await;
        for (field, value) in body.as_object().unwrap() {
            assert_eq!(&made[field], value, "an answer says what was sent");
        }
        keys.push(
            plane
                .get(
                    &plane.admin,
                    &format!("/v1/keys/{}", made["id"].as_str().unwrap()),
                )
                .await
                .json(),
        );
    }
    let mut users = Vec::new();
    for (number, sites) in [
        json!({ "any": true }),
        json!({ "only": [] }),
        json!({ "only": ["123"] }),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({ "email": format!("u{number}@example.com"), "sites": sites });
        let made = plane.call(&plane.admin, "POST", "/v1/users", &body).await.json();
        assert_eq!(made["sites"], sites);
        users.push(made);
    }
    (keys, users)
}

#[tokio::test]
async fn what_an_answer_shows_may_be_sent_back_and_changes_nothing() {
    let plane = started().await;
    let (keys, users) = furnished(&plane).await;
    let described = described(&plane).await;
    let mutable = |path: &str| {
        let edit = described
            .iter()
            .find(|(method, of, _)| method == "PATCH" && of == path)
            .unwrap();
        edit.2.keys().cloned().collect::<Vec<_>>()
    };
    for (folder, things) in [("/v1/keys", &keys), ("/v1/users", &users)] {
        let fields = mutable(&format!("{folder}/{{id}}"));
        for thing in things {
            let path = format!("{folder}/{}", thing["id"].as_str().unwrap());
            for field in &fields {
                let body = json!({ field: thing[field] });
                let answer = plane.call(&plane.admin, "PATCH", &path, &body).await;
                assert_eq!((answer.status, &answer.json()), (200, thing), "{path} {body}");
            }
        }
    }
}

#[tokio::test]
async fn a_key_may_be_made_of_what_another_shows() {
    let plane = started().await;
    let (keys, _) = furnished(&plane).await;
    for key in keys {
        let mut body = json!({ "owner": key["owner"]["email"] });
        for field in [
            "name",
            "description",
            "use_case",
            "expires_at",
            "sites",
            "addresses",
            "limit",
        ] {
            body[field] = key[field].clone();
        }
        let made = plane.make_key(body.clone()).await;
        for field in body.as_object().unwrap().keys() {
            assert_eq!(made[field], key[field], "{field}");
        }
        // An import takes the same, a line a key.
        body["secret"] = json!(format!("old-{}", key["id"].as_str().unwrap()));
        let headers = [("Content-Type", "application/jsonl")];
        let lines = body.to_string();
        let answer = plane
            .send(
                Some(&plane.admin),
                "POST",
                "/v1/keys/import",
                &headers,
                lines.as_bytes(),
            )
            .await;
        assert_eq!(
            (answer.status, answer.json()),
            (200, json!({ "keys": 1 })),
            "{lines}"
        );
        let newest = plane.get(&plane.admin, "/v1/keys?limit=1").await.json()["items"][0].clone();
        for field in ["name", "expires_at", "sites", "addresses", "limit"] {
            assert_eq!(newest[field], key[field], "{field}");
        }
    }
}
