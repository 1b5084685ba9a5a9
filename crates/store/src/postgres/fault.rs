//! What PostgreSQL's error codes mean in the words of the port.

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
const DAMAGED: &str = "XX";
const BAD_PASSWORD: &str = "28P01";
const NOT_ALLOWED: &str = "28000";
const NO_DATABASE: &str = "3D000";

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

/// Whether a server that does not let anybody in may do so soon: it cannot be reached, starts or stops, or is full.
pub(super) fn is_away(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::PoolTimedOut => true,
        Error::Database(_) => matches!(code(error).as_str(), "57P01" | "57P02" | "57P03" | "53300"),
        _ => false,
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

/// Why a database cannot be opened.
#[expect(clippy::needless_pass_by_value, reason = "stands in map_err")]
pub(super) fn opening(place: &str, error: Error) -> StoreError {
    let way_out = match (code(&error).as_str(), &error) {
        (BAD_PASSWORD | NOT_ALLOWED, _) => {
            "the server does not let this user in; check user and password, and the server's pg_hba.conf"
        }
        (NO_DATABASE, _) => "there is no such database; make it (`createdb`), or correct the address",
        (NO_PRIVILEGE, _) => {
            "the user may not do this; let the role that keyward signs in as own the database and its tables"
        }
        (READ_ONLY, _) => "the server only reads; give the address of the primary server",
        (DISK_FULL, _) => "the server's disk is full; make room and start again",
        (other, _) if other.starts_with(DAMAGED) => "the database is damaged; restore a backup",
        (_, Error::Tls(_)) => {
            "no trusted connection comes about; check the server's certificate, and `sslmode` and `sslrootcert` of \
             database.url"
        }
        (_, Error::Io(_) | Error::PoolTimedOut) => {
            "the server cannot be reached; check address and port, and whether it runs"
        }
        _ => "the database cannot be opened",
    };
    refused(place, format_args!("{way_out} ({error})"))
}
