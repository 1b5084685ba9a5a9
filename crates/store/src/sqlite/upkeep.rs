//! Pruning, backups, checks.

use super::create::{create_private, sync};
use super::fault::{damaged, reading, writing};
use super::write::Write;
use crate::kept::{OUTLIVED, Outlived, ROWS};
use crate::rows::{
    AuditRow, KeyRow, SiteRow, UserRow, audit_columns, key_columns, site_columns, user_columns,
};
use crate::{AuditEvent, StoreError};
use futures_util::TryStreamExt;
use keyward_domain::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::path::Path;

/// Drops some of what has outlived its use. Says whether there may be more.
pub(super) async fn prune(write: &mut Write<'_>, now: Timestamp) -> Result<bool, StoreError> {
    let mut has_more = false;
    for outlived in &OUTLIVED {
        let Outlived { table, id, when, .. } = outlived;
        let sql =
            format!("DELETE FROM {table} WHERE ({id}) IN (SELECT {id} FROM {table} WHERE {when} ? LIMIT ?)");
        let done = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(outlived.before(now).millis())
            .bind(ROWS)
            .execute(write.connection())
            .await
            .map_err(writing)?;
        has_more |= done.rows_affected() >= ROWS.unsigned_abs();
    }
    Ok(has_more)
}

pub(super) async fn backup(connection: &mut SqliteConnection, to: &Path) -> Result<(), StoreError> {
    let cannot =
        |fault: &dyn std::fmt::Display| StoreError::NotWritable(format!("{}: {fault}", to.display()));
    let to = std::path::absolute(to).map_err(|error| cannot(&error))?;
    let name = to.to_str().ok_or_else(|| cannot(&"the path is not UTF-8"))?;
    // SQLite fills an empty file, and leaves the mode that it has.
    create_private(&to).map_err(|error| cannot(&error))?;
    let done = match sqlx::query("VACUUM INTO ?").bind(name).execute(connection).await {
        Ok(_) => sync(&to).map_err(|error| cannot(&error)),
        Err(error) => Err(writing(error)),
    };
    if done.is_err() {
        // What is there is of no use, and would stand in the way of the next try.
        std::fs::remove_file(&to).ok();
    }
    done
}

pub(super) async fn check(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let rows = sqlx::query("PRAGMA integrity_check(10)")
        .fetch_all(&mut *connection)
        .await
        .map_err(reading)?;
    let mut found = Vec::new();
    for row in &rows {
        found.push(row.try_get::<String, usize>(0).map_err(reading)?);
    }
    if found != ["ok"] {
        return Err(damaged(found.join("; ")));
    }
    let orphan =
        sqlx::query("SELECT id FROM keys WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.id = keys.owner)")
            .fetch_optional(&mut *connection)
            .await
            .map_err(reading)?;
    if orphan.is_some() {
        return Err(damaged("a key has no owner".to_owned()));
    }
    read_all(connection).await
}

/// Reads every row as the domain value that it must be.
async fn read_all(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    type Reads = fn(&SqliteRow) -> Result<(), StoreError>;
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
        while let Some(row) = rows.try_next().await.map_err(reading)? {
            read(&row)?;
        }
    }
    Ok(())
}
