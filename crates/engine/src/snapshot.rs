//! The replica on disk: what a node that starts while its database is away begins with.
//!
//! The file is written off the hot path, at most so often, and only when something has changed; how lately the database
//! confirmed it stands in a small file beside it. Neither holds a secret or a text for people: what is in them is what a
//! decision reads. A file that is not certainly this account's own and whole is refused; nothing starts empty in its place.

mod file;
mod format;

pub(crate) use format::{Rules, Writer};

use crate::Engine;
use file::Confirmed;
use keyward_domain::{Revision, Timestamp};
use keyward_store::Position;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Where the replica is kept on disk, and how often it is written at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotSettings {
    /// The file. A second one, `….confirmed`, lies beside it.
    pub path: PathBuf,
    /// Where the database is, without passwords. A file that was written for another one is refused.
    pub database: String,
    /// The shortest time between two writes.
    pub every: Duration,
}

/// Why there is no starting from a file, and the way out; or why it could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", .path.display())]
pub struct SnapshotFault {
    path: PathBuf,
    fault: String,
}

/// A snapshot that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotStatus {
    /// The revision that it holds.
    pub revision: Revision,
    /// How long ago the store confirmed that revision, as far as the disk knows.
    pub age: Duration,
}

/// What is on disk, as far as this process knows.
pub(crate) struct Snapshots {
    pub(crate) settings: SnapshotSettings,
    started_at: Timestamp,
    /// One writes at a time.
    turn: Mutex<()>,
    written: Mutex<Option<Written>>,
}

#[derive(Clone, Copy)]
struct Written {
    /// Without its mark, when it was written by a process before this one.
    position: Position,
    digest: [u8; 32],
    confirmed_at: Timestamp,
}

impl SnapshotFault {
    fn new(path: &Path, fault: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            fault: fault.into(),
        }
    }
}

impl SnapshotSettings {
    /// Whether the file can be written.
    ///
    /// # Errors
    /// What the file system says.
    pub fn check(&self) -> std::io::Result<()> {
        file::probe(&self.path)
    }
}

impl Snapshots {
    fn new(settings: SnapshotSettings, started_at: Timestamp) -> Self {
        Self {
            settings,
            started_at,
            turn: Mutex::default(),
            written: Mutex::default(),
        }
    }

    fn written(&self) -> Option<Written> {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, written: Written) {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = Some(written);
    }

    /// How old what is on disk is; since the start, when there is nothing: that it cannot be written shall be seen then too.
    pub(crate) fn age(&self, now: Timestamp) -> Duration {
        let since = self
            .written()
            .map_or(self.started_at, |written| written.confirmed_at);
        between(since, now)
    }

    pub(crate) fn status(&self, now: Timestamp) -> Option<SnapshotStatus> {
        self.written().map(|written| SnapshotStatus {
            revision: written.position.revision,
            age: between(written.confirmed_at, now),
        })
    }
}

/// How much later an instant is; nothing, when it is not.
fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(later.millis().saturating_sub(earlier.millis())).unwrap_or(0))
}

impl Engine {
    /// The same, with a snapshot of its replica on disk.
    #[must_use]
    pub fn with_snapshot(mut self, settings: SnapshotSettings) -> Self {
        self.snapshots = Some(Snapshots::new(settings, self.clock.now()));
        self
    }

    /// Begins with the snapshot on disk, in place of [`Engine::load`]: the first answer of the store then takes its place.
    ///
    /// # Errors
    /// Why there is none to begin with.
    pub async fn load_snapshot(&self) -> Result<SnapshotStatus, SnapshotFault> {
        let Some(snapshots) = &self.snapshots else {
            return Err(SnapshotFault::new(
                Path::new("snapshot"),
                "there is no setting for it",
            ));
        };
        let path = &snapshots.settings.path;
        let bytes = file::read(path).map_err(|fault| SnapshotFault::new(path, fault))?;
        let fault = |fault: &str| SnapshotFault::new(path, fault);
        let (head, rules) = format::open(&bytes).map_err(fault)?;
        if head.database != snapshots.settings.database {
            return Err(SnapshotFault::new(
                path,
                format!(
                    "it is of the database {}, and this node is to serve from {}; correct database.url, or remove the file",
                    head.database, snapshots.settings.database
                ),
            ));
        }
        let confirmed_at = match file::read_confirmed(path) {
            Some(Confirmed { digest, at }) if digest == head.digest => at.max(head.confirmed_at),
            _ => head.confirmed_at,
        };
        let now = self.clock.now();
        if confirmed_at > now.plus_millis(format::SKEW_MILLIS) {
            return Err(fault(
                "it was confirmed later than this machine's clock shows, so nobody can say how old it is; set the clock",
            ));
        }
        let age = between(confirmed_at, now);
        self.replica
            .begin_with(head.revision, age, rules)
            .await
            .map_err(fault)?;
        snapshots.note(Written {
            position: Position {
                revision: head.revision,
                mark: None,
            },
            digest: head.digest,
            confirmed_at,
        });
        Ok(SnapshotStatus {
            revision: head.revision,
            age,
        })
    }

    /// Writes the snapshot when there is something new in the replica, or notes how lately it was confirmed.
    ///
    /// # Errors
    /// What the file system says; what was on disk is there still.
    pub async fn write_snapshot(self: &Arc<Self>) -> Result<(), SnapshotFault> {
        let engine = Arc::clone(self);
        // Putting a large replica into bytes takes a while, and so does a slow disk.
        let done = tokio::task::spawn_blocking(move || engine.write_snapshot_now()).await;
        done.unwrap_or_else(|error| Err(SnapshotFault::new(Path::new("snapshot"), error.to_string())))
    }

    fn write_snapshot_now(&self) -> Result<(), SnapshotFault> {
        let Some(snapshots) = &self.snapshots else {
            return Ok(());
        };
        let _turn = snapshots.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.replica.is_loaded() || self.replica.is_from_snapshot() {
            return Ok(());
        }
        let path = &snapshots.settings.path;
        let fault =
            |error: std::io::Error| SnapshotFault::new(path, format!("it cannot be written: {error}"));
        // Read before the replica: what is written is then at least as new as it says.
        let confirmed_at = self.clock.now().plus_millis(-self.replica.age_millis());
        if let Some(mut written) = snapshots.written()
            && written.position == self.replica.position()
        {
            if confirmed_at > written.confirmed_at {
                written.confirmed_at = confirmed_at;
                let confirmed = Confirmed {
                    digest: written.digest,
                    at: confirmed_at,
                };
                file::write_confirmed(path, &confirmed).map_err(fault)?;
                snapshots.note(written);
            }
            return Ok(());
        }
        let Some((position, bytes)) = self.replica.to_bytes(confirmed_at, &snapshots.settings.database)
        else {
            return Ok(());
        };
        file::write(path, &bytes).map_err(fault)?;
        snapshots.note(Written {
            position,
            digest: format::digest_of(&bytes),
            confirmed_at,
        });
        Ok(())
    }
}
