//! Pruning and checks.

use super::connection::Connection;
use super::fault::{damaged, reading, writing};
use super::feed;
use super::lent::Lent;
use super::write::Write;
use crate::kept::{Outlived, ROWS};
use crate::rows::{
    AuditRow, KeyRow, SiteRow, UserRow, audit_columns, key_columns, site_columns, user_columns,
};
use crate::{AuditEvent, StoreError};
use keyward_domain::Timestamp;
use sqlx::postgres::PgRow;

/// Drops some of the rows that have outlived their use in one way. Says whether there may be more.
pub(super) async fn prune(
    write: &mut Write<'_>,
    outlived: &Outlived,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Outlived { table, when, .. } = outlived;
    // By place: a table is never read whole for the sake of a few rows. A row that was renewed meanwhile stays.
    let sql = format!(
        "DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {when} $1 LIMIT $2)) AND {when} $1"
    );
    let done = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(outlived.before(now).millis())
        .bind(ROWS)
        .execute(write.connection())
        .await
        .map_err(writing)?;
    Ok(done.rows_affected() >= ROWS.unsigned_abs())
}

/// Why there is no copy, and how to make one.
pub(super) fn no_backup(place: &str) -> StoreError {
    StoreError::Unsupported(format!(
        "{place} is a PostgreSQL database, which its own tools copy, also while Keyward runs: \
         `pg_dump --format=custom --file=FILE {place}`; `pg_restore --dbname=... FILE` brings it back into an empty database"
    ))
}

/// Reads everything as the domain values that it must be. Pages and references are the server's to check.
pub(super) async fn check(mut snapshot: Lent) -> Result<(), StoreError> {
    let done = read_all(snapshot.connection()).await;
    feed::end(snapshot, done).await
}

async fn read_all(connection: &mut Connection) -> Result<(), StoreError> {
    type Reads = fn(&PgRow) -> Result<(), StoreError>;
    let tables: [(&'static str, Reads); 4] = [
        (concat!("SELECT ", user_columns!(), " FROM users"), |row| {
            UserRow(row).user()?.whole().map(drop)
        }),
        (concat!("SELECT ", site_columns!(), " FROM sites"), |row| {
            SiteRow(row).site()?.whole().map(drop)
        }),
        (concat!("SELECT ", key_columns!(), " FROM visible_keys"), |row| {
            KeyRow(row).key()?.whole().map(drop)
        }),
        (concat!("SELECT ", audit_columns!(), " FROM audit"), |row| {
            AuditEvent::try_from(AuditRow(row)).map(drop)
        }),
    ];
    for (sql, read) in tables {
        let mut rows = sqlx::query(sql).fetch(&mut *connection);
        while let Some(row) = feed::next(&mut rows).await? {
            read(&row)?;
        }
    }
    let row = sqlx::query("SELECT count(*) = 1 FROM meta")
        .fetch_one(connection)
        .await
        .map_err(reading)?;
    match sqlx::Row::try_get(&row, 0).map_err(reading)? {
        true => Ok(()),
        false => Err(damaged("the table meta does not have one row".to_owned())),
    }
}
