//! The PostgreSQL adapter: one database, any number of nodes.
//!
//! Changes of all nodes take turns at the one row of `meta`, each in one transaction that locks it first and raises the
//! revision in it; so commits are totally ordered, and whoever sees a revision sees all before it. What is no change
//! (usage, pruning, a note in the audit log) does not wait there. Reads have a pool of their own. Who adds a table adds a
//! numbered migration here and for SQLite, the decoding of its rows in `rows`, and a module of its subject here.

mod accounts;
mod archive;
mod ask;
mod audit;
mod clock;
mod connect;
mod connection;
mod connector;
mod copied;
mod credentials;
mod fault;
mod feed;
mod form;
mod identities;
mod imports;
mod key_lists;
mod keys;
mod lent;
mod links;
mod listen;
mod migrate;
mod nodes;
mod once;
mod opening;
mod options;
mod password;
mod poll;
mod pool;
mod search;
mod server;
mod sessions;
mod sites;
mod transfer;
mod upkeep;
mod usage;
mod users;
mod write;

#[cfg(test)]
pub(crate) const STEPS: &[crate::migrations::Migration] = &migrate::ALL;

pub use options::PostgresOptions;
pub use password::PasswordSource;
pub(crate) use transfer::{source, target};

use crate::kept::OUTLIVED;
use crate::staging;
use crate::{
    AuditEvent, AuditQuery, Change, Connections, Feed, IdempotencyClaim, ImportId, ImportedKeys, Inserted,
    KeyQuery, KeySource, LastUsed, NodeRecord, Period, Position, Purge, RecentAddress, SeenNode,
    ServerRemark, Store, StoreError, UsageBatch, UsageBucket, UserQuery,
};
use ask::{change, note, read};
use async_trait::async_trait;
use connection::Begin;
use keyward_domain::{AuditId, Email, Key, KeyId, NodeId, Revision, Site, SiteName, Timestamp, User, UserId};
use lent::Lent;
use listen::Listen;
use opening::Opening;
use pool::{Lane, Pool};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use write::Write;

/// A store in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    place: String,
    options: PostgresOptions,
    opening: Opening,
    is_read_only: bool,
    /// Of this node's changes, only one at a time goes to wait for those of the others.
    turn: Semaphore,
    pool: Arc<Pool>,
    listen: Listen,
}

impl PostgresStore {
    /// A connection that only reads.
    async fn reader(&self) -> Result<Lent, StoreError> {
        self.check_open().await?;
        Lent::reader(&self.pool, Begin::Read).await
    }

    /// A transaction that reads as of one instant.
    async fn snapshot(&self) -> Result<Lent, StoreError> {
        self.check_open().await?;
        Lent::reader(&self.pool, Begin::Snapshot).await
    }

    async fn check_open(&self) -> Result<(), StoreError> {
        self.opening.check(&self.options, self.pool.connector()).await
    }

