//! The audit log.

use super::connection::Connection;
use super::fault::{reading, writing};
use super::search;
use super::write::Write;
use crate::port::{SKEW, first_id};
use crate::rows::{AuditRow, actor_cells, audit_columns, denied_cell};
use crate::{AuditEvent, AuditQuery, StoreError};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row};

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

/// Lines whose instant is not that of their id; spelt as the index `audit_clock` has it.
macro_rules! with_another_clock {
    () => {
        "(SELECT id FROM audit WHERE abs(at - ('x' || encode(substr(id, 1, 6), 'hex'))::bit(48)::bigint) > 60000 ORDER BY id "
    };
}

/// Of so many users at most each one's lines are read by the index; of more, all lines are looked through.
const USERS: usize = 100;

pub(super) async fn list(
    connection: &mut Connection,
    query: &AuditQuery,
) -> Result<Vec<AuditEvent>, StoreError> {
    let texts = [&query.target_kind, &query.target_id, &query.action];
    // PostgreSQL keeps no such text, so nothing is there; and it refuses to look for one.
    if texts.into_iter().flatten().any(|text| text.contains('\0')) {
        return Ok(Vec::new());
    }
    let users = match &query.user_text {
        Some(text) => Some(users_with(connection, text).await?),
        None => None,
    };
    let mut sql = match &users {
        Some(users) if users.len() <= USERS => {
            let mut sql = QueryBuilder::<Postgres>::new(concat!(
                "SELECT ",
                audit_columns!(),
                " FROM (SELECT DISTINCT unnest("
            ));
            sql.push_bind(users.clone())
                .push("::bytea[]) AS acting) AS users CROSS JOIN LATERAL (SELECT * FROM audit WHERE actor_user = acting");
            filter(&mut sql, query);
            order(&mut sql, query);
            sql.push(") AS theirs");
            sql
        }
        _ => {
            let mut sql =
                QueryBuilder::<Postgres>::new(concat!("SELECT ", audit_columns!(), " FROM audit WHERE TRUE"));
            if let Some(text) = &query.user_text {
                sql.push(" AND actor_user IN (SELECT id FROM users WHERE ");
                search::push(&mut sql, &["name", "email"], text);
                sql.push(")");
            }
            filter(&mut sql, query);
            sql
        }
    };
    order(&mut sql, query);
    let rows = sql.build().fetch_all(connection).await.map_err(reading)?;
    rows.iter()
        .map(|row| AuditEvent::try_from(AuditRow(row)))
        .collect()
}

/// The users with a text in name or address, but one more than [`USERS`] at most.
async fn users_with(connection: &mut Connection, text: &str) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut sql = QueryBuilder::<Postgres>::new("SELECT id FROM users WHERE ");
    search::push(&mut sql, &["name", "email"], text);
    sql.push(format!(" LIMIT {}", USERS + 1));
    let rows = sql.build().fetch_all(connection).await.map_err(reading)?;
    let id = |row: &PgRow| row.try_get(0).map_err(reading);
    rows.iter().map(id).collect()
}

fn order(sql: &mut QueryBuilder<Postgres>, query: &AuditQuery) {
    sql.push(" ORDER BY id DESC LIMIT ")
        .push_bind(i64::from(query.most));
}

fn filter(sql: &mut QueryBuilder<Postgres>, query: &AuditQuery) {
    if let Some(user) = query.user {
        sql.push(" AND actor_user = ").push_bind(user.as_bytes().to_vec());
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
        let first = first_id(since.plus_millis(-SKEW));
        sql.push(" AND at >= ").push_bind(since.millis());
        sql.push(" AND id >= least(").push_bind(first.to_vec());
        sql.push(concat!(", ", with_another_clock!(), "LIMIT 1))"));
    }
    if let Some(until) = query.until {
        let end = first_id(until.plus_millis(SKEW + 1));
        sql.push(" AND at < ").push_bind(until.millis());
        sql.push(" AND id <= greatest(").push_bind(end.to_vec());
        sql.push(concat!(", ", with_another_clock!(), "DESC LIMIT 1))"));
    }
    if let Some(after) = query.after {
        sql.push(" AND id < ").push_bind(after.as_bytes().to_vec());
    }
}
