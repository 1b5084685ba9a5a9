//! The replica as bytes, and from bytes; and how what came from a snapshot is replaced by what the store holds.

use super::sites::SiteTable;
use super::{Entry, Owner, Owners, Replica};
use crate::snapshot::{Rules, Writer};
use keyward_domain::{Revision, Timestamp, UserId};
use keyward_store::{Position, Store, StoreError};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// About as many bytes as a key takes in a snapshot.
const KEY_BYTES: usize = 110;

impl Replica {
    /// Everything as of one position, for the disk, if it is of one. Changes wait meanwhile, requests do not. To be called
    /// where waiting is allowed.
    pub(crate) fn to_bytes(&self, confirmed_at: Timestamp, database: &str) -> Option<(Position, Vec<u8>)> {
        let owners = self.applier.blocking_lock();
        if !self.is_whole() || self.has_imports() {
            return None;
        }
        let position = self.position();
        let mut writer = Writer::new(position.revision, confirmed_at, database);
        let sites = self.sites.load();
        writer.count(sites.all().len());
        for (id, name, status) in sites.all() {
            writer.site(id, name, status);
        }
        writer.count(owners.len());
        let mut places: HashMap<UserId, u32> = HashMap::with_capacity(owners.len());
        for (place, (id, owner)) in (0..).zip(owners.iter()) {
            writer.owner(&owner.load());
            places.insert(*id, place);
        }
        let keys = self.keys.pin();
        writer.reserve(keys.len() * KEY_BYTES);
        writer.count(keys.len());
        for (fingerprint, entry) in &keys {
            let place = places.get(&entry.owner.load().id).copied().unwrap_or(u32::MAX);
            writer.key(fingerprint, &entry.record, place, &self.catalogue);
        }
        Some((position, writer.finish()))
    }

    pub(crate) fn is_from_snapshot(&self) -> bool {
        self.from_snapshot.load(Ordering::Acquire)
    }

    /// Begins with what a snapshot holds, whose revision was confirmed so long ago. Of a snapshot that does not fit
    /// nothing is decided by.
    pub(crate) async fn begin_with(
        &self,
        revision: Revision,
        age: Duration,
        rules: Rules<'_>,
    ) -> Result<(), &'static str> {
        let mut owners = self.applier.lock().await;
        self.forget_keys();
        if let Err(fault) = self.put_rules(&mut owners, rules) {
            self.forget_keys();
            return Err(fault);
        }
        self.move_to(Position { revision, mark: None });
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        self.confirmed
            .store(self.elapsed_millis().saturating_sub(age), Ordering::Relaxed);
        self.from_snapshot.store(true, Ordering::Release);
        self.loaded.store(true, Ordering::Release);
        Ok(())
    }

    fn put_rules(&self, owners: &mut Owners, mut rules: Rules<'_>) -> Result<(), &'static str> {
        let mut sites = SiteTable::default();
        rules.sites(|id, name, status| sites.put(id, name, status))?;
        let mut by_place: Vec<Arc<Owner>> = Vec::new();
        owners.clear();
        rules.owners(|record| {
            let owner = Owner::of(record);
            owners.insert(owner.load().id, Arc::clone(&owner));
            by_place.push(owner);
        })?;
        let guard = self.keys.guard();
        rules.keys(&self.catalogue, |fingerprint, record, place| {
            let entry = Entry {
                record,
                owner: Arc::clone(by_place.get(place)?),
                window: self.limiter.allocate(),
                seen_expired: AtomicBool::new(false),
            };
            self.keys.insert(fingerprint, entry, &guard);
            Some(())
        })?;
        self.sites.store(Arc::new(sites));
        Ok(())
    }

    /// Puts what the store holds in place of what a snapshot held: what was revoked since is so at once.
    pub(super) async fn replace_snapshot(
        &self,
        owners: &mut Owners,
        store: &dyn Store,
    ) -> Result<(), StoreError> {
        let feed = store.changes_since(self.position().revision).await?;
        self.apply(owners, feed.changes);
        self.reload(owners, store).await?;
        self.from_snapshot.store(false, Ordering::Release);
        tracing::info!(
            revision = self.revision().0,
            keys = self.keys.len(),
            "the database has taken the snapshot's place"
        );
        Ok(())
    }
}
