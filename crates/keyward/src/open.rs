//! Opening the database for a command or for `serve`.

use crate::commands::Context;
use crate::config::{self, Checked, Database};
use crate::exit::{Exit, Failure};
use keyward_console::AuditWire;
use keyward_engine::{Engine, Limiter, SystemClock};
use keyward_store::{
    PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store, StoreError, StorePlace,
};
use std::path::Path;
use std::sync::Arc;

/// What a command may do to the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// Only read.
    Read,
    /// Read and change; an older schema is refused.
    Write,
    /// The same, but an older schema is brought up to date.
    Migrate,
    /// The same, and a missing database is made.
    Create,
}

/// How to open the file of SQLite.
fn sqlite(path: &Path, access: Access) -> SqliteOptions {
    SqliteOptions {
        path: path.to_owned(),
        create: access == Access::Create,
        migrate: matches!(access, Access::Migrate | Access::Create),
        read_only: access == Access::Read,
    }
}

/// How to open the database of PostgreSQL.
fn postgres(place: &PostgresOptions, access: Access) -> PostgresOptions {
    PostgresOptions {
        create: access == Access::Create,
        migrate: matches!(access, Access::Migrate | Access::Create),
        read_only: access == Access::Read,
        ..place.clone()
    }
}

/// A database, as one side of a move.
pub(crate) fn place(database: &Database, access: Access) -> StorePlace {
    match database {
        Database::Sqlite(path) => StorePlace::Sqlite(sqlite(path, access)),
        Database::Postgres(place) => StorePlace::Postgres(postgres(place, access)),
    }
}

/// Opens the database of a configuration.
pub(crate) async fn engine(checked: &Checked, access: Access) -> Result<Engine, StoreError> {
    let store: Arc<dyn Store> = match &checked.database {
        Database::Sqlite(path) => Arc::new(SqliteStore::open(&sqlite(path, access)).await?),
        Database::Postgres(place) => Arc::new(PostgresStore::open(&postgres(place, access)).await?),
    };
    Ok(Engine::new(store, Arc::new(SystemClock), checked.engine.clone()))
}

/// Opens the database of a configuration to serve from. With a snapshot to start from, one whose server is away is opened
/// when that is back.
pub(crate) async fn engine_to_serve(checked: &Checked, access: Access) -> Result<Engine, StoreError> {
    let engine = match (&checked.database, &checked.snapshot) {
        (Database::Postgres(place), Some(snapshot)) => {
            let store = Arc::new(PostgresStore::open_or_wait(&postgres(place, access)).await?);
            let engine = Engine::new(store, Arc::new(SystemClock), checked.engine.clone());
            engine.with_snapshot(snapshot.clone())
        }
        _ => engine(checked, access).await?,
    };
    Ok(match &checked.archive {
        Some(archive) => {
            engine.with_archive(archive.clone(), |line| serde_json::to_vec(&AuditWire::from(line)))
        }
        None => engine,
    })
}

/// What counts the limits of requests: the memory, or the Redis of a configuration.
pub(crate) fn limiter(checked: &Checked) -> Result<Limiter, Failure> {
    match &checked.limits {
        None => Ok(Limiter::default()),
        Some(options) => Limiter::shared(options)
            .map_err(|fault| Failure::failed(format!("limits.url: {}: {fault}", options.place()))),
    }
}

/// The names of the migrations that opening would apply.
pub(crate) async fn pending_migrations(checked: &Checked, access: Access) -> Result<Vec<String>, StoreError> {
    match &checked.database {
        Database::Sqlite(path) => SqliteStore::pending_migrations(&sqlite(path, access)).await,
        Database::Postgres(place) => PostgresStore::pending_migrations(&postgres(place, access)).await,
    }
}

/// Whether there is anything where a new database would be made.
pub(crate) async fn is_there(checked: &Checked) -> Result<bool, StoreError> {
    match &checked.database {
        Database::Sqlite(path) => Ok(path.exists()),
        Database::Postgres(place) => PostgresStore::is_there(&postgres(place, Access::Read)).await,
    }
}

/// Reads the configuration, opens the database, does the work and closes it.
pub(crate) async fn with_engine(
    context: Context<'_>,
    access: Access,
    work: impl AsyncFnOnce(&Engine) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let checked = config::load(context.config)?.check()?;
    let engine = engine(&checked, access).await?;
    let done = work(&engine).await;
    engine.store().close().await;
    done
}
