//! A connection that is lent for one piece of work, which must not take forever.

use super::connection::{Begin, Connection};
use super::fault::{is_over, reading, silent, writing};
use super::pool::{Lane, Pool};
use crate::StoreError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// How long an answer may take. The server itself ends a statement earlier; so who is silent for so long is gone, or
/// cannot be reached.
pub(super) const ANSWER: Duration = Duration::from_secs(15);

/// A connection of a pool. It goes back there when its work is done; dropped before (its caller went away, or got no
/// answer), it is closed, and whatever it was about is rolled back by the server.
pub(super) struct Lent {
    pool: Arc<Pool>,
    connection: Option<Connection>,
    /// A transaction has begun, which the one who reads knows nothing of.
    is_wrapped: bool,
    _permit: OwnedSemaphorePermit,
}

impl Lent {
    /// One to read with: statement by statement, or as of one instant.
    pub(super) async fn reader(pool: &Arc<Pool>, begin: Begin) -> Result<Self, StoreError> {
        Self::begun(pool, Lane::Read, begin).await
    }

    /// A connection, with a piece of work begun on it.
    pub(super) async fn begun(pool: &Arc<Pool>, lane: Lane, begin: Begin) -> Result<Self, StoreError> {
        let permit = pool.permit(lane).await?;
        let connection = pool.get().await?;
        Self::of(pool, connection, permit).begin(lane, begin).await
    }

    /// The same on a connection that is open, and was not asked whether it still answers: for what may be done twice.
    pub(super) async fn unasked(
        pool: &Arc<Pool>,
        lane: Lane,
        begin: Begin,
    ) -> Result<Option<Self>, StoreError> {
        let permit = pool.permit(lane).await?;
        match pool.open() {
            Some(connection) => Self::of(pool, connection, permit)
                .begin(lane, begin)
                .await
                .map(Some),
            None => Ok(None),
        }
    }

    async fn begin(mut self, lane: Lane, begin: Begin) -> Result<Self, StoreError> {
        match timeout(ANSWER, self.connection().begin(begin)).await {
            Ok(Ok(is_wrapped)) => self.is_wrapped = is_wrapped,
            Ok(Err(error)) if lane == Lane::Write => return Err(writing(error)),
            Ok(Err(error)) => return Err(reading(error)),
            Err(_) => return Err(silent()),
        }
        Ok(self)
    }

    /// One that nobody has used before.
    pub(super) async fn fresh(pool: &Arc<Pool>, lane: Lane) -> Result<Self, StoreError> {
        let permit = pool.permit(lane).await?;
        let connection = pool.connect().await?;
        Ok(Self::of(pool, connection, permit))
    }

    fn of(pool: &Arc<Pool>, connection: Connection, permit: OwnedSemaphorePermit) -> Self {
        Self {
            pool: Arc::clone(pool),
            connection: Some(connection),
            is_wrapped: false,
            _permit: permit,
        }
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        match &mut self.connection {
            Some(connection) => connection,
            None => unreachable!("a connection is given back once, by value"),
        }
    }

    /// Gives the connection back and hands on what was read with it: also when its transaction does not end well.
    pub(super) async fn finish<T>(
        self,
        done: Result<Result<T, StoreError>, Elapsed>,
    ) -> Result<T, StoreError> {
        self.end(done).await.0
    }

    /// The same of one statement that has written, which counts only when its transaction has ended well.
    pub(super) async fn finish_written<T>(
        self,
        done: Result<Result<T, StoreError>, Elapsed>,
    ) -> Result<T, StoreError> {
        match self.end(done).await {
            (Ok(_), false) => Err(silent()),
            (done, _) => done,
        }
    }

    /// What was done, and whether the connection is good still.
    async fn end<T>(mut self, done: Result<Result<T, StoreError>, Elapsed>) -> (Result<T, StoreError>, bool) {
        let done = self.check(done);
        if is_over(&done) {
            return (done, false);
        }
        if self.is_wrapped {
            let ended = timeout(ANSWER, sqlx::raw_sql("COMMIT").execute(self.connection())).await;
            if !matches!(ended, Ok(Ok(_))) {
                return (done, false);
            }
        }
        if let Some(connection) = self.connection.take() {
            self.pool.give_back(connection);
        }
        (done, true)
    }

    /// Hands on what was done with the connection, and keeps it.
    pub(super) fn check<T>(&self, done: Result<Result<T, StoreError>, Elapsed>) -> Result<T, StoreError> {
        done.unwrap_or_else(|_| Err(silent()))
    }
}
