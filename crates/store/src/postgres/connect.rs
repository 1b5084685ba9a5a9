//! Opening: what is looked at before a database is served from, and the sentences with which it is refused.

use super::connection::Connection;
use super::connector::Connector;
use super::fault::{STANDBY, opening, refused};
use super::listen::Listen;
use super::opening::{Fault, Opening};
use super::pool::Pool;
use super::{PostgresOptions, PostgresStore, migrate};
use crate::StoreError;
use crate::migrations::Migration;
use futures_util::future::BoxFuture;
use sqlx::Row;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long a server may take to let in whoever opens the store.
const FIRST_ANSWER: Duration = Duration::from_secs(10);
/// How long it may take over what it is asked before it is served from: more than it may take by `statement_timeout`, so
/// that its own words come first.
const LOOK: Duration = Duration::from_secs(15);
/// The oldest server that is known to do: 14 notices a client that went away within a statement.
const OLDEST: i64 = 140_000;

impl PostgresStore {
    /// Opens a store.
    ///
    /// # Errors
    /// [`StoreError::Open`] with the reason and the way out: no such server, user or database, not a Keyward database, a
    /// schema that is newer than this program or older and not to be migrated, a server that only reads. A store never
    /// starts empty unless it is to be made.
    pub async fn open(options: &PostgresOptions) -> Result<Self, StoreError> {
        let store = Self::unopened(options)?;
        store.try_open().await.map_err(Fault::into_error)?;
        Ok(store)
    }

    /// The same, but when the server is away just now, or is a standby, what is asked of the store is [`StoreError::Unavailable`] until it
    /// is there; then the schema is looked at, and brought up to date, as at the opening of any other.
    ///
    /// # Errors
    /// As [`PostgresStore::open`], unless that is so.
    pub async fn open_or_wait(options: &PostgresOptions) -> Result<Self, StoreError> {
        let store = Self::unopened(options)?;
        match store.try_open().await {
            Ok(()) | Err(Fault::Away(_)) => Ok(store),
            Err(Fault::Refused(error)) => Err(error),
        }
    }

    /// The driver's futures end here, or whoever opens a store would have their whole depth in a future of their own.
    fn try_open(&self) -> BoxFuture<'_, Result<(), Fault>> {
        Box::pin(self.opening.open(&self.options, self.pool.connector()))
    }

    fn unopened(options: &PostgresOptions) -> Result<Self, StoreError> {
        let pool = Pool::new(Connector::new(options)?);
        let elsewhere = match &options.listen_url {
            None => None,
            Some(_) => Some(Connector::to_listen(options)?),
        };
        let listen = Listen::new(Arc::clone(&pool), elsewhere);
        Ok(Self {
            is_read_only: options.read_only,
            turn: Semaphore::new(1),
            pool,
            listen,
            place: options.place(),
            opening: Opening::default(),
            options: options.clone(),
        })
    }

    /// The names of the migrations that opening would apply, in their order.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn pending_migrations(options: &PostgresOptions) -> Result<Vec<String>, StoreError> {
        let place = options.place();
        let mut connection = connect(options).await?;
        let pending = in_time(&place, find_pending(&mut connection, &place, options)).await;
        let pending = pending.map_err(Fault::into_error)?;
        connection.close().await;
        Ok(pending.into_iter().map(|step| step.name.to_owned()).collect())
    }

    /// Whether a Keyward has made its tables in a database.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn is_there(options: &PostgresOptions) -> Result<bool, StoreError> {
        let place = options.place();
        let mut connection = connect(options).await?;
        let pending = in_time(&place, migrate::pending(&mut connection, &place)).await;
        let pending = pending.map_err(Fault::into_error)?;
        connection.close().await;
        Ok(pending.is_some())
    }

    /// Makes the first tables only, as an older program left them.
    #[cfg(feature = "conformance")]
    #[doc(hidden)]
    pub async fn create_older(options: &PostgresOptions, steps: usize) -> Result<(), StoreError> {
        let place = options.place();
        let mut connection = connect(options).await?;
        let done = migrate::apply(&mut connection, &place, steps).await;
        connection.close().await;
        done
    }
}

/// Connects outside of a store.
pub(super) async fn connect(options: &PostgresOptions) -> Result<Connection, StoreError> {
    let connector = Connector::new(options)?;
    connector.connect(FIRST_ANSWER).await.map_err(Fault::into_error)
}

