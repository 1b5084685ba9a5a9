//! How a node takes over the keys of an import: in portions, between which changes have their turn. They may be millions, and
//! nothing that is revoked meanwhile waits for them.
//!
//! A portion is read and put in under the lock of the applier, and of a store that continues what is known here, so the proof of
//! order holds for it as for every other change. Of one that does not, the next look at the store reads everything anew.

use super::Replica;
use keyward_domain::{KeyId, Revision};
use keyward_store::{PublishedImport, Store, StoreError};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

/// Keys of a portion: read and put in within some tens of milliseconds.
const PORTION: u32 = 2000;

/// The imports of which keys are still to come here, in the order of their revisions.
pub(super) type Importing = VecDeque<Begun>;

/// One of them.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    import: PublishedImport,
    /// The last key that was taken over.
    after: Option<KeyId>,
}

impl Replica {
    /// Takes over some keys of the import that was published first; nothing when there is none.
    pub(crate) async fn take_imported(&self, store: &dyn Store) -> Result<(), StoreError> {
        if !self.has_imports() {
            return Ok(());
        }
        // However many wait for an import, one of them at most stands before a change in the queue of appliers.
        let _turn = self.taker.lock().await;
        let mut owners = self.applier.lock().await;
        let Some(Begun { import, after }) = self.lock_imports().front().copied() else {
            return Ok(());
        };
        let known = self.position();
        let keys = store
            .imported_keys(import.id, after, PORTION, known.revision)
            .await?;
        if keys.position.revision < known.revision || keys.mark_before != known.mark {
            let why = "it does not hold the history that this node has followed";
            return Err(StoreError::Unavailable(why.into()));
        }
        self.apply(&mut owners, keys.changes);
        let mut imports = self.lock_imports();
        match (imports.front_mut(), keys.last) {
            (Some(begun), Some(last)) => begun.after = Some(last),
            _ => {
                imports.pop_front();
                drop(imports);
                self.note_in_force();
                self.moved.send_replace(self.position().revision);
            }
        }
        Ok(())
    }

    /// Whether keys of an import are still to come.
    pub(crate) fn has_imports(&self) -> bool {
        !self.lock_imports().is_empty()
    }

    /// Whether a change is an import of which keys are still to come.
    pub(crate) fn is_importing(&self, change: Revision) -> bool {
        self.lock_imports()
            .iter()
            .any(|begun| begun.import.revision == change)
    }

    /// Their keys are to come.
    pub(super) fn note_imports(&self, imports: Vec<PublishedImport>) {
        let begun = |import| Begun { import, after: None };
        self.lock_imports().extend(imports.into_iter().map(begun));
    }

    /// Everything was read: their keys, too.
    pub(super) fn forget_imports(&self) {
        self.lock_imports().clear();
    }

    /// Notes up to which revision everything is in force: that before the first import whose keys are still to come.
    pub(super) fn note_in_force(&self) {
        let imports = self.lock_imports();
        let followed = self.position().revision.0;
        let whole = imports
            .front()
            .map_or(followed, |begun| begun.import.revision.0 - 1);
        self.in_force.store(whole, Ordering::Release);
    }

    fn lock_imports(&self) -> MutexGuard<'_, Importing> {
        self.importing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
