//! Everything that can be read off the OpenAPI document, so that no route is forgotten.

use crate::management::{Plane, key, user};
use serde_json::{Value, json};

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
            let text = answer.body.clone();
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
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

async fn document(plane: &Plane) -> Value {
    plane.send(None, "GET", "/openapi.json", &[], b"").await.json()
}

/// A part of a document, through its references.
fn at<'d>(document: &'d Value, part: &'d Value) -> &'d Value {
    match part["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => part,
    }
}

#[tokio::test]
async fn a_program_that_writes_clients_finds_all_it_needs() {
    let plane = Plane::start().await;
    let document = document(&plane).await;
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        // One type for a thing wherever it stands, and a word for people with every field.
        if name.starts_with("Page_") {
            let item = &schema["properties"]["items"]["items"];
            assert!(item["$ref"].is_string(), "{name}: {item}");
        }
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let described = [property, at(&document, property), &property["oneOf"][0]];
            assert!(
                described.iter().any(|place| place["description"].is_string()),
                "{name}.{field}: {property}"
            );
            if field.ends_with("_at") || ["at", "from", "until", "start"].contains(&field.as_str()) {
                let instant = match property["$ref"].as_str() {
                    Some(_) => &at(&document, property)["properties"]["at"],
                    None => property,
                };
                assert_eq!(instant["format"], "date-time", "{name}.{field}");
            }
        }
    }
    let words = |schema: &str, field: &str| {
        let property = &document["components"]["schemas"][schema]["properties"][field];
        at(&document, property)["enum"].clone()
    };
    let status = json!(["active", "disabled", "expired", "deleted"]);
    assert_eq!(words("Key", "status"), status);
    assert_eq!(words("User", "role"), json!(["admin", "member"]));
    assert_eq!(words("AuditEvent", "outcome"), json!(["done", "denied"]));
    let fault = at(
        &document,
        &document["components"]["schemas"]["ProblemDocument"]["properties"]["errors"]["items"],
    );
    assert!(fault["properties"]["field"].is_object() && fault["properties"]["line"].is_object());
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            describes_itself(&document, &format!("{method} {path}"), operation);
        }
    }
    let tags: Vec<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        tags,
        [
            "keys",
            "users",
            "sites",
            "use cases",
            "verify",
            "audit",
            "nodes",
            "me",
            "setup"
        ]
    );
}

/// Programs check by it before they send: a body has no other fields, and a text or number has bounds.
#[tokio::test]
async fn everything_that_is_sent_has_bounds() {
    let plane = Plane::start().await;
    let document = document(&plane).await;
    assert_eq!(document["servers"][0]["url"], "/");
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                is_bounded(
                    &document,
                    &parameter["schema"],
                    &format!("{method} {path} {}", parameter["name"]),
                );
            }
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            if path != "/v1/keys/import" && !body.is_null() {
                is_bounded(&document, body, &format!("{method} {path}"));
            }
        }
    }
    // What a list is filtered by is one of these words, or 422.
    let audit = document["paths"]["/v1/audit"]["get"]["parameters"]
        .as_array()
        .unwrap();
    let action = audit
        .iter()
        .find(|parameter| parameter["name"] == "action")
        .unwrap();
    assert_eq!(action["schema"]["enum"], json!(keyward_engine::ACTIONS));
    // Exactly one of two, and the word for open is always true: said without a union, and without an `enum` of one truth value.
    for (name, open) in [
        ("Sites", "any"),
        ("Addresses", "any"),
        ("Limit", "unlimited"),
        ("Expiry", "never"),
    ] {
        let schema = &document["components"]["schemas"][name];
        assert_eq!(
            (&schema["minProperties"], &schema["maxProperties"]),
            (&json!(1), &json!(1)),
            "{name}"
        );
        assert_eq!(
            schema["properties"][open]["not"],
            json!({ "const": false }),
            "{name}"
        );
        assert_eq!(schema["properties"].as_object().unwrap().len(), 2, "{name}");
    }
}

