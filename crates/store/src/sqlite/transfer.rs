//! A file as one side of a move to another database, or from one.

use super::connect::settings;
use super::fault::{is_busy, opening, reading, refused, writing};
use super::{SqliteOptions, SqliteStore, feed};
use crate::transfer::{Row, Side, Table, Value};
use crate::{Store, StoreError};
use async_trait::async_trait;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteLockingMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row as _, Sqlite, SqliteConnection};
use std::path::Path;
use std::time::Duration;

/// How long to wait for another program to let go of the file.
const BUSY: Duration = Duration::from_secs(2);

struct File(SqliteConnection);

/// A file to read from, which nobody else has open.
pub(crate) async fn source(options: &SqliteOptions) -> Result<Box<dyn Side>, StoreError> {
    let options = SqliteOptions {
        create: false,
        migrate: false,
        read_only: true,
        ..options.clone()
    };
    hold(&options).await
}

/// A file to write to, made when it is not there, which nobody else has open.
pub(crate) async fn target(options: &SqliteOptions) -> Result<Box<dyn Side>, StoreError> {
    let options = SqliteOptions {
        create: true,
        migrate: true,
        read_only: false,
        ..options.clone()
    };
    hold(&options).await
}

async fn hold(options: &SqliteOptions) -> Result<Box<dyn Side>, StoreError> {
    // As every start does: what is damaged, foreign or of another schema is refused here.
    SqliteStore::open(options).await?.close().await;
    let path = std::path::absolute(&options.path)
        .map_err(|error| refused(&options.path, format_args!("this is no usable path ({error})")))?;
    let fault = |error| {
        if is_busy(&error) {
            in_use(&path)
        } else {
            opening(&path, error)
        }
    };
    // Every program that has the file open holds a lock on it that this one does not go with.
    let exclusive = settings(&path, false)
        .busy_timeout(BUSY)
        .locking_mode(SqliteLockingMode::Exclusive);
    let mut connection = exclusive.connect().await.map_err(fault)?;
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut connection)
        .await
        .map_err(fault)?;
    Ok(Box::new(File(connection)))
}

fn in_use(path: &Path) -> StoreError {
    refused(
        path,
        "the database is in use; stop the Keyward that runs on it, and end whatever else has it open, then run this again",
    )
}

#[async_trait]
impl Side for File {
    async fn count(&mut self, table: &'static Table) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) FROM {}", table.read_from());
        let row = sqlx::query(AssertSqlSafe(sql))
            .fetch_one(&mut self.0)
            .await
            .map_err(reading)?;
        let count: i64 = row.try_get(0).map_err(reading)?;
        Ok(count.unsigned_abs())
    }

    async fn page(&mut self, table: &'static Table, after: Option<&Row>) -> Result<Vec<Row>, StoreError> {
        let mut query = sqlx::query(AssertSqlSafe(table.page(after.is_some())));
        for value in after.into_iter().flatten().take(table.key) {
            query = bind(query, value);
        }
        let rows = query.fetch_all(&mut self.0).await.map_err(reading)?;
        rows.iter().map(|row| table.read(row)).collect()
    }

    async fn insert(&mut self, table: &'static Table, rows: &[Row]) -> Result<(), StoreError> {
        let places: Vec<String> = (1..=table.columns.len()).map(|n| format!("${n}")).collect();
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({})",
            table.name,
            table.names(),
            places.join(", ")
        );
        for row in rows {
            let query = row.iter().fold(sqlx::query(AssertSqlSafe(sql.clone())), bind);
            query.execute(&mut self.0).await.map_err(writing)?;
        }
        Ok(())
    }

    async fn revision(&mut self) -> Result<i64, StoreError> {
        let revision = feed::revision(&mut self.0).await?;
        Ok(i64::try_from(revision.0).unwrap_or(i64::MAX))
    }

    async fn set_revision(&mut self, revision: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE meta SET revision = ?")
            .bind(revision)
            .execute(&mut self.0)
            .await
            .map_err(writing)?;
        Ok(())
    }

    async fn end(mut self: Box<Self>, keep: bool) -> Result<(), StoreError> {
        let end = if keep { "COMMIT" } else { "ROLLBACK" };
        sqlx::query(end).execute(&mut self.0).await.map_err(writing)?;
        self.0.close().await.map_err(writing)
    }
}

fn bind<'q>(query: Query<'q, Sqlite, SqliteArguments>, value: &Value) -> Query<'q, Sqlite, SqliteArguments> {
    match value {
        Value::Number(number) => query.bind(*number),
        Value::Flag(flag) => query.bind(*flag),
        Value::Text(text) => query.bind(text.clone()),
        Value::Bytes(bytes) => query.bind(bytes.clone()),
    }
}
