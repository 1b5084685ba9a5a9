//! A running console with a few users and keys, and a small raw client that remembers every answer.

use keyward_console::{Console, Settings};
use keyward_domain::{Prefix, SecretFormat, UseCase, UseCaseCatalogue, UseCaseName};
use keyward_engine::{Actor, Clock, Created, Engine, KeyDraft, LimitDraft, ManualClock, OnStale, UserDraft};
use keyward_store::{SqliteOptions, SqliteStore};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Plane {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) console: Console,
    /// Management key of an admin.
    pub(crate) admin: String,
    /// Management key of a member.
    pub(crate) member: String,
    /// Key of the member for the protected API.
    pub(crate) data: String,
    pub(crate) admin_id: String,
    pub(crate) member_id: String,
    seen: Arc<Mutex<Vec<Answer>>>,
    _folder: tempfile::TempDir,
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether this is an answer that may show a secret.
    pub(crate) may_show: bool,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON in {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The fields that a 422 names.
    pub(crate) fn fields(&self) -> Vec<String> {
        let json = self.json();
        let errors = json["errors"].as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .map(|e| e["field"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// The answer without what differs from request to request.
    pub(crate) fn without_ids(&self) -> String {
        let id = self.header("x-request-id").unwrap().to_owned();
        let whole = format!("{}\n{}", self.head, String::from_utf8_lossy(&self.body));
        let lines = whole
            .lines()
            .filter(|line| !line.to_lowercase().starts_with("date:"));
        lines.collect::<Vec<_>>().join("\n").replace(&id, "ID")
    }
}

pub(crate) fn options(path: &std::path::Path) -> SqliteOptions {
    SqliteOptions {
        path: path.to_owned(),
        create: true,
        migrate: true,
        read_only: false,
    }
}

pub(crate) async fn engine(folder: &std::path::Path, clock: Arc<ManualClock>) -> Arc<Engine> {
    engine_that_may_be_stale_for(folder, clock, Duration::from_secs(3600)).await
}

pub(crate) async fn engine_that_may_be_stale_for(
    folder: &std::path::Path,
    clock: Arc<ManualClock>,
    max_staleness: Duration,
) -> Arc<Engine> {
    let store = SqliteStore::open(&options(&folder.join("keyward.db")))
        .await
        .unwrap();
    let rest = UseCase {
        name: UseCaseName::new("rest-api").unwrap(),
        title: "The REST API".into(),
        routes: None,
    };
    let settings = keyward_engine::Settings {
        format: SecretFormat::new(Prefix::new("kw").unwrap(), Vec::new()),
        catalogue: UseCaseCatalogue::new(vec![rest]).unwrap(),
        max_staleness,
        on_stale: OnStale::Serve,
    };
    let engine = Arc::new(Engine::new(Arc::new(store), clock, settings));
    engine.load().await.unwrap();
    engine
}

pub(crate) async fn user(engine: &Engine, email: &str, role: &str) -> String {
    let draft = UserDraft {
        email: email.into(),
        role: Some(role.into()),
        ..UserDraft::default()
    };
    match engine.create_user(&Actor::OPERATOR, &draft, None).await.unwrap() {
        Created::New(view) => view.user.id.to_string(),
        Created::Replay(_) => unreachable!("nothing was repeated"),
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
    match engine.create_key(&Actor::OPERATOR, &draft, None).await.unwrap() {
        Created::New(issued) => (issued.view.key.id.to_string(), issued.secret.reveal().to_owned()),
        Created::Replay(_) => unreachable!("nothing was repeated"),
    }
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
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(keyward_engine::SystemClock.now()));
        let engine = engine(folder.path(), Arc::clone(&clock)).await;
        let admin_id = user(&engine, "admin@example.com", "admin").await;
        let member_id = user(&engine, "member@example.com", "member").await;
        let (_, admin) = key(&engine, &admin_id, "management", None).await;
        let (_, member) = key(&engine, &member_id, "management", None).await;
        let (_, data) = key(&engine, &member_id, "rest-api", None).await;
        let settings = Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            public_url: None,
            trusted_proxies: Vec::new(),
            access_log: true,
            gateway_url: "http://127.0.0.1:8080".into(),
            provider: None,
            about: keyward_console::About::default(),
        };
        let console = Console::start(&engine, settings).await.unwrap();
        Self {
            engine,
            clock,
            console,
            admin,
            member,
            data,
            admin_id,
            member_id,
            seen: Arc::default(),
            _folder: folder,
        }
    }

    /// Sends bytes as they are and reads to the end of the connection.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.console.address()).await.unwrap();
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let end = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(&answer)));
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let answer = Answer {
            status: head[9..12].parse().unwrap(),
            body: answer[end + 4..].to_vec(),
            may_show: bytes.starts_with(b"POST /v1/keys HTTP") || bytes.starts_with(b"POST /v1/setup "),
            head,
        };
        let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
        assert!(!json.as_ref().is_some_and(holds_null), "null in {answer:?}");
        self.seen.lock().unwrap().push(answer.clone());
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
        for answer in self.seen.lock().unwrap().iter() {
            let text = format!("{}\n{}", answer.head, String::from_utf8_lossy(&answer.body));
            for secret in secrets {
                let digest = Sha256::digest(secret.as_bytes());
                let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                assert!(!text.to_lowercase().contains(&hex), "fingerprint in {text}");
                assert!(
                    !text.contains(secret) || (answer.may_show && answer.status == 201),
                    "secret in {text}"
                );
            }
            assert!(!text.contains("fingerprint") || answer.status == 422 || text.contains("openapi"));
        }
    }
}
