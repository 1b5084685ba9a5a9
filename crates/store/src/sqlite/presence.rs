//! Which nodes are still there. All nodes of a SQLite file run on its machine, and each holds a lock on a file of its own
//! beside it, of which the system lets go when the process ends, however it ends. So nobody waits for one that was killed.

use keyward_domain::NodeId;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The locks that this process holds.
#[derive(Debug, Default)]
pub(super) struct Presence(Mutex<HashMap<NodeId, File>>);

impl Presence {
    /// Holds the lock of a node of this process. Where that cannot be, the node counts as there for as long as it tells of itself.
    pub(super) fn hold(&self, database: &Path, node: NodeId) {
        let mut held = self.held();
        if held.contains_key(&node) {
            return;
        }
        match lock(&path_of(database, node)) {
            Ok(file) => drop(held.insert(node, file)),
            Err(error) => {
                tracing::debug!(%error, "no lock beside the database: when this process is killed, others take it for alive");
            }
        }
    }

    /// Lets go of the lock of a node of this process, and takes its file away.
    pub(super) fn release(&self, database: &Path, node: NodeId) {
        if self.held().remove(&node).is_some() {
            let _ = fs::remove_file(path_of(database, node));
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<NodeId, File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the process of a node has ended. One without a file may be there.
pub(super) fn has_ended(database: &Path, node: NodeId) -> bool {
    is_free(&path_of(database, node))
}

/// Takes away the files of nodes that have ended and that nobody lists any more. What else begins like one stays, such as the
/// database of somebody who named it so.
pub(super) fn sweep(database: &Path, listed: &HashSet<NodeId>) {
    let entries = database.parent().and_then(|folder| fs::read_dir(folder).ok());
    for entry in entries.into_iter().flatten().flatten() {
        let path = entry.path();
        let is_empty_file = entry
            .metadata()
            .is_ok_and(|about| about.is_file() && about.len() == 0);
        let is_left = node_of(database, &path).is_some_and(|node| !listed.contains(&node));
        if is_left && is_empty_file && is_free(&path) {
            let _ = fs::remove_file(path);
        }
    }
}

/// The node whose file this is.
fn node_of(database: &Path, path: &Path) -> Option<NodeId> {
    let beginning = path_beginning(database);
    let rest = path.to_str()?.strip_prefix(beginning.to_str()?)?;
    rest.parse().ok()
}

fn is_free(path: &Path) -> bool {
    // Let go of at once; those who look at the same time do not hinder each other.
    File::open(path).is_ok_and(|file| file.try_lock_shared().is_ok())
}

fn lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path)?;
    file.try_lock()?;
    Ok(file)
}

fn path_of(database: &Path, node: NodeId) -> PathBuf {
    let mut path = path_beginning(database).into_os_string();
    path.push(node.to_string());
    path.into()
}

fn path_beginning(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-node-");
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId::from_bytes([7; 16]);

    #[test]
    fn a_node_has_ended_when_nobody_holds_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("keyward.db");
        assert!(!has_ended(&database, NODE), "no file: nobody knows");
        let presence = Presence::default();
        for _ in 0..2 {
            presence.hold(&database, NODE);
            assert!(!has_ended(&database, NODE));
        }
        sweep(&database, &HashSet::new());
        assert!(path_of(&database, NODE).exists(), "it is held");
        for (name, text) in [("keyward.db-node-2", ""), ("keyward.db-node-a.bak", "x")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let like_one = path_of(&database, NodeId::from_bytes([8; 16]));
        fs::write(&like_one, "somebody else's").unwrap();
        // As when its process ends without a word.
        drop(presence);
        assert!(has_ended(&database, NODE));
        sweep(&database, &HashSet::from([NODE]));
        assert!(has_ended(&database, NODE), "it is listed");
        sweep(&database, &HashSet::new());
        assert!(!path_of(&database, NODE).exists());
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 3, "what is no node's file stays");
    }

    #[test]
    fn a_node_that_leaves_takes_its_file_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("keyward.db");
        let presence = Presence::default();
        presence.hold(&database, NODE);
        presence.release(&database, NODE);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
