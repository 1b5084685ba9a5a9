//! Users.

use super::connection::Connection;
use super::credentials;
use super::fault::{reading, writing};
use super::once::{self, Claimed};
use super::search;
use super::write::Write;
use crate::rows::{UserRow, deleted_at, site_rule_text, user_columns};
use crate::{AuditEvent, IdempotencyClaim, Inserted, StoreError, UserQuery};
use keyward_domain::{Email, Revision, User, UserId};
use sqlx::{Postgres, QueryBuilder};

pub(super) async fn find(connection: &mut Connection, id: UserId) -> Result<Option<User>, StoreError> {
    let row = sqlx::query(concat!("SELECT ", user_columns!(), " FROM users WHERE id = $1"))
        .bind(id.as_bytes().as_slice())
        .fetch_optional(connection)
        .await
        .map_err(reading)?;
    row.map(|row| User::try_from(UserRow(&row))).transpose()
}

pub(super) async fn find_many(connection: &mut Connection, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
    let ids: Vec<&[u8]> = ids.iter().map(|id| id.as_bytes().as_slice()).collect();
    let rows = sqlx::query(concat!(
        "SELECT ",
        user_columns!(),
        " FROM users WHERE id = ANY($1)"
    ))
    .bind(ids)
    .fetch_all(connection)
    .await
    .map_err(reading)?;
    rows.iter().map(|row| User::try_from(UserRow(row))).collect()
}

pub(super) async fn find_by_email(
    connection: &mut Connection,
    email: &Email,
) -> Result<Option<User>, StoreError> {
    let sql = concat!(
        "SELECT ",
        user_columns!(),
        " FROM users WHERE email = $1 AND status <> 'deleted'"
    );
    let row = sqlx::query(sql)
        .bind(email.as_str())
        .fetch_optional(connection)
        .await
        .map_err(reading)?;
    row.map(|row| User::try_from(UserRow(&row))).transpose()
}

pub(super) async fn list(connection: &mut Connection, query: &UserQuery) -> Result<Vec<User>, StoreError> {
    let mut sql =
        QueryBuilder::<Postgres>::new(concat!("SELECT ", user_columns!(), " FROM users WHERE TRUE"));
    if !query.with_deleted {
        sql.push(" AND status <> 'deleted'");
    }
    if let Some(text) = &query.text {
        sql.push(" AND ");
        search::push(&mut sql, &["name", "email"], text);
    }
    if let Some(after) = query.after {
        sql.push(" AND id < ").push_bind(after.as_bytes().to_vec());
    }
    sql.push(" ORDER BY id DESC LIMIT ")
        .push_bind(i64::from(query.most));
    let rows = sql.build().fetch_all(connection).await.map_err(reading)?;
    rows.iter().map(|row| User::try_from(UserRow(row))).collect()
}

pub(super) async fn insert(
    write: &mut Write<'_>,
    user: &User,
    audit: &AuditEvent,
    once: Option<&IdempotencyClaim>,
) -> Result<Inserted, StoreError> {
    if let Claimed::Before(replay) = once::claim(write, once, &user.id.to_string()).await? {
        return Ok(replay);
    }
    let revision = write.raise().await?;
    insert_row(write, user, revision).await?;
    write.audit(audit).await?;
    Ok(Inserted::New(revision))
}

pub(super) async fn insert_row(
    write: &mut Write<'_>,
    user: &User,
    revision: Revision,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO users (id, email, name, role, status, deleted_at, sites, created_at, revision) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(user.id.as_bytes().as_slice())
    .bind(user.email.as_str())
    .bind(user.name.as_str())
    .bind(user.role.as_str())
    .bind(user.status.as_str())
    .bind(deleted_at(user.status))
    .bind(site_rule_text(&user.sites))
    .bind(user.created_at.millis())
    .bind(revision.0.cast_signed())
    .execute(write.connection())
    .await
    .map_err(writing)?;
    Ok(())
}

pub(super) async fn update(
    write: &mut Write<'_>,
    user: &User,
    expected: Revision,
    audit: &AuditEvent,
) -> Result<Revision, StoreError> {
    let revision = write.raise().await?;
    let managed = is_there(write, MANAGES_AT, Some((user.id, expected))).await?;
    credentials::end_access(write, user).await?;
    let done = sqlx::query(
        "UPDATE users SET name = $1, role = $2, status = $3, deleted_at = $4, sites = $5, revision = $6 \
         WHERE id = $7 AND revision = $8",
    )
    .bind(user.name.as_str())
    .bind(user.role.as_str())
    .bind(user.status.as_str())
    .bind(deleted_at(user.status))
    .bind(site_rule_text(&user.sites))
    .bind(revision.0.cast_signed())
    .bind(user.id.as_bytes().as_slice())
    .bind(expected.0.cast_signed())
    .execute(write.connection())
    .await
    .map_err(writing)?;
    if done.rows_affected() == 0 {
        return Err(match find(write.connection(), user.id).await? {
            Some(_) => StoreError::Conflict,
            None => StoreError::NotFound,
        });
    }
    if managed && !is_there(write, MANAGES, None).await? {
        return Err(StoreError::Conflict);
    }
    write.audit(audit).await?;
    Ok(revision)
}

const MANAGES: &str = "SELECT 1 FROM users WHERE role = 'admin' AND status = 'active' LIMIT 1";
const MANAGES_AT: &str =
    "SELECT 1 FROM users WHERE role = 'admin' AND status = 'active' AND id = $1 AND revision = $2";

async fn is_there(
    write: &mut Write<'_>,
    sql: &'static str,
    row: Option<(UserId, Revision)>,
) -> Result<bool, StoreError> {
    let mut query = sqlx::query(sql);
    if let Some((id, revision)) = row {
        query = query.bind(id.as_bytes().to_vec()).bind(revision.0.cast_signed());
    }
    let found = query.fetch_optional(write.connection()).await.map_err(writing)?;
    Ok(found.is_some())
}
