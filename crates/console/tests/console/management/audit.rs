//! The audit log has one line for every write and every denied write.

use crate::management::Plane;
use keyward_testkit::Random;
use serde_json::{Value, json};

async fn all_lines(plane: &Plane) -> Vec<Value> {
    let mut lines = Vec::new();
    let mut path = "/v1/audit?limit=200".to_owned();
    loop {
        let page = plane.get(&plane.admin, &path).await.json();
        lines.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/audit?limit=200&cursor={next}"),
            None => return lines,
        }
    }
}

/// One random operation; gives whether it was a write that was made or denied.
async fn operate(plane: &Plane, random: &mut Random, keys: &mut Vec<String>) -> (&'static str, bool) {
    let member = random.below(3) == 0;
    let caller = if member {
        plane.member.clone()
    } else {
        plane.admin.clone()
    };
    let id = keys[random.below(keys.len())].clone();
    let path = format!("/v1/keys/{id}");
    let before = plane.get(&plane.admin, &path).await.json();
    let (action, answer) = match random.below(8) {
        0 => {
            let body = json!({ "name": "new", "owner": plane.admin_id });
            let answer = plane.call(&caller, "POST", "/v1/keys", &body).await;
            if answer.status == 201 {
                keys.push(answer.json()["id"].as_str().unwrap().to_owned());
            }
            ("key.create", answer)
        }
        1 => {
            let body = json!({ "name": format!("n{}", random.below(1000)) });
            ("key.edit", plane.call(&caller, "PATCH", &path, &body).await)
        }
        2 => ("key.enable", plane.post(&caller, &format!("{path}/enable")).await),
        3 => (
            "key.disable",
            plane.post(&caller, &format!("{path}/disable")).await,
        ),
        4 => (
            "key.delete",
            plane.send(Some(&caller), "DELETE", &path, &[], b"").await,
        ),
        5 => (
            "key.restore",
            plane.post(&caller, &format!("{path}/restore")).await,
        ),
        6 => {
            let body = json!({ "name": format!("s{}", random.below(100_000)) });
            (
                "site.create",
                plane.call(&caller, "POST", "/v1/sites", &body).await,
            )
        }
        _ => {
            let user = format!("/v1/users/{}", plane.member_id);
            let body = json!({ "name": format!("m{}", random.below(100_000)) });
            ("user.edit", plane.call(&caller, "PATCH", &user, &body).await)
        }
    };
    let written = match answer.status {
        201 => true,
        // An edit that changes nothing writes nothing.
        200 if action.starts_with("key.") => answer.json()["revision"] != before["revision"],
        200 => true,
        403 | 404 => member,
        _ => false,
    };
    (action, written)
}

#[tokio::test]
async fn a11_every_write_and_every_denied_write_has_its_line() {
    let plane = Plane::start().await;
    let mut random = Random(7);
    let mut keys = vec![
        plane.make_key(json!({ "name": "first" })).await["id"]
            .as_str()
            .unwrap()
            .to_owned(),
    ];
    let known = all_lines(&plane).await.len();
    let mut wanted: Vec<&str> = Vec::new();
    for _ in 0..400 {
        let (action, written) = operate(&plane, &mut random, &mut keys).await;
        wanted.extend(written.then_some(action));
    }
    let lines = all_lines(&plane).await;
    let found: Vec<&str> = lines[..lines.len() - known]
        .iter()
        .rev()
        .map(|line| line["action"].as_str().unwrap())
        .collect();
    let mut sorted = (wanted.clone(), found.clone());
    sorted.0.sort_unstable();
    sorted.1.sort_unstable();
    assert_eq!(sorted.0, sorted.1);
    assert!(wanted.len() > 150, "{}", wanted.len());
    for line in &lines[..lines.len() - known] {
        assert!(line["at"].as_str().unwrap().ends_with('Z'));
        assert_eq!(line["address"], "127.0.0.1");
        assert_eq!(line["actor"]["kind"], "user");
        assert!(line["actor"]["key_id"].is_string() && line["actor"]["email"].is_string());
        let text = line.to_string();
        assert!(
            !text.contains("fingerprint") && !text.contains("secret"),
            "{text}"
        );
        let denied = line["outcome"] == "denied";
        assert_eq!(denied, line["reason"].is_string());
        assert_eq!(denied, line["after"].is_null(), "{line}");
    }
    let own = plane.get(&plane.member, "/v1/audit?limit=200").await.json();
    for line in own["items"].as_array().unwrap() {
        assert_eq!(line["actor"]["id"], plane.member_id.as_str());
    }
}

