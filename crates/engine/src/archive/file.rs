//! The files: one a day, to the end of which lines are added.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How much of the end of a file is looked at for lines that a process before this one has written there.
const TAIL: u64 = 32 << 20;

/// A link is not followed: whoever may write to the folder could lay one to any file of this account.
const NO_LINK: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

/// A file to which lines were added, and its length then.
pub(super) struct Appended((PathBuf, u64));

/// A folder of such files.
pub(super) struct Folder {
    path: PathBuf,
    /// The file that was written last, and its length then: what is longer was written by somebody else.
    last: Mutex<Option<(PathBuf, u64)>>,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            last: Mutex::default(),
        }
    }

    /// Adds lines, each with its end, to a file of this folder, but those that stand at its end already. They are on the disk when this
    /// ends; when it fails, the file is as it was, unless it begins to fail there too. The file is looked through again the next time,
    /// unless it is said by [`Folder::note`] that the store has let go of the lines.
    pub(super) fn append(&self, name: &Path, lines: &[Vec<u8>]) -> io::Result<Appended> {
        let last = self.lock().take();
        let path = self.path.join(name);
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(NO_LINK)
            .open(&path)?;
        file.try_lock()
            .map_err(|_| io::Error::new(ErrorKind::WouldBlock, "another process writes to it"))?;
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a file"));
        }
        if about.uid() != rustix::process::geteuid().as_raw() || about.nlink() != 1 {
            let why = "it belongs to another account, or has another name too";
            return Err(io::Error::new(ErrorKind::PermissionDenied, why));
        }
        if about.mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        let is_known = last == Some((path.clone(), about.len()));
        let (length, written) = match is_known {
            true => (about.len(), HashSet::new()),
            false => whole_lines(&mut file, about.len())?,
        };
        let bytes: Vec<u8> = lines
            .iter()
            .filter(|line| !written.contains(*line))
            .flatten()
            .copied()
            .collect();
        if let Err(error) = file.write_all(&bytes).and_then(|()| file.sync_all()) {
            // Lines that are not whole would be cut off by the next try.
            let _ = file.set_len(length);
            return Err(error);
        }
        if !is_known {
            // It may be new, or a crash may have come before this.
            File::open(&self.path)?.sync_all()?;
        }
        Ok(Appended((path, file.metadata()?.len())))
    }

    /// Lines that were added are not in the store any more.
    pub(super) fn note(&self, appended: Appended) {
        *self.lock() = Some(appended.0);
    }

    fn lock(&self) -> MutexGuard<'_, Option<(PathBuf, u64)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts off a last line that has no end, which a crash has left. Gives the length that is left, and the lines at the end.
fn whole_lines(file: &mut File, length: u64) -> io::Result<(u64, HashSet<Vec<u8>>)> {
    let start = length.saturating_sub(TAIL);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.read_to_end(&mut tail)?;
    let whole = tail
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    if whole == 0 && start > 0 {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            "its end is no line: move it away",
        ));
    }
    let cut = u64::try_from(tail.len() - whole).unwrap_or(0);
    if cut > 0 {
        file.set_len(length - cut)?;
    }
    let lines = tail[..whole].split_inclusive(|byte| *byte == b'\n');
    Ok((length - cut, lines.map(<[u8]>::to_vec).collect()))
}

/// Whether files can be written there.
pub(super) fn probe(folder: &Path) -> io::Result<()> {
    if fs::metadata(folder)?.mode() & 0o002 != 0 {
        let why = "everybody may write to it: chmod o-w";
        return Err(io::Error::new(ErrorKind::PermissionDenied, why));
    }
    let path = folder.join(format!(".audit-probe-{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(NO_LINK)
        .open(&path)?;
    file.write_all(b"\n")?;
    fs::remove_file(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<Vec<u8>> {
        texts
            .iter()
            .map(|text| format!("{text}\n").into_bytes())
            .collect()
    }

    #[test]
    fn lines_are_added_once_whatever_a_crash_has_left_at_the_end() {
        let home = tempfile::tempdir().unwrap();
        let name = Path::new("audit-2026-01-01.jsonl");
        let path = home.path().join(name);
        let read = || fs::read_to_string(&path).unwrap();
        let folder = Folder::new(home.path().to_owned());
        let appended = folder.append(name, &lines(&["a", "b"])).unwrap();
        folder.note(appended);
        folder.append(name, &lines(&["c"])).unwrap();
        // The store could not let go of it.
        folder.append(name, &lines(&["c"])).unwrap();
        assert_eq!(read(), "a\nb\nc\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        // A process after this one, which was killed in the middle of `d`, finds `c` in the store still.
        fs::write(&path, "a\nb\nc\nd-beg").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let after = Folder::new(home.path().to_owned());
        after.append(name, &lines(&["c", "d-begun", "e"])).unwrap();
        assert_eq!(read(), "a\nb\nc\nd-begun\ne\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        // Somebody else has written meanwhile.
        folder.append(name, &lines(&["e", "f"])).unwrap();
        assert_eq!(read(), "a\nb\nc\nd-begun\ne\nf\n");
    }

    #[test]
    fn no_link_is_followed_to_a_file_that_is_elsewhere() {
        let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = Folder::new(home.path().to_owned());
        let target = elsewhere.path().join("keyward.db");
        for (name, link) in [("soft", false), ("hard", true)] {
            fs::write(&target, "not a line").unwrap();
            let path = home.path().join(name);
            match link {
                true => fs::hard_link(&target, &path).unwrap(),
                false => std::os::unix::fs::symlink(&target, &path).unwrap(),
            }
            assert!(folder.append(Path::new(name), &lines(&["a"])).is_err(), "{name}");
            assert_eq!(fs::read_to_string(&target).unwrap(), "not a line");
        }
    }

    #[test]
    fn a_file_that_another_process_writes_to_and_a_folder_that_is_not_there_are_faults() {
        let home = tempfile::tempdir().unwrap();
        let name = Path::new("audit-2026-01-01.jsonl");
        let folder = Folder::new(home.path().to_owned());
        let other = File::create(home.path().join(name)).unwrap();
        other.try_lock().unwrap();
        assert!(folder.append(name, &lines(&["a"])).is_err());
        drop(other);
        folder.append(name, &lines(&["a"])).unwrap();
        let absent = home.path().join("absent");
        assert!(Folder::new(absent.clone()).append(name, &lines(&["a"])).is_err());
        assert!(probe(&absent).is_err());
        probe(home.path()).unwrap();
        fs::set_permissions(home.path(), Permissions::from_mode(0o2775)).unwrap();
        probe(home.path()).unwrap();
        fs::set_permissions(home.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(probe(home.path()).is_err());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
