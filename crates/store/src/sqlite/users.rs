//! Users.

use super::credentials;
use super::fault::{reading, writing};
use super::once::{self, Claimed};
use super::search;
use super::write::Write;
use crate::rows::{UserRow, deleted_at, site_rule_text, user_columns};
use crate::{AuditEvent, IdempotencyClaim, Inserted, StoreError, UserQuery};
use keyward_domain::{Email, Revision, User, UserId};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

/// Ids of one IN list.
const CHUNK: usize = 1000;

pub(super) async fn find(connection: &mut SqliteConnection, id: UserId) -> Result<Option<User>, StoreError> {
    let row = sqlx::query(concat!("SELECT ", user_columns!(), " FROM users WHERE id = ?"))
        .bind(id.as_bytes().as_slice())
        .fetch_optional(connection)
        .await
        .map_err(reading)?;
    row.map(|row| User::try_from(UserRow(&row))).transpose()
}

pub(super) async fn find_many(
    connection: &mut SqliteConnection,
    ids: &[UserId],
) -> Result<Vec<User>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let mut sql =
            QueryBuilder::<Sqlite>::new(concat!("SELECT ", user_columns!(), " FROM users WHERE id IN ("));
        let mut list = sql.separated(", ");
        for id in chunk {
            list.push_bind(id.as_bytes().as_slice());
        }
        sql.push(")");
        let rows = sql.build().fetch_all(&mut *connection).await.map_err(reading)?;
        for row in &rows {
            found.push(User::try_from(UserRow(row))?);
        }
    }
    Ok(found)
}

pub(super) async fn find_by_email(
    connection: &mut SqliteConnection,
    email: &Email,
) -> Result<Option<User>, StoreError> {
    let sql = concat!(
        "SELECT ",
        user_columns!(),
        " FROM users WHERE email = ? AND status <> 'deleted'"
    );
    let row = sqlx::query(sql)
        .bind(email.as_str())
        .fetch_optional(connection)
        .await
        .map_err(reading)?;
    row.map(|row| User::try_from(UserRow(&row))).transpose()
}

pub(super) async fn list(
    connection: &mut SqliteConnection,
    query: &UserQuery,
) -> Result<Vec<User>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(concat!("SELECT ", user_columns!(), " FROM users WHERE TRUE"));
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
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
        "UPDATE users SET name = ?, role = ?, status = ?, deleted_at = ?, sites = ?, revision = ? \
         WHERE id = ? AND revision = ?",
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
    "SELECT 1 FROM users WHERE role = 'admin' AND status = 'active' AND id = ? AND revision = ?";

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
