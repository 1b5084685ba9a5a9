//! The SQLite adapter: one file, one writer, several readers.
//!
//! Writes go through one connection, each in one `BEGIN IMMEDIATE` transaction; reads have a pool of their own and, in
//! WAL mode, neither wait for a write nor hold one up. Who adds a table adds a numbered migration, the decoding of its
//! rows in `rows`, and a module of its subject here.

mod accounts;
mod archive;
mod audit;
mod clock;
mod connect;
mod create;
mod credentials;
mod fault;
mod feed;
mod identities;
mod imports;
mod inspect;
mod key_lists;
mod keys;
mod links;
mod migrate;
mod nodes;
mod once;
mod packed;
mod place;
mod presence;
mod search;
mod sessions;
mod sites;
mod transfer;
mod upkeep;
mod usage;
mod users;
mod write;

#[cfg(test)]
pub(crate) const STEPS: &[crate::migrations::Migration] = &migrate::ALL;

pub use connect::SqliteOptions;
pub(crate) use transfer::{source, target};

use crate::staging;
use crate::{
    AuditEvent, AuditQuery, Change, Feed, IdempotencyClaim, ImportId, ImportedKeys, Inserted, KeyQuery,
    KeySource, LastUsed, NodeRecord, Period, Position, Purge, RecentAddress, SeenNode, Store, StoreError,
    UsageBatch, UsageBucket, UserQuery,
};
use async_trait::async_trait;
use fault::reading;
use keyward_domain::{AuditId, Email, Key, KeyId, NodeId, Revision, Site, SiteName, Timestamp, User, UserId};
use place::Place;
use presence::Presence;
use sqlx::SqlitePool;
use sqlx::pool::PoolConnection;
use std::path::Path;
use write::{Write, Writer};

/// A store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    place: Place,
    writer: Option<Writer>,
    readers: SqlitePool,
    presence: Presence,
}

impl SqliteStore {
    /// A connection that only reads.
    async fn reader(&self) -> Result<PoolConnection<sqlx::Sqlite>, StoreError> {
        self.place.check()?;
        self.readers.acquire().await.map_err(reading)
    }

    /// Begins the one transaction of a change.
    async fn write(&self) -> Result<Write<'_>, StoreError> {
        self.place.check()?;
        match &self.writer {
            Some(writer) => writer.begin().await,
            None => Err(StoreError::NotWritable(format!(
                "{} was opened for reading only",
                self.place.path().display()
            ))),
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn position(&self) -> Result<Position, StoreError> {
        feed::position(&mut *self.reader().await?).await
    }

    async fn load(&self, visit: &mut (dyn FnMut(Change) + Send)) -> Result<Position, StoreError> {
        self.place.check()?;
        feed::load(&self.readers, visit).await
    }

    async fn changes_since(&self, after: Revision) -> Result<Feed, StoreError> {
        self.place.check()?;
        feed::changes_since(&self.readers, after).await
    }

    async fn find_key(&self, id: KeyId) -> Result<Option<Key>, StoreError> {
        keys::find(&mut *self.reader().await?, id).await
    }

    async fn list_keys(&self, query: &KeyQuery) -> Result<Vec<Key>, StoreError> {
        key_lists::list(&mut *self.reader().await?, query).await
    }

    async fn count_keys(&self, query: &KeyQuery) -> Result<u64, StoreError> {
        key_lists::count(&mut *self.reader().await?, query).await
    }

    async fn insert_key(
        &self,
        key: &Key,
        audit: &AuditEvent,
        once: Option<&IdempotencyClaim>,
    ) -> Result<Inserted, StoreError> {
        let mut write = self.write().await?;
        let done = keys::insert(&mut write, key, audit, once).await;
        write.finish(done).await
    }

    async fn update_key(
        &self,
        key: &Key,
        expected: Revision,
        audit: &AuditEvent,
    ) -> Result<Revision, StoreError> {
        let mut write = self.write().await?;
        let done = keys::update(&mut write, key, expected, audit).await;
        write.finish(done).await
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
        self.place.check()?;
        imports::keys(&self.readers, import, (after, most), known).await
    }

    async fn list_purgeable_keys(
        &self,
        deleted_before: Timestamp,
        most: u32,
    ) -> Result<Vec<Key>, StoreError> {
        keys::list_purgeable(&mut *self.reader().await?, deleted_before, most).await
    }

    async fn purge_keys(&self, purges: &[Purge]) -> Result<Option<Revision>, StoreError> {
        let mut write = self.write().await?;
        let done = keys::purge(&mut write, purges).await;
        write.finish(done).await
    }

    async fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        users::find(&mut *self.reader().await?, id).await
    }

