//! An engine in a temporary folder, and shortcuts for what nearly every test does.

pub(crate) use keyward_engine::testing::{TestKey, create_key, create_user};
pub(crate) use keyward_testkit::{Random, sized};

use keyward_domain::{ClientAddress, Presented, Reason, StrictPath, Timestamp};
use keyward_engine::testing::{self, TestDatabase, use_case, use_case_of};
use keyward_engine::{Actor, Asked, Counting, Decision, Engine, KeyDraft, Settings, SnapshotSettings, Store};
use std::ops::Deref;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// 2026-11-23T22:11:00Z: the beginning of a minute.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_471_860_000);
pub(crate) const OPERATOR: &Actor = &Actor::OPERATOR;
pub(crate) const OWNER: &str = "owner@example.com";

/// A store, and what keeps it.
pub(crate) struct Home(pub(crate) TestDatabase);

impl Deref for Home {
    type Target = TestDatabase;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Home {
    pub(crate) async fn new() -> Self {
        Self(TestDatabase::at(START).await)
    }

    /// A node that is not loaded yet.
    pub(crate) fn node_over(&self, store: Arc<dyn Store>) -> Arc<Engine> {
        Arc::new(self.0.node_over(store, settings()))
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
        Arc::new(self.0.node_over(store, settings()).with_snapshot(snapshot))
    }

    /// A loaded node.
    pub(crate) async fn node(&self) -> Arc<Engine> {
        self.0.node(settings()).await
    }

    /// A loaded node, and a user without restrictions.
    pub(crate) async fn node_with_owner(&self) -> Arc<Engine> {
        let engine = self.node().await;
        create_user(&engine, OWNER).await;
        engine
    }
}

/// Use cases: `all` opens everything, `read` opens `GET` under `/api/{site}`, `status` opens `/status`.
pub(crate) fn settings() -> Settings {
    testing::settings(vec![
        use_case("all", "all"),
        use_case_of("read", "read", &["GET"], "/api/{site}/**"),
        use_case_of("status", "status", &[], "/status"),
    ])
}

/// A draft of the owner's, to be changed with `..`.
pub(crate) fn draft() -> KeyDraft {
    KeyDraft {
        owner: Some(OWNER.to_owned()),
        name: "key".to_owned(),
        ..KeyDraft::default()
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
