//! A connection that is lent for one piece of work, which must not take forever.

use super::fault::{is_over, reading, silent};
use super::options::address;
use crate::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};
use std::time::Duration;
use tokio::time::error::Elapsed;

/// How long an answer may take. The server itself ends a statement earlier; so who is silent for so long is gone, or
/// cannot be reached.
pub(super) const ANSWER: Duration = Duration::from_secs(15);

/// A connection of a pool. It goes back there when its work is done; dropped before (its caller went away, or got no
/// answer), it is closed, and whatever it was about is rolled back by the server.
pub(super) struct Lent {
    connection: Option<PoolConnection<Postgres>>,
}

impl Lent {
    pub(super) async fn from(pool: &PgPool) -> Result<Self, StoreError> {
        let connection = pool.acquire().await.map_err(|error| match error {
            // Why no connection came about the pool does not tell, nor where to.
            sqlx::Error::PoolTimedOut => StoreError::Unavailable(format!(
                "{}: no connection in time; the server is away, or does not answer, or lets nobody else in",
                address(&pool.connect_options())
            )),
            other => reading(other),
        })?;
        Ok(Self {
            connection: Some(connection),
        })
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        match &mut self.connection {
            Some(connection) => connection,
            None => unreachable!("a connection is given back once, by value"),
        }
    }

    /// Gives the connection back and hands on what was done with it.
    pub(super) fn finish<T>(mut self, done: Result<Result<T, StoreError>, Elapsed>) -> Result<T, StoreError> {
        let done = self.check(done);
        if !is_over(&done) {
            drop(self.connection.take());
        }
        done
    }

    /// Hands on what was done with the connection, and keeps it.
    pub(super) fn check<T>(&self, done: Result<Result<T, StoreError>, Elapsed>) -> Result<T, StoreError> {
        done.unwrap_or_else(|_| Err(silent()))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.close_on_drop();
        }
    }
}