    async fn find_users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        users::find_many(&mut *self.reader().await?, ids).await
    }

    async fn find_user_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        users::find_by_email(&mut *self.reader().await?, email).await
    }

    async fn list_users(&self, query: &UserQuery) -> Result<Vec<User>, StoreError> {
        users::list(&mut *self.reader().await?, query).await
    }

    async fn insert_user(
        &self,
        user: &User,
        audit: &AuditEvent,
        once: Option<&IdempotencyClaim>,
    ) -> Result<Inserted, StoreError> {
        let mut write = self.write().await?;
        let done = users::insert(&mut write, user, audit, once).await;
        write.finish(done).await
    }

    async fn update_user(
        &self,
        user: &User,
        expected: Revision,
        audit: &AuditEvent,
    ) -> Result<Revision, StoreError> {
        let mut write = self.write().await?;
        let done = users::update(&mut write, user, expected, audit).await;
        write.finish(done).await
    }

    async fn list_sites(&self) -> Result<Vec<Site>, StoreError> {
        sites::list(&mut *self.reader().await?).await
    }

    async fn find_site(&self, name: &SiteName) -> Result<Option<Site>, StoreError> {
        sites::find(&mut *self.reader().await?, name).await
    }

    async fn insert_site(
        &self,
        site: &Site,
        audit: &AuditEvent,
        once: Option<&IdempotencyClaim>,
    ) -> Result<Inserted, StoreError> {
        let mut write = self.write().await?;
        let done = sites::insert(&mut write, site, audit, once).await;
        write.finish(done).await
    }

    async fn update_site(
        &self,
        site: &Site,
        expected: Revision,
        audit: &[AuditEvent],
    ) -> Result<Revision, StoreError> {
        let mut write = self.write().await?;
        let done = sites::update(&mut write, site, expected, audit).await;
        write.finish(done).await
    }

    async fn find_claim(&self, actor: &str, token: &str) -> Result<Option<Inserted>, StoreError> {
        once::find_claim(&mut *self.reader().await?, actor, token).await
    }

    async fn append_audit(&self, event: &AuditEvent) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let done = write.audit(event).await;
        write.finish(done).await
    }

    async fn list_audit(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError> {
        audit::list(&mut *self.reader().await?, query).await
    }

    async fn claim_archive(&self, node: NodeId) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let has_ended = |other| presence::has_ended(self.place.path(), other);
        let done = archive::claim(&mut write, node, has_ended).await;
        write.finish(done).await
    }

    async fn oldest_audit(&self, before: AuditId, most: u32) -> Result<Vec<AuditEvent>, StoreError> {
        archive::oldest(&mut *self.reader().await?, before, most).await
    }

    async fn remove_audit(
        &self,
        node: NodeId,
        archived: &[AuditId],
        audit: &AuditEvent,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let done = archive::remove(&mut write, node, archived, audit).await;
        write.finish(done).await
    }

    async fn put_setup_token(&self, hash: &[u8; 32], expires_at: Timestamp) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let done = once::put_setup_token(&mut write, hash, expires_at).await;
        write.finish(done).await
    }

    async fn redeem_setup_token(
        &self,
        hash: &[u8; 32],
        now: Timestamp,
        user: &User,
        key: &Key,
        audit: &[AuditEvent],
    ) -> Result<Revision, StoreError> {
        let mut write = self.write().await?;
        let done = once::redeem_setup_token(&mut write, hash, now, user, key, audit).await;
        write.finish(done).await
    }

    async fn add_usage(&self, batch: &UsageBatch) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let done = usage::add(&mut write, batch).await;
        write.finish(done).await
    }

    async fn usage(
        &self,
        key: KeyId,
        period: Period,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<UsageBucket>, StoreError> {
        usage::list(&mut *self.reader().await?, key, period, from, until).await
    }

    async fn last_used(&self, keys: &[KeyId]) -> Result<Vec<LastUsed>, StoreError> {
        usage::last_used(&mut *self.reader().await?, keys).await
    }

    async fn recent_addresses(&self, key: KeyId) -> Result<Vec<RecentAddress>, StoreError> {
        usage::recent_addresses(&mut *self.reader().await?, key).await
    }

    async fn put_node(&self, node: &NodeRecord) -> Result<(), StoreError> {
        self.presence.hold(self.place.path(), node.id);
        let mut write = self.write().await?;
        let done = nodes::put(&mut write, node).await;
        write.finish(done).await
    }

    async fn list_nodes(&self) -> Result<Vec<SeenNode>, StoreError> {
        let mut nodes = nodes::list(&mut *self.reader().await?).await?;
        for seen in &mut nodes {
            seen.has_ended = presence::has_ended(self.place.path(), seen.node.id);
        }
        Ok(nodes)
    }

    async fn remove_node(&self, id: NodeId) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let done = nodes::remove(&mut write, id).await;
        write.finish(done).await?;
        self.presence.release(self.place.path(), id);
        Ok(())
    }

    async fn prune(&self, now: Timestamp) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let done = upkeep::prune(&mut write, now).await;
        if write.finish(done).await? {
            return Ok(true);
        }
        let mut write = self.write().await?;
        let done = imports::sweep(&mut write).await;
        if write.finish(done).await? {
            return Ok(true);
        }
        let listed = nodes::list(&mut *self.reader().await?).await?;
        presence::sweep(
            self.place.path(),
            &listed.iter().map(|seen| seen.node.id).collect(),
        );
        // What was overwritten in the WAL still stands in the file, and the other way round.
        match &self.writer {
            Some(writer) => writer.write_back().await.map(|()| false),
            None => Ok(false),
        }
    }

    async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        upkeep::backup(&mut *self.reader().await?, to).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        upkeep::check(&mut *self.reader().await?).await
    }

    async fn close(&self) {
        self.readers.close().await;
        if let Some(writer) = &self.writer {
            writer.close().await;
        }
    }
}
