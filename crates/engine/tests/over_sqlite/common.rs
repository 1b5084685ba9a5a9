//! An engine in a temporary folder, and shortcuts for what nearly every test does.

use keyward_domain::{
    ClientAddress, Prefix, Presented, Reason, RoutePattern, SecretFormat, StrictPath, Template, Timestamp,
    UseCase, UseCaseCatalogue, UseCaseName,
};
use keyward_engine::{
    Actor, Asked, Counting, Created, Decision, Engine, IssuedKey, KeyDraft, ManualClock, OnStale, Settings,
    SnapshotSettings, Store, UserDraft,
};
use keyward_store::{SqliteOptions, SqliteStore};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tempfile::TempDir;

/// 2026-11-23T22:11:00Z: the beginning of a minute.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_471_860_000);
pub(crate) const OPERATOR: &Actor = &Actor::OPERATOR;
pub(crate) const OWNER: &str = "owner@example.com";

/// A store, and what keeps it.
pub(crate) struct Home {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) clock: Arc<ManualClock>,
    folder: TempDir,
}

impl Home {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions {
            path: folder.path().join("keyward.db"),
            create: true,
            migrate: false,
            read_only: false,
        };
        Self {
            store: Arc::new(SqliteStore::open(&options).await.unwrap()),
            clock: Arc::new(ManualClock::at(START)),
            folder,
        }
    }

    /// What the clock shows.
    pub(crate) fn clock_now(&self) -> Timestamp {
        keyward_engine::Clock::now(&*self.clock)
    }

    /// A node that is not loaded yet.
    pub(crate) fn node_over(&self, store: Arc<dyn Store>) -> Arc<Engine> {
        Arc::new(Engine::new(store, self.clock.clone(), settings()))
    }

    /// The same, with a snapshot on disk.
    pub(crate) fn node_keeping(&self, file: &Path) -> Arc<Engine> {
        self.node_keeping_over(self.store.clone(), file)
    }

    /// The same, with a snapshot of another database.
    pub(crate) fn node_keeping_of(&self, database: &str, file: &Path) -> Arc<Engine> {
        self.node_with(self.store.clone(), database, file)
    }

    pub(crate) fn node_keeping_over(&self, store: Arc<dyn Store>, file: &Path) -> Arc<Engine> {
        self.node_with(store, "db.internal:5432/keyward", file)
    }

    fn node_with(&self, store: Arc<dyn Store>, database: &str, file: &Path) -> Arc<Engine> {
        let snapshot = SnapshotSettings {
            path: file.to_owned(),
            database: database.to_owned(),
            every: Duration::from_millis(20),
        };
        let engine = Engine::new(store, self.clock.clone(), settings());
        Arc::new(engine.with_snapshot(snapshot))
    }

    /// Where a test may put files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A loaded node.
    pub(crate) async fn node(&self) -> Arc<Engine> {
        let engine = self.node_over(self.store.clone());
        engine.load().await.unwrap();
        engine
    }

    /// A loaded node, and a user without restrictions.
    pub(crate) async fn node_with_owner(&self) -> Arc<Engine> {
        let engine = self.node().await;
        create_user(&engine, OWNER).await;
        engine
    }
}

/// Use cases: `all` opens everything, `read` opens `GET` under `/api/{site}`, `status` opens `/status`.
fn settings() -> Settings {
    let pattern = |methods: &[&str], path: &str| RoutePattern {
        methods: methods.iter().map(ToString::to_string).collect(),
        path: Template::parse(path).unwrap(),
    };
    let use_case = |name: &str, routes| UseCase {
        name: UseCaseName::new(name).unwrap(),
        title: name.to_owned(),
        routes,
    };
    let catalogue = UseCaseCatalogue::new(vec![
        use_case("all", None),
        use_case("read", Some(vec![pattern(&["GET"], "/api/{site}/**")])),
        use_case("status", Some(vec![pattern(&[], "/status")])),
    ]);
    Settings {
        format: SecretFormat::new(Prefix::new("kw").unwrap(), Vec::new()),
        catalogue: catalogue.unwrap(),
        max_staleness: Duration::from_secs(3600),
        on_stale: OnStale::Serve,
    }
}

pub(crate) async fn create_user(engine: &Engine, email: &str) -> String {
    let draft = UserDraft {
        email: email.to_owned(),
        ..UserDraft::default()
    };
    match engine.create_user(OPERATOR, &draft, None).await.unwrap() {
        Created::New(view) | Created::Replay(view) => view.user.id.to_string(),
    }
}

/// A draft of the owner's, to be changed with `..`.
pub(crate) fn draft() -> KeyDraft {
    KeyDraft {
        owner: Some(OWNER.to_owned()),
        name: "key".to_owned(),
        ..KeyDraft::default()
    }
}

pub(crate) struct TestKey {
    pub(crate) id: String,
    pub(crate) secret: String,
}

pub(crate) async fn create_key(engine: &Engine, draft: &KeyDraft) -> TestKey {
    match engine.create_key(OPERATOR, draft, None).await.unwrap() {
        Created::New(IssuedKey { view, secret }) => TestKey {
            id: view.key.id.to_string(),
            secret: secret.reveal().to_owned(),
        },
        Created::Replay(_) => panic!("a replay without a claim"),
    }
}

/// Asks for `GET /api/1/x` at site 1 from an unknown client.
pub(crate) fn ask<'e>(engine: &'e Engine, secret: &str, counting: Counting) -> Decision<'e> {
    let path = StrictPath::parse(b"/api/1/x").unwrap();
    let asked = Asked {
        site: Some("1"),
        client: ClientAddress::Unknown,
        method: "GET",
        path,
    };
    at_once(engine.authenticate(Presented::parse(secret.as_bytes()), &asked, counting))
}

/// What counts in memory waits for nobody: a decision is ready when it is first asked for.
pub(crate) fn at_once<T>(decision: impl Future<Output = T>) -> T {
    let mut waits_for_nobody = Context::from_waker(Waker::noop());
    match pin!(decision).poll(&mut waits_for_nobody) {
        Poll::Ready(decision) => decision,
        Poll::Pending => panic!("a decision that waits"),
    }
}

/// The same as a word: `Ok` or the reason.
pub(crate) fn judged(engine: &Engine, secret: &str) -> Result<(), Reason> {
    word(&ask(engine, secret, Counting::Count))
}

pub(crate) fn word(decision: &Decision<'_>) -> Result<(), Reason> {
    match decision {
        Decision::Granted(_) => Ok(()),
        Decision::Denied(denied) => Err(denied.reason),
        Decision::Unavailable => panic!("the node cannot tell"),
    }
}

/// `light`, or `heavy` when `KEYWARD_HEAVY` is set.
pub(crate) fn sized(light: usize, heavy: usize) -> usize {
    if std::env::var_os("KEYWARD_HEAVY").is_some() {
        heavy
    } else {
        light
    }
}

/// A small generator of pseudo-random numbers (SplitMix64), so that a failure can be repeated from its seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Less than `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
