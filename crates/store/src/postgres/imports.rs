//! Imports: keys that nobody sees yet, and how they become visible.

use super::ask::{change, note};
use super::clock::now;
use super::connection::Connection;
use super::fault::{reading, silent, writing};
use super::keys::insert_rows;
use super::lent::{ANSWER, Lent};
use super::write::Write;
use super::{PostgresStore, feed, imports, keys as key_rows};
use crate::rows::{KeyRow, key_change, key_state_columns};
use crate::staging::{REMOVED, STANDS_STILL_MILLIS, Staging, given_up};
use crate::{AuditEvent, ImportId, ImportedKeys, StoreError};
use async_trait::async_trait;
use keyward_domain::{Key, KeyId, Revision};
use sqlx::Row;
use tokio::time::timeout;

#[async_trait]
impl Staging for PostgresStore {
    async fn begin(&self) -> Result<ImportId, StoreError> {
        while note!(self, imports::sweep())? {}
        note!(self, imports::begin())
    }

    async fn put(&self, import: ImportId, written: i64, keys: &[Key]) -> Result<(), StoreError> {
        match note!(self, imports::put(import, written, keys)) {
            Err(StoreError::Duplicate { what, row: _ }) => {
                let row = note!(self, key_rows::first_duplicate(import, keys))?;
                Err(StoreError::Duplicate { what, row })
            }
            done => done,
        }
    }

    async fn publish(
        &self,
        import: ImportId,
        written: i64,
        audit: &AuditEvent,
    ) -> Result<Revision, StoreError> {
        change!(self, imports::publish(import, written, audit))
    }

    async fn give_up(&self, import: ImportId) -> Result<(), StoreError> {
        note!(self, imports::give_up(import))?;
        while note!(self, imports::sweep())? {}
        Ok(())
    }
}

async fn begin(write: &mut Write<'_>) -> Result<ImportId, StoreError> {
    let sql = concat!("INSERT INTO imports (seen_at) VALUES (", now!(), ") RETURNING id");
    let row = sqlx::query(sql)
        .fetch_one(write.connection())
        .await
        .map_err(writing)?;
    Ok(ImportId(row.try_get(0).map_err(writing)?))
}

async fn put(write: &mut Write<'_>, import: ImportId, written: i64, keys: &[Key]) -> Result<(), StoreError> {
    let sql = concat!(
        "UPDATE imports SET keys = keys + $3, seen_at = ",
        now!(),
        " WHERE id = $1 AND keys = $2 AND revision IS NULL AND NOT dropped"
    );
    let done = sqlx::query(sql)
        .bind(import.0)
        .bind(written)
        .bind(i64::try_from(keys.len()).unwrap_or(i64::MAX))
        .execute(write.connection())
        .await
        .map_err(writing)?;
    if done.rows_affected() == 0 {
        return Err(given_up());
    }
    insert_rows(write, keys, Revision(0), Some(import)).await
}

async fn publish(
    write: &mut Write<'_>,
    import: ImportId,
    written: i64,
    audit: &AuditEvent,
) -> Result<Revision, StoreError> {
    let revision = write.raise().await?;
    let done = sqlx::query(
        "UPDATE imports SET revision = $1 WHERE id = $2 AND keys = $3 AND revision IS NULL AND NOT dropped",
    )
    .bind(revision.0.cast_signed())
    .bind(import.0)
    .bind(written)
    .execute(write.connection())
    .await
    .map_err(writing)?;
    if done.rows_affected() == 0 {
        return Err(given_up());
    }
    write.audit(audit).await?;
    Ok(revision)
}

async fn give_up(write: &mut Write<'_>, import: ImportId) -> Result<(), StoreError> {
    sqlx::query("UPDATE imports SET dropped = TRUE WHERE id = $1 AND revision IS NULL")
        .bind(import.0)
        .execute(write.connection())
        .await
        .map_err(writing)?;
    Ok(())
}

/// Removes some keys of an import that was given up. Says whether there may be more.
pub(super) async fn sweep(write: &mut Write<'_>) -> Result<bool, StoreError> {
    let sql = concat!(
        "UPDATE imports SET dropped = TRUE WHERE revision IS NULL AND NOT dropped AND seen_at < ",
        now!(),
        " - $1"
    );
    let given_up = sqlx::query(sql)
        .bind(STANDS_STILL_MILLIS)
        .execute(write.connection())
        .await
        .map_err(writing)?;
    if given_up.rows_affected() > 0 {
        // Whoever wants to go on with it is told so before its keys are removed, which takes longer.
        return Ok(true);
    }
    // Another node may be about it.
    let dropped = sqlx::query("SELECT id FROM imports WHERE dropped LIMIT 1 FOR UPDATE SKIP LOCKED")
        .fetch_optional(write.connection())
        .await
        .map_err(writing)?;
    let Some(dropped) = dropped else {
        return Ok(false);
    };
    let import: i64 = dropped.try_get(0).map_err(writing)?;
    let sql = "DELETE FROM keys WHERE id IN (SELECT id FROM keys WHERE import = $1 ORDER BY id LIMIT $2)";
    let removed = sqlx::query(sql)
        .bind(import)
        .bind(REMOVED)
        .execute(write.connection())
        .await
        .map_err(writing)?;
    if removed.rows_affected() < REMOVED.unsigned_abs() {
        sqlx::query("DELETE FROM imports WHERE id = $1")
            .bind(import)
            .execute(write.connection())
            .await
            .map_err(writing)?;
    }
    Ok(true)
}

/// Keys of a published import, by id: so many, after one of them.
pub(super) async fn keys(
    mut snapshot: Lent,
    import: ImportId,
    page: (Option<KeyId>, u32),
    known: Revision,
) -> Result<ImportedKeys, StoreError> {
    let done = keys_in(snapshot.connection(), import, page, known).await;
    feed::end(snapshot, done).await
}

async fn keys_in(
    snapshot: &mut Connection,
    import: ImportId,
    (after, most): (Option<KeyId>, u32),
    known: Revision,
) -> Result<ImportedKeys, StoreError> {
    let position = feed::instant(snapshot).await?;
    let mark_before = feed::mark_of(snapshot, i64::try_from(known.0).unwrap_or(i64::MAX)).await?;
    let sql = concat!(
        "SELECT ",
        key_state_columns!(),
        " FROM visible_keys WHERE import = $1 AND id > $2 ORDER BY id LIMIT $3"
    );
    let rows = sqlx::query(sql)
        .bind(import.0)
        .bind(after.map_or_else(Vec::new, |id| id.as_bytes().to_vec()))
        .bind(i64::from(most))
        .fetch_all(snapshot);
    let rows = timeout(ANSWER, rows)
        .await
        .map_err(|_| silent())?
        .map_err(reading)?;
    Ok(ImportedKeys {
        position,
        mark_before,
        changes: rows
            .iter()
            .filter_map(|row| key_change(KeyRow(row).state()))
            .collect(),
        last: rows.last().map(|row| KeyRow(row).id()).transpose()?,
    })
}
