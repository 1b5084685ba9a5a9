//! A PostgreSQL database as one side of a move to another database, or from one.

use super::connect::connect;
use super::connection::Connection;
use super::fault::{opening, reading, refused, silent, writing};
use super::lent::ANSWER;
use super::{PostgresOptions, PostgresStore, feed};
use crate::transfer::{Kind, Row, Side, Table, Value};
use crate::{Store, StoreError};
use async_trait::async_trait;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, Row as _};
use std::future::Future;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long the last step may take: what was written has to reach the disk.
const COMMIT: Duration = Duration::from_secs(300);

/// From here on nobody changes anything. The other side may take its time between two statements of this one.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL statement_timeout = 0; \
                     SET LOCAL idle_in_transaction_session_timeout = '600s'; SELECT 1 FROM meta FOR UPDATE";

struct Session(Connection);

/// A database to read from, in which nobody else has a session.
pub(crate) async fn source(options: &PostgresOptions) -> Result<Box<dyn Side>, StoreError> {
    let options = PostgresOptions {
        create: false,
        migrate: false,
        read_only: false,
        ..options.clone()
    };
    let mut session = hold(&options).await?;
    if let Err(fault) = check_alone(&mut session.0, &options.place()).await {
        session.0.close().await;
        return Err(fault);
    }
    Ok(Box::new(session))
}

/// A database to write to, in which the tables are made when they are not there.
pub(crate) async fn target(options: &PostgresOptions) -> Result<Box<dyn Side>, StoreError> {
    let options = PostgresOptions {
        create: true,
        migrate: true,
        read_only: false,
        ..options.clone()
    };
    Ok(Box::new(hold(&options).await?))
}

async fn hold(options: &PostgresOptions) -> Result<Session, StoreError> {
    // As every start does: what is foreign or of another schema is refused here.
    PostgresStore::open(options).await?.close().await;
    let mut connection = connect(options).await?;
    match timeout(ANSWER, sqlx::raw_sql(BEGIN).execute(&mut connection)).await {
        Ok(Ok(_)) => Ok(Session(connection)),
        Ok(Err(error)) => Err(opening(&options.place(), error)),
        Err(_) => Err(silent()),
    }
}

/// A node keeps a session open always: it listens. One that has just ended is listed for a moment yet.
async fn check_alone(connection: &mut Connection, place: &str) -> Result<(), StoreError> {
    let mut others = 0;
    for _ in 0..20 {
        others = count_others(connection).await?;
        if others == 0 {
            return Ok(());
        }
        sleep(Duration::from_millis(100)).await;
    }
    Err(refused(
        place,
        format_args!(
            "the database is in use ({others} other sessions); stop every Keyward that runs on it, and end whatever else is \
             connected to it, then run this again"
        ),
    ))
}

async fn count_others(connection: &mut Connection) -> Result<i64, StoreError> {
    // Within a transaction the server shows the sessions that it showed before, unless it is told to look again.
    let sql = "SELECT count(*) FROM pg_stat_get_activity(NULL) WHERE datid = (SELECT oid FROM pg_database WHERE datname = \
               current_database()) AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    let clear = sqlx::raw_sql("SELECT pg_stat_clear_snapshot()");
    wait(clear.execute(&mut *connection)).await?.map_err(reading)?;
    let row = wait(sqlx::query(sql).fetch_one(connection))
        .await?
        .map_err(reading)?;
    row.try_get(0).map_err(reading)
}

async fn wait<T>(work: impl Future<Output = T>) -> Result<T, StoreError> {
    timeout(ANSWER, work).await.map_err(|_| silent())
}

#[async_trait]
impl Side for Session {
    async fn count(&mut self, table: &'static Table) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) FROM {}", table.read_from());
        // The one statement that reads a whole table before it answers.
        let row = timeout(COMMIT, sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut self.0))
            .await
            .map_err(|_| silent())?
            .map_err(reading)?;
        let count: i64 = row.try_get(0).map_err(reading)?;
        Ok(count.unsigned_abs())
    }

    async fn page(&mut self, table: &'static Table, after: Option<&Row>) -> Result<Vec<Row>, StoreError> {
        let mut query = sqlx::query(AssertSqlSafe(table.page(after.is_some())));
        for value in after.into_iter().flatten().take(table.key) {
            query = match value {
                Value::Number(number) => query.bind(*number),
                Value::Flag(flag) => query.bind(*flag),
                Value::Text(text) => query.bind(text.clone()),
                Value::Bytes(bytes) => query.bind(bytes.clone()),
            };
        }
        let rows = wait(query.fetch_all(&mut self.0)).await?.map_err(reading)?;
        rows.iter().map(|row| table.read(row)).collect()
    }

    async fn insert(&mut self, table: &'static Table, rows: &[Row]) -> Result<(), StoreError> {
        let places: Vec<String> = (1..)
            .zip(table.columns)
            .map(|(n, (_, kind)): (usize, _)| format!("${n}::{}[]", type_of(*kind)))
            .collect();
        let names = table.names();
        let sql = format!(
            "INSERT INTO {} ({names}) SELECT * FROM unnest({}) AS row ({names})",
            table.name,
            places.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (place, (_, kind)) in table.columns.iter().enumerate() {
            query = bind_column(query, rows, place, *kind);
        }
        let done = wait(query.execute(&mut self.0)).await?;
        done.map(drop).map_err(|error| unfit(table, error))
    }

    async fn revision(&mut self) -> Result<i64, StoreError> {
        let revision = wait(feed::revision(&mut self.0)).await??;
        Ok(i64::try_from(revision.0).unwrap_or(i64::MAX))
    }

    async fn set_revision(&mut self, revision: i64) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE meta SET revision = $1").bind(revision);
        wait(update.execute(&mut self.0))
            .await?
            .map(drop)
            .map_err(writing)
    }

    async fn end(mut self: Box<Self>, keep: bool) -> Result<(), StoreError> {
        let end = if keep { "COMMIT" } else { "ROLLBACK" };
        let done = timeout(COMMIT, sqlx::raw_sql(end).execute(&mut self.0)).await;
        let done = done.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        self.0.close().await;
        done.map(drop).map_err(writing)
    }
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "bigint",
        Kind::Flag => "boolean",
        Kind::Text => "text",
        Kind::Bytes => "bytea",
    }
}

/// Binds one column of many rows as one array.
fn bind_column<'q>(
    query: Query<'q, Postgres, PgArguments>,
    rows: &[Row],
    place: usize,
    kind: Kind,
) -> Query<'q, Postgres, PgArguments> {
    macro_rules! column {
        ($kind:ident) => {
            query.bind(
                rows.iter()
                    .map(|row| match row.get(place) {
                        Some(Value::$kind(value)) => value.clone(),
                        _ => None,
                    })
                    .collect::<Vec<_>>(),
            )
        };
    }
    match kind {
        Kind::Number => column!(Number),
        Kind::Flag => column!(Flag),
        Kind::Text => column!(Text),
        Kind::Bytes => column!(Bytes),
    }
}

/// The fault of rows that were taken elsewhere and are not taken here.
fn unfit(table: &Table, error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(fault)
            if fault
                .code()
                .is_some_and(|code| code.starts_with("22") || code.starts_with("23")) =>
        {
            StoreError::Corrupt {
                table: table.name,
                column: "-",
                row: "-".to_owned(),
                fault: error.to_string(),
            }
        }
        _ => writing(error),
    }
}
