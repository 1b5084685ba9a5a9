//! The management API.

mod audit;
mod bodies;
mod changes;
mod choices;
mod documents;
mod edits;
mod imports;
mod lifecycle;
mod limits;
mod plane;
mod queries;
mod rights;
mod secrets;
mod wires;

pub(crate) use crate::support::House;
pub(crate) use keyward_engine::testing::create_user_as as user;

use crate::support::{self, Answer};
use keyward_console::Settings;
use keyward_domain::UseCase;
use keyward_engine::testing::{create_key, use_case};
use keyward_engine::{Engine, KeyDraft, LimitDraft};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A console with two people, who have management keys.
pub(crate) struct Plane {
    pub(crate) house: House,
    /// Management key of an admin.
    pub(crate) admin: String,
    /// Management key of a member.
    pub(crate) member: String,
    /// Key of the member for the protected API.
    pub(crate) data: String,
    pub(crate) admin_id: String,
    pub(crate) member_id: String,
    /// Every answer so far, and whether it may show a secret.
    seen: Arc<Mutex<Vec<(Answer, bool)>>>,
}

impl Deref for Plane {
    type Target = House;

    fn deref(&self) -> &Self::Target {
        &self.house
    }
}

/// The use cases of these tests.
pub(crate) fn use_cases() -> Vec<UseCase> {
    vec![use_case("rest-api", "The REST API")]
}

/// A console that logs no access.
pub(crate) fn settings() -> Settings {
    Settings {
        access_log: false,
        gateway_url: "http://127.0.0.1:8080".into(),
        ..support::settings()
    }
}

/// Makes a key; gives its id and its secret.
pub(crate) async fn key(
    engine: &Engine,
    owner: &str,
    use_case: &str,
    limit: Option<u64>,
) -> (String, String) {
    let draft = KeyDraft {
        owner: Some(owner.into()),
        name: "a key".into(),
        use_case: Some(use_case.into()),
        limit: limit.map_or(LimitDraft::Unlimited, LimitDraft::PerMinute),
        ..KeyDraft::default()
    };
    let made = create_key(engine, &draft).await;
    (made.id, made.secret)
}

/// Whether null stands anywhere in a value. No answer has it: what there is none of is left out.
pub(crate) fn holds_null(json: &Value) -> bool {
    match json {
        Value::Null => true,
        Value::Array(items) => items.iter().any(holds_null),
        Value::Object(fields) => fields.values().any(holds_null),
        _ => false,
    }
}

impl Plane {
    pub(crate) async fn start() -> Self {
        let settings = Settings {
            access_log: true,
            ..settings()
        };
        Self::before(House::start(use_cases(), settings).await).await
    }

    /// With an admin, a member and keys at this console.
    pub(crate) async fn before(house: House) -> Self {
        let engine = &house.engine;
        let admin_id = user(engine, "admin@example.com", "admin").await;
        let member_id = user(engine, "member@example.com", "member").await;
        let (_, admin) = key(engine, &admin_id, "management", None).await;
        let (_, member) = key(engine, &member_id, "management", None).await;
        let (_, data) = key(engine, &member_id, "rest-api", None).await;
        Self {
            house,
            admin,
            member,
            data,
            admin_id,
            member_id,
            seen: Arc::default(),
        }
    }

    /// Sends bytes as they are and reads to the end of the connection.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.console.address()).await.unwrap();
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = Answer::read(&answer);
        let may_show = bytes.starts_with(b"POST /v1/keys HTTP") || bytes.starts_with(b"POST /v1/setup ");
        let json: Option<Value> = serde_json::from_str(&answer.body).ok();
        assert!(!json.as_ref().is_some_and(holds_null), "null in {answer:?}");
        self.seen.lock().unwrap().push((answer.clone(), may_show));
        answer
    }

    pub(crate) async fn send(
        &self,
        key: Option<&str>,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: keyward\r\nConnection: close\r\n");
        for (name, value) in headers.iter().copied().chain(key.map(|key| ("X-API-KEY", key))) {
            text += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() || matches!(method, "POST" | "PATCH") {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        text += "\r\n";
        self.raw(&[text.as_bytes(), body].concat()).await
    }

    /// Sends JSON.
    pub(crate) async fn call(&self, key: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.json(key, method, path, &[], &body.to_string()).await
    }

    pub(crate) async fn json(
        &self,
        key: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut all = vec![("Content-Type", "application/json")];
        all.extend_from_slice(headers);
        self.send(Some(key), method, path, &all, body.as_bytes()).await
    }

    pub(crate) async fn get(&self, key: &str, path: &str) -> Answer {
        self.send(Some(key), "GET", path, &[], b"").await
    }

    pub(crate) async fn post(&self, key: &str, path: &str) -> Answer {
        self.send(Some(key), "POST", path, &[], b"").await
    }

    /// Makes a key of the admin through the API.
    pub(crate) async fn make_key(&self, body: Value) -> Value {
        let answer = self.call(&self.admin, "POST", "/v1/keys", &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    /// Looks through every answer so far: a secret only where it was created, a fingerprint nowhere.
    pub(crate) fn assert_no_secret_was_shown(&self, secrets: &[&str]) {
        for (answer, may_show) in self.seen.lock().unwrap().iter() {
            let text = format!("{}\n{}", answer.head, answer.body);
            for secret in secrets {
                let digest = Sha256::digest(secret.as_bytes());
                let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                assert!(!text.to_lowercase().contains(&hex), "fingerprint in {text}");
                assert!(
                    !text.contains(secret) || (*may_show && answer.status == 201),
                    "secret in {text}"
                );
            }
            assert!(!text.contains("fingerprint") || answer.status == 422 || text.contains("openapi"));
        }
    }
}
