//! Moving a whole installation from one database into another, empty one.
//!
//! Everything goes into the target in one transaction, is read back there row by row beside the source, and only then
//! committed: a run that is killed at any point leaves an empty target, and the next one begins anew. Nobody else may use
//! the source meanwhile. Who adds a table adds it to [`tables`], or says there why it stays behind.

mod tables;
#[cfg(test)]
mod tests;

pub(crate) use tables::{Kind, TABLES, Table};

use crate::{PostgresOptions, SqliteOptions, StoreError, postgres, sqlite};
use async_trait::async_trait;
use sha2::{Digest, Sha256};

/// Rows that are read or written at once.
pub(crate) const PAGE: usize = 2000;

/// A database to move from or to.
#[derive(Clone, Debug)]
pub enum StorePlace {
    /// A file of SQLite.
    Sqlite(SqliteOptions),
    /// A database of PostgreSQL.
    Postgres(PostgresOptions),
}

/// What was moved.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// False when the target had everything already, from an earlier run.
    pub is_new: bool,
    /// Each table.
    pub tables: Vec<MovedTable>,
}

/// A table whose rows are the same on both sides.
#[derive(Clone, Debug)]
pub struct MovedTable {
    /// Its name.
    pub name: &'static str,
    /// How many rows there are on either side.
    pub rows: u64,
    /// SHA-256 of all cells of all rows, in the order of their keys.
    pub digest: [u8; 32],
}

/// How far a move is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferProgress {
    /// The table at hand.
    pub table: &'static str,
    /// Whether its rows are compared, after all were copied.
    pub is_check: bool,
    /// Rows so far.
    pub done: u64,
    /// Rows in all.
    pub all: u64,
}

