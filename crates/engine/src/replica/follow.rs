//! How the replica is brought to what the store holds: by each look, and by each change of this node.

use super::{Owners, Replica};
use keyward_domain::Revision;
use keyward_store::{Store, StoreError};
use std::sync::atomic::Ordering;
use std::time::Instant;

impl Replica {
    /// Catches up with the store, and takes over some more keys of an import, if there is one.
    pub(crate) async fn follow(&self, store: &dyn Store) -> Result<(), StoreError> {
        self.look(store).await?;
        self.take_imported(store).await
    }

    /// Catches up when the store's position is another than the one that is known here.
    async fn look(&self, store: &dyn Store) -> Result<(), StoreError> {
        let asked_at = self.elapsed_millis();
        // Read before the store is asked: a change on this node may be put in force while the answer is under way.
        let known = self.position();
        if store.position().await? != known || self.is_from_snapshot() || !self.is_whole() {
            return self.catch_up(store).await;
        }
        self.confirmed.fetch_max(asked_at, Ordering::Relaxed);
        self.forget_gone(Instant::now());
        Ok(())
    }

    /// Puts a committed change in force here. That a change of this number is here already says nothing: the store may have
    /// gone back since, and given the number anew.
    pub(crate) async fn put_in_force(&self, store: &dyn Store, change: Revision) -> Result<(), StoreError> {
        self.catch_up(store).await?;
        while self.is_importing(change) {
            self.take_imported(store).await?;
        }
        if self.is_loaded() && self.position().revision < change {
            let why = "it has gone back since, and does not hold the change any more";
            return Err(StoreError::Unavailable(why.into()));
        }
        Ok(())
    }

    /// Whether a change is in force here.
    pub(crate) fn holds(&self, change: Revision) -> bool {
        let is_current = self.is_loaded() && !self.is_from_snapshot() && self.is_whole();
        is_current && self.position().revision >= change && !self.is_importing(change)
    }

    /// Brings the replica to what the store holds now.
    async fn catch_up(&self, store: &dyn Store) -> Result<(), StoreError> {
        let wanted_at = self.elapsed_millis();
        let mut owners = self.applier.lock().await;
        if self.is_from_snapshot() {
            return self.replace_snapshot(&mut owners, store).await;
        }
        // While this one waited, another may have begun to read after it, and is done.
        if !self.is_loaded() || self.confirmed.load(Ordering::Relaxed) > wanted_at {
            return Ok(());
        }
        self.read_on(&mut owners, store).await
    }

    /// Reads what is new; or everything, from a store that does not continue what is known here.
    async fn read_on(&self, owners: &mut Owners, store: &dyn Store) -> Result<(), StoreError> {
        let asked_at = self.elapsed_millis();
        let known = self.position();
        let feed = store.changes_since(known.revision).await?;
        let is_continued = feed.position.revision >= known.revision && feed.mark_before == known.mark;
        if !is_continued || !self.is_whole() {
            return self.replace_history(owners, store, &feed).await;
        }
        self.apply(owners, feed.changes);
        self.note_imports(feed.imports);
        self.confirm(feed.position, asked_at);
        Ok(())
    }
}