/// What a member may try on what is not theirs: method and path of each operation that changes something.
async fn forbidden_changes(plane: &Plane, key: &str) -> Vec<(String, String)> {
    let document = plane.send(None, "GET", "/openapi.json", &[], b"").await.json();
    let mut changes = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        // Everybody makes keys of their own, and asks; the first set-up needs no key.
        let is_open = ["/v1/setup", "/v1/verify"].contains(&path.as_str());
        for method in operations.as_object().unwrap().keys() {
            let is_own = path == "/v1/keys" && method == "post";
            if ["post", "put", "patch", "delete"].contains(&method.as_str()) && !is_open && !is_own {
                let id = if path.contains("/keys/") {
                    key
                } else {
                    &plane.admin_id
                };
                let path = path.replace("{id}", id).replace("{name}", "123");
                changes.push((method.to_uppercase(), path));
            }
        }
    }
    changes
}

#[tokio::test]
async fn a11_a_denied_change_has_its_line_whatever_is_sent_with_it() {
    let plane = Plane::start().await;
    plane
        .call(&plane.admin, "POST", "/v1/sites", &json!({ "name": "123" }))
        .await;
    let key = plane.make_key(json!({ "name": "first" })).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let changes = forbidden_changes(&plane, &key).await;
    assert!(changes.len() >= 14, "{changes:?}");
    let json_type = ("Content-Type", "application/json");
    let mut lines = all_lines(&plane).await.len();
    for (method, path) in &changes {
        for (query, headers, body) in [
            ("", &[json_type][..], r#"{"owner":"x","id":1,"email":"y"}"#),
            ("", &[json_type], r#"{"nope":1}"#),
            ("", &[json_type], "no json"),
            ("", &[("Content-Type", "text/odd")], "x"),
            ("", &[json_type, ("If-Match", "odd")], "{}"),
            ("?format=zz", &[json_type], "{}"),
            ("", &[json_type, ("Idempotency-Key", "")], "{}"),
        ] {
            let path = format!("{path}{query}");
            let answer = plane
                .send(Some(&plane.member), method, &path, headers, body.as_bytes())
                .await;
            let wanted = if path.contains("/keys/") && !path.contains("/import") {
                404
            } else {
                403
            };
            assert_eq!(answer.status, wanted, "{method} {path} {body}: {answer:?}");
            let now = all_lines(&plane).await;
            assert_eq!(now.len(), lines + 1, "{method} {path} {headers:?} {body}");
            assert_eq!(now[0]["outcome"], "denied");
            lines = now.len();
        }
    }
}

#[tokio::test]
async fn a2_a_body_that_cannot_be_taken_tells_nothing_of_somebody_elses_key() {
    let plane = Plane::start().await;
    let id_of = |key: Value| format!("/v1/keys/{}", key["id"].as_str().unwrap());
    let foreign = id_of(plane.make_key(json!({ "name": "first" })).await);
    let never = "/v1/keys/01890000-0000-7000-8000-000000000000".to_owned();
    let body = json!({ "owner": "member@example.com" });
    let mut answers = Vec::new();
    for path in [&foreign, &never] {
        let answer = plane.call(&plane.member, "PATCH", path, &body).await;
        assert_eq!(answer.status, 404);
        answers.push(answer.without_ids());
    }
    assert_eq!(answers[0], answers[1]);
    let own = plane
        .call(&plane.member, "POST", "/v1/keys", &json!({ "name": "own" }))
        .await;
    let answer = plane
        .call(&plane.member, "PATCH", &id_of(own.json()), &body)
        .await;
    assert_eq!(
        (answer.status, answer.code()),
        (422, "immutable_field".to_owned())
    );
}
