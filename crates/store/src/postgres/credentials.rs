//! Passwords, second factors, recovery codes, and what ends when they change.

use super::connection::Connection;
use super::fault::{reading, writing};
use super::sessions;
use super::write::Write;
use crate::rows::{CredentialsRow, credentials_columns};
use crate::{AuditEvent, ConfirmedFactor, Credentials, NewSession, Proof, StoreError};
use keyward_domain::{Fingerprint, PasswordHash, SessionId, TotpKey, User, UserId, UserStatus};
use sqlx::postgres::PgQueryResult;

pub(super) async fn find(connection: &mut Connection, user: UserId) -> Result<Credentials, StoreError> {
    let sql = concat!(
        "SELECT ",
        credentials_columns!(),
        " FROM credentials WHERE user_id = $1"
    );
    let row = sqlx::query(sql)
        .bind(user.as_bytes().as_slice())
        .fetch_optional(connection)
        .await
        .map_err(reading)?;
    row.map_or_else(
        || Ok(Credentials::default()),
        |row| Credentials::try_from(CredentialsRow(&row)),
    )
}

/// Lets pass a valid user whose credentials are those that were proved.
pub(super) async fn check_stamp(write: &mut Write<'_>, user: UserId, stamp: u64) -> Result<(), StoreError> {
    let found = sqlx::query(
        "SELECT 1 FROM users LEFT JOIN credentials ON user_id = id \
         WHERE id = $1 AND status = 'active' AND coalesce(stamp, 0) = $2",
    )
    .bind(user.as_bytes().as_slice())
    .bind(stamp.cast_signed())
    .fetch_optional(write.connection())
    .await
    .map_err(writing)?;
    found.map(drop).ok_or(StoreError::NotFound)
}

/// Runs a statement with the user as its first argument.
async fn of_user(
    write: &mut Write<'_>,
    sql: &'static str,
    user: UserId,
) -> Result<PgQueryResult, StoreError> {
    sqlx::query(sql)
        .bind(user.as_bytes().as_slice())
        .execute(write.connection())
        .await
        .map_err(writing)
}

/// Uses a proof of the second factor up.
pub(super) async fn use_up(write: &mut Write<'_>, user: UserId, proof: &Proof) -> Result<(), StoreError> {
    let query = match proof {
        Proof::Step(step) => sqlx::query(
            "UPDATE credentials SET totp_last_step = $1 \
             WHERE user_id = $2 AND totp_confirmed AND totp_last_step < $1",
        )
        .bind(step.cast_signed())
        .bind(user.as_bytes().as_slice()),
        Proof::RecoveryCode(hash) => {
            sqlx::query("DELETE FROM recovery_codes WHERE hash = $1 AND user_id = $2")
                .bind(hash.as_bytes().as_slice())
                .bind(user.as_bytes().as_slice())
        }
    };
    let done = query.execute(write.connection()).await.map_err(writing)?;
    one_row(&done)
}

/// Whether a statement has found its row.
pub(super) fn one_row(done: &PgQueryResult) -> Result<(), StoreError> {
    match done.rows_affected() {
        0 => Err(StoreError::NotFound),
        _ => Ok(()),
    }
}

/// Ends what was begun with earlier credentials: sessions and sign-ins that wait for their second factor.
pub(super) async fn end_sessions(write: &mut Write<'_>, user: UserId) -> Result<(), StoreError> {
    of_user(write, "DELETE FROM sessions WHERE user_id = $1", user).await?;
    of_user(write, "DELETE FROM pending_sign_ins WHERE user_id = $1", user).await?;
    Ok(())
}

/// Ends what a change of a user's role or status ends; called before the row is changed.
pub(super) async fn end_access(write: &mut Write<'_>, user: &User) -> Result<(), StoreError> {
    let changed = sqlx::query("SELECT 1 FROM users WHERE id = $1 AND (role <> $2 OR status <> $3)")
        .bind(user.id.as_bytes().as_slice())
        .bind(user.role.as_str())
        .bind(user.status.as_str())
        .fetch_optional(write.connection())
        .await
        .map_err(writing)?;
    if changed.is_none() {
        return Ok(());
    }
    end_sessions(write, user.id).await?;
    if user.status != UserStatus::Active {
        of_user(write, "DELETE FROM links WHERE user_id = $1", user.id).await?;
    }
    if matches!(user.status, UserStatus::Deleted { .. }) {
        for sql in [
            "DELETE FROM recovery_codes WHERE user_id = $1",
            "DELETE FROM devices WHERE user_id = $1",
            "DELETE FROM identities WHERE user_id = $1",
            "DELETE FROM credentials WHERE user_id = $1",
        ] {
            of_user(write, sql, user.id).await?;
        }
    }
    Ok(())
}

