//! Usage: a batch is one statement for the counts, one for the last uses and two for the addresses, however long it is.

use super::fault::{reading, writing};
use super::nodes;
use super::write::Write;
use crate::rows::{LastUsedRow, RecentAddressRow, UsageRow};
use crate::sums::sums;
use crate::{LastUsed, Period, RECENT_ADDRESSES, RecentAddress, StoreError, UsageBatch, UsageBucket};
use keyward_domain::{KeyId, Timestamp};
use serde_json::json;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use std::fmt::Write as _;

/// Ids of one IN list.
const CHUNK: usize = 1000;
/// [`RECENT_ADDRESSES`], as SQLite counts.
const KEPT: i64 = RECENT_ADDRESSES.cast_signed() as i64;

pub(super) async fn add(write: &mut Write<'_>, batch: &UsageBatch) -> Result<(), StoreError> {
    if let Some(flush) = batch.flush
        && !nodes::is_new_flush(write, flush).await?
    {
        return Ok(());
    }
    if !batch.counts.is_empty() {
        // The sum stays at the highest count there is instead of failing the whole batch.
        sqlx::query(
            "INSERT INTO usage (key_id, period, start, outcome, count) \
             SELECT unhex(entry.value ->> 0), entry.value ->> 1, entry.value ->> 2, entry.value ->> 3, \
             entry.value ->> 4 FROM json_each(?) AS entry \
             WHERE EXISTS (SELECT 1 FROM keys WHERE id = unhex(entry.value ->> 0)) \
             ON CONFLICT (key_id, period, start, outcome) DO UPDATE SET count = \
             CASE WHEN count > 9223372036854775807 - excluded.count THEN 9223372036854775807 \
             ELSE count + excluded.count END",
        )
        .bind(counts_text(batch))
        .execute(write.connection())
        .await
        .map_err(writing)?;
    }
    if !batch.last_used.is_empty() {
        sqlx::query(
            "INSERT INTO last_used (key_id, at, address) \
             SELECT unhex(entry.value ->> 0), entry.value ->> 1, entry.value ->> 2 FROM json_each(?) AS entry \
             WHERE EXISTS (SELECT 1 FROM keys WHERE id = unhex(entry.value ->> 0)) \
             ON CONFLICT (key_id) DO UPDATE SET at = excluded.at, address = excluded.address \
             WHERE excluded.at > last_used.at",
        )
        .bind(last_used_text(batch))
        .execute(write.connection())
        .await
        .map_err(writing)?;
    }
    add_addresses(write, batch).await
}

/// Adds addresses, and drops those that are not among the latest of their key any more.
async fn add_addresses(write: &mut Write<'_>, batch: &UsageBatch) -> Result<(), StoreError> {
    if batch.addresses.is_empty() {
        return Ok(());
    }
    let addresses = addresses_text(batch);
    sqlx::query(
        "INSERT INTO recent_addresses (key_id, address, at) \
         SELECT unhex(entry.value ->> 0), entry.value ->> 1, entry.value ->> 2 FROM json_each(?) AS entry \
         WHERE EXISTS (SELECT 1 FROM keys WHERE id = unhex(entry.value ->> 0)) \
         ON CONFLICT (key_id, address) DO UPDATE SET at = excluded.at WHERE excluded.at > recent_addresses.at",
    )
    .bind(addresses.as_str())
    .execute(write.connection())
    .await
    .map_err(writing)?;
    sqlx::query(
        "DELETE FROM recent_addresses WHERE (key_id, address) IN (SELECT key_id, address FROM (\
         SELECT key_id, address, row_number() OVER (PARTITION BY key_id ORDER BY at DESC, address) AS place \
         FROM recent_addresses WHERE key_id IN (SELECT unhex(entry.value ->> 0) FROM json_each(?) AS entry)) \
         WHERE place > ?)",
    )
    .bind(addresses)
    .bind(KEPT)
    .execute(write.connection())
    .await
    .map_err(writing)?;
    Ok(())
}

fn hex(id: KeyId) -> String {
    let mut text = String::with_capacity(32);
    for byte in id.as_bytes() {
        // Writing to a String does not fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

/// The counts of a batch, added up by bucket, as a JSON array of rows.
fn counts_text(batch: &UsageBatch) -> String {
    let rows: serde_json::Value = sums(batch)
        .into_iter()
        .map(|((key, period, start, outcome), sum)| {
            json!([hex(key), period, start, outcome, sum.min(i64::MAX.unsigned_abs())])
        })
        .collect();
    rows.to_string()
}

fn last_used_text(batch: &UsageBatch) -> String {
    let rows: serde_json::Value = batch
        .last_used
        .iter()
        .map(|use_| {
            json!([
                hex(use_.key),
                use_.at.millis(),
                use_.address.map(|address| address.to_string())
            ])
        })
        .collect();
    rows.to_string()
}

fn addresses_text(batch: &UsageBatch) -> String {
    let rows: serde_json::Value = batch
        .addresses
        .iter()
        .map(|used| json!([hex(used.key), used.address.to_string(), used.at.millis()]))
        .collect();
    rows.to_string()
}

pub(super) async fn recent_addresses(
    connection: &mut SqliteConnection,
    key: KeyId,
) -> Result<Vec<RecentAddress>, StoreError> {
    let rows = sqlx::query(
        "SELECT key_id, at, address FROM recent_addresses WHERE key_id = ? ORDER BY at DESC, address LIMIT ?",
    )
    .bind(key.as_bytes().as_slice())
    .bind(KEPT)
    .fetch_all(connection)
    .await
    .map_err(reading)?;
    rows.iter()
        .map(|row| RecentAddress::try_from(RecentAddressRow(row)))
        .collect()
}

pub(super) async fn list(
    connection: &mut SqliteConnection,
    key: KeyId,
    period: Period,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<UsageBucket>, StoreError> {
    let rows = sqlx::query(
        "SELECT key_id, start, outcome, count FROM usage \
         WHERE key_id = ? AND period = ? AND start >= ? AND start < ? ORDER BY start, outcome",
    )
    .bind(key.as_bytes().as_slice())
    .bind(period.millis())
    .bind(from.millis())
    .bind(until.millis())
    .fetch_all(connection)
    .await
    .map_err(reading)?;
    rows.iter()
        .map(|row| UsageBucket::try_from(UsageRow(row)))
        .collect()
}

pub(super) async fn last_used(
    connection: &mut SqliteConnection,
    keys: &[KeyId],
) -> Result<Vec<LastUsed>, StoreError> {
    let mut found = Vec::new();
    for chunk in keys.chunks(CHUNK) {
        let mut sql =
            QueryBuilder::<Sqlite>::new("SELECT key_id, at, address FROM last_used WHERE key_id IN (");
        let mut ids = sql.separated(", ");
        for key in chunk {
            ids.push_bind(key.as_bytes().as_slice());
        }
        sql.push(")");
        let rows = sql.build().fetch_all(&mut *connection).await.map_err(reading)?;
        for row in &rows {
            found.push(LastUsed::try_from(LastUsedRow(row))?);
        }
    }
    Ok(found)
}
