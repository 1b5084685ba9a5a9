//! The audit log.

use super::fault::{reading, writing};
use super::search;
use crate::port::{SKEW, first_id};
use crate::rows::{AuditRow, actor_cells, audit_columns, denied_cell};
use crate::{AuditEvent, AuditQuery, StoreError};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

pub(super) async fn append(connection: &mut SqliteConnection, event: &AuditEvent) -> Result<(), StoreError> {
    let (actor, user, key) = actor_cells(&event.actor);
    sqlx::query(
        "INSERT INTO audit (id, at, actor, actor_user, actor_key, address, action, target_kind, target_id, denied, \
         before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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

/// Lines whose instant is not that of their id; spelt as the index `audit_clock` has it.
macro_rules! with_another_clock {
    () => {
        "(SELECT id FROM audit WHERE hex(substr(id, 1, 6)) NOT BETWEEN printf('%012X', at - 60000) AND printf('%012X', at + 60000) \
         ORDER BY id "
    };
}

pub(super) async fn list(
    connection: &mut SqliteConnection,
    query: &AuditQuery,
) -> Result<Vec<AuditEvent>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(concat!("SELECT ", audit_columns!(), " FROM audit WHERE TRUE"));
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
        if let Some(text) = text {
            sql.push(column).push_bind(text.clone());
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
        let first = first_id(since.plus_millis(-SKEW)).to_vec();
        sql.push(" AND at >= ").push_bind(since.millis());
        sql.push(" AND id >= min(").push_bind(first.clone());
        sql.push(concat!(", coalesce(", with_another_clock!(), "LIMIT 1), "))
            .push_bind(first)
            .push("))");
    }
    if let Some(until) = query.until {
        let end = first_id(until.plus_millis(SKEW + 1)).to_vec();
        sql.push(" AND at < ").push_bind(until.millis());
        sql.push(" AND id <= max(").push_bind(end.clone());
        sql.push(concat!(", coalesce(", with_another_clock!(), "DESC LIMIT 1), "))
            .push_bind(end)
            .push("))");
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
