//! The one writer: a connection that is lent to one transaction at a time.

use super::audit;
use super::fault::{damaged, writing};
use crate::{AuditEvent, MARKS_KEPT, StoreError};
use keyward_domain::Revision;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};

/// How long a change waits for those before it.
const TURN: Duration = Duration::from_secs(10);

/// The connection that writes. One that may have been left inside a transaction is thrown away, and the next
/// transaction opens another, so that no failure outlives itself.
#[derive(Debug)]
pub(super) struct Writer {
    slot: Mutex<Slot>,
    options: SqliteConnectOptions,
}

#[derive(Debug)]
struct Slot {
    connection: Option<SqliteConnection>,
    closed: bool,
}

/// A transaction. Dropped without [`Write::finish`] (its caller went away), it takes its connection with it, and
/// SQLite rolls back.
pub(super) struct Write<'w> {
    slot: MutexGuard<'w, Slot>,
    connection: SqliteConnection,
}

impl Writer {
    pub(super) fn new(connection: SqliteConnection, options: SqliteConnectOptions) -> Self {
        let slot = Slot {
            connection: Some(connection),
            closed: false,
        };
        Self {
            slot: Mutex::new(slot),
            options,
        }
    }

    pub(super) async fn begin(&self) -> Result<Write<'_>, StoreError> {
        let mut slot = self.turn().await?;
        let mut connection = match slot.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await.map_err(writing)?,
        };
        match sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await {
            Ok(_) => Ok(Write { slot, connection }),
            Err(error) => {
                if super::fault::is_busy(&error) {
                    slot.connection = Some(connection);
                }
                Err(writing(error))
            }
        }
    }

    pub(super) async fn close(&self) {
        let mut slot = self.slot.lock().await;
        slot.closed = true;
        if let Some(connection) = slot.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the database was not closed cleanly; it recovers by itself at the next start");
        }
    }

    async fn turn(&self) -> Result<MutexGuard<'_, Slot>, StoreError> {
        let slot = tokio::time::timeout(TURN, self.slot.lock())
            .await
            .map_err(|_| StoreError::Unavailable("too many changes are waiting".to_owned()))?;
        if slot.closed {
            return Err(StoreError::Unavailable("the store is closed".to_owned()));
        }
        Ok(slot)
    }

    /// Moves all of the WAL into the file, and empties it. A reader who is in the middle of something may stand against it;
    /// then it is left to the next time.
    pub(super) async fn write_back(&self) -> Result<(), StoreError> {
        let mut slot = self.turn().await?;
        let Some(connection) = slot.connection.as_mut() else {
            return Ok(());
        };
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(connection)
            .await
            .map_err(writing)?;
        if row.try_get::<i64, _>(0).map_err(writing)? != 0 {
            tracing::debug!("the WAL is read by somebody, and is emptied later");
        }
        Ok(())
    }

    /// Sets the most pages that the file may have, so that tests can fill it. Returns what holds now.
    #[cfg(feature = "conformance")]
    pub(super) async fn limit_pages(&self, pages: u32) -> Result<i64, StoreError> {
        let mut slot = self.turn().await?;
        let Some(connection) = slot.connection.as_mut() else {
            return Err(StoreError::Unavailable("the writer is away".to_owned()));
        };
        let sql = format!("PRAGMA max_page_count = {pages}");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .fetch_one(connection)
            .await
            .map_err(writing)?;
        row.try_get(0).map_err(writing)
    }
}

impl Write<'_> {
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Raises the revision and gives it its mark: the first step of every change.
    pub(super) async fn raise(&mut self) -> Result<Revision, StoreError> {
        let row = sqlx::query("UPDATE meta SET revision = revision + 1 RETURNING revision")
            .fetch_optional(&mut self.connection)
            .await
            .map_err(writing)?
            .ok_or_else(|| damaged("the table meta has no row".to_owned()))?;
        let revision: i64 = row.try_get(0).map_err(writing)?;
        sqlx::query("INSERT INTO marks (revision, mark) VALUES (?, randomblob(16))")
            .bind(revision)
            .execute(&mut self.connection)
            .await
            .map_err(writing)?;
        sqlx::query("DELETE FROM marks WHERE revision <= ?")
            .bind(revision.saturating_sub_unsigned(MARKS_KEPT))
            .execute(&mut self.connection)
            .await
            .map_err(writing)?;
        Ok(Revision(revision.unsigned_abs()))
    }

    /// Writes the audit event of the change: the last step of every change.
    pub(super) async fn audit(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        audit::append(self.connection(), event).await
    }

    /// Commits when all went well, and rolls back when something did not.
    pub(super) async fn finish<T>(self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        let Self {
            mut slot,
            mut connection,
        } = self;
        let reached_commit = done.is_ok();
        let done = match done {
            Ok(value) => match sqlx::query("COMMIT").execute(&mut connection).await {
                Ok(_) => {
                    slot.connection = Some(connection);
                    return Ok(value);
                }
                Err(error) => Err(writing(error)),
            },
            Err(fault) => Err(fault),
        };
        if is_rolled_back(&mut connection).await {
            if matches!(done, Err(StoreError::NotWritable(_))) {
                if reached_commit {
                    write_over(&mut connection).await;
                }
                make_room(&mut connection).await;
            }
            slot.connection = Some(connection);
        }
        done
    }
}

/// Rolls back, and says whether the connection is certainly outside of any transaction.
async fn is_rolled_back(connection: &mut SqliteConnection) -> bool {
    match sqlx::query("ROLLBACK").execute(connection).await {
        Ok(_) => true,
        // A full disk, for one, makes SQLite roll back by itself.
        Err(error) => error.to_string().contains("no transaction is active"),
    }
}

/// Writes over what a refused commit has left in the WAL. When it was the sync that failed, the change lies there whole,
/// and a crash before the next change would bring it back although it was refused. The user version means nothing to us;
/// a new one makes a frame in that place, whether or not its own sync succeeds.
async fn write_over(connection: &mut SqliteConnection) {
    let written = async {
        let row = sqlx::query("SELECT user_version FROM pragma_user_version")
            .fetch_one(&mut *connection)
            .await?;
        let other = row.try_get::<i32, _>(0)?.wrapping_add(1);
        let sql = format!("PRAGMA user_version = {other}");
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&mut *connection)
            .await
    };
    if let Err(error) = written.await {
        tracing::debug!(%error, "the refused change was written over, but not synced");
    }
}

/// Moves what the WAL holds into the file, so that the next change can write over the WAL instead of adding to it. It
/// waits for no reader, and may fail: then the next change fails as well, and tries again.
async fn make_room(connection: &mut SqliteConnection) {
    if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
        .execute(connection)
        .await
    {
        tracing::debug!(%error, "the WAL could not be written back");
    }
}
