//! What those who keep answers of this node have to know: at which revision it decides, when that moves, and whether it
//! still knows that nothing newer is there. Nothing of it is on the way of a request.

use crate::Engine;
use crate::authenticate::now_or_expiry;
use keyward_domain::{ClientAddress, Fingerprint, Revision, decide_management};
use std::time::Duration;
use tokio::sync::watch;

impl Engine {
    /// The revision that is in force here. Read before a decision, it says how old that may be; never how new it is.
    pub fn revision(&self) -> Revision {
        self.replica.revision()
    }

    /// What tells of each revision that comes into force here; of several in a row perhaps the last alone.
    pub fn moves(&self) -> watch::Receiver<Revision> {
        self.replica.moves()
    }

    /// Whether the store has said within a time, and within the longest that this node may go without it, that nothing newer
    /// is there.
    pub fn is_confirmed_within(&self, time: Duration) -> bool {
        !self.replica.is_from_snapshot() && !self.is_stale() && self.age() <= time
    }

    /// Whether a key that manages is still good for a client, without counting anything.
    pub fn still_manages(&self, key: &Fingerprint, client: ClientAddress) -> bool {
        let now = self.clock.now();
        self.replica.with_key(key, |entry| {
            entry.is_some_and(|entry| {
                let use_case = self.catalogue.get(entry.record.use_case);
                let now = now_or_expiry(entry, now);
                decide_management(&entry.record, &entry.owner.load(), use_case, client, now).is_ok()
            })
        })
    }
}
