//! How everything is read anew while requests are decided: after a start from a snapshot, and when the store holds another
//! history than the one that is known here.

use super::sites::SiteTable;
use super::{Owners, Replica, put_owner};
use keyward_domain::{Fingerprint, Revision, UserId};
use keyward_store::{Change, Feed, MARKS_KEPT, Store, StoreError};
use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

impl Replica {
    /// Whether what is here is of one instant of the store.
    pub(super) fn is_whole(&self) -> bool {
        self.whole.load(Ordering::Acquire)
    }

    /// How often the store held another history than the one that was followed here.
    pub(crate) fn went_back(&self) -> u64 {
        self.went_back.load(Ordering::Relaxed)
    }

    /// Puts what the store holds in place of a history that its feed does not continue.
    pub(super) async fn replace_history(
        &self,
        owners: &mut Owners,
        store: &dyn Store,
        feed: &Feed,
    ) -> Result<(), StoreError> {
        let (known, there) = (self.position().revision.0, feed.position.revision.0);
        if feed.mark_before.is_none() && there >= known.saturating_add(MARKS_KEPT) {
            tracing::info!(
                known,
                there,
                "too many changes were missed to follow them one by one"
            );
        } else {
            tracing::warn!(
                known,
                there,
                "the database went back: it does not hold the history that this node has followed, as after a failover to a \
                 server that was behind, or when a backup was restored. Everything is read anew; what was changed or revoked \
                 since may be undone"
            );
            self.note_went_back(Revision(known), Revision(there));
        }
        self.reload(owners, store).await?;
        let revision = self.revision().0;
        tracing::info!(revision, keys = self.keys.len(), "everything was read anew");
        Ok(())
    }

    /// What is still to be told of it: the revision that was known here, and the one that was there.
    pub(crate) fn take_undone(&self) -> Option<(Revision, Revision)> {
        self.undone.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn put_undone(&self, undone: (Revision, Revision)) {
        self.undone
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(undone);
    }

    /// Counts it once, also when reading everything anew takes several tries.
    fn note_went_back(&self, known: Revision, there: Revision) {
        if self.is_whole() {
            self.went_back.fetch_add(1, Ordering::Relaxed);
            self.put_undone((known, there));
        }
    }

    /// Puts what the store holds in place of everything here. Requests are decided meanwhile; what the store does not have
    /// any more goes last.
    pub(super) async fn reload(&self, owners: &mut Owners, store: &dyn Store) -> Result<(), StoreError> {
        let asked_at = self.elapsed_millis();
        self.whole.store(false, Ordering::Release);
        let mut keys: HashSet<Fingerprint> = HashSet::with_capacity(self.keys.len());
        let mut users: HashSet<UserId> = HashSet::with_capacity(owners.len());
        let mut sites = SiteTable::default();
        let position = store
            .load(&mut |change| match change {
                Change::User(user) => {
                    users.insert(user.id);
                    put_owner(owners, &user);
                }
                Change::Site(site) => sites.put(site.id, site.name, site.status),
                Change::Key(key) => {
                    keys.insert(key.fingerprint);
                    self.put_key(owners, key);
                }
                // Not seen, so it goes with those that are not there.
                Change::LostKey(_) => {}
            })
            .await?;
        self.keep_only(&keys);
        owners.retain(|id, _| users.contains(id));
        self.sites.store(Arc::new(sites));
        self.forget_imports();
        self.confirm(position, asked_at);
        self.whole.store(true, Ordering::Release);
        Ok(())
    }

    /// Drops the keys that the store does not have any more: those that were deleted, or purged since.
    fn keep_only(&self, seen: &HashSet<Fingerprint>) {
        let guard = self.keys.guard();
        let gone: Vec<Fingerprint> = self
            .keys
            .iter(&guard)
            .filter(|(fingerprint, _)| !seen.contains(fingerprint))
            .map(|(fingerprint, _)| *fingerprint)
            .collect();
        for fingerprint in &gone {
            self.drop_key(fingerprint, &guard);
        }
    }
}
