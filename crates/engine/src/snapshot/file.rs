//! The two files: written whole or not at all, and read only when they are this account's alone.

use super::format;
use keyward_domain::Timestamp;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How lately a snapshot was confirmed.
pub(super) struct Confirmed {
    /// Which snapshot.
    pub(super) digest: [u8; 32],
    /// When the store last said that it holds.
    pub(super) at: Timestamp,
}

/// The bytes of a snapshot; or what is wrong with its file, and the way out.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => "there is no snapshot".to_owned(),
        _ => format!("it cannot be read: {error}; give the account that runs keyward access to it"),
    })?;
    check(&file)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)
        .map_err(|error| format!("it cannot be read: {error}"))?;
    Ok(bytes)
}

/// Whoever may write to the file decides who is let in, and whoever may read it sees what keys there are.
fn check(file: &File) -> Result<(), String> {
    let metadata = file
        .metadata()
        .map_err(|error| format!("it cannot be looked at: {error}"))?;
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(
            "it belongs to another account; remove it, or give it to the account that runs keyward"
                .to_owned(),
        );
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(
            "other accounts may open it, and may have changed it; remove it, or run `chmod 600` on it if they have not"
                .to_owned(),
        );
    }
    Ok(())
}

/// Puts a snapshot in place of the one before.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = with_suffix(path, &format!(".new-{}", std::process::id()));
    // One of a process of this number that was killed. What is in the way still is told of by what follows.
    let _ = fs::remove_file(&draft);
    let done = fill(&draft, bytes).and_then(|()| fs::rename(&draft, path));
    if done.is_err() {
        let _ = fs::remove_file(&draft);
        return done;
    }
    sync_folder(path)
}

fn fill(draft: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Whether a snapshot can be put there.
pub(super) fn probe(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    let draft = with_suffix(path, &format!(".new-{}", std::process::id()));
    fill(&draft, b"")?;
    fs::remove_file(&draft)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

/// Notes how lately the snapshot was confirmed.
pub(super) fn write_confirmed(path: &Path, confirmed: &Confirmed) -> io::Result<()> {
    write(
        &beside(path),
        &format::confirmed_bytes(&confirmed.digest, confirmed.at),
    )
}

/// How lately some snapshot was confirmed. Without a file that can be relied on, the snapshot's own word holds, which is
/// never later.
pub(super) fn read_confirmed(path: &Path) -> Option<Confirmed> {
    let bytes = read(&beside(path)).ok()?;
    let (digest, at) = format::read_confirmed(&bytes)?;
    Some(Confirmed { digest, at })
}

fn beside(path: &Path) -> PathBuf {
    with_suffix(path, ".confirmed")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