/// Looks at the database of some options, and brings its schema up to date when that is asked for.
pub(super) async fn look(options: &PostgresOptions, connector: &Connector) -> Result<(), Fault> {
    let place = options.place();
    let mut connection = connector.connect(FIRST_ANSWER).await?;
    // It will be there again as the primary, or another one in its place.
    if in_time(&place, is_standby(&mut connection, &place)).await? && !options.read_only {
        return Err(Fault::Away(refused(&place, STANDBY)));
    }
    prepare(&mut connection, &place, options).await?;
    connection.close().await;
    Ok(())
}

/// What a server that has let somebody in says to a question; one that says nothing is away.
async fn in_time<T>(place: &str, asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, Fault> {
    match timeout(LOOK, asked).await {
        Ok(answer) => answer.map_err(Fault::Refused),
        Err(_) => Err(Fault::Away(refused(
            place,
            "the server lets this node in and then does not answer; look at it, and at what stands before it",
        ))),
    }
}

async fn is_standby(connection: &mut Connection, place: &str) -> Result<bool, StoreError> {
    let row = sqlx::raw_sql("SELECT pg_is_in_recovery()")
        .fetch_one(connection)
        .await;
    row.and_then(|row| row.try_get(0))
        .map_err(|error| opening(place, error))
}

/// Looks at a database, and brings its schema up to date when that is asked for. Only that may take as long as it takes.
async fn prepare(connection: &mut Connection, place: &str, options: &PostgresOptions) -> Result<(), Fault> {
    let pending = in_time(place, async {
        check_server(connection, place).await?;
        find_pending(connection, place, options).await
    });
    let pending = pending.await?;
    if !pending.is_empty() {
        if options.read_only || !options.migrate && pending.len() < migrate::ALL.len() {
            return Err(Fault::Refused(older(place, &pending)));
        }
        let applied = migrate::apply(connection, place, migrate::ALL.len()).await;
        applied.map_err(Fault::Refused)?;
    }
    if options.read_only {
        return Ok(());
    }
    in_time(place, check_writable(connection, place)).await
}

/// A user who may only read is told by a change alone.
async fn check_writable(connection: &mut Connection, place: &str) -> Result<(), StoreError> {
    sqlx::raw_sql("BEGIN; UPDATE meta SET revision = revision; ROLLBACK")
        .execute(connection)
        .await
        .map_err(|error| opening(place, error))?;
    Ok(())
}

async fn check_server(connection: &mut Connection, place: &str) -> Result<(), StoreError> {
    let fault = |error| opening(place, error);
    let row = sqlx::raw_sql(
        "SELECT current_setting('server_version_num')::bigint, pg_encoding_to_char(encoding)::text \
         FROM pg_database WHERE datname = current_database()",
    )
    .fetch_one(connection)
    .await
    .map_err(fault)?;
    let version: i64 = row.try_get(0).map_err(fault)?;
    let encoding: String = row.try_get(1).map_err(fault)?;
    if version < OLDEST {
        return Err(refused(
            place,
            "the server is older than PostgreSQL 14; Keyward needs 14 or later",
        ));
    }
    if encoding != "UTF8" {
        return Err(refused(
            place,
            format_args!(
                "the encoding of the database is {encoding}; make it with `createdb --encoding=UTF8`"
            ),
        ));
    }
    Ok(())
}

/// What is to be applied; all of it when the tables are to be made.
async fn find_pending(
    connection: &mut Connection,
    place: &str,
    options: &PostgresOptions,
) -> Result<Vec<&'static Migration>, StoreError> {
    match migrate::pending(connection, place).await? {
        Some(pending) => Ok(pending),
        None if options.create && !options.read_only => Ok(migrate::ALL.iter().collect()),
        None => Err(refused(
            place,
            "there are no tables of Keyward in this database; run `keyward init` to make them, or correct the address, or \
             restore a backup",
        )),
    }
}

fn older(place: &str, pending: &[&Migration]) -> StoreError {
    let names: Vec<&str> = pending.iter().map(|step| step.name).collect();
    refused(
        place,
        format_args!(
            "the schema is older than this program; back the database up and run `keyward migrate` (pending: {})",
            names.join(", ")
        ),
    )
}
