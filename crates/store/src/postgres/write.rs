//! Transactions that write.

use super::audit;
use super::connection::{Begin, Connection};
use super::fault::{damaged, writing};
use super::lent::{ANSWER, Lent};
use super::listen::CHANNEL;
use super::pool::{Lane, Pool};
use crate::{AuditEvent, MARKS_KEPT, StoreError};
use keyward_domain::Revision;
use sqlx::Row;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// How long a change waits for those of this node before it; for those of other nodes the server sets the bound.
const TURN: Duration = Duration::from_secs(10);

/// A transaction. Dropped without [`Write::finish`] (its caller went away), it takes its connection with it, and the
/// server rolls back.
pub(super) struct Write<'s> {
    lent: Lent,
    _turn: Option<SemaphorePermit<'s>>,
}

impl<'s> Write<'s> {
    /// Begins a change: it has its turn from here to its end, among all nodes.
    ///
    /// What it reads afterwards it reads as it is now, because every statement sees what was committed before it, and
    /// nobody else changes anything meanwhile.
    pub(super) async fn change(turn: &'s Semaphore, pool: &Arc<Pool>) -> Result<Self, StoreError> {
        let turn = match timeout(TURN, turn.acquire()).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) => return Err(StoreError::Unavailable("the store is closed".to_owned())),
            Err(_) => return Err(StoreError::Unavailable("too many changes are waiting".to_owned())),
        };
        Self::begin(pool, Begin::Change, Some(turn)).await
    }

    /// Begins what is no change.
    pub(super) async fn note(pool: &Arc<Pool>) -> Result<Self, StoreError> {
        Self::begin(pool, Begin::Transaction, None).await
    }

    async fn begin(
        pool: &Arc<Pool>,
        begin: Begin,
        turn: Option<SemaphorePermit<'s>>,
    ) -> Result<Self, StoreError> {
        let lent = Lent::begun(pool, Lane::Write, begin).await?;
        Ok(Self { lent, _turn: turn })
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        self.lent.connection()
    }

    /// Raises the revision and gives it its mark: the first step of every change. Who listens is told of it with the commit.
    pub(super) async fn raise(&mut self) -> Result<Revision, StoreError> {
        let sql = "WITH raised AS (UPDATE meta SET revision = revision + 1 RETURNING revision), \
                   marked AS (INSERT INTO marks (revision, mark) SELECT revision, uuid_send(gen_random_uuid()) FROM raised), \
                   dropped AS (DELETE FROM marks WHERE revision <= (SELECT revision FROM raised) - $2) \
                   SELECT revision, pg_notify($1, revision::text) FROM raised";
        let row = sqlx::query(sql)
            .bind(CHANNEL)
            .bind(i64::try_from(MARKS_KEPT).unwrap_or(i64::MAX))
            .fetch_optional(self.connection())
            .await
            .map_err(writing)?
            .ok_or_else(|| damaged("the table meta has no row".to_owned()))?;
        let revision: i64 = row.try_get(0).map_err(writing)?;
        Ok(Revision(revision.unsigned_abs()))
    }

    /// Writes the audit event of the change: the last step of every change.
    pub(super) async fn audit(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        audit::append(self.connection(), event).await
    }

    /// Commits when all went well, and rolls back when something did not.
    pub(super) async fn finish<T>(
        mut self,
        done: Result<Result<T, StoreError>, Elapsed>,
    ) -> Result<T, StoreError> {
        let done = self.lent.check(done);
        let end = match &done {
            Ok(_) => "COMMIT",
            // Without an answer to the last statement there will be none to this one: the connection is dropped.
            Err(StoreError::Unavailable(_)) => return done,
            Err(_) => "ROLLBACK",
        };
        let ended = timeout(ANSWER, sqlx::raw_sql(end).execute(self.connection())).await;
        let ended = ended.map(|ended| ended.map(drop).map_err(writing));
        match done {
            Ok(value) => self.lent.finish(ended).await.map(|()| value),
            Err(fault) => {
                // That it could not be rolled back closes the connection, which rolls back as well.
                self.lent.finish(ended).await.ok();
                Err(fault)
            }
        }
    }
}
