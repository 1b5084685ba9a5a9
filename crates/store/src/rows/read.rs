//! Rows that are read as far as they can be.
//!
//! A cell that cannot be read says nothing about the rest of its row, and nothing about other rows. So the strictest value
//! stands for it, and the thing is out of force until somebody has mended it: a user is not valid, a key and a site are
//! disabled. It is listed, and can be deleted, like any other. The feed tells the log; `check` names it.

use super::{Cells, NO_FINGERPRINT, Raw};
use crate::{Change, KeyState, StoreError};
use keyward_domain::{Revision, Timestamp};
use std::cell::OnceCell;

/// What was read of a row.
pub(crate) struct Read<T> {
    /// The thing, out of force when there is a fault.
    pub(crate) value: T,
    /// The first cell that could not be read.
    pub(crate) fault: Option<StoreError>,
}

impl<T> Read<T> {
    /// Refuses what could not be read whole.
    pub(crate) fn whole(self) -> Result<T, StoreError> {
        match self.fault {
            None => Ok(self.value),
            Some(fault) => Err(fault),
        }
    }

    /// The thing; what could not be read of it is told in the log.
    fn told(self) -> T {
        if let Some(fault) = &self.fault {
            tracing::error!(%fault, "a row cannot be read: what it stands for is out of force until it is mended or deleted");
        }
        self.value
    }
}

/// A row for the feed. One that does not even say what it is about is in force nowhere, and tells nothing.
pub(crate) fn change<T>(read: Result<Read<T>, StoreError>, change: fn(T) -> Change) -> Option<Change> {
    match read {
        Ok(read) => Some(change(read.told())),
        Err(fault) => {
            tracing::error!(%fault, "a row cannot be read, and is passed over");
            None
        }
    }
}

/// The same for a key, which replicas know by its fingerprint.
pub(crate) fn key_change(read: Result<Read<KeyState>, StoreError>) -> Option<Change> {
    change(read, |key| {
        if key.fingerprint.as_bytes() == &NO_FINGERPRINT {
            Change::LostKey(key.id)
        } else {
            Change::Key(key)
        }
    })
}

/// The cells of a row, one of which may be unreadable.
pub(super) struct Patient<'r> {
    pub(super) cells: Cells<'r>,
    fault: OnceCell<StoreError>,
}

impl<'r> Patient<'r> {
    pub(super) fn of(table: &'static str, row: &'r dyn Raw) -> Self {
        Self {
            cells: Cells { table, row },
            fault: OnceCell::new(),
        }
    }

    /// What was read, or what stands for it.
    pub(super) fn or<T>(&self, read: Result<T, StoreError>, strictest: T) -> T {
        read.unwrap_or_else(|fault| {
            self.fault.get_or_init(|| fault);
            strictest
        })
    }

    /// A text for people: whatever was taken once is good.
    pub(super) fn text<T>(&self, index: usize, column: &'static str, stored: fn(&str) -> T) -> T {
        stored(self.or(self.cells.get(index, column), "?"))
    }

    pub(super) fn instant(&self, index: usize, column: &'static str) -> Timestamp {
        self.or(self.cells.instant(index, column), Timestamp::from_millis(0))
    }

    /// Of a revision that is none, what stands there: so whoever deletes the row can say which one was seen.
    pub(super) fn revision(&self, index: usize) -> Result<Revision, StoreError> {
        let number: i64 = self.cells.get(index, "revision")?;
        Ok(self.or(self.cells.revision(index), Revision(number.cast_unsigned())))
    }

    pub(super) fn into_fault(self) -> Option<StoreError> {
        self.fault.into_inner()
    }
}
