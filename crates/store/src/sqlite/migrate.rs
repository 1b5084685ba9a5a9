//! The schema's steps: numbered, forward only, each in a transaction of its own.
//!
//! Who adds a step adds a file to `migrations/sqlite`, one of the same number and name for every other database, and a
//! line to [`ALL`]. A step that has been released is never edited.

use super::fault::{opening, refused};
use crate::StoreError;
use crate::migrations::{self, Migration, migrations};
use sqlx::{Row, SqliteConnection};
use std::path::Path;

/// Every step, in order.
pub(super) static ALL: [Migration; 12] = migrations!["sqlite":
    1 "0001_initial",
    2 "0002_audit",
    3 "0003_usage",
    4 "0004_once",
    5 "0005_accounts",
    6 "0006_key_lists",
    7 "0007_pending_identities",
    8 "0008_nodes",
    9 "0009_marks",
    10 "0010_imports",
    11 "0011_audit_archive",
    12 "0012_lists",
];

/// "KeyW", as the first step writes it into the file's header.
const APPLICATION_ID: i64 = 0x4b65_7957;

/// The steps that an existing file lacks; refuses a file that is not ours, or that a newer program has written to.
pub(super) async fn pending(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<Vec<&'static Migration>, StoreError> {
    let row = sqlx::query(
        "SELECT (SELECT application_id FROM pragma_application_id), \
         EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations')",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(|error| opening(path, error))?;
    let cell = |index| {
        row.try_get::<i64, usize>(index)
            .map_err(|error| opening(path, error))
    };
    if cell(0)? != APPLICATION_ID || cell(1)? != 1 {
        return Err(refused(
            path,
            "this is an SQLite database, but not one of Keyward; check the path, or restore a backup",
        ));
    }
    let rows = sqlx::query("SELECT number, name FROM schema_migrations ORDER BY number")
        .fetch_all(connection)
        .await
        .map_err(|error| opening(path, error))?;
    let mut applied: Vec<(i64, String)> = Vec::with_capacity(rows.len());
    for row in &rows {
        let fault = |error| opening(path, error);
        applied.push((row.try_get(0).map_err(fault)?, row.try_get(1).map_err(fault)?));
    }
    migrations::pending(&ALL, &applied).map_err(|sentence| refused(path, sentence))
}

/// Applies those of the first `steps` steps that the file lacks. Any number of processes may do so at once, and one
/// that is killed leaves whole steps only.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    path: &Path,
    steps: usize,
) -> Result<(), StoreError> {
    let mut applied = Vec::new();
    for step in ALL.iter().take(steps) {
        match apply_one(connection, step).await {
            Ok(true) => applied.push(step.name),
            Ok(false) => {}
            Err(error) => {
                // The connection is closed by the caller; that rolls back as well, should this fail.
                sqlx::query("ROLLBACK").execute(&mut *connection).await.ok();
                return Err(opening(path, error));
            }
        }
    }
    migrations::tell(&applied);
    Ok(())
}

/// Whether the step was still to be made.
async fn apply_one(connection: &mut SqliteConnection, step: &'static Migration) -> Result<bool, sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    // Inside the transaction, so that of two processes the second sees what the first has done.
    let is_missing = !is_applied(connection, step).await?;
    if is_missing {
        sqlx::raw_sql(step.sql).execute(&mut *connection).await?;
        sqlx::query(
            "INSERT INTO schema_migrations (number, name, applied_at) VALUES (?, ?, unixepoch() * 1000)",
        )
        .bind(step.number)
        .bind(step.name)
        .execute(&mut *connection)
        .await?;
    }
    sqlx::query("COMMIT").execute(connection).await?;
    Ok(is_missing)
}

async fn is_applied(connection: &mut SqliteConnection, step: &Migration) -> Result<bool, sqlx::Error> {
    let table =
        sqlx::query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'")
            .fetch_optional(&mut *connection)
            .await?;
    if table.is_none() {
        return Ok(false);
    }
    let row = sqlx::query("SELECT 1 FROM schema_migrations WHERE number = ?")
        .bind(step.number)
        .fetch_optional(connection)
        .await?;
    Ok(row.is_some())
}
