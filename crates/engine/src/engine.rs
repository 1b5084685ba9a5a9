//! The engine and its state.

use crate::accounts::Gate;
use crate::archive::Archive;
use crate::background::{Job, LastDone, Progress};
use crate::ids::Ids;
use crate::nodes::ThisNode;
use crate::remarks::Remarks;
use crate::replica::Replica;
use crate::snapshot::{SnapshotStatus, Snapshots};
use crate::usage::Usage;
use crate::{Clock, EngineError};
use keyward_domain::{
    Fingerprint, NodeId, Reason, RequestSite, Revision, Secret, SecretFormat, Timestamp, UseCaseCatalogue,
};
use keyward_limit::{Limiter, LimiterStatus};
use keyward_store::{Store, StoreError};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What a node does when its replica has not been confirmed for too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnStale {
    /// Goes on deciding from what it has, and says so.
    Serve,
    /// Answers 503.
    Refuse,
}

impl OnStale {
    /// As it is written in the settings.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Refuse => "refuse",
        }
    }
}

/// What an engine is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How secrets are written.
    pub format: SecretFormat,
    /// What keys may be for.
    pub catalogue: UseCaseCatalogue,
    /// How long the replica may go without being confirmed.
    pub max_staleness: Duration,
    /// What happens then.
    pub on_stale: OnStale,
}

/// Issues, restricts, verifies and revokes keys.
pub struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    ids: Ids,
    pub(crate) format: SecretFormat,
    pub(crate) catalogue: Arc<UseCaseCatalogue>,
    pub(crate) replica: Replica,
    pub(crate) usage: Usage,
    pub(crate) tally: Tally,
    pub(crate) gate: Gate,
    pub(crate) snapshots: Option<Snapshots>,
    pub(crate) archive: Option<Archive>,
    pub(crate) this_node: OnceLock<ThisNode>,
    pub(crate) node_id: OnceLock<NodeId>,
    max_staleness: Duration,
    pub(crate) on_stale: OnStale,
    /// Whether the log says that this node is stale.
    pub(crate) told_stale: AtomicBool,
    remarks: Remarks,
    pub(crate) last_done: LastDone,
}

/// How an engine is doing, for metrics and probes.
#[derive(Clone, Debug)]
pub struct EngineStatus {
    /// Whether the replica is loaded.
    pub loaded: bool,
    /// Whether requests are decided: it is loaded, and not refused for its age.
    pub decides: bool,
    /// The replica's revision.
    pub revision: Revision,
    /// How long ago the store confirmed it.
    pub age: Duration,
    /// Whether that is longer than allowed.
    pub stale: bool,
    /// Whether it comes from a snapshot, and the store has not answered since the start.
    pub from_snapshot: bool,
    /// What is on disk of it.
    pub snapshot: Option<SnapshotStatus>,
    /// How long ago the store confirmed that; since the start, when nothing is on disk yet. None without a snapshot.
    pub snapshot_age: Option<Duration>,
    /// Keys in memory.
    pub keys: usize,
    /// Requests granted since the start.
    pub granted: u64,
    /// Requests refused since the start, by reason.
    pub denied: Vec<(Reason, u64)>,
    /// Usage counts that wait to be stored.
    pub usage_pending: usize,
    /// Requests whose usage was dropped because the store was away for too long.
    pub usage_lost: u64,
    /// When each background job last had nothing left to do, or began; one that does not run is not there.
    pub last_done: Vec<(Job, Timestamp)>,
    /// Passwords hashed since the start, to check or to keep one.
    pub password_runs: u64,
    /// How limits are counted.
    pub limiter: LimiterStatus,
    /// How often the store was found to hold another history than the one that was followed.
    pub went_back: u64,
}

