//! What PostgreSQL's error codes mean in the words of the port.

mod refusal;

pub(super) use refusal::{is_away, is_bad_password, is_refused_parameter, opening};

use crate::{Duplicate, StoreError};
use sqlx::Error;

// https://www.postgresql.org/docs/current/errcodes-appendix.html
const FOREIGN_KEY: &str = "23503";
const UNIQUE: &str = "23505";
const CONSTRAINTS: &str = "23";
const READ_ONLY: &str = "25006";
const NO_PRIVILEGE: &str = "42501";
const DISK_FULL: &str = "53100";
const INVALID_JSON: &str = "22P02";

/// What is said of a server that follows another one.
pub(super) const STANDBY: &str =
    "the server only reads: it is a standby; give the address of the primary server";

fn code(error: &Error) -> String {
    match error {
        Error::Database(error) => error.code().unwrap_or_default().into_owned(),
        _ => String::new(),
    }
}

/// The fault of a statement that reads. A node that cannot be reached, a statement that took too long, a deadlock: all
/// that another try may get past is the same to the caller.
#[expect(clippy::needless_pass_by_value, reason = "stands in map_err")]
pub(super) fn reading(error: Error) -> StoreError {
    // XX000 is any internal error; XX001 and XX002 are damaged tables and indexes.
    if matches!(code(&error).as_str(), "XX001" | "XX002") {
        return damaged(error.to_string());
    }
    StoreError::Unavailable(error.to_string())
}

/// The fault of a statement that writes, or of its commit.
pub(super) fn writing(error: Error) -> StoreError {
    let code = code(&error);
    match code.as_str() {
        READ_ONLY | NO_PRIVILEGE | DISK_FULL => StoreError::NotWritable(error.to_string()),
        // The row that another one names: an owner.
        FOREIGN_KEY => StoreError::NotFound,
        UNIQUE => taken(&error),
        INVALID_JSON => damaged(error.to_string()),
        other if other.starts_with(CONSTRAINTS) => damaged(error.to_string()),
        _ => reading(error),
    }
}

fn taken(error: &Error) -> StoreError {
    let constraint = error.as_database_error().and_then(|error| error.constraint());
    let duplicate = |what| StoreError::Duplicate { what, row: 0 };
    match constraint {
        Some("keys_fingerprint") => duplicate(Duplicate::Fingerprint),
        Some("users_email") => duplicate(Duplicate::Email),
        Some("sites_name") => duplicate(Duplicate::SiteName),
        // An id that is taken.
        _ => StoreError::Conflict,
    }
}

/// No answer at all.
pub(super) fn silent() -> StoreError {
    StoreError::Unavailable("the database does not answer".to_owned())
}

/// Whether a connection is of no more use after this.
pub(super) fn is_over<T>(done: &Result<T, StoreError>) -> bool {
    matches!(done, Err(StoreError::Unavailable(_)))
}

/// A database that is not as Keyward left it.
pub(super) fn damaged(fault: String) -> StoreError {
    StoreError::Corrupt {
        table: "(database)",
        column: "-",
        row: "-".to_owned(),
        fault,
    }
}

/// A refusal to open: the database, what is wrong, and the way out.
pub(super) fn refused(place: &str, sentence: impl std::fmt::Display) -> StoreError {
    StoreError::Open(format!("{place}: {sentence}"))
}
