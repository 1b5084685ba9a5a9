//! Sessions, sign-ins that wait for their second factor, and known devices.

use super::connection::Connection;
use super::credentials::{check_stamp, one_row, use_up};
use super::fault::{reading, writing};
use super::write::Write;
use super::{credentials, identities, users};
use crate::rows::{PendingRow, SessionRow, pending_columns, session_columns};
use crate::{
    AuditEvent, FoundSession, NewPending, NewSession, PendingSignIn, Proof, SessionRecord, StoreError,
};
use keyward_domain::{Fingerprint, SessionId, Timestamp, UserId};
use sqlx::Row;
use std::net::IpAddr;

/// So many devices of a user are known at most.
const MOST_DEVICES: i64 = 20;

pub(super) async fn find(
    connection: &mut Connection,
    token: &Fingerprint,
) -> Result<Option<FoundSession>, StoreError> {
    let sql = concat!("SELECT ", session_columns!(), " FROM sessions WHERE token = $1");
    let row = sqlx::query(sql)
        .bind(token.as_bytes().as_slice())
        .fetch_optional(&mut *connection)
        .await
        .map_err(reading)?;
    let Some(session) = row
        .map(|row| SessionRecord::try_from(SessionRow(&row)))
        .transpose()?
    else {
        return Ok(None);
    };
    let Some(user) = users::find(connection, session.user).await? else {
        return Ok(None);
    };
    let credentials = credentials::find(connection, session.user).await?;
    Ok(Some(FoundSession {
        session,
        user,
        has_second_factor: credentials.second_factor_in_force().is_some(),
        language: credentials.language,
    }))
}

pub(super) async fn find_by_id(
    connection: &mut Connection,
    id: SessionId,
) -> Result<Option<SessionRecord>, StoreError> {
    let row = sqlx::query(concat!(
        "SELECT ",
        session_columns!(),
        " FROM sessions WHERE id = $1"
    ))
    .bind(id.as_bytes().as_slice())
    .fetch_optional(connection)
    .await
    .map_err(reading)?;
    row.map(|row| SessionRecord::try_from(SessionRow(&row)))
        .transpose()
}

pub(super) async fn list(
    connection: &mut Connection,
    user: UserId,
) -> Result<Vec<SessionRecord>, StoreError> {
    let sql = concat!(
        "SELECT ",
        session_columns!(),
        " FROM sessions WHERE user_id = $1 ORDER BY id DESC"
    );
    let rows = sqlx::query(sql)
        .bind(user.as_bytes().as_slice())
        .fetch_all(connection)
        .await
        .map_err(reading)?;
    rows.iter()
        .map(|row| SessionRecord::try_from(SessionRow(row)))
        .collect()
}

pub(super) async fn begin(
    write: &mut Write<'_>,
    session: &NewSession,
    audit: &AuditEvent,
) -> Result<(), StoreError> {
    check_stamp(write, session.record.user, session.stamp).await?;
    insert(write, session).await?;
    if let Some(binding) = &session.binding {
        identities::bind(write, session.record.user, binding).await?;
    }
    write.audit(audit).await
}

/// Adds the row of a session, and remembers its device.
pub(super) async fn insert(write: &mut Write<'_>, session: &NewSession) -> Result<(), StoreError> {
    let record = &session.record;
    sqlx::query(
        "INSERT INTO sessions (id, user_id, token, created_at, seen_at, ends_at, address, agent) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(record.id.as_bytes().as_slice())
    .bind(record.user.as_bytes().as_slice())
    .bind(session.token.as_bytes().as_slice())
    .bind(record.created_at.millis())
    .bind(record.seen_at.millis())
    .bind(record.ends_at.millis())
    .bind(record.address.map(|address| address.to_string()))
    .bind(record.agent.as_str())
    .execute(write.connection())
    .await
    .map_err(writing)?;
    match &session.device {
        Some(device) => remember(write, device, record.user, record.created_at).await,
        None => Ok(()),
    }
}

async fn remember(
    write: &mut Write<'_>,
    device: &Fingerprint,
    user: UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO devices (hash, user_id, seen_at) VALUES ($1, $2, $3) \
         ON CONFLICT (hash) DO UPDATE SET user_id = excluded.user_id, seen_at = excluded.seen_at",
    )
    .bind(device.as_bytes().as_slice())
    .bind(user.as_bytes().as_slice())
    .bind(now.millis())
    .execute(write.connection())
    .await
    .map_err(writing)?;
    // The one that was let in just now stays, whatever the clock says.
    sqlx::query(
        "DELETE FROM devices WHERE user_id = $1 AND hash NOT IN \
         (SELECT hash FROM devices WHERE user_id = $1 ORDER BY hash = $3 DESC, seen_at DESC, hash LIMIT $2)",
    )
    .bind(user.as_bytes().as_slice())
    .bind(MOST_DEVICES)
    .bind(device.as_bytes().as_slice())
    .execute(write.connection())
    .await
    .map_err(writing)?;
    Ok(())
}

