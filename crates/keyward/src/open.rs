//! Opening the database for a command or for `serve`.

use crate::commands::Context;
use crate::config::{self, Checked};
use crate::exit::{Exit, Failure};
use keyward_engine::{Engine, SystemClock};
use keyward_store::{SqliteOptions, SqliteStore, StoreError};
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

/// Where the database is and how to open it.
pub(crate) fn options(checked: &Checked, access: Access) -> SqliteOptions {
    SqliteOptions {
        path: checked.database.clone(),
        create: access == Access::Create,
        migrate: matches!(access, Access::Migrate | Access::Create),
        read_only: access == Access::Read,
    }
}

/// Opens the database of a configuration.
pub(crate) async fn engine(checked: &Checked, access: Access) -> Result<Engine, StoreError> {
    let store = SqliteStore::open(&options(checked, access)).await?;
    Ok(Engine::new(
        Arc::new(store),
        Arc::new(SystemClock),
        checked.engine.clone(),
    ))
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
