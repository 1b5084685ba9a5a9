//! Opening: what is looked at before a file is served from, and the sentences with which it is refused.

use super::fault::{opening, refused};
use super::inspect::{check_pages, check_writable, look_at};
use super::migrate;
use super::place::Place;
use super::presence::Presence;
use super::write::Writer;
use super::{SqliteStore, create};
use crate::StoreError;
use crate::migrations::Migration;
use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::path::{Path, PathBuf};
use std::time::Duration;

const READERS: u32 = 4;
const BUSY: Duration = Duration::from_secs(5);

/// How to open a store in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    /// The file.
    pub path: PathBuf,
    /// Whether to make the file when it is not there.
    pub create: bool,
    /// Whether to bring an older schema up to date.
    pub migrate: bool,
    /// Whether to refuse all changes.
    pub read_only: bool,
}

impl SqliteStore {
    /// Opens a store.
    ///
    /// # Errors
    /// [`StoreError::Open`] with the reason and the way out: no such file, not a Keyward database, a schema that is
    /// newer than this program or older and not to be migrated, no access, damaged pages. A file that exists is never
    /// written over, and a store never starts empty in place of one that was there.
    pub async fn open(options: &SqliteOptions) -> Result<Self, StoreError> {
        // The driver's futures end here, or whoever opens one would have their whole depth in a future of their own.
        let opening: BoxFuture<'_, _> = Box::pin(Self::try_open(options));
        opening.await
    }

    async fn try_open(options: &SqliteOptions) -> Result<Self, StoreError> {
        let path = absolute(&options.path)?;
        let mut size = look_at(&path)?;
        if size.is_none() {
            if options.read_only || !options.create {
                return Err(missing(&path));
            }
            create::create(&path, migrate::ALL.len()).await?;
            size = look_at(&path)?;
        }
        let size = size.ok_or_else(|| missing(&path))?;
        inspect(&path, options, size).await?;
        let writer = if options.read_only {
            None
        } else {
            Some(open_writer(&path, options).await?)
        };
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY)
            .test_before_acquire(false)
            .connect_with(settings(&path, true))
            .await
            .map_err(|error| opening(&path, error))?;
        Ok(Self {
            place: Place::of(path)?,
            writer,
            readers,
            presence: Presence::default(),
        })
    }

    /// The names of the migrations that opening would apply, in their order.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub async fn pending_migrations(options: &SqliteOptions) -> Result<Vec<String>, StoreError> {
        let path = absolute(&options.path)?;
        let pending = match look_at(&path)? {
            None if options.create => migrate::ALL.iter().collect(),
            None => return Err(missing(&path)),
            Some(_) => {
                let mut connection = connect(&path, &settings(&path, true)).await?;
                let pending = migrate::pending(&mut connection, &path).await;
                close(connection).await;
                pending?
            }
        };
        Ok(pending.into_iter().map(|step| step.name.to_owned()).collect())
    }

    /// Makes a file with the first migrations only, as an older program left it.
    #[cfg(feature = "conformance")]
    #[doc(hidden)]
    pub async fn create_older(path: &Path, steps: usize) -> Result<(), StoreError> {
        create::create(&absolute(path)?, steps).await
    }

    /// Notes a migration in a file that this program does not know, as a newer program leaves it.
    #[cfg(feature = "conformance")]
    #[doc(hidden)]
    pub async fn note_later_migration(path: &Path) -> Result<(), StoreError> {
        let mut connection = connect(path, &settings(path, false)).await?;
        let noted = sqlx::query("INSERT INTO schema_migrations VALUES (99, '0099_later', 0)")
            .execute(&mut connection)
            .await
            .map_err(|error| opening(path, error));
        close(connection).await;
        noted.map(drop)
    }

    /// Sets the most pages that the file may have, until the writer is opened anew: a full disk, for tests.
    #[cfg(feature = "conformance")]
    #[doc(hidden)]
    pub async fn limit_pages(&self, pages: u32) -> Result<i64, StoreError> {
        match &self.writer {
            Some(writer) => writer.limit_pages(pages).await,
            None => Err(StoreError::NotWritable("opened for reading only".to_owned())),
        }
    }
}

/// The settings of every connection to a file.
pub(super) fn settings(path: &Path, read_only: bool) -> SqliteConnectOptions {
    let settings = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .read_only(read_only)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .synchronous(SqliteSynchronous::Full)
        // A damaged or forged schema must not run code, and a damaged page must not be read as a good one.
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .row_buffer_size(512)
        .disable_statement_logging();
    if read_only {
        settings
    } else {
        // A purged fingerprint is overwritten, not only unlinked.
        settings
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("secure_delete", "ON")
            // An import makes the WAL as large as itself; afterwards it gives the room back.
            .pragma("journal_size_limit", "67108864")
    }
}

/// Connects, and waits a while for a program that recovers or closes the same file.
pub(super) async fn connect(
    path: &Path,
    settings: &SqliteConnectOptions,
) -> Result<SqliteConnection, StoreError> {
    let mut tries = 0;
    loop {
        match settings.connect().await {
            Err(error) if super::fault::is_busy(&error) && tries < 20 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            done => return done.map_err(|error| opening(path, error)),
        }
    }
}

/// Closes a connection whose work is done; what cannot be closed cleanly recovers at the next start.
pub(super) async fn close(connection: SqliteConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a connection was not closed cleanly");
    }
}

fn absolute(path: &Path) -> Result<PathBuf, StoreError> {
    // An absolute path also keeps SQLite from reading a name such as `file:x` as a URI.
    std::path::absolute(path).map_err(|error| refused(path, format_args!("this is no usable path ({error})")))
}

fn missing(path: &Path) -> StoreError {
    refused(
        path,
        "there is no such file; run `keyward init` to make a new store, or correct the path, or restore a backup",
    )
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Looks at a file without a chance of writing to it: even the journal mode of what is not ours stays as it is.
async fn inspect(path: &Path, options: &SqliteOptions, size: u64) -> Result<(), StoreError> {
    let mut connection = connect(path, &settings(path, true)).await?;
    let done = match migrate::pending(&mut connection, path).await {
        Ok(pending) if pending.is_empty() || (options.migrate && !options.read_only) => {
            check_pages(&mut connection, path, size).await
        }
        Ok(pending) => Err(older(path, &pending)),
        Err(fault) => Err(fault),
    };
    close(connection).await;
    done
}

async fn open_writer(path: &Path, options: &SqliteOptions) -> Result<Writer, StoreError> {
    let settings = settings(path, false);
    let mut connection = connect(path, &settings).await?;
    let mut done = check_writable(&mut connection, path).await;
    if done.is_ok() && options.migrate {
        done = migrate::apply(&mut connection, path, migrate::ALL.len()).await;
    }
    match done {
        Ok(()) => Ok(Writer::new(connection, settings)),
        Err(fault) => {
            close(connection).await;
            Err(fault)
        }
    }
}

fn older(path: &Path, pending: &[&Migration]) -> StoreError {
    let names: Vec<&str> = pending.iter().map(|step| step.name).collect();
    refused(
        path,
        format_args!(
            "the schema is older than this program; back the file up and run `keyward migrate` (pending: {})",
            names.join(", ")
        ),
    )
}
