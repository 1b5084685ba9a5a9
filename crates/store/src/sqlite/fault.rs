//! What SQLite's result codes mean in the words of the port.

use crate::{Duplicate, StoreError};
use sqlx::Error;
use std::path::Path;

// Primary result codes: https://sqlite.org/rescode.html
const PERM: i32 = 3;
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READONLY: i32 = 8;
const IOERR: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const CONSTRAINT: i32 = 19;
const AUTH: i32 = 23;
const NOTADB: i32 = 26;
// Extended ones.
const CONSTRAINT_FOREIGNKEY: i32 = 787;
const CONSTRAINT_PRIMARYKEY: i32 = 1555;
const CONSTRAINT_TRIGGER: i32 = 1811;
const CONSTRAINT_UNIQUE: i32 = 2067;

fn extended(error: &Error) -> Option<i32> {
    match error {
        Error::Database(error) => error.code()?.parse().ok(),
        _ => None,
    }
}

fn primary(error: &Error) -> Option<i32> {
    extended(error).map(|code| code & 0xff)
}

/// Whether another try may find the lock free.
pub(super) fn is_busy(error: &Error) -> bool {
    matches!(primary(error), Some(BUSY | LOCKED))
}

/// The fault of a statement that reads.
#[expect(clippy::needless_pass_by_value, reason = "stands in map_err")]
pub(super) fn reading(error: Error) -> StoreError {
    match primary(&error) {
        Some(CORRUPT | NOTADB) => damaged(error.to_string()),
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// The fault of a statement that writes, or of its commit.
pub(super) fn writing(error: Error) -> StoreError {
    match (primary(&error), extended(&error)) {
        (Some(CONSTRAINT), Some(code)) => constraint(code, &error.to_string()),
        (Some(FULL | READONLY | IOERR | CANTOPEN | PERM), _) => StoreError::NotWritable(error.to_string()),
        _ => reading(error),
    }
}

/// A file that is not as SQLite left it.
pub(super) fn damaged(fault: String) -> StoreError {
    StoreError::Corrupt {
        table: "(file)",
        column: "(page)",
        row: "-".to_owned(),
        fault,
    }
}

fn constraint(code: i32, message: &str) -> StoreError {
    let duplicate = |what| StoreError::Duplicate { what, row: 0 };
    match code {
        // The row that another one names: an owner.
        CONSTRAINT_FOREIGNKEY => StoreError::NotFound,
        CONSTRAINT_UNIQUE if message.contains("keys.fingerprint") => duplicate(Duplicate::Fingerprint),
        CONSTRAINT_UNIQUE if message.contains("users.email") => duplicate(Duplicate::Email),
        CONSTRAINT_UNIQUE if message.contains("sites.name") => duplicate(Duplicate::SiteName),
        // An id that is taken.
        CONSTRAINT_UNIQUE | CONSTRAINT_PRIMARYKEY | CONSTRAINT_TRIGGER => StoreError::Conflict,
        _ => damaged(message.to_owned()),
    }
}

/// A refusal to open: the file, what is wrong, and the way out.
pub(super) fn refused(path: &Path, sentence: impl std::fmt::Display) -> StoreError {
    StoreError::Open(format!("{}: {sentence}", path.display()))
}

/// Why a database cannot be opened.
#[expect(clippy::needless_pass_by_value, reason = "stands in map_err")]
pub(super) fn opening(path: &Path, error: Error) -> StoreError {
    let way_out = match primary(&error) {
        Some(NOTADB) => "this is not an SQLite database; check the path, or restore a backup",
        Some(CORRUPT) => "the database is damaged; restore a backup to this path",
        Some(READONLY) => {
            "the database cannot be written to; give the account that runs keyward write access to the file and its \
             folder, or mount the file system for writing"
        }
        Some(CANTOPEN | PERM | AUTH) => {
            "the database cannot be opened; give the account that runs keyward read and write access to the file and \
             its folder, and mount their file system for writing"
        }
        Some(BUSY | LOCKED) => "another program keeps the database locked; stop it, or try again",
        Some(FULL) => "the disk is full; make room and start again",
        Some(IOERR) => "the disk cannot be read or written; check it, then start again or restore a backup",
        _ => "the database cannot be opened",
    };
    refused(path, format_args!("{way_out} ({error})"))
}
