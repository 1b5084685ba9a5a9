//! The file that was opened, and whether it is the one that still lies there.
//!
//! A file that is moved away stays open, and all that is written into it is lost with the process that has it open. So the
//! path is looked at before each piece of work.

use super::fault::refused;
use crate::StoreError;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    file: Identity,
}

/// Device and number of a file.
type Identity = (u64, u64);

impl Place {
    /// The file at a path that was opened just now.
    pub(super) fn of(path: PathBuf) -> Result<Self, StoreError> {
        let file = identity(&path)
            .map_err(|error| refused(&path, format_args!("it cannot be looked at ({error})")))?;
        Ok(Self { path, file })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is still there.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let what = match identity(&self.path) {
            Ok(file) if file == self.file => return Ok(()),
            Ok(_) => "there is another file in its place".to_owned(),
            Err(error) => format!("it is not there any more ({error})"),
        };
        Err(StoreError::Unavailable(format!(
            "{}: {what} since this process opened it; put the right file there and restart keyward",
            self.path.display()
        )))
    }
}

fn identity(path: &Path) -> std::io::Result<Identity> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