impl Engine {
    /// An engine over a store. It manages at once; it decides after [`Engine::load`].
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, settings: Settings) -> Self {
        let catalogue = Arc::new(settings.catalogue);
        Self {
            store,
            clock,
            ids: Ids::default(),
            format: settings.format,
            replica: Replica::new(Arc::clone(&catalogue)),
            catalogue,
            usage: Usage::default(),
            tally: Tally::default(),
            gate: Gate::default(),
            snapshots: None,
            archive: None,
            this_node: OnceLock::new(),
            node_id: OnceLock::new(),
            max_staleness: settings.max_staleness,
            on_stale: settings.on_stale,
            told_stale: AtomicBool::new(false),
            remarks: Remarks::default(),
            last_done: LastDone::default(),
        }
    }

    /// What this process has seen that only an operator can mend.
    pub fn remarks(&self) -> &Remarks {
        &self.remarks
    }

    /// The same with another limiter than one in memory, before anything is loaded.
    #[must_use]
    pub fn with_limiter(mut self, limiter: Limiter) -> Self {
        self.replica.limiter = limiter;
        self
    }

    /// Loads the replica; requests are decided once it is there.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn load(&self) -> Result<Revision, StoreError> {
        self.replica.load(&*self.store).await
    }

    /// Asks the store for changes of other nodes, once.
    ///
    /// # Errors
    /// Whatever the store says; the replica then stays as it is.
    pub async fn follow(&self) -> Result<(), StoreError> {
        while self.follow_some().await? == Progress::More {}
        Ok(())
    }

    /// The same; of an import only some keys, between which other changes come into force.
    pub(crate) async fn follow_some(&self) -> Result<Progress, StoreError> {
        self.replica.follow(&*self.store).await?;
        Ok(match self.replica.has_imports() {
            true => Progress::More,
            false => Progress::Done,
        })
    }

    /// Writes to the audit log that the database went back, if it did. Apart from following, which waits for no write.
    ///
    /// # Errors
    /// Whatever the store says; it is tried again with the next call.
    pub async fn tell_went_back(&self) -> Result<(), EngineError> {
        let Some(undone) = self.replica.take_undone() else {
            return Ok(());
        };
        let noted = self.note_went_back(undone).await;
        if noted.is_err() {
            self.replica.put_undone(undone);
        }
        noted
    }

    /// What keys may be for.
    pub fn catalogue(&self) -> &UseCaseCatalogue {
        &self.catalogue
    }

    /// Whether a name is that of a registered site, open or not.
    pub fn is_site(&self, name: &str) -> bool {
        self.replica.request_site(name) != RequestSite::Unregistered
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// What counts the limits.
    pub fn limiter(&self) -> &Limiter {
        &self.replica.limiter
    }

    /// The time by which windows of limits end: that of whoever counts them.
    pub fn limit_time(&self) -> Timestamp {
        self.replica.limiter.time(self.clock.now())
    }

    /// The store, for copies and checks of it.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Numbers for metrics and probes.
    pub fn status(&self) -> EngineStatus {
        EngineStatus {
            loaded: self.replica.is_loaded(),
            decides: self.can_tell(),
            revision: self.replica.revision(),
            age: self.age(),
            // What is being loaded for the first time is not old.
            stale: self.replica.is_loaded() && self.is_stale(),
            from_snapshot: self.replica.is_from_snapshot(),
            snapshot: self
                .snapshots
                .as_ref()
                .and_then(|snapshots| snapshots.status(self.clock.now())),
            snapshot_age: self
                .snapshots
                .as_ref()
                .map(|snapshots| snapshots.age(self.clock.now())),
            keys: self.replica.len(),
            granted: self.tally.granted.load(Ordering::Relaxed),
            denied: Reason::ALL
                .into_iter()
                .map(|reason| (reason, self.tally.of(reason)))
                .collect(),
            usage_pending: self.usage.pending(),
            usage_lost: self.usage.lost(),
            last_done: self.last_done.list(),
            password_runs: self.gate.hasher.runs(),
            limiter: self.limiter().status(),
            went_back: self.replica.went_back(),
        }
    }

    /// Whether this node may decide at all.
    pub(crate) fn can_tell(&self) -> bool {
        self.replica.is_loaded() && (self.on_stale == OnStale::Serve || !self.is_stale())
    }

    pub(crate) fn is_stale(&self) -> bool {
        self.age() > self.max_staleness
    }

    pub(crate) fn age(&self) -> Duration {
        Duration::from_millis(self.replica.age_millis().unsigned_abs())
    }

    /// A new secret and what is stored of it.
    pub(crate) fn new_secret(&self, format: &SecretFormat) -> Result<(Secret, Fingerprint), EngineError> {
        let mut failed = false;
        let secret = format.generate(&mut |bytes| {
            if getrandom::fill(bytes).is_err() {
                failed = true;
                bytes.fill(0);
            }
        });
        if failed {
            return Err(EngineError::NoEntropy);
        }
        let fingerprint = secret.fingerprint();
        Ok((secret, fingerprint))
    }

    /// The time and the ten bytes below it, for a new id that sorts after all that this node made before.
    pub(crate) fn id_parts(&self) -> Result<(u64, [u8; 10]), EngineError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| EngineError::NoEntropy)?;
        let millis = u64::try_from(self.clock.now().millis()).unwrap_or(0);
        Ok(self.ids.next(millis, random))
    }
}

/// Decisions since the start.
#[derive(Default)]
pub(crate) struct Tally {
    granted: AtomicU64,
    denied: [AtomicU64; Reason::ALL.len()],
}

impl Tally {
    pub(crate) fn count(&self, refused: Option<Reason>) {
        let counter = refused.map_or(&self.granted, |reason| &self.denied[reason as usize]);
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn of(&self, reason: Reason) -> u64 {
        self.denied[reason as usize].load(Ordering::Relaxed)
    }
}
