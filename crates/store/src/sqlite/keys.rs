//! Keys.

use super::fault::{reading, writing};
use super::once::{self, Claimed};
use super::write::Write;
use crate::rows::{KeyRow, address_rule_text, key_columns, key_status_cells, site_rule_text};
use crate::staging::held_elsewhere;
use crate::{AuditEvent, IdempotencyClaim, ImportId, Inserted, Purge, StoreError};
use keyward_domain::{Key, KeyId, Revision, Timestamp};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use std::collections::HashSet;

pub(super) async fn find(connection: &mut SqliteConnection, id: KeyId) -> Result<Option<Key>, StoreError> {
    let row = sqlx::query(concat!(
        "SELECT ",
        key_columns!(),
        " FROM visible_keys WHERE id = ?"
    ))
    .bind(id.as_bytes().as_slice())
    .fetch_optional(connection)
    .await
    .map_err(reading)?;
    row.map(|row| Key::try_from(KeyRow(&row))).transpose()
}

pub(super) async fn list_purgeable(
    connection: &mut SqliteConnection,
    deleted_before: Timestamp,
    most: u32,
) -> Result<Vec<Key>, StoreError> {
    let mut sql = QueryBuilder::new(concat!(
        "SELECT ",
        key_columns!(),
        " FROM visible_keys WHERE status = 'deleted' AND deleted_at < "
    ));
    sql.push_bind(deleted_before.millis());
    // In the order of the index, so that the first are found without looking at all.
    sql.push(" ORDER BY deleted_at, id LIMIT ")
        .push_bind(i64::from(most));
    fetch(connection, &mut sql).await
}

/// Reads keys by a query for [`key_columns`].
pub(super) async fn fetch(
    connection: &mut SqliteConnection,
    sql: &mut QueryBuilder<Sqlite>,
) -> Result<Vec<Key>, StoreError> {
    let rows = sql.build().fetch_all(connection).await.map_err(reading)?;
    rows.iter().map(|row| Key::try_from(KeyRow(row))).collect()
}

pub(super) async fn insert(
    write: &mut Write<'_>,
    key: &Key,
    audit: &AuditEvent,
    once: Option<&IdempotencyClaim>,
) -> Result<Inserted, StoreError> {
    if let Claimed::Before(replay) = once::claim(write, once, &key.id.to_string()).await? {
        return Ok(replay);
    }
    let revision = write.raise().await?;
    insert_rows(write, std::slice::from_ref(key), revision, None).await?;
    write.audit(audit).await?;
    Ok(Inserted::New(revision))
}

/// Writes rows with one statement: 18 values each, of which SQLite takes 32,766.
pub(super) async fn insert_rows(
    write: &mut Write<'_>,
    keys: &[Key],
    revision: Revision,
    import: Option<ImportId>,
) -> Result<(), StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(
        "INSERT INTO keys (id, owner, name, description, use_case, fingerprint, hint, status, deleted_at, was_active, \
         expires_at, sites, addresses, rate_limit, created_at, updated_at, revision, import) ",
    );
    sql.push_values(keys, |mut row, key| {
        let (status, deleted_at, was_active) = key_status_cells(key.status);
        row.push_bind(key.id.as_bytes().as_slice())
            .push_bind(key.owner.as_bytes().as_slice())
            .push_bind(key.name.as_str())
            .push_bind(key.description.as_str())
            .push_bind(key.use_case.as_str())
            .push_bind(key.fingerprint.as_bytes().as_slice())
            .push_bind(key.hint.as_str())
            .push_bind(status)
            .push_bind(deleted_at)
            .push_bind(was_active)
            .push_bind(key.expires_at.map(Timestamp::millis))
            .push_bind(site_rule_text(&key.sites))
            .push_bind(address_rule_text(&key.addresses))
            .push_bind(key.limit.map(|limit| i64::from(limit.per_minute())))
            .push_bind(key.created_at.millis())
            .push_bind(key.updated_at.millis())
            .push_bind(revision.0.cast_signed())
            .push_bind(import.map(|import| import.0));
    });
    sql.build().execute(write.connection()).await.map_err(writing)?;
    Ok(())
}