/// A cell. Has no `Debug`: it may hold what proves somebody.
#[derive(PartialEq)]
pub(crate) enum Value {
    Number(Option<i64>),
    Flag(Option<bool>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// A row, in the order of the columns of its table.
pub(crate) type Row = Vec<Value>;

/// One of the two databases, with a transaction that nobody else gets in the way of.
#[async_trait]
pub(crate) trait Side: Send {
    /// How many rows a table has.
    async fn count(&mut self, table: &'static Table) -> Result<u64, StoreError>;

    /// Up to [`PAGE`] rows in the order of their keys, after that of a row.
    async fn page(&mut self, table: &'static Table, after: Option<&Row>) -> Result<Vec<Row>, StoreError>;

    /// Adds rows.
    async fn insert(&mut self, table: &'static Table, rows: &[Row]) -> Result<(), StoreError>;

    /// The revision of the last change.
    async fn revision(&mut self) -> Result<i64, StoreError>;

    /// Puts it in place of the one of an empty database.
    async fn set_revision(&mut self, revision: i64) -> Result<(), StoreError>;

    /// Keeps what was written, or takes it back.
    async fn end(self: Box<Self>, keep: bool) -> Result<(), StoreError>;
}

/// Moves everything. The source stays as it is.
///
/// # Errors
/// [`StoreError::Open`] with the reason and the way out: a database that cannot be opened, a source that somebody uses, a
/// target that is not empty and is not what this very source was moved to before. Then, and after any other error, the
/// target holds what it held.
pub async fn transfer(
    from: &StorePlace,
    to: &StorePlace,
    progress: &mut (dyn FnMut(TransferProgress) + Send),
) -> Result<Transfer, StoreError> {
    let mut source = match from {
        StorePlace::Sqlite(options) => sqlite::source(options).await?,
        StorePlace::Postgres(options) => postgres::source(options).await?,
    };
    let opened = match to {
        StorePlace::Sqlite(options) => sqlite::target(options).await,
        StorePlace::Postgres(options) => postgres::target(options).await,
    };
    let done = match opened {
        Ok(target) => fill(&mut *source, target, to, progress).await,
        Err(fault) => Err(fault),
    };
    // It was only read; that this fails takes nothing back.
    if let Err(error) = source.end(false).await {
        tracing::debug!(%error, "the source was not let go of cleanly");
    }
    done
}

async fn fill(
    source: &mut dyn Side,
    mut target: Box<dyn Side>,
    to: &StorePlace,
    progress: &mut (dyn FnMut(TransferProgress) + Send),
) -> Result<Transfer, StoreError> {
    let done = match find_filled(&mut *target).await {
        Ok(filled) if filled.is_empty() => copy_all(source, &mut *target, progress).await,
        Ok(filled) => match compare_all(source, &mut *target, progress).await {
            Ok(Ok(tables)) => Ok(Transfer {
                is_new: false,
                tables,
            }),
            Ok(Err(_)) => Err(not_empty(to, &filled)),
            Err(fault) => Err(fault),
        },
        Err(fault) => Err(fault),
    };
    let keep = done.as_ref().is_ok_and(|transfer| transfer.is_new);
    let ended = target.end(keep).await;
    // What was not committed is not moved, whatever was read before.
    let transfer = done?;
    ended.map(|()| transfer)
}

/// The tables of a target that hold something.
async fn find_filled(target: &mut dyn Side) -> Result<Vec<&'static str>, StoreError> {
    let mut filled = Vec::new();
    for table in &TABLES {
        if !target.page(table, None).await?.is_empty() {
            filled.push(table.name);
        }
    }
    if filled.is_empty() && target.revision().await? != 0 {
        filled.push("meta");
    }
    Ok(filled)
}

fn not_empty(to: &StorePlace, filled: &[&str]) -> StoreError {
    let place = match to {
        StorePlace::Sqlite(options) => options.path.display().to_string(),
        StorePlace::Postgres(options) => options.place(),
    };
    StoreError::Open(format!(
        "{place}: it is not empty (there are rows in {}), and not what this source was moved to before; give an empty \
         database. Nothing was changed",
        filled.join(", ")
    ))
}

async fn copy_all(
    source: &mut dyn Side,
    target: &mut dyn Side,
    progress: &mut (dyn FnMut(TransferProgress) + Send),
) -> Result<Transfer, StoreError> {
    for table in &TABLES {
        copy(source, target, table, progress).await?;
    }
    target.set_revision(source.revision().await?).await?;
    match compare_all(source, target, progress).await? {
        Ok(tables) => Ok(Transfer { is_new: true, tables }),
        Err(table) => Err(StoreError::Corrupt {
            table,
            column: "-",
            row: "-".to_owned(),
            fault: "what was read back is not what was written".to_owned(),
        }),
    }
}

async fn copy(
    source: &mut dyn Side,
    target: &mut dyn Side,
    table: &'static Table,
    progress: &mut (dyn FnMut(TransferProgress) + Send),
) -> Result<(), StoreError> {
    let all = source.count(table).await?;
    let mut step = TransferProgress {
        table: table.name,
        is_check: false,
        done: 0,
        all,
    };
    progress(step);
    let mut after: Option<Row> = None;
    loop {
        let mut rows = source.page(table, after.as_ref()).await?;
        if rows.is_empty() {
            return Ok(());
        }
        target.insert(table, &rows).await?;
        step.done += rows.len() as u64;
        progress(step);
        after = rows.pop();
    }
}

/// Reads both sides beside each other. The inner error names the first table that differs.
async fn compare_all(
    source: &mut dyn Side,
    target: &mut dyn Side,
    progress: &mut (dyn FnMut(TransferProgress) + Send),
) -> Result<Result<Vec<MovedTable>, &'static str>, StoreError> {
    if source.revision().await? != target.revision().await? {
        return Ok(Err("meta"));
    }
    let mut tables = Vec::with_capacity(TABLES.len());
    for table in &TABLES {
        match compare(source, target, table, progress).await? {
            Some(moved) => tables.push(moved),
            None => return Ok(Err(table.name)),
        }
    }
    Ok(Ok(tables))
}

async fn compare(
    source: &mut dyn Side,
    target: &mut dyn Side,
    table: &'static Table,
    progress: &mut (dyn FnMut(TransferProgress) + Send),
) -> Result<Option<MovedTable>, StoreError> {
    let all = source.count(table).await?;
    let mut digest = Sha256::new();
    let mut step = TransferProgress {
        table: table.name,
        is_check: true,
        done: 0,
        all,
    };
    let mut after: Option<Row> = None;
    loop {
        let ours = source.page(table, after.as_ref()).await?;
        let mut theirs = target.page(table, after.as_ref()).await?;
        if ours != theirs {
            return Ok(None);
        }
        if theirs.is_empty() {
            let digest = digest.finalize().into();
            return Ok(Some(MovedTable {
                name: table.name,
                rows: step.done,
                digest,
            }));
        }
        theirs
            .iter()
            .flatten()
            .for_each(|value| value.add_to(&mut digest));
        step.done += theirs.len() as u64;
        progress(step);
        after = theirs.pop();
    }
}

impl Value {
    /// Adds a cell so that no two rows of different cells give the same bytes.
    fn add_to(&self, digest: &mut Sha256) {
        let (kind, bytes): (u8, Option<&[u8]>) = match self {
            Self::Number(number) => {
                digest.update([1, u8::from(number.is_some())]);
                return digest.update(number.unwrap_or_default().to_be_bytes());
            }
            Self::Flag(flag) => return digest.update([2, flag.map_or(2, u8::from)]),
            Self::Text(text) => (3, text.as_deref().map(str::as_bytes)),
            Self::Bytes(bytes) => (4, bytes.as_deref()),
        };
        digest.update([kind, u8::from(bytes.is_some())]);
        let bytes = bytes.unwrap_or_default();
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    }
}
