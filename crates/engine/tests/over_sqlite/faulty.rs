//! A store whose answers come late, in another order than they were given, or not at all.

mod accounts;

use async_trait::async_trait;
use keyward_domain::{AuditId, Email, Key, KeyId, NodeId, Revision, Site, SiteName, Timestamp, User, UserId};
use keyward_store::{
    AuditEvent, AuditQuery, Change, Feed, IdempotencyClaim, ImportId, ImportedKeys, Inserted, KeyQuery,
    KeySource, LastUsed, NodeRecord, Period, Position, Purge, RecentAddress, SeenNode, SqliteStore, Store,
    StoreError, UsageBatch, UsageBucket, UserQuery,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Stands before a real store.
pub(crate) struct Faulty {
    real: Mutex<Arc<SqliteStore>>,
    /// Every answer waits for up to so many microseconds before and after the real one.
    pub(crate) jitter_micros: AtomicU64,
    turn: AtomicU64,
    /// While set, the next answer waits, already read, for [`Faulty::release`].
    hold_revision: AtomicBool,
    hold_feed: AtomicBool,
    gate: Semaphore,
    held: Semaphore,
    /// The next load fails after so many entities; 0 lets it pass.
    pub(crate) fail_load_after: AtomicUsize,
    /// Whether the feed that is kept back is lost on its way.
    pub(crate) fail_feed: AtomicBool,
    /// Whether of an import nothing can be read but its first keys.
    pub(crate) fail_imported: AtomicBool,
    /// Whether the next lines of the audit log that are archived cannot be removed.
    pub(crate) fail_removal: AtomicBool,
    /// Whether usage cannot be stored.
    pub(crate) fail_usage: AtomicBool,
    /// Whether usage is stored and nobody is told.
    pub(crate) lose_answers: AtomicBool,
    /// Whether no fingerprint of a key can be read.
    pub(crate) lose_keys: AtomicBool,
    /// How long the next batch of usage takes at least, in milliseconds.
    pub(crate) next_usage_millis: AtomicU64,
    /// How many counts each batch of usage had, by its number.
    pub(crate) batches: Mutex<BTreeMap<u64, usize>>,
}

impl Faulty {
    pub(crate) fn before(real: Arc<SqliteStore>) -> Arc<Self> {
        Arc::new(Self {
            real: Mutex::new(real),
            jitter_micros: AtomicU64::new(0),
            turn: AtomicU64::new(0),
            hold_revision: AtomicBool::new(false),
            hold_feed: AtomicBool::new(false),
            gate: Semaphore::new(0),
            held: Semaphore::new(0),
            fail_load_after: AtomicUsize::new(0),
            fail_feed: AtomicBool::new(false),
            fail_imported: AtomicBool::new(false),
            fail_removal: AtomicBool::new(false),
            fail_usage: AtomicBool::new(false),
            lose_answers: AtomicBool::new(false),
            lose_keys: AtomicBool::new(false),
            next_usage_millis: AtomicU64::new(0),
            batches: Mutex::default(),
        })
    }

    fn real(&self) -> Arc<SqliteStore> {
        self.real.lock().unwrap().clone()
    }

    /// Puts another store in place of the real one, as when a backup is restored.
    pub(crate) fn replace(&self, real: Arc<SqliteStore>) {
        *self.real.lock().unwrap() = real;
    }

    /// From here on the next answer of `position` is kept back after it was read.
    pub(crate) fn hold_next_revision(&self) {
        self.hold_revision.store(true, Ordering::SeqCst);
    }

    /// The same for `changes_since` and `load`.
    pub(crate) fn hold_next_feed(&self) {
        self.hold_feed.store(true, Ordering::SeqCst);
    }

    /// Waits until an answer is kept back.
    pub(crate) async fn wait_held(&self) {
        self.held.acquire().await.unwrap().forget();
    }

    pub(crate) fn release(&self) {
        self.gate.add_permits(1);
    }

    async fn kept_back(&self, hold: &AtomicBool) {
        if hold.swap(false, Ordering::SeqCst) {
            self.held.add_permits(1);
            self.gate.acquire().await.unwrap().forget();
        }
    }

    async fn jitter(&self) {
        let most = self.jitter_micros.load(Ordering::Relaxed);
        if most > 0 {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let micros = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
            tokio::time::sleep(Duration::from_micros(micros % most)).await;
        }
    }
}

/// Passes calls on, late.
macro_rules! late {
    ($self:ident, $call:expr) => {{
        $self.jitter().await;
        let answer = $call.await;
        $self.jitter().await;
        answer
    }};
}

#[async_trait]
impl Store for Faulty {
    async fn position(&self) -> Result<Position, StoreError> {
        let position = late!(self, self.real().position());
        self.kept_back(&self.hold_revision).await;
        position
    }

    async fn load(&self, visit: &mut (dyn FnMut(Change) + Send)) -> Result<Position, StoreError> {
        let most = self.fail_load_after.swap(0, Ordering::SeqCst);
        let mut seen = Vec::new();
        let position = late!(self, self.real().load(&mut |change| seen.push(change)))?;
        self.kept_back(&self.hold_feed).await;
        let passed = if most == 0 { seen.len() } else { most };
        seen.into_iter().take(passed).for_each(visit);
        if most == 0 {
            Ok(position)
        } else {
            Err(StoreError::Unavailable("told to fail".into()))
        }
    }

    async fn changes_since(&self, after: Revision) -> Result<Feed, StoreError> {
        let mut feed = late!(self, self.real().changes_since(after));
        if let (Ok(feed), true) = (&mut feed, self.lose_keys.load(Ordering::SeqCst)) {
            for change in &mut feed.changes {
                if let Change::Key(key) = change {
                    *change = Change::LostKey(key.id);
                }
            }
        }
        self.kept_back(&self.hold_feed).await;
        if self.fail_feed.swap(false, Ordering::SeqCst) {
            return Err(StoreError::Unavailable("told to fail".into()));
        }
        feed
    }

    async fn imported_keys(
        &self,
        import: ImportId,
        after: Option<KeyId>,
        most: u32,
        known: Revision,
    ) -> Result<ImportedKeys, StoreError> {
        // A few at a time, so that there are many times.
        let few = most.min(100);
        let portion = late!(self, self.real().imported_keys(import, after, few, known));
        if after.is_some() && self.fail_imported.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("told to fail".into()));
        }
        portion
    }

    async fn find_key(&self, id: KeyId) -> Result<Option<Key>, StoreError> {
        self.real().find_key(id).await
    }

    async fn list_keys(&self, query: &KeyQuery) -> Result<Vec<Key>, StoreError> {
        self.real().list_keys(query).await
    }

    async fn count_keys(&self, query: &KeyQuery) -> Result<u64, StoreError> {
        self.real().count_keys(query).await
    }

    async fn find_users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        self.real().find_users(ids).await
    }

    async fn recent_addresses(&self, key: KeyId) -> Result<Vec<RecentAddress>, StoreError> {
        self.real().recent_addresses(key).await
    }

    async fn insert_key(
        &self,
        key: &Key,
        audit: &AuditEvent,
        once: Option<&IdempotencyClaim>,
    ) -> Result<Inserted, StoreError> {
        late!(self, self.real().insert_key(key, audit, once))
    }

    async fn update_key(
        &self,
        key: &Key,
        expected: Revision,
        audit: &AuditEvent,
    ) -> Result<Revision, StoreError> {
        late!(self, self.real().update_key(key, expected, audit))
    }

    async fn import_keys(
        &self,
        keys: &mut dyn KeySource,
        audit: &AuditEvent,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Revision, StoreError> {
        self.real().import_keys(keys, audit, progress).await
    }

    async fn list_purgeable_keys(
        &self,
        deleted_before: Timestamp,
        most: u32,
    ) -> Result<Vec<Key>, StoreError> {
        self.real().list_purgeable_keys(deleted_before, most).await
    }

    async fn purge_keys(&self, purges: &[Purge]) -> Result<Option<Revision>, StoreError> {
        late!(self, self.real().purge_keys(purges))
    }

    async fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.real().find_user(id).await
    }

    async fn find_user_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        self.real().find_user_by_email(email).await
    }

    async fn list_users(&self, query: &UserQuery) -> Result<Vec<User>, StoreError> {
        self.real().list_users(query).await
    }

    async fn insert_user(
        &self,
        user: &User,
        audit: &AuditEvent,
        once: Option<&IdempotencyClaim>,
    ) -> Result<Inserted, StoreError> {
        late!(self, self.real().insert_user(user, audit, once))
    }

    async fn update_user(
        &self,
        user: &User,
        expected: Revision,
        audit: &AuditEvent,
    ) -> Result<Revision, StoreError> {
        late!(self, self.real().update_user(user, expected, audit))
    }

    async fn list_sites(&self) -> Result<Vec<Site>, StoreError> {
        self.real().list_sites().await
    }

    async fn find_site(&self, name: &SiteName) -> Result<Option<Site>, StoreError> {
        self.real().find_site(name).await
    }

    async fn insert_site(
        &self,
        site: &Site,
        audit: &AuditEvent,
        once: Option<&IdempotencyClaim>,
    ) -> Result<Inserted, StoreError> {
        late!(self, self.real().insert_site(site, audit, once))
    }

    async fn find_claim(&self, actor: &str, token: &str) -> Result<Option<Inserted>, StoreError> {
        self.real().find_claim(actor, token).await
    }

    async fn update_site(
        &self,
        site: &Site,
        expected: Revision,
        audit: &[AuditEvent],
    ) -> Result<Revision, StoreError> {
        late!(self, self.real().update_site(site, expected, audit))
    }

    async fn append_audit(&self, event: &AuditEvent) -> Result<(), StoreError> {
        self.real().append_audit(event).await
    }

    async fn list_audit(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError> {
        self.real().list_audit(query).await
    }

    async fn claim_archive(&self, node: NodeId) -> Result<bool, StoreError> {
        self.real().claim_archive(node).await
    }

    async fn oldest_audit(&self, before: AuditId, most: u32) -> Result<Vec<AuditEvent>, StoreError> {
        self.real().oldest_audit(before, most).await
    }

    async fn remove_audit(
        &self,
        node: NodeId,
        archived: &[AuditId],
        audit: &AuditEvent,
    ) -> Result<(), StoreError> {
        if self.fail_removal.swap(false, Ordering::SeqCst) {
            return Err(StoreError::Unavailable("told to fail".into()));
        }
        self.real().remove_audit(node, archived, audit).await
    }

    async fn put_setup_token(&self, hash: &[u8; 32], expires_at: Timestamp) -> Result<(), StoreError> {
        self.real().put_setup_token(hash, expires_at).await
    }

    async fn redeem_setup_token(
        &self,
        hash: &[u8; 32],
        now: Timestamp,
        user: &User,
        key: &Key,
        audit: &[AuditEvent],
    ) -> Result<Revision, StoreError> {
        self.real().redeem_setup_token(hash, now, user, key, audit).await
    }

    async fn add_usage(&self, batch: &UsageBatch) -> Result<(), StoreError> {
        if let Some(flush) = batch.flush {
            self.batches
                .lock()
                .unwrap()
                .insert(flush.number, batch.counts.len());
        }
        let delay = self.next_usage_millis.swap(0, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(delay)).await;
        if self.fail_usage.load(Ordering::SeqCst) {
            return Err(StoreError::NotWritable("told to fail".into()));
        }
        self.real().add_usage(batch).await?;
        match self.lose_answers.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("the answer was lost".into())),
            false => Ok(()),
        }
    }

    async fn usage(
        &self,
        key: KeyId,
        period: Period,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<UsageBucket>, StoreError> {
        self.real().usage(key, period, from, until).await
    }

    async fn last_used(&self, keys: &[KeyId]) -> Result<Vec<LastUsed>, StoreError> {
        self.real().last_used(keys).await
    }

    async fn put_node(&self, node: &NodeRecord) -> Result<(), StoreError> {
        self.real().put_node(node).await
    }

    async fn list_nodes(&self) -> Result<Vec<SeenNode>, StoreError> {
        self.real().list_nodes().await
    }

    async fn remove_node(&self, id: NodeId) -> Result<(), StoreError> {
        self.real().remove_node(id).await
    }

    async fn prune(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.real().prune(now).await
    }

    async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        self.real().backup(to).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.real().check().await
    }

    async fn close(&self) {
        self.real().close().await;
    }
}