fn is_bounded(document: &Value, schema: &Value, name: &str) {
    let schema = at(document, schema);
    assert!(
        schema["oneOf"].is_null() && schema["anyOf"].is_null(),
        "{name}: a union"
    );
    match schema["type"].as_str() {
        Some("string") => {
            let is_short = ["maxLength", "enum"].iter().any(|bound| !schema[bound].is_null());
            assert!(
                is_short || schema["format"] == "date-time",
                "{name}: how long may it be?"
            );
        }
        Some("integer") => assert!(schema["minimum"].is_i64() && schema["maximum"].is_i64(), "{name}"),
        Some("boolean") => {}
        Some("array") => is_bounded(document, &schema["items"], name),
        Some("object") => {
            assert_eq!(schema["additionalProperties"], false, "{name} has other fields");
            for (field, schema) in schema["properties"].as_object().unwrap() {
                is_bounded(document, schema, &format!("{name} {field}"));
            }
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[track_caller]
fn describes_itself(document: &Value, name: &str, operation: &Value) {
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        assert!(parameter["description"].is_string(), "{name}: {parameter}");
        // A header or a part of a path or query is never null.
        let kind = &at(document, &parameter["schema"])["type"];
        assert!(kind.is_string(), "{name}: {parameter}");
    }
    for (kind, content) in operation["requestBody"]["content"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let schema = at(document, &content["schema"]);
        let example = [&content["example"], &schema["example"], &schema["examples"][0]];
        assert!(
            example.iter().any(|example| !example.is_null()),
            "{name}: no example of {kind}"
        );
    }
    let responses = operation["responses"].as_object().unwrap();
    for (status, response) in responses {
        let response = at(document, response);
        assert!(
            response["description"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        let is_problem = status.starts_with(['4', '5']) || status == "default";
        let kind = if is_problem {
            "application/problem+json"
        } else if name == "get /v1/changes" {
            "text/event-stream"
        } else {
            "application/json"
        };
        assert!(
            response["content"][kind]["schema"].is_object(),
            "{name}: {status}"
        );
        let schema = response["content"][kind]["schema"]["$ref"]
            .as_str()
            .unwrap_or_default();
        let is_one_thing = ["/Key", "/CreatedKey", "/User", "/Site"]
            .iter()
            .any(|end| schema.ends_with(end));
        assert_eq!(
            response["headers"]["ETag"].is_object(),
            is_one_thing,
            "{name}: {status}"
        );
        if status == "201" {
            assert!(response["headers"]["Location"].is_object(), "{name}");
        }
    }
    let needs_key = operation["security"] != json!([{}]);
    for status in ["401", "403", "429", "503"] {
        assert_eq!(
            responses.contains_key(status),
            needs_key || status == "403" || status == "503",
            "{name}: {status}"
        );
    }
}

#[tokio::test]
async fn every_answer_has_a_status_that_the_document_names() {
    let plane = Plane::start().await;
    let document = document(&plane).await;
    let key = plane.make_key(json!({ "name": "n" })).await;
    let key = key["id"].as_str().unwrap();
    let json_type = ("Content-Type", "application/json");
    let headers: [&[(&str, &str)]; 5] = [
        &[],
        &[json_type],
        &[json_type, ("If-Match", "\"1\"")],
        &[json_type, ("If-Match", "W/1")],
        &[json_type, ("Idempotency-Key", "")],
    ];
    let bodies: [&[u8]; 4] = [b"", b"{}", b"{\"nosuch\":1}", b"{"];
    for (method, path, _) in operations(&plane).await {
        let documented = &document["paths"][&path][method.to_lowercase()]["responses"];
        let owner = if path.starts_with("/v1/keys") {
            key
        } else {
            "nosuch"
        };
        let targets = [
            fill(&path, "nosuch"),
            fill(&path, owner),
            format!("{}?nosuch=1&nosuch=2", fill(&path, owner)),
        ];
        for key in [
            None,
            Some(plane.data.as_str()),
            Some(&plane.member),
            Some(&plane.admin),
        ] {
            for target in &targets {
                if target == "/v1/changes" && key == Some(plane.admin.as_str()) {
                    // It has no end to be read to: see the tests of the stream.
                    continue;
                }
                for (headers, body) in headers.iter().flat_map(|h| bodies.iter().map(move |b| (h, b))) {
                    let answer = plane.send(key, &method, target, headers, body).await;
                    let status = answer.status.to_string();
                    assert!(
                        documented[&status].is_object(),
                        "{method} {target} with {headers:?} {:?}: {answer:?}",
                        String::from_utf8_lossy(body)
                    );
                }
            }
        }
    }
}
