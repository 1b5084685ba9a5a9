//! Keys.

use super::connection::Connection;
use super::fault::{reading, writing};
use super::once::{self, Claimed};
use super::write::Write;
use crate::rows::{KeyRow, address_rule_text, key_columns, key_status_cells, site_rule_text};
use crate::staging::held_elsewhere;
use crate::{AuditEvent, IdempotencyClaim, ImportId, Inserted, Purge, StoreError};
use keyward_domain::{Key, KeyId, Revision, Timestamp};
use sqlx::{Postgres, QueryBuilder, Row};
use std::collections::HashSet;

pub(super) async fn find(connection: &mut Connection, id: KeyId) -> Result<Option<Key>, StoreError> {
    let row = sqlx::query(concat!(
        "SELECT ",
        key_columns!(),
        " FROM visible_keys WHERE id = $1"
    ))
    .bind(id.as_bytes().as_slice())
    .fetch_optional(connection)
    .await
    .map_err(reading)?;
    row.map(|row| Key::try_from(KeyRow(&row))).transpose()
}

pub(super) async fn list_purgeable(
    connection: &mut Connection,
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
    connection: &mut Connection,
    sql: &mut QueryBuilder<Postgres>,
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

/// Writes rows with one statement, a column at a time: a thousand rows value by value take several times as long.
pub(super) async fn insert_rows(
    write: &mut Write<'_>,
    keys: &[Key],
    revision: Revision,
    import: Option<ImportId>,
) -> Result<(), StoreError> {
    fn column<'k, T>(keys: &'k [Key], value: impl Fn(&'k Key) -> T) -> Vec<T> {
        keys.iter().map(value).collect()
    }
    sqlx::query(
        "INSERT INTO keys (id, owner, name, description, use_case, fingerprint, hint, status, deleted_at, was_active, \
         expires_at, sites, addresses, rate_limit, created_at, updated_at, revision, import) \
         SELECT *, $17, $18 FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::text[], \
         $8::text[], $9::bigint[], $10::boolean[], $11::bigint[], $12::text[], $13::text[], $14::bigint[], $15::bigint[], \
         $16::bigint[])",
    )
    .bind(column(keys, |key| key.id.as_bytes().as_slice()))
    .bind(column(keys, |key| key.owner.as_bytes().as_slice()))
    .bind(column(keys, |key| key.name.as_str()))
    .bind(column(keys, |key| key.description.as_str()))
    .bind(column(keys, |key| key.use_case.as_str()))
    .bind(column(keys, |key| key.fingerprint.as_bytes().as_slice()))
    .bind(column(keys, |key| key.hint.as_str()))
    .bind(column(keys, |key| key_status_cells(key.status).0))
    .bind(column(keys, |key| key_status_cells(key.status).1))
    .bind(column(keys, |key| key_status_cells(key.status).2))
    .bind(column(keys, |key| key.expires_at.map(Timestamp::millis)))
    .bind(column(keys, |key| site_rule_text(&key.sites)))
    .bind(column(keys, |key| address_rule_text(&key.addresses)))
    .bind(column(keys, |key| key.limit.map(|limit| i64::from(limit.per_minute()))))
    .bind(column(keys, |key| key.created_at.millis()))
    .bind(column(keys, |key| key.updated_at.millis()))
    .bind(revision.0.cast_signed())
    .bind(import.map(|import| import.0))
    .execute(write.connection())
    .await
    .map_err(writing)?;
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
        let sql = "SELECT coalesce(import = $1, FALSE) OR EXISTS (SELECT 1 FROM visible_keys WHERE visible_keys.id = keys.id) \
                   FROM keys WHERE fingerprint = $2";
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
        "UPDATE keys SET name = $1, description = $2, status = $3, deleted_at = $4, was_active = $5, sites = $6, \
         addresses = $7, rate_limit = $8, updated_at = $9, revision = $10 \
         WHERE id = (SELECT id FROM visible_keys WHERE id = $11 AND revision = $12)",
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
    let gone = delete(write, purges).await?;
    if gone.is_empty() {
        return Ok(None);
    }
    let revision = write.raise().await?;
    for sql in [
        "DELETE FROM usage WHERE key_id = ANY($1)",
        "DELETE FROM last_used WHERE key_id = ANY($1)",
        "DELETE FROM recent_addresses WHERE key_id = ANY($1)",
    ] {
        let ids: Vec<&Vec<u8>> = gone.iter().map(|(id, _)| id).collect();
        sqlx::query(sql)
            .bind(ids)
            .execute(write.connection())
            .await
            .map_err(writing)?;
    }
    for purge in purges
        .iter()
        .filter(|purge| gone.contains(&(purge.key.as_bytes().to_vec(), purge.expected.0.cast_signed())))
    {
        write.audit(&purge.audit).await?;
    }
    Ok(Some(revision))
}

/// The ids of those that went, and the revisions that they were at: one may have been asked for at several.
async fn delete(write: &mut Write<'_>, purges: &[Purge]) -> Result<HashSet<(Vec<u8>, i64)>, StoreError> {
    let ids: Vec<&[u8]> = purges
        .iter()
        .map(|purge| purge.key.as_bytes().as_slice())
        .collect();
    let expected: Vec<i64> = purges
        .iter()
        .map(|purge| purge.expected.0.cast_signed())
        .collect();
    let rows = sqlx::query(
        "DELETE FROM keys USING visible_keys AS seen, unnest($1::bytea[], $2::bigint[]) AS asked (id, revision) \
         WHERE keys.id = asked.id AND seen.id = asked.id AND seen.revision = asked.revision AND keys.status = 'deleted' \
         RETURNING keys.id, asked.revision",
    )
    .bind(ids)
    .bind(expected)
    .fetch_all(write.connection())
    .await
    .map_err(writing)?;
    rows.iter()
        .map(|row| Ok((row.try_get(0).map_err(writing)?, row.try_get(1).map_err(writing)?)))
        .collect()
}
