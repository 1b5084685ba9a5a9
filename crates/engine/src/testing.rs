//! For tests only: an engine over SQLite in a temporary folder, with a clock that tests set, and what nearly every test makes first.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

use crate::{
    Actor, Clock, Created, Engine, IssuedKey, KeyDraft, ManualClock, OnStale, Settings, Store, UserDraft,
};
use keyward_domain::{
    Prefix, RoutePattern, SecretFormat, Template, Timestamp, UseCase, UseCaseCatalogue, UseCaseName,
};
use keyward_store::{SqliteOptions, SqliteStore};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A database of its own, and a clock for the engines over it.
pub struct TestDatabase {
    /// The database.
    pub store: Arc<SqliteStore>,
    /// What the engines take for the time.
    pub clock: Arc<ManualClock>,
    folder: TempDir,
}

/// A key that was made.
#[derive(Clone, Debug)]
pub struct TestKey {
    /// Id.
    pub id: String,
    /// What a client sends.
    pub secret: String,
}

impl TestDatabase {
    /// An empty database, and a clock that stands at this instant.
    pub async fn at(now: Timestamp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            store: create_sqlite(&folder.path().join("keyward.db")).await,
            clock: Arc::new(ManualClock::at(now)),
            folder,
        }
    }

    /// Where a test may put files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the clock shows.
    pub fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A node over another store that is not loaded yet.
    pub fn node_over(&self, store: Arc<dyn Store>, settings: Settings) -> Engine {
        Engine::new(store, self.clock.clone(), settings)
    }

    /// A loaded node.
    pub async fn node(&self, settings: Settings) -> Arc<Engine> {
        let engine = self.node_over(self.store.clone(), settings);
        engine.load().await.unwrap();
        Arc::new(engine)
    }
}

/// A new database in this file.
pub async fn create_sqlite(file: &Path) -> Arc<SqliteStore> {
    let options = SqliteOptions {
        path: file.to_owned(),
        create: true,
        migrate: false,
        read_only: false,
    };
    Arc::new(SqliteStore::open(&options).await.unwrap())
}

/// Settings with these use cases: the prefix is `kw`, and a node may be stale for an hour and goes on then.
pub fn settings(use_cases: Vec<UseCase>) -> Settings {
    Settings {
        format: SecretFormat::new(Prefix::new("kw").unwrap(), Vec::new()),
        catalogue: UseCaseCatalogue::new(use_cases).unwrap(),
        max_staleness: Duration::from_secs(3600),
        on_stale: OnStale::Serve,
    }
}

/// A use case that opens everything.
pub fn use_case(name: &str, title: &str) -> UseCase {
    UseCase {
        name: UseCaseName::new(name).unwrap(),
        title: title.to_owned(),
        routes: None,
    }
}

/// A use case that opens one path, with these methods; none of them is all.
pub fn use_case_of(name: &str, title: &str, methods: &[&str], path: &str) -> UseCase {
    let pattern = RoutePattern {
        methods: methods.iter().map(ToString::to_string).collect(),
        path: Template::parse(path).unwrap(),
    };
    UseCase {
        routes: Some(vec![pattern]),
        ..use_case(name, title)
    }
}

/// Makes a member as the operator; gives the id.
pub async fn create_user(engine: &Engine, email: &str) -> String {
    create_user_as(engine, email, "member").await
}

/// Makes a user as the operator; gives the id. Role: `admin` or `member`.
pub async fn create_user_as(engine: &Engine, email: &str, role: &str) -> String {
    let draft = UserDraft {
        email: email.to_owned(),
        role: Some(role.to_owned()),
        ..UserDraft::default()
    };
    match engine.create_user(&Actor::OPERATOR, &draft, None).await.unwrap() {
        Created::New(view) | Created::Replay(view) => view.user.id.to_string(),
    }
}

/// Makes a key as the operator.
pub async fn create_key(engine: &Engine, draft: &KeyDraft) -> TestKey {
    match engine.create_key(&Actor::OPERATOR, draft, None).await.unwrap() {
        Created::New(IssuedKey { view, secret }) => TestKey {
            id: view.key.id.to_string(),
            secret: secret.reveal().to_owned(),
        },
        Created::Replay(_) => panic!("a replay without a claim"),
    }
}
