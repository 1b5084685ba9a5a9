//! Usage: a batch is a statement for the counts, one for the last uses and two for the addresses, of many rows each.

use super::connection::Connection;
use super::fault::{reading, writing};
use super::nodes;
use super::write::Write;
use crate::rows::{LastUsedRow, RecentAddressRow, UsageRow};
use crate::sums::{Bucket, sums};
use crate::{LastUsed, Period, RECENT_ADDRESSES, RecentAddress, StoreError, UsageBatch, UsageBucket};
use keyward_domain::{KeyId, Timestamp};
use std::time::Duration;

/// How long a batch may take: longer than a change, and less than the engine waits before it gives the batch up.
pub(super) const PATIENCE: Duration = Duration::from_secs(25);
/// Rows of one statement, so that none takes too long for the server.
const ROWS: usize = 10_000;
/// [`RECENT_ADDRESSES`], as PostgreSQL counts.
const KEPT: i64 = RECENT_ADDRESSES.cast_signed() as i64;

pub(super) async fn add(write: &mut Write<'_>, batch: &UsageBatch) -> Result<(), StoreError> {
    if let Some(flush) = batch.flush
        && !nodes::is_new_flush(write, flush).await?
    {
        return Ok(());
    }
    let sums: Vec<(Bucket, u64)> = sums(batch).into_iter().collect();
    for chunk in sums.chunks(ROWS) {
        add_counts(write, chunk).await?;
    }
    let mut last_used: Vec<&LastUsed> = batch.last_used.iter().collect();
    last_used.sort_by_key(|used| used.key);
    for chunk in last_used.chunks(ROWS) {
        add_last_used(write, chunk).await?;
    }
    let mut addresses: Vec<&RecentAddress> = batch.addresses.iter().collect();
    addresses.sort_by_key(|used| used.key);
    for chunk in addresses.chunks(ROWS) {
        add_addresses(write, chunk).await?;
    }
    Ok(())
}

/// A WITH clause that begins with the rows of a batch and keeps hold of their keys, so that none of these is purged
/// before the batch is in. In the order of ids: of two nodes that meet at the same keys, one waits for the other.
macro_rules! with_held_keys {
    ($rows:literal) => {
        concat!(
            "WITH entry AS (SELECT * FROM ",
            $rows,
            "), held AS (SELECT id FROM keys WHERE id IN (SELECT key_id FROM entry) ORDER BY id FOR KEY SHARE) "
        )
    };
}

async fn add_counts(write: &mut Write<'_>, sums: &[(Bucket, u64)]) -> Result<(), StoreError> {
    let (mut keys, mut periods, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut outcomes, mut counts) = (Vec::new(), Vec::new());
    for ((key, period, start, outcome), sum) in sums {
        keys.push(key.as_bytes().to_vec());
        periods.push(*period);
        starts.push(*start);
        outcomes.push(*outcome);
        counts.push(i64::try_from(*sum).unwrap_or(i64::MAX));
    }
    // The sum stays at the highest count there is instead of failing the whole batch.
    sqlx::query(concat!(
        with_held_keys!(
            "unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[]) \
             AS row (key_id, period, start, outcome, count)"
        ),
        "INSERT INTO usage (key_id, period, start, outcome, count) \
         SELECT key_id, period, start, outcome, count FROM entry JOIN held ON id = key_id \
         ORDER BY key_id, period, start, outcome \
         ON CONFLICT (key_id, period, start, outcome) DO UPDATE SET count = \
         CASE WHEN usage.count > 9223372036854775807 - excluded.count THEN 9223372036854775807 \
         ELSE usage.count + excluded.count END",
    ))
    .bind(keys)
    .bind(periods)
    .bind(starts)
    .bind(outcomes)
    .bind(counts)
    .execute(write.connection())
    .await
    .map_err(writing)?;
    Ok(())
}

async fn add_last_used(write: &mut Write<'_>, last_used: &[&LastUsed]) -> Result<(), StoreError> {
    let (mut keys, mut instants, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
    for used in last_used {
        keys.push(used.key.as_bytes().to_vec());
        instants.push(used.at.millis());
        addresses.push(used.address.map(|address| address.to_string()));
    }
    // A statement may meet each row once only, so the latest use of each key is chosen before.
    sqlx::query(concat!(
        with_held_keys!("unnest($1::bytea[], $2::bigint[], $3::text[]) AS row (key_id, at, address)"),
        "INSERT INTO last_used (key_id, at, address) \
         SELECT DISTINCT ON (key_id) key_id, at, address FROM entry JOIN held ON id = key_id \
         ORDER BY key_id, at DESC \
         ON CONFLICT (key_id) DO UPDATE SET at = excluded.at, address = excluded.address \
         WHERE excluded.at > last_used.at",
    ))
    .bind(keys)
    .bind(instants)
    .bind(addresses)
    .execute(write.connection())
    .await
    .map_err(writing)?;
    Ok(())
}

/// Adds addresses, and drops those that are not among the latest of their key any more.
async fn add_addresses(write: &mut Write<'_>, used_from: &[&RecentAddress]) -> Result<(), StoreError> {
    let (mut keys, mut addresses, mut instants) = (Vec::new(), Vec::new(), Vec::new());
    for used in used_from {
        keys.push(used.key.as_bytes().to_vec());
        addresses.push(used.address.to_string());
        instants.push(used.at.millis());
    }
    sqlx::query(concat!(
        with_held_keys!("unnest($1::bytea[], $2::text[], $3::bigint[]) AS row (key_id, address, at)"),
        "INSERT INTO recent_addresses (key_id, address, at) \
         SELECT key_id, address, max(at) FROM entry JOIN held ON id = key_id \
         GROUP BY key_id, address ORDER BY key_id, address \
         ON CONFLICT (key_id, address) DO UPDATE SET at = excluded.at WHERE excluded.at > recent_addresses.at",
    ))
    .bind(&keys)
    .bind(addresses)
    .bind(instants)
    .execute(write.connection())
    .await
    .map_err(writing)?;
    sqlx::query(
        "DELETE FROM recent_addresses WHERE (key_id, address) IN (SELECT key_id, address FROM (\
         SELECT key_id, address, row_number() OVER (PARTITION BY key_id ORDER BY at DESC, address) AS place \
         FROM recent_addresses WHERE key_id = ANY($1)) AS placed WHERE place > $2)",
    )
    .bind(keys)
    .bind(KEPT)
    .execute(write.connection())
    .await
    .map_err(writing)?;
    Ok(())
}

pub(super) async fn recent_addresses(
    connection: &mut Connection,
    key: KeyId,
) -> Result<Vec<RecentAddress>, StoreError> {
    let rows = sqlx::query(
        "SELECT key_id, at, address FROM recent_addresses WHERE key_id = $1 ORDER BY at DESC, address LIMIT $2",
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
    connection: &mut Connection,
    key: KeyId,
    period: Period,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<UsageBucket>, StoreError> {
    let rows = sqlx::query(
        "SELECT key_id, start, outcome, count FROM usage \
         WHERE key_id = $1 AND period = $2 AND start >= $3 AND start < $4 ORDER BY start, outcome",
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
    connection: &mut Connection,
    keys: &[KeyId],
) -> Result<Vec<LastUsed>, StoreError> {
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes().as_slice()).collect();
    let rows = sqlx::query("SELECT key_id, at, address FROM last_used WHERE key_id = ANY($1)")
        .bind(keys)
        .fetch_all(connection)
        .await
        .map_err(reading)?;
    rows.iter()
        .map(|row| LastUsed::try_from(LastUsedRow(row)))
        .collect()
}
