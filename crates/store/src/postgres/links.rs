//! Links that set a password, and the set-up with one.

use super::connection::Connection;
use super::credentials::{check_stamp, one_row, put_password};
use super::fault::{reading, writing};
use super::write::Write;
use super::{sessions, users};
use crate::rows::{LinkRow, link_columns};
use crate::{AuditEvent, Entry, Link, NewSession, StoreError};
use keyward_domain::{Fingerprint, PasswordHash, Revision, Timestamp, User, UserId};

pub(super) async fn insert_user(
    write: &mut Write<'_>,
    user: &User,
    link: &Link,
    audit: &[AuditEvent],
) -> Result<Revision, StoreError> {
    let revision = write.raise().await?;
    users::insert_row(write, user, revision).await?;
    insert(write, link).await?;
    all(write, audit).await?;
    Ok(revision)
}

async fn all(write: &mut Write<'_>, audit: &[AuditEvent]) -> Result<(), StoreError> {
    for event in audit {
        write.audit(event).await?;
    }
    Ok(())
}

async fn insert(write: &mut Write<'_>, link: &Link) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO links (hash, user_id, purpose, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(link.hash.as_bytes().as_slice())
        .bind(link.user.as_bytes().as_slice())
        .bind(link.purpose.as_str())
        .bind(link.expires_at.millis())
        .execute(write.connection())
        .await
        .map_err(writing)?;
    Ok(())
}

pub(super) async fn put(write: &mut Write<'_>, link: &Link, audit: &AuditEvent) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM links WHERE user_id = $1")
        .bind(link.user.as_bytes().as_slice())
        .execute(write.connection())
        .await
        .map_err(writing)?;
    insert(write, link).await?;
    write.audit(audit).await
}

pub(super) async fn find(
    connection: &mut Connection,
    hash: &Fingerprint,
) -> Result<Option<Link>, StoreError> {
    let row = sqlx::query(concat!("SELECT ", link_columns!(), " FROM links WHERE hash = $1"))
        .bind(hash.as_bytes().as_slice())
        .fetch_optional(connection)
        .await
        .map_err(reading)?;
    row.map(|row| Link::try_from(LinkRow(&row))).transpose()
}

pub(super) async fn redeem(
    write: &mut Write<'_>,
    hash: &Fingerprint,
    now: Timestamp,
    password: &PasswordHash,
    entry: &Entry,
    audit: &[AuditEvent],
) -> Result<(), StoreError> {
    let (user, stamp) = match entry {
        Entry::Session(session) => (session.record.user, session.stamp),
        Entry::Pending(pending) => (pending.user, pending.stamp),
    };
    let done = sqlx::query("DELETE FROM links WHERE hash = $1 AND user_id = $2 AND expires_at > $3")
        .bind(hash.as_bytes().as_slice())
        .bind(user.as_bytes().as_slice())
        .bind(now.millis())
        .execute(write.connection())
        .await
        .map_err(writing)?;
    one_row(&done)?;
    check_stamp(write, user, stamp).await?;
    put_password(write, user, password).await?;
    forget_ways_in(write, user).await?;
    match entry {
        Entry::Session(session) => sessions::insert(write, session).await?,
        Entry::Pending(pending) => {
            // What is proved from here on is the new password.
            let mut pending = pending.clone();
            pending.stamp += 1;
            sessions::insert_pending_row(write, &pending).await?;
        }
    }
    all(write, audit).await
}

/// Whoever got in by them before gets in no more.
async fn forget_ways_in(write: &mut Write<'_>, user: UserId) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM devices WHERE user_id = $1",
        "DELETE FROM identities WHERE user_id = $1",
    ] {
        sqlx::query(sql)
            .bind(user.as_bytes().as_slice())
            .execute(write.connection())
            .await
            .map_err(writing)?;
    }
    Ok(())
}

pub(super) async fn find_setup_token(
    connection: &mut Connection,
    hash: &Fingerprint,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT 1 FROM setup_token WHERE hash = $1 AND expires_at > $2")
        .bind(hash.as_bytes().as_slice())
        .bind(now.millis())
        .fetch_optional(connection)
        .await
        .map_err(reading)?;
    Ok(row.is_some())
}

pub(super) async fn set_up(
    write: &mut Write<'_>,
    hash: &Fingerprint,
    user: &User,
    password: &PasswordHash,
    session: &NewSession,
    audit: &[AuditEvent],
) -> Result<Revision, StoreError> {
    let done = sqlx::query("DELETE FROM setup_token WHERE hash = $1 AND expires_at > $2")
        .bind(hash.as_bytes().as_slice())
        .bind(session.record.created_at.millis())
        .execute(write.connection())
        .await
        .map_err(writing)?;
    one_row(&done)?;
    let revision = write.raise().await?;
    users::insert_row(write, user, revision).await?;
    put_password(write, user.id, password).await?;
    sessions::insert(write, session).await?;
    all(write, audit).await?;
    Ok(revision)
}
