//! The schema's steps: numbered, forward only, each in a transaction of its own.
//!
//! Who adds a step adds a file to `migrations/postgres`, one of the same number and name for every other database, and a
//! line to [`ALL`]. A step that has been released is never edited.

use super::connection::Connection;
use super::fault::{opening, refused};
use crate::StoreError;
use crate::migrations::{self, Migration, migrations};
use sqlx::Row;

/// Every step, in order.
pub(super) static ALL: [Migration; 12] = migrations!["postgres":
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

/// Any number will do that no other program in the same database takes: "KeyW".
const LOCK: i64 = 0x4b65_7957;

/// The steps that a database lacks, `None` when nothing was made in it; refuses tables that are not ours, and a database
/// that a newer program has written to.
pub(super) async fn pending(
    connection: &mut Connection,
    place: &str,
) -> Result<Option<Vec<&'static Migration>>, StoreError> {
    let fault = |error| opening(place, error);
    // The first step leaves a comment on `meta` that tells its tables from any other program's.
    let row = sqlx::raw_sql(
        "SELECT coalesce(obj_description(to_regclass('meta'), 'pg_class') = 'Keyward', FALSE), \
         to_regclass('meta') IS NOT NULL OR to_regclass('schema_migrations') IS NOT NULL",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(fault)?;
    match (row.try_get(0).map_err(fault)?, row.try_get(1).map_err(fault)?) {
        (true, _) => {}
        (false, false) => return Ok(None),
        (false, true) => {
            return Err(refused(
                place,
                "there are tables in this database, but not those of Keyward; give it a database of its own",
            ));
        }
    }
    let rows = sqlx::raw_sql("SELECT number, name FROM schema_migrations ORDER BY number")
        .fetch_all(connection)
        .await
        .map_err(fault)?;
    let mut applied: Vec<(i64, String)> = Vec::with_capacity(rows.len());
    for row in &rows {
        applied.push((row.try_get(0).map_err(fault)?, row.try_get(1).map_err(fault)?));
    }
    migrations::pending(&ALL, &applied)
        .map(Some)
        .map_err(|sentence| refused(place, sentence))
}

/// Applies those of the first `steps` steps that the database lacks. Any number of processes may do so at once, and one
/// that is killed leaves whole steps only.
pub(super) async fn apply(connection: &mut Connection, place: &str, steps: usize) -> Result<(), StoreError> {
    let mut applied = Vec::new();
    for step in ALL.iter().take(steps) {
        // The connection is closed by the caller; that rolls back what has failed.
        let done = apply_one(connection, step).await;
        if done.map_err(|error| opening(place, error))? {
            applied.push(step.name);
        }
    }
    migrations::tell(&applied);
    Ok(())
}

/// Whether the step was still to be made.
async fn apply_one(connection: &mut Connection, step: &'static Migration) -> Result<bool, sqlx::Error> {
    // A step over many rows takes as long as it takes, and so does the wait for another process that makes it.
    sqlx::raw_sql("BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        .execute(&mut *connection)
        .await?;
    take_turn(connection).await?;
    // Under the lock, so that of two processes the second sees what the first has done.
    let is_missing = !is_applied(connection, step).await?;
    if is_missing {
        sqlx::raw_sql(step.sql).execute(&mut *connection).await?;
        sqlx::query(
            "INSERT INTO schema_migrations (number, name, applied_at) \
             VALUES ($1, $2, (extract(epoch FROM now()) * 1000)::bigint)",
        )
        .bind(step.number)
        .bind(step.name)
        .execute(&mut *connection)
        .await?;
    }
    sqlx::raw_sql("COMMIT").execute(connection).await?;
    Ok(is_missing)
}

/// Waits until no other process makes a step, and says so when there is one.
async fn take_turn(connection: &mut Connection) -> Result<(), sqlx::Error> {
    let row = sqlx::query("SELECT pg_try_advisory_xact_lock($1)")
        .bind(LOCK)
        .fetch_one(&mut *connection)
        .await?;
    if row.try_get(0)? {
        return Ok(());
    }
    tracing::warn!("waiting for another node, which is bringing the schema up to date");
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(connection)
        .await?;
    Ok(())
}

async fn is_applied(connection: &mut Connection, step: &Migration) -> Result<bool, sqlx::Error> {
    // `to_regclass` may answer from what this session knew before it got the lock; a query does not.
    let table = sqlx::query(
        "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_migrations'",
    )
    .fetch_optional(&mut *connection)
    .await?;
    if table.is_none() {
        return Ok(false);
    }
    let row = sqlx::query("SELECT 1 FROM schema_migrations WHERE number = $1")
        .bind(step.number)
        .fetch_optional(connection)
        .await?;
    Ok(row.is_some())
}
