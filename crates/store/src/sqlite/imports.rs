//! Imports: keys that nobody sees yet, and how they become visible.

use super::clock::now;
use super::fault::{reading, writing};
use super::keys::{first_duplicate, insert_rows};
use super::write::Write;
use super::{SqliteStore, feed};
use crate::rows::{KeyRow, key_change, key_state_columns};
use crate::staging::{REMOVED, STANDS_STILL_MILLIS, Staging, given_up};
use crate::{AuditEvent, ImportId, ImportedKeys, StoreError};
use async_trait::async_trait;
use keyward_domain::{Key, KeyId, Revision};
use sqlx::{Row, SqlitePool};

#[async_trait]
impl Staging for SqliteStore {
    async fn begin(&self) -> Result<ImportId, StoreError> {
        self.sweep().await?;
        let mut write = self.write().await?;
        let done = begin(&mut write).await;
        write.finish(done).await
    }

    async fn put(&self, import: ImportId, written: i64, keys: &[Key]) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let done = put(&mut write, import, written, keys).await;
        write.finish(done).await
    }

    async fn publish(
        &self,
        import: ImportId,
        written: i64,
        audit: &AuditEvent,
    ) -> Result<Revision, StoreError> {
        let mut write = self.write().await?;
        let done = publish(&mut write, import, written, audit).await;
        write.finish(done).await
    }

    async fn give_up(&self, import: ImportId) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let done = give_up(&mut write, import).await;
        write.finish(done).await?;
        self.sweep().await
    }
}

impl SqliteStore {
    /// Removes what is left of imports that were given up.
    async fn sweep(&self) -> Result<(), StoreError> {
        loop {
            let mut write = self.write().await?;
            let done = sweep(&mut write).await;
            if !write.finish(done).await? {
                return Ok(());
            }
        }
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
        "UPDATE imports SET keys = keys + ?, seen_at = ",
        now!(),
        " WHERE id = ? AND keys = ? AND revision IS NULL AND NOT dropped"
    );
    let done = sqlx::query(sql)
        .bind(i64::try_from(keys.len()).unwrap_or(i64::MAX))
        .bind(import.0)
        .bind(written)
        .execute(write.connection())
        .await
        .map_err(writing)?;
    if done.rows_affected() == 0 {
        return Err(given_up());
    }
    match insert_rows(write, keys, Revision(0), Some(import)).await {
        Err(StoreError::Duplicate { what, row: _ }) => {
            let row = first_duplicate(write, import, keys).await?;
            Err(StoreError::Duplicate { what, row })
        }
        done => done,
    }
}

async fn publish(
    write: &mut Write<'_>,
    import: ImportId,
    written: i64,
    audit: &AuditEvent,
) -> Result<Revision, StoreError> {
    let revision = write.raise().await?;
    let done = sqlx::query(
        "UPDATE imports SET revision = ? WHERE id = ? AND keys = ? AND revision IS NULL AND NOT dropped",
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
    sqlx::query("UPDATE imports SET dropped = TRUE WHERE id = ? AND revision IS NULL")
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
        " - ?"
    );
    sqlx::query(sql)
        .bind(STANDS_STILL_MILLIS)
        .execute(write.connection())
        .await
        .map_err(writing)?;
    let dropped = sqlx::query("SELECT id FROM imports WHERE dropped LIMIT 1")
        .fetch_optional(write.connection())
        .await
        .map_err(writing)?;
    let Some(dropped) = dropped else {
        return Ok(false);
    };
    let import: i64 = dropped.try_get(0).map_err(writing)?;
    let sql = "DELETE FROM keys WHERE id IN (SELECT id FROM keys WHERE import = ? ORDER BY id LIMIT ?)";
    let removed = sqlx::query(sql)
        .bind(import)
        .bind(REMOVED)
        .execute(write.connection())
        .await
        .map_err(writing)?;
    if removed.rows_affected() < REMOVED.unsigned_abs() {
        sqlx::query("DELETE FROM imports WHERE id = ?")
            .bind(import)
            .execute(write.connection())
            .await
            .map_err(writing)?;
    }
    Ok(true)
}

/// Keys of a published import, by id: so many, after one of them.
pub(super) async fn keys(
    readers: &SqlitePool,
    import: ImportId,
    (after, most): (Option<KeyId>, u32),
    known: Revision,
) -> Result<ImportedKeys, StoreError> {
    let mut snapshot = readers.begin().await.map_err(reading)?;
    let position = feed::position(&mut snapshot).await?;
    let mark_before = feed::mark_of(&mut snapshot, i64::try_from(known.0).unwrap_or(i64::MAX)).await?;
    let sql = concat!(
        "SELECT ",
        key_state_columns!(),
        " FROM visible_keys WHERE import = ? AND id > ? ORDER BY id LIMIT ?"
    );
    let rows = sqlx::query(sql)
        .bind(import.0)
        .bind(after.map_or_else(Vec::new, |id| id.as_bytes().to_vec()))
        .bind(i64::from(most))
        .fetch_all(&mut *snapshot)
        .await
        .map_err(reading)?;
    snapshot.commit().await.map_err(reading)?;
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
