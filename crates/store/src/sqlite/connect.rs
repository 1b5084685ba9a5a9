//! Opening: what is looked at before a file is served from, and the sentences with which it is refused.

use super::fault::{opening, refused};
use super::migrate::{self, Migration};
use super::write::Writer;
use super::{SqliteStore, create};
use crate::StoreError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Files up to this size are checked page by page at start (about a quarter of a second); of larger ones the schema
/// and both ends of every table and index.
const WHOLE_CHECK_BYTES: u64 = 64 * 1024 * 1024;
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
        let settings = settings(&path, options.read_only);
        let mut connection = connect(&path, &settings).await?;
        match prepare(&mut connection, &path, options, size).await {
            Ok(()) => {}
            Err(fault) => {
                close(connection).await;
                return Err(fault);
            }
        }
        let writer = if options.read_only {
            close(connection).await;
            None
        } else {
            Some(Writer::new(connection, settings))
        };
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY)
            .test_before_acquire(false)
            .connect_with(self::settings(&path, true))
            .await
            .map_err(|error| opening(&path, error))?;
        Ok(Self {
            path,
            writer,
            readers,
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

/// The size of the file, or `None` when nothing is there; refuses what cannot be a database.
fn look_at(path: &Path) -> Result<Option<u64>, StoreError> {
    let wal = with_suffix(path, "-wal");
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound && is_filled(&wal) => {
            return Err(refused(
                path,
                format_args!(
                    "there is no such file, but {} holds changes to it; put the file back, or restore a backup and \
                     move the other one away",
                    wal.display()
                ),
            ));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(refused(
                path,
                format_args!(
                    "the file cannot be looked at ({error}); give the account that runs keyward access to it"
                ),
            ));
        }
    };
    if !metadata.is_file() {
        return Err(refused(
            path,
            "this is not a file; give the path of the database file",
        ));
    }
    if metadata.len() == 0 && !is_filled(&wal) {
        return Err(refused(
            path,
            "the file is empty; restore a backup, or remove it and run `keyward init`",
        ));
    }
    warn_when_open_to_others(path, &metadata);
    Ok(Some(metadata.len()))
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn is_filled(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0)
}

#[cfg(unix)]
fn warn_when_open_to_others(path: &Path, metadata: &std::fs::Metadata) {
    use std::os::unix::fs::PermissionsExt;
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "other accounts may open the database; run `chmod 600` on it");
    }
}

#[cfg(not(unix))]
fn warn_when_open_to_others(_: &Path, _: &std::fs::Metadata) {}

async fn prepare(
    connection: &mut SqliteConnection,
    path: &Path,
    options: &SqliteOptions,
    size: u64,
) -> Result<(), StoreError> {
    let pending = migrate::pending(connection, path).await?;
    check_pages(connection, path, size).await?;
    if !options.read_only {
        check_writable(connection, path).await?;
    }
    match (pending.as_slice(), options) {
        ([], _) => Ok(()),
        (
            _,
            SqliteOptions {
                migrate: true,
                read_only: false,
                ..
            },
        ) => migrate::apply(connection, path, migrate::ALL.len()).await,
        (pending, _) => Err(older(path, pending)),
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

/// SQLite opens what it may not write to for reading, silently; only a transaction tells.
async fn check_writable(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK")
        .execute(connection)
        .await
        .map_err(|error| opening(path, error))?;
    Ok(())
}

async fn check_pages(connection: &mut SqliteConnection, path: &Path, size: u64) -> Result<(), StoreError> {
    if size > WHOLE_CHECK_BYTES {
        return check_ends(connection, path).await;
    }
    let row = sqlx::query("PRAGMA quick_check(1)")
        .fetch_one(connection)
        .await
        .map_err(|error| opening(path, error))?;
    let found: String = row.try_get(0).map_err(|error| opening(path, error))?;
    if found == "ok" {
        Ok(())
    } else {
        Err(refused(
            path,
            format_args!("the database is damaged; restore a backup to this path ({found})"),
        ))
    }
}

/// Walks down both edges of the large trees.
async fn check_ends(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    for (table, column) in [
        ("meta", "one"),
        ("users", "rowid"),
        ("users", "id"),
        ("sites", "rowid"),
        ("keys", "rowid"),
        ("keys", "id"),
        ("keys", "fingerprint"),
        ("keys", "revision"),
        ("keys", "owner"),
    ] {
        for direction in ["ASC", "DESC"] {
            let sql = format!("SELECT {column} FROM {table} ORDER BY {column} {direction} LIMIT 1");
            sqlx::query(AssertSqlSafe(sql))
                .fetch_optional(&mut *connection)
                .await
                .map_err(|error| opening(path, error))?;
        }
    }
    Ok(())
}