/// Puts a password in place and ends everything that the earlier one had let in.
pub(super) async fn put_password(
    write: &mut Write<'_>,
    user: UserId,
    password: &PasswordHash,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO credentials (user_id, password, totp_confirmed, totp_last_step, stamp) VALUES ($1, $2, FALSE, 0, 1) \
         ON CONFLICT (user_id) DO UPDATE SET password = excluded.password, stamp = credentials.stamp + 1",
    )
    .bind(user.as_bytes().as_slice())
    .bind(password.as_str())
    .execute(write.connection())
    .await
    .map_err(writing)?;
    end_sessions(write, user).await?;
    of_user(write, "DELETE FROM links WHERE user_id = $1", user).await?;
    Ok(())
}

pub(super) async fn change_password(
    write: &mut Write<'_>,
    old: SessionId,
    password: &PasswordHash,
    session: &NewSession,
    audit: &AuditEvent,
) -> Result<(), StoreError> {
    check_stamp(write, session.record.user, session.stamp).await?;
    sessions::end(write, old, None).await?;
    put_password(write, session.record.user, password).await?;
    sessions::insert(write, session).await?;
    write.audit(audit).await
}

pub(super) async fn put_second_factor(
    write: &mut Write<'_>,
    user: UserId,
    key: &TotpKey,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "INSERT INTO credentials (user_id, totp_key, totp_confirmed, totp_last_step, stamp) VALUES ($1, $2, FALSE, 0, 0) \
         ON CONFLICT (user_id) DO UPDATE SET totp_key = excluded.totp_key, totp_last_step = 0 \
         WHERE NOT credentials.totp_confirmed",
    )
    .bind(user.as_bytes().as_slice())
    .bind(key.as_bytes().as_slice())
    .execute(write.connection())
    .await
    .map_err(writing)?;
    match done.rows_affected() {
        0 => Err(StoreError::Conflict),
        _ => Ok(()),
    }
}

pub(super) async fn confirm_second_factor(
    write: &mut Write<'_>,
    old: SessionId,
    confirmed: &ConfirmedFactor,
    session: &NewSession,
    audit: &AuditEvent,
) -> Result<(), StoreError> {
    let user = session.record.user;
    check_stamp(write, user, session.stamp).await?;
    sessions::end(write, old, None).await?;
    let done = sqlx::query(
        "UPDATE credentials SET totp_confirmed = TRUE, totp_last_step = $1, stamp = stamp + 1 \
         WHERE user_id = $2 AND totp_key = $3 AND NOT totp_confirmed",
    )
    .bind(confirmed.step.cast_signed())
    .bind(user.as_bytes().as_slice())
    .bind(confirmed.key.as_bytes().as_slice())
    .execute(write.connection())
    .await
    .map_err(writing)?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Conflict);
    }
    put_codes(write, user, &confirmed.codes).await?;
    end_sessions(write, user).await?;
    sessions::insert(write, session).await?;
    write.audit(audit).await
}

/// Puts recovery codes in place of the old ones.
async fn put_codes(write: &mut Write<'_>, user: UserId, codes: &[Fingerprint]) -> Result<(), StoreError> {
    of_user(write, "DELETE FROM recovery_codes WHERE user_id = $1", user).await?;
    for code in codes {
        sqlx::query("INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)")
            .bind(user.as_bytes().as_slice())
            .bind(code.as_bytes().as_slice())
            .execute(write.connection())
            .await
            .map_err(writing)?;
    }
    Ok(())
}

pub(super) async fn renew_codes(
    write: &mut Write<'_>,
    user: UserId,
    stamp: u64,
    proof: &Proof,
    codes: &[Fingerprint],
    audit: &AuditEvent,
) -> Result<(), StoreError> {
    check_stamp(write, user, stamp).await?;
    use_up(write, user, proof).await?;
    put_codes(write, user, codes).await?;
    write.audit(audit).await
}

pub(super) async fn remove_second_factor(
    write: &mut Write<'_>,
    user: UserId,
    stamp: u64,
    proof: &Proof,
    audit: &AuditEvent,
) -> Result<(), StoreError> {
    check_stamp(write, user, stamp).await?;
    use_up(write, user, proof).await?;
    take_away(write, user).await?;
    write.audit(audit).await
}

pub(super) async fn reset_second_factor(
    write: &mut Write<'_>,
    user: UserId,
    audit: &AuditEvent,
) -> Result<(), StoreError> {
    take_away(write, user).await?;
    end_sessions(write, user).await?;
    write.audit(audit).await
}

async fn take_away(write: &mut Write<'_>, user: UserId) -> Result<(), StoreError> {
    let sql = "UPDATE credentials SET totp_key = NULL, totp_confirmed = FALSE, totp_last_step = 0, stamp = stamp + 1 \
               WHERE user_id = $1 AND totp_confirmed";
    one_row(&of_user(write, sql, user).await?)?;
    put_codes(write, user, &[]).await
}

pub(super) async fn set_language(
    write: &mut Write<'_>,
    user: UserId,
    language: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO credentials (user_id, totp_confirmed, totp_last_step, language, stamp) VALUES ($1, FALSE, 0, $2, 0) \
         ON CONFLICT (user_id) DO UPDATE SET language = excluded.language",
    )
    .bind(user.as_bytes().as_slice())
    .bind(language)
    .execute(write.connection())
    .await
    .map_err(writing)?;
    Ok(())
}
