//! The audit log has one line for every write and every denied write.

use crate::support::Plane;
use serde_json::{Value, json};

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

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
