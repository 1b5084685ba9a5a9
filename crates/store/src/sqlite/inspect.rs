//! What a file is looked at for before it is served from.

use super::connect::with_suffix;
use super::fault::{opening, refused};
use crate::StoreError;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};
use std::io::ErrorKind;
use std::path::Path;

/// Files up to this size are checked page by page at start (about a quarter of a second); of larger ones the schema
/// and both ends of every table and index.
const WHOLE_CHECK_BYTES: u64 = 64 * 1024 * 1024;

/// The size of the file, or `None` when nothing is there; refuses what cannot be a database.
pub(super) fn look_at(path: &Path) -> Result<Option<u64>, StoreError> {
    let wal = with_suffix(path, "-wal");
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound && is_filled(&wal) => {
            return Err(refused(
                path,
                format_args!(
                    "there is no such file, but {} holds changes to it; put the file back, or restore a backup and \
                     move the other one away",
                    wal.display()
                ),
            ));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(refused(
                path,
                format_args!(
                    "the file cannot be looked at ({error}); give the account that runs keyward access to it"
                ),
            ));
        }
    };
    if !metadata.is_file() {
        return Err(refused(
            path,
            "this is not a file; give the path of the database file",
        ));
    }
    if metadata.len() == 0 && !is_filled(&wal) {
        return Err(refused(
            path,
            "the file is empty; restore a backup, or remove it and run `keyward init`",
        ));
    }
    warn_when_open_to_others(path, &metadata);
    Ok(Some(metadata.len()))
}

fn is_filled(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0)
}

#[cfg(unix)]
fn warn_when_open_to_others(path: &Path, metadata: &std::fs::Metadata) {
    use std::os::unix::fs::PermissionsExt;
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "other accounts may open the database; run `chmod 600` on it");
    }
}

#[cfg(not(unix))]
fn warn_when_open_to_others(_: &Path, _: &std::fs::Metadata) {}

/// SQLite opens what it may not write to for reading, silently, and even begins a transaction; only a change tells.
pub(super) async fn check_writable(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    sqlx::raw_sql("BEGIN IMMEDIATE; UPDATE meta SET revision = revision; ROLLBACK")
        .execute(connection)
        .await
        .map_err(|error| opening(path, error))?;
    Ok(())
}

/// Looks for damaged pages.
pub(super) async fn check_pages(
    connection: &mut SqliteConnection,
    path: &Path,
    size: u64,
) -> Result<(), StoreError> {
    check_size(connection, path, size).await?;
    if size > WHOLE_CHECK_BYTES {
        return check_ends(connection, path).await;
    }
    let row = sqlx::query("PRAGMA quick_check(1)")
        .fetch_one(connection)
        .await
        .map_err(|error| opening(path, error))?;
    let found: String = row.try_get(0).map_err(|error| opening(path, error))?;
    if found == "ok" {
        Ok(())
    } else {
        Err(refused(
            path,
            format_args!("the database is damaged; restore a backup to this path ({found})"),
        ))
    }
}

/// SQLite reads what is missing of the last page as zeros. While there is a WAL, that page may be in there.
async fn check_size(connection: &mut SqliteConnection, path: &Path, size: u64) -> Result<(), StoreError> {
    let row = sqlx::query("PRAGMA page_size")
        .fetch_one(connection)
        .await
        .map_err(|error| opening(path, error))?;
    let page: i64 = row.try_get(0).map_err(|error| opening(path, error))?;
    if size.is_multiple_of(page.unsigned_abs()) || is_filled(&with_suffix(path, "-wal")) {
        Ok(())
    } else {
        Err(refused(
            path,
            "the database is damaged; restore a backup to this path (it ends within a page)",
        ))
    }
}

/// Walks down both edges of the large trees.
async fn check_ends(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    for (table, column) in [
        ("meta", "one"),
        ("users", "rowid"),
        ("users", "id"),
        ("sites", "rowid"),
        ("keys", "rowid"),
        ("keys", "id"),
        ("keys", "fingerprint"),
        ("keys", "revision"),
        ("keys", "owner"),
    ] {
        for direction in ["ASC", "DESC"] {
            let sql = format!("SELECT {column} FROM {table} ORDER BY {column} {direction} LIMIT 1");
            sqlx::query(AssertSqlSafe(sql))
                .fetch_optional(&mut *connection)
                .await
                .map_err(|error| opening(path, error))?;
        }
    }
    Ok(())
}