pub(super) async fn touch(
    write: &mut Write<'_>,
    id: SessionId,
    seen_at: Timestamp,
    address: Option<IpAddr>,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE sessions SET seen_at = $1, address = $2 WHERE id = $3")
        .bind(seen_at.millis())
        .bind(address.map(|address| address.to_string()))
        .bind(id.as_bytes().as_slice())
        .execute(write.connection())
        .await
        .map_err(writing)?;
    Ok(())
}

pub(super) async fn end(
    write: &mut Write<'_>,
    id: SessionId,
    audit: Option<&AuditEvent>,
) -> Result<(), StoreError> {
    let done = sqlx::query("DELETE FROM sessions WHERE id = $1")
        .bind(id.as_bytes().as_slice())
        .execute(write.connection())
        .await
        .map_err(writing)?;
    one_row(&done)?;
    match audit {
        Some(event) => write.audit(event).await,
        None => Ok(()),
    }
}

pub(super) async fn end_others(
    write: &mut Write<'_>,
    user: UserId,
    keep: SessionId,
    audit: &AuditEvent,
) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND id <> $2")
        .bind(user.as_bytes().as_slice())
        .bind(keep.as_bytes().as_slice())
        .execute(write.connection())
        .await
        .map_err(writing)?;
    if done.rows_affected() > 0 {
        write.audit(audit).await?;
    }
    Ok(done.rows_affected())
}

pub(super) async fn insert_pending(write: &mut Write<'_>, pending: &NewPending) -> Result<(), StoreError> {
    check_stamp(write, pending.user, pending.stamp).await?;
    insert_pending_row(write, pending).await
}

pub(super) async fn insert_pending_row(
    write: &mut Write<'_>,
    pending: &NewPending,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO pending_sign_ins (hash, user_id, expires_at, tries_left, device, stamp, issuer, subject) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(pending.hash.as_bytes().as_slice())
    .bind(pending.user.as_bytes().as_slice())
    .bind(pending.expires_at.millis())
    .bind(i64::from(pending.tries))
    .bind(pending.device.as_ref().map(|hash| hash.as_bytes().as_slice()))
    .bind(pending.stamp.cast_signed())
    .bind(pending.identity.as_ref().map(|name| name.issuer.as_str()))
    .bind(pending.identity.as_ref().map(|name| name.subject.as_str()))
    .execute(write.connection())
    .await
    .map_err(writing)?;
    Ok(())
}

pub(super) async fn find_pending(
    connection: &mut Connection,
    hash: &Fingerprint,
    now: Timestamp,
) -> Result<Option<PendingSignIn>, StoreError> {
    let sql = concat!(
        "SELECT ",
        pending_columns!(),
        " FROM pending_sign_ins WHERE hash = $1 AND expires_at > $2 AND tries_left > 0"
    );
    let row = sqlx::query(sql)
        .bind(hash.as_bytes().as_slice())
        .bind(now.millis())
        .fetch_optional(connection)
        .await
        .map_err(reading)?;
    row.map(|row| PendingSignIn::try_from(PendingRow(&row)))
        .transpose()
}

pub(super) async fn try_pending(
    write: &mut Write<'_>,
    hash: &Fingerprint,
    now: Timestamp,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE pending_sign_ins SET tries_left = tries_left - 1 \
         WHERE hash = $1 AND expires_at > $2 AND tries_left > 0",
    )
    .bind(hash.as_bytes().as_slice())
    .bind(now.millis())
    .execute(write.connection())
    .await
    .map_err(writing)?;
    one_row(&done)
}

pub(super) async fn complete_pending(
    write: &mut Write<'_>,
    hash: &Fingerprint,
    proof: &Proof,
    session: &NewSession,
    audit: &AuditEvent,
) -> Result<(), StoreError> {
    let done = sqlx::query("DELETE FROM pending_sign_ins WHERE hash = $1 AND user_id = $2")
        .bind(hash.as_bytes().as_slice())
        .bind(session.record.user.as_bytes().as_slice())
        .execute(write.connection())
        .await
        .map_err(writing)?;
    one_row(&done)?;
    use_up(write, session.record.user, proof).await?;
    begin(write, session, audit).await
}

pub(super) async fn find_device(
    connection: &mut Connection,
    hash: &Fingerprint,
) -> Result<Option<UserId>, StoreError> {
    let row = sqlx::query("SELECT user_id FROM devices WHERE hash = $1")
        .bind(hash.as_bytes().as_slice())
        .fetch_optional(connection)
        .await
        .map_err(reading)?;
    let Some(row) = row else { return Ok(None) };
    let bytes: &[u8] = row.try_get(0).map_err(reading)?;
    Ok(bytes.try_into().ok().map(UserId::from_bytes))
}