    /// Begins the one transaction of a change.
    async fn write(&self) -> Result<Write<'_>, StoreError> {
        self.check_writable()?;
        self.check_open().await?;
        Write::change(&self.turn, &self.pool).await
    }

    /// Begins a transaction of what is no change.
    async fn note(&self) -> Result<Write<'_>, StoreError> {
        self.check_writable()?;
        self.check_open().await?;
        Write::note(&self.pool).await
    }

    fn check_writable(&self) -> Result<(), StoreError> {
        match self.is_read_only {
            true => Err(StoreError::NotWritable(format!(
                "{} was opened for reading only",
                self.place
            ))),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn position(&self) -> Result<Position, StoreError> {
        self.check_open().await?;
        poll::position(&self.pool).await
    }

    async fn load(&self, visit: &mut (dyn FnMut(Change) + Send)) -> Result<Position, StoreError> {
        self.check_open().await?;
        let snapshot = Lent::begun(&self.pool, Lane::Follow, Begin::Snapshot).await?;
        feed::load(snapshot, visit).await
    }

    async fn changes_since(&self, after: Revision) -> Result<Feed, StoreError> {
        self.check_open().await?;
        poll::changes_since(&self.pool, after).await
    }

    async fn changed(&self) {
        self.listen.changed().await;
    }

    fn is_listening(&self) -> Option<bool> {
        Some(self.listen.is_listening())
    }

    fn connections(&self) -> Option<Connections> {
        Some(self.pool.connections())
    }

    async fn find_key(&self, id: KeyId) -> Result<Option<Key>, StoreError> {
        read!(self, keys::find(id))
    }

    async fn list_keys(&self, query: &KeyQuery) -> Result<Vec<Key>, StoreError> {
        read!(self, key_lists::list(query))
    }

    async fn count_keys(&self, query: &KeyQuery) -> Result<u64, StoreError> {
        read!(self, key_lists::count(query))
    }

    async fn insert_key(
        &self,
        key: &Key,
        audit: &AuditEvent,
        once: Option<&IdempotencyClaim>,
    ) -> Result<Inserted, StoreError> {
        change!(self, keys::insert(key, audit, once))
    }

    async fn update_key(
        &self,
        key: &Key,
        expected: Revision,
        audit: &AuditEvent,
    ) -> Result<Revision, StoreError> {
        change!(self, keys::update(key, expected, audit))
    }

    async fn import_keys(
        &self,
        keys: &mut dyn KeySource,
        audit: &AuditEvent,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Revision, StoreError> {
        staging::import(self, keys, audit, progress).await
    }

    async fn imported_keys(
        &self,
        import: ImportId,
        after: Option<KeyId>,
        most: u32,
        known: Revision,
    ) -> Result<ImportedKeys, StoreError> {
        poll::imported_keys(&self.pool, import, (after, most), known).await
    }

    async fn list_purgeable_keys(
        &self,
        deleted_before: Timestamp,
        most: u32,
    ) -> Result<Vec<Key>, StoreError> {
        read!(self, keys::list_purgeable(deleted_before, most))
    }

    async fn purge_keys(&self, purges: &[Purge]) -> Result<Option<Revision>, StoreError> {
        change!(self, keys::purge(purges))
    }

    async fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        read!(self, users::find(id))
    }

    async fn find_users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        read!(self, users::find_many(ids))
    }

    async fn find_user_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        read!(self, users::find_by_email(email))
    }

    async fn list_users(&self, query: &UserQuery) -> Result<Vec<User>, StoreError> {
        read!(self, users::list(query))
    }

    async fn insert_user(
        &self,
        user: &User,
        audit: &AuditEvent,
        once: Option<&IdempotencyClaim>,
    ) -> Result<Inserted, StoreError> {
        change!(self, users::insert(user, audit, once))
    }

    async fn update_user(
        &self,
        user: &User,
        expected: Revision,
        audit: &AuditEvent,
    ) -> Result<Revision, StoreError> {
        change!(self, users::update(user, expected, audit))
    }

    async fn list_sites(&self) -> Result<Vec<Site>, StoreError> {
        read!(self, sites::list())
    }

    async fn find_site(&self, name: &SiteName) -> Result<Option<Site>, StoreError> {
        read!(self, sites::find(name))
    }

    async fn insert_site(
        &self,
        site: &Site,
        audit: &AuditEvent,
        once: Option<&IdempotencyClaim>,
    ) -> Result<Inserted, StoreError> {
        change!(self, sites::insert(site, audit, once))
    }

    async fn update_site(
        &self,
        site: &Site,
        expected: Revision,
        audit: &[AuditEvent],
    ) -> Result<Revision, StoreError> {
        change!(self, sites::update(site, expected, audit))
    }

    async fn find_claim(&self, actor: &str, token: &str) -> Result<Option<Inserted>, StoreError> {
        read!(self, once::find_claim(actor, token))
    }

    async fn append_audit(&self, event: &AuditEvent) -> Result<(), StoreError> {
        note!(self, audit::note(event))
    }

    async fn list_audit(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError> {
        read!(self, audit::list(query))
    }

    async fn claim_archive(&self, node: NodeId) -> Result<bool, StoreError> {
        note!(self, archive::claim(node))
    }

    async fn oldest_audit(&self, before: AuditId, most: u32) -> Result<Vec<AuditEvent>, StoreError> {
        read!(self, archive::oldest(before, most))
    }

    async fn remove_audit(
        &self,
        node: NodeId,
        archived: &[AuditId],
        audit: &AuditEvent,
    ) -> Result<(), StoreError> {
        note!(self, archive::remove(node, archived, audit))
    }

    async fn put_setup_token(&self, hash: &[u8; 32], expires_at: Timestamp) -> Result<(), StoreError> {
        change!(self, once::put_setup_token(hash, expires_at))
    }

    async fn redeem_setup_token(
        &self,
        hash: &[u8; 32],
        now: Timestamp,
        user: &User,
        key: &Key,
        audit: &[AuditEvent],
    ) -> Result<Revision, StoreError> {
        change!(self, once::redeem_setup_token(hash, now, user, key, audit))
    }

    async fn add_usage(&self, batch: &UsageBatch) -> Result<(), StoreError> {
        let mut write = self.note().await?;
        let done = timeout(usage::PATIENCE, usage::add(&mut write, batch)).await;
        write.finish(done).await
    }

    async fn usage(
        &self,
        key: KeyId,
        period: Period,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<UsageBucket>, StoreError> {
        read!(self, usage::list(key, period, from, until))
    }

    async fn last_used(&self, keys: &[KeyId]) -> Result<Vec<LastUsed>, StoreError> {
        read!(self, usage::last_used(keys))
    }

    async fn recent_addresses(&self, key: KeyId) -> Result<Vec<RecentAddress>, StoreError> {
        read!(self, usage::recent_addresses(key))
    }

    async fn put_node(&self, node: &NodeRecord) -> Result<(), StoreError> {
        self.check_writable()?;
        self.check_open().await?;
        nodes::put(&self.pool, node).await
    }

    async fn list_nodes(&self) -> Result<Vec<SeenNode>, StoreError> {
        read!(self, nodes::list())
    }

    async fn remove_node(&self, id: NodeId) -> Result<(), StoreError> {
        note!(self, nodes::remove(id))
    }

    fn node_interval(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn prune(&self, now: Timestamp) -> Result<bool, StoreError> {
        let mut has_more = false;
        for outlived in &OUTLIVED {
            has_more |= note!(self, upkeep::prune(outlived, now))?;
        }
        has_more |= note!(self, imports::sweep())?;
        Ok(has_more)
    }

    async fn backup(&self, _: &Path) -> Result<(), StoreError> {
        Err(upkeep::no_backup(&self.place))
    }

    async fn check(&self) -> Result<(), StoreError> {
        upkeep::check(self.snapshot().await?).await
    }

    async fn server_remarks(&self) -> Result<Vec<ServerRemark>, StoreError> {
        let mut remarks = read!(self, server::remarks())?;
        remarks.extend(self.listen.remark().await);
        Ok(remarks)
    }

    async fn close(&self) {
        self.turn.close();
        self.listen.stop();
        self.pool.close().await;
    }
}
