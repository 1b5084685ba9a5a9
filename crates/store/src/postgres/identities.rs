//! Names that providers of identities know users by.

use super::connection::Connection;
use super::credentials::{end_sessions, one_row};
use super::fault::{reading, writing};
use super::users;
use super::write::Write;
use crate::rows::{IdentityRow, identity_columns};
use crate::{AuditEvent, Binding, BoundIdentity, IdentityName, StoreError};
use keyward_domain::{User, UserId};
use sqlx::Row;

pub(super) async fn find_user(
    connection: &mut Connection,
    name: &IdentityName,
) -> Result<Option<User>, StoreError> {
    match find_id(connection, name).await? {
        Some(id) => users::find(connection, id).await,
        None => Ok(None),
    }
}

async fn find_id(connection: &mut Connection, name: &IdentityName) -> Result<Option<UserId>, StoreError> {
    let row = sqlx::query("SELECT user_id FROM identities WHERE issuer = $1 AND subject = $2")
        .bind(name.issuer.as_str())
        .bind(name.subject.as_str())
        .fetch_optional(connection)
        .await
        .map_err(reading)?;
    let Some(row) = row else { return Ok(None) };
    let bytes: &[u8] = row.try_get(0).map_err(reading)?;
    Ok(bytes.try_into().ok().map(UserId::from_bytes))
}

pub(super) async fn list(
    connection: &mut Connection,
    user: UserId,
) -> Result<Vec<BoundIdentity>, StoreError> {
    let sql = concat!(
        "SELECT ",
        identity_columns!(),
        " FROM identities WHERE user_id = $1 ORDER BY created_at, issuer, subject"
    );
    let rows = sqlx::query(sql)
        .bind(user.as_bytes().as_slice())
        .fetch_all(connection)
        .await
        .map_err(reading)?;
    rows.iter()
        .map(|row| BoundIdentity::try_from(IdentityRow(row)))
        .collect()
}

/// Binds a name to a user whose credentials have been checked in this transaction. What is bound so already stays as it is.
pub(super) async fn bind(write: &mut Write<'_>, user: UserId, binding: &Binding) -> Result<(), StoreError> {
    let (name, event) = (&binding.name, &binding.audit);
    match find_id(write.connection(), name).await? {
        Some(bound) if bound == user => return Ok(()),
        Some(_) => return Err(StoreError::Conflict),
        None => {}
    }
    let done = sqlx::query(
        "INSERT INTO identities (issuer, subject, user_id, created_at) SELECT $1, $2, $3, $4 \
         WHERE NOT EXISTS (SELECT 1 FROM identities WHERE issuer = $1 AND user_id = $3)",
    )
    .bind(name.issuer.as_str())
    .bind(name.subject.as_str())
    .bind(user.as_bytes().as_slice())
    .bind(event.at.millis())
    .execute(write.connection())
    .await
    .map_err(writing)?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Conflict);
    }
    sqlx::query("DELETE FROM links WHERE user_id = $1 AND purpose = 'invite'")
        .bind(user.as_bytes().as_slice())
        .execute(write.connection())
        .await
        .map_err(writing)?;
    write.audit(event).await
}

/// Takes all names of a user away; they were a way in, so what was begun with them ends.
pub(super) async fn remove(
    write: &mut Write<'_>,
    user: UserId,
    audit: &AuditEvent,
) -> Result<(), StoreError> {
    let done = sqlx::query("DELETE FROM identities WHERE user_id = $1")
        .bind(user.as_bytes().as_slice())
        .execute(write.connection())
        .await
        .map_err(writing)?;
    one_row(&done)?;
    sqlx::query(
        "INSERT INTO credentials (user_id, totp_confirmed, totp_last_step, stamp) VALUES ($1, FALSE, 0, 1) \
         ON CONFLICT (user_id) DO UPDATE SET stamp = credentials.stamp + 1",
    )
    .bind(user.as_bytes().as_slice())
    .execute(write.connection())
    .await
    .map_err(writing)?;
    end_sessions(write, user).await?;
    write.audit(audit).await
}
