//! The audit log.

use super::connection::Connection;
use super::fault::{reading, writing};
use super::search;
use super::write::Write;
use crate::rows::{AuditRow, actor_cells, audit_columns, denied_cell};
use crate::{AuditEvent, AuditQuery, StoreError};
use sqlx::{Postgres, QueryBuilder};

pub(super) async fn append(connection: &mut Connection, event: &AuditEvent) -> Result<(), StoreError> {
    let (actor, user, key) = actor_cells(&event.actor);
    sqlx::query(
        "INSERT INTO audit (id, at, actor, actor_user, actor_key, address, action, target_kind, target_id, denied, \
         before, after) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(event.id.as_bytes().as_slice())
    .bind(event.at.millis())
    .bind(actor)
    .bind(user.map(|id| id.as_bytes().as_slice()))
    .bind(key.map(|id| id.as_bytes().as_slice()))
    .bind(event.address.map(|address| address.to_string()))
    .bind(event.action.as_str())
    .bind(event.target_kind.as_str())
    .bind(event.target_id.as_str())
    .bind(denied_cell(&event.outcome))
    .bind(event.before.as_ref().map(ToString::to_string))
    .bind(event.after.as_ref().map(ToString::to_string))
    .execute(connection)
    .await
    .map_err(writing)?;
    Ok(())
}

/// Writes an event of something that changed nothing.
pub(super) async fn note(write: &mut Write<'_>, event: &AuditEvent) -> Result<(), StoreError> {
    write.audit(event).await
}

pub(super) async fn list(
    connection: &mut Connection,
    query: &AuditQuery,
) -> Result<Vec<AuditEvent>, StoreError> {
    let mut sql =
        QueryBuilder::<Postgres>::new(concat!("SELECT ", audit_columns!(), " FROM audit WHERE TRUE"));
    if let Some(user) = query.user {
        sql.push(" AND actor_user = ").push_bind(user.as_bytes().to_vec());
    }
    if let Some(text) = &query.user_text {
        sql.push(" AND actor_user IN (SELECT id FROM users WHERE ");
        search::push(&mut sql, &["name", "email"], text);
        sql.push(")");
    }
    for (column, text) in [
        (" AND target_kind = ", &query.target_kind),
        (" AND target_id = ", &query.target_id),
        (" AND action = ", &query.action),
    ] {
        match text {
            // PostgreSQL keeps no such text, so nothing is there; and it refuses to look for one.
            Some(text) if text.contains('\0') => return Ok(Vec::new()),
            Some(text) => {
                sql.push(column).push_bind(text.clone());
            }
            None => {}
        }
    }
    if let Some(done) = query.done {
        sql.push(if done {
            " AND denied IS NULL"
        } else {
            " AND denied IS NOT NULL"
        });
    }
    if let Some(since) = query.since {
        sql.push(" AND at >= ").push_bind(since.millis());
    }
    if let Some(until) = query.until {
        sql.push(" AND at < ").push_bind(until.millis());
    }
    if let Some(after) = query.after {
        sql.push(" AND id < ").push_bind(after.as_bytes().to_vec());
    }
    sql.push(" ORDER BY id DESC LIMIT ")
        .push_bind(i64::from(query.most));
    let rows = sql.build().fetch_all(connection).await.map_err(reading)?;
    rows.iter()
        .map(|row| AuditEvent::try_from(AuditRow(row)))
        .collect()
}
