//! Making a new file: wholly or not at all, and never over another.

use super::connect::{close, connect, settings, with_suffix};
use super::fault::refused;
use super::migrate;
use crate::StoreError;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Makes a database with the first `steps` migrations. When another process makes the same file meanwhile, the first
/// one stays.
///
/// The database is made under a name of its own and linked to its place when it is complete, so that a process that is
/// killed in between leaves nothing half made there.
pub(super) async fn create(path: &Path, steps: usize) -> Result<(), StoreError> {
    static DRAFTS: AtomicU32 = AtomicU32::new(0);
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    let draft = with_suffix(path, &format!(".new-{}-{number}", std::process::id()));
    let cannot = |error: io::Error| {
        refused(
            path,
            format_args!(
                "the file cannot be made; give the account that runs keyward write access to its folder ({error})"
            ),
        )
    };
    create_private(&draft).map_err(cannot)?;
    let done = match fill(&draft, steps).await {
        Ok(()) => publish(&draft, path).map_err(cannot),
        Err(fault) => Err(fault),
    };
    remove(&draft);
    done
}

/// Makes an empty file that only its owner may open; one that is there stays.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes sure that a file and its name are on the disk.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

async fn fill(draft: &Path, steps: usize) -> Result<(), StoreError> {
    let mut connection = connect(draft, &settings(draft, false)).await?;
    let done = migrate::apply(&mut connection, draft, steps).await;
    close(connection).await;
    done
}

fn publish(draft: &Path, path: &Path) -> io::Result<()> {
    sync(draft)?;
    match std::fs::hard_link(draft, path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        // Some file systems have no hard links.
        Err(_) if !path.exists() => std::fs::rename(draft, path)?,
        Err(error) => return Err(error),
    }
    sync(path)
}

fn remove(draft: &Path) {
    let files: [PathBuf; 3] = [
        draft.to_owned(),
        with_suffix(draft, "-wal"),
        with_suffix(draft, "-shm"),
    ];
    for file in files {
        if let Err(error) = std::fs::remove_file(&file)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(file = %file.display(), %error, "a leftover file can be removed");
        }
    }
}
