//! What may happen once only: creates under a claim, and the first set-up.

use super::connection::Connection;
use super::fault::{damaged, reading, writing};
use super::write::Write;
use super::{keys, users};
use crate::{AuditEvent, IdempotencyClaim, Inserted, StoreError};
use keyward_domain::{Key, Revision, Timestamp, User};
use sqlx::Row;

/// What became of a claim.
pub(super) enum Claimed {
    /// It is this transaction's; or there was none.
    Now,
    /// An earlier transaction had it.
    Before(Inserted),
}

/// Takes a claim for what is about to be added.
pub(super) async fn claim(
    write: &mut Write<'_>,
    claim: Option<&IdempotencyClaim>,
    target: &str,
) -> Result<Claimed, StoreError> {
    let Some(claim) = claim else {
        return Ok(Claimed::Now);
    };
    let done = sqlx::query(
        "INSERT INTO idempotency (actor, token, request_hash, target, at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (actor, token) DO NOTHING",
    )
    .bind(claim.actor.as_str())
    .bind(claim.token.as_str())
    .bind(claim.request_hash.as_slice())
    .bind(target)
    .bind(claim.at.millis())
    .execute(write.connection())
    .await
    .map_err(writing)?;
    if done.rows_affected() == 1 {
        return Ok(Claimed::Now);
    }
    let earlier = find_claim(write.connection(), &claim.actor, &claim.token).await?;
    earlier
        .map(Claimed::Before)
        .ok_or_else(|| damaged("a claim is there and is not".to_owned()))
}

/// What an earlier insert has added under a claim.
pub(super) async fn find_claim(
    connection: &mut Connection,
    actor: &str,
    token: &str,
) -> Result<Option<Inserted>, StoreError> {
    let row = sqlx::query("SELECT target, request_hash FROM idempotency WHERE actor = $1 AND token = $2")
        .bind(actor)
        .bind(token)
        .fetch_optional(connection)
        .await
        .map_err(reading)?;
    let Some(row) = row else { return Ok(None) };
    let hash: &[u8] = row.try_get(1).map_err(reading)?;
    Ok(Some(Inserted::Replay {
        target: row.try_get(0).map_err(reading)?,
        request_hash: hash
            .try_into()
            .map_err(|_| damaged("idempotency.request_hash does not have 32 bytes".to_owned()))?,
    }))
}

pub(super) async fn put_setup_token(
    write: &mut Write<'_>,
    hash: &[u8; 32],
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO setup_token (one, hash, expires_at) VALUES (1, $1, $2) \
         ON CONFLICT (one) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at",
    )
    .bind(hash.as_slice())
    .bind(expires_at.millis())
    .execute(write.connection())
    .await
    .map_err(writing)?;
    Ok(())
}

pub(super) async fn redeem_setup_token(
    write: &mut Write<'_>,
    hash: &[u8; 32],
    now: Timestamp,
    user: &User,
    key: &Key,
    audit: &[AuditEvent],
) -> Result<Revision, StoreError> {
    let done = sqlx::query("DELETE FROM setup_token WHERE hash = $1 AND expires_at > $2")
        .bind(hash.as_slice())
        .bind(now.millis())
        .execute(write.connection())
        .await
        .map_err(writing)?;
    if done.rows_affected() == 0 {
        return Err(StoreError::NotFound);
    }
    let revision = write.raise().await?;
    users::insert_row(write, user, revision).await?;
    keys::insert_rows(write, std::slice::from_ref(key), revision, None).await?;
    for event in audit {
        write.audit(event).await?;
    }
    Ok(revision)
}
