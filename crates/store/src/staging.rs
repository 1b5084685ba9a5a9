//! Imports: their keys are written in portions, each a short transaction that nobody waits for, and one change at the end makes
//! all of them visible at once. One that ends before loses what it has written.

use crate::{AuditEvent, ImportId, KeySource, StoreError};
use async_trait::async_trait;
use keyward_domain::{Key, Revision};

/// Keys of a portion, as long as the source gives so many: few enough that a change has its turn soon.
const PORTION: usize = 1000;

/// Keys that are removed at once of an import that came to nothing.
pub(crate) const REMOVED: i64 = 5000;

/// How long an import may stand still before it counts as given up: its node has ended, or cannot reach the database.
pub(crate) const STANDS_STILL_MILLIS: i64 = 60_000;

/// What an import that was given up says when it wants to go on; or one of which the database has lost a part, as after a failover.
pub(crate) fn given_up() -> StoreError {
    let why =
        "the import stood still for too long, or the database has lost a part of it; import the file again";
    StoreError::Unavailable(why.to_owned())
}

/// What is said of a key that another import holds, which is not published.
pub(crate) fn held_elsewhere() -> StoreError {
    let why = "another import that is not finished holds a key of this file; when it is over, or a minute after it broke off, \
               import the file again";
    StoreError::Unavailable(why.to_owned())
}

/// What a database does of an import, each in a transaction of its own.
#[async_trait]
pub(crate) trait Staging: Sync {
    /// Begins one; of those that were given up, nothing is left then.
    async fn begin(&self) -> Result<ImportId, StoreError>;

    /// Writes keys that nobody sees yet, after so many. The row of a duplicate is its place among them.
    async fn put(&self, import: ImportId, written: i64, keys: &[Key]) -> Result<(), StoreError>;

    /// Makes all of its keys visible, so many: one change.
    async fn publish(
        &self,
        import: ImportId,
        written: i64,
        audit: &AuditEvent,
    ) -> Result<Revision, StoreError>;

    /// Gives up one that is not published.
    async fn give_up(&self, import: ImportId) -> Result<(), StoreError>;
}

/// Adds all keys of a source, or none.
pub(crate) async fn import(
    staging: &dyn Staging,
    source: &mut dyn KeySource,
    audit: &AuditEvent,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Revision, StoreError> {
    let import = staging.begin().await?;
    let done = match put_all(staging, import, source, progress).await {
        Ok(written) => staging.publish(import, number(written), audit).await,
        Err(fault) => Err(fault),
    };
    if done.is_err()
        && let Err(error) = staging.give_up(import).await
    {
        tracing::warn!(%error, "what an import has written that came to nothing is removed later");
    }
    done
}

async fn put_all(
    staging: &dyn Staging,
    import: ImportId,
    source: &mut dyn KeySource,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<usize, StoreError> {
    let mut written = 0;
    loop {
        let mut portion = source.next_keys().await?;
        let mut is_end = portion.is_empty();
        while !is_end && portion.len() < PORTION {
            let more = source.next_keys().await?;
            is_end = more.is_empty();
            portion.extend(more);
        }
        for keys in portion.chunks(PORTION) {
            let put = staging.put(import, number(written), keys).await;
            put.map_err(|fault| match fault {
                StoreError::Duplicate { what, row } => StoreError::Duplicate {
                    what,
                    row: written + row,
                },
                other => other,
            })?;
            written += keys.len();
            progress(written);
        }
        if is_end {
            return Ok(written);
        }
    }
}

fn number(keys: usize) -> i64 {
    i64::try_from(keys).unwrap_or(i64::MAX)
}