/// The place of the first key of a portion whose fingerprint is in the table, or in the portion before it.
///
/// # Errors
/// `Unavailable` when it is that of a key which nobody sees yet: of another import, which may end well or not.
pub(super) async fn first_duplicate(
    write: &mut Write<'_>,
    import: ImportId,
    keys: &[Key],
) -> Result<usize, StoreError> {
    let mut seen = HashSet::new();
    for (place, key) in keys.iter().enumerate() {
        let sql = "SELECT coalesce(import = ?, 0) OR EXISTS (SELECT 1 FROM visible_keys WHERE visible_keys.id = keys.id) \
                   FROM keys WHERE fingerprint = ?";
        let stored = sqlx::query(sql)
            .bind(import.0)
            .bind(key.fingerprint.as_bytes().as_slice())
            .fetch_optional(write.connection())
            .await
            .map_err(writing)?;
        match stored.map(|row| row.try_get(0)).transpose().map_err(writing)? {
            Some(false) => return Err(held_elsewhere()),
            Some(true) => return Ok(place),
            None if !seen.insert(key.fingerprint) => return Ok(place),
            None => {}
        }
    }
    // What stood against them was removed meanwhile.
    Err(held_elsewhere())
}

pub(super) async fn update(
    write: &mut Write<'_>,
    key: &Key,
    expected: Revision,
    audit: &AuditEvent,
) -> Result<Revision, StoreError> {
    let revision = write.raise().await?;
    let (status, deleted_at, was_active) = key_status_cells(key.status);
    let done = sqlx::query(
        "UPDATE keys SET name = ?, description = ?, status = ?, deleted_at = ?, was_active = ?, sites = ?, \
         addresses = ?, rate_limit = ?, updated_at = ?, revision = ? \
         WHERE id = (SELECT id FROM visible_keys WHERE id = ? AND revision = ?)",
    )
    .bind(key.name.as_str())
    .bind(key.description.as_str())
    .bind(status)
    .bind(deleted_at)
    .bind(was_active)
    .bind(site_rule_text(&key.sites))
    .bind(address_rule_text(&key.addresses))
    .bind(key.limit.map(|limit| i64::from(limit.per_minute())))
    .bind(key.updated_at.millis())
    .bind(revision.0.cast_signed())
    .bind(key.id.as_bytes().as_slice())
    .bind(expected.0.cast_signed())
    .execute(write.connection())
    .await
    .map_err(writing)?;
    if done.rows_affected() == 0 {
        return Err(absent_or_changed(write, key.id).await?);
    }
    write.audit(audit).await?;
    Ok(revision)
}

async fn absent_or_changed(write: &mut Write<'_>, id: KeyId) -> Result<StoreError, StoreError> {
    Ok(match find(write.connection(), id).await? {
        Some(_) => StoreError::Conflict,
        None => StoreError::NotFound,
    })
}

/// Removes those that are still deleted and as they were read.
pub(super) async fn purge(write: &mut Write<'_>, purges: &[Purge]) -> Result<Option<Revision>, StoreError> {
    let mut gone = Vec::new();
    for purge in purges {
        let done = sqlx::query("DELETE FROM keys WHERE id = (SELECT id FROM visible_keys WHERE id = ? AND revision = ?) AND status = 'deleted'")
            .bind(purge.key.as_bytes().as_slice())
            .bind(purge.expected.0.cast_signed())
            .execute(write.connection())
            .await
            .map_err(writing)?;
        if done.rows_affected() > 0 {
            gone.push(purge);
        }
    }
    if gone.is_empty() {
        return Ok(None);
    }
    let revision = write.raise().await?;
    for purge in gone {
        for sql in [
            "DELETE FROM usage WHERE key_id = ?",
            "DELETE FROM last_used WHERE key_id = ?",
            "DELETE FROM recent_addresses WHERE key_id = ?",
        ] {
            sqlx::query(sql)
                .bind(purge.key.as_bytes().as_slice())
                .execute(write.connection())
                .await
                .map_err(writing)?;
        }
        write.audit(&purge.audit).await?;
    }
    Ok(Some(revision))
}
