//! A connection to the server, or to a pooler before it that may give each transaction another session of the server.
//!
//! Behind such a pooler nothing lasts longer than a transaction: no setting, and no prepared statement. So whatever is asked with
//! arguments is asked within a transaction that begins with its own settings, and by statements without a name.

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{
    AssertSqlSafe, Connection as _, Either, Error, Execute, Executor, PgConnection, Postgres, SqlStr,
};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long a server may take to hear that a connection is not needed any more.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What holds within a transaction of a session that is not ours. One that somebody left listening stops it: whoever got its
/// notifications would not know what to do with them.
const SETTINGS: &str = "SET LOCAL statement_timeout = 10000; SET LOCAL lock_timeout = 10000; \
                        SET LOCAL idle_in_transaction_session_timeout = 5000; UNLISTEN *";

/// How a piece of work begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Begin {
    /// One that needs no transaction: a single message.
    Nothing,
    /// Statements that only read, each for itself.
    Read,
    /// A transaction.
    Transaction,
    /// A transaction that has its turn among all nodes from here on.
    Change,
    /// A transaction that reads as of one instant, that of its first statement.
    Snapshot,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    raw: PgConnection,
    is_pooled: bool,
    opened: Instant,
    /// The number of the address that it goes to.
    target: usize,
}

impl Connection {
    /// `is_pooled`: the session behind it is not known to be its own.
    pub(super) fn new(raw: PgConnection, is_pooled: bool) -> Self {
        Self {
            raw,
            is_pooled,
            opened: Instant::now(),
            target: 0,
        }
    }

    /// The same, to another than the first address.
    pub(super) fn of_target(self, target: usize) -> Self {
        Self { target, ..self }
    }

    /// Whether the session is known to be its own, so that what is left there is found again.
    pub(super) fn has_own_session(&self) -> bool {
        !self.is_pooled
    }

    pub(super) fn target(&self) -> usize {
        self.target
    }

    pub(super) fn opened(&self) -> Instant {
        self.opened
    }

    /// The driver's connection, for what needs no arguments.
    pub(super) fn raw(&mut self) -> &mut PgConnection {
        &mut self.raw
    }

    /// Begins a piece of work; whether a transaction has begun that its caller does not know of.
    pub(super) async fn begin(&mut self, begin: Begin) -> Result<bool, Error> {
        let (first, last) = match begin {
            Begin::Nothing => return Ok(false),
            Begin::Read if !self.is_pooled => return Ok(false),
            Begin::Read | Begin::Transaction => ("BEGIN", ""),
            Begin::Change => ("BEGIN", "; SELECT 1 FROM meta FOR UPDATE"),
            // A million rows take longer than any other statement; what bounds them is each wait for the next row.
            Begin::Snapshot => (
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                "; SET LOCAL statement_timeout = 0",
            ),
        };
        let sql = match (self.is_pooled, begin) {
            (false, _) => format!("{first}{last}"),
            (true, Begin::Snapshot) => format!("{first}; {SETTINGS}{last}"),
            (true, _) => format!("{first} ISOLATION LEVEL READ COMMITTED; {SETTINGS}{last}"),
        };
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.raw).await?;
        Ok(begin == Begin::Read)
    }

    /// Whether the other side still answers.
    pub(super) async fn ping(&mut self) -> Result<(), Error> {
        self.raw.ping().await
    }

    /// Closes a connection whose work is done; the server cleans up after one that cannot be closed.
    pub(super) async fn close(self) {
        if !matches!(timeout(CLOSE_TIMEOUT, self.raw.close()).await, Ok(Ok(()))) {
            tracing::debug!("a connection was not closed cleanly");
        }
    }
}

impl<'c> Executor<'c> for &'c mut Connection {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        match self.is_pooled {
            true => self.raw.fetch_many(Unnamed(query)),
            false => self.raw.fetch_many(query),
        }
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        match self.is_pooled {
            true => self.raw.fetch_optional(Unnamed(query)),
            false => self.raw.fetch_optional(query),
        }
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'c: 'e,
    {
        self.raw.prepare_with(sql, parameters)
    }
}

/// A query whose statement has no name, and so leaves nothing in the session.
struct Unnamed<E>(E);

impl<'q, E: Execute<'q, Postgres>> Execute<'q, Postgres> for Unnamed<E> {
    fn sql(self) -> SqlStr {
        self.0.sql()
    }

    fn statement(&self) -> Option<&PgStatement> {
        self.0.statement()
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, BoxDynError> {
        self.0.take_arguments()
    }

    fn persistent(&self) -> bool {
        false
    }
}
