//! What a node asks each second, within a second. A connection that the network has swallowed says nothing for many seconds: so
//! one that does not answer soon is not waited for, but a new one is asked beside it.

use super::connection::Begin;
use super::lent::{ANSWER, Lent};
use super::pool::{Lane, Pool};
use super::{feed, imports};
use crate::{Feed, ImportId, ImportedKeys, Position, StoreError};
use keyward_domain::{KeyId, Revision};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// After so long without an answer, somebody else is asked too.
const DOUBT_TIMEOUT: Duration = Duration::from_millis(500);
/// How much longer the first is waited for when nobody else answers.
const REST_TIMEOUT: Duration = Duration::from_millis(1500);
/// How long a short list of changes takes at most; a long one is asked for again, with more time.
const SHORT_TIMEOUT: Duration = Duration::from_secs(1);

/// The position.
pub(super) async fn position(pool: &Arc<Pool>) -> Result<Position, StoreError> {
    let begun = Instant::now();
    let mut first = pin!(async {
        if let Ok(Some(open)) = Lent::unasked(pool, Lane::Poll, Begin::Nothing).await
            && let Ok(position) = ask(open).await
        {
            return Ok(position);
        }
        ask(Lent::begun(pool, Lane::Poll, Begin::Nothing).await?).await
    });
    if let Ok(answer) = timeout(DOUBT_TIMEOUT, &mut first).await {
        return looked_at(pool, answer);
    }
    let mut second = pin!(async { ask(Lent::fresh(pool, Lane::Poll).await?).await });
    let answer = tokio::select! {
        first = &mut first => match first {
            Ok(position) => Ok(position),
            Err(_) => second.await,
        },
        second = &mut second => match second {
            // It was connected and asked while the first said nothing: what was open before is not open any more.
            Ok(position) => {
                pool.forget_opened_before(begun);
                Ok(position)
            }
            Err(fault) => timeout(REST_TIMEOUT, first).await.unwrap_or(Err(fault)),
        },
    };
    looked_at(pool, answer)
}

async fn ask(mut lent: Lent) -> Result<Position, StoreError> {
    let done = timeout(ANSWER, feed::position(lent.connection())).await;
    lent.finish(done).await
}

/// A server that became a standby has no last word for those who are connected to it: they look for another.
fn looked_at(pool: &Pool, answer: Result<Position, StoreError>) -> Result<Position, StoreError> {
    if matches!(&answer, Err(StoreError::Unavailable(why)) if why == super::fault::STANDBY) {
        pool.forget_idle();
    }
    answer
}

/// What changed after a revision.
pub(super) async fn changes_since(pool: &Arc<Pool>, after: Revision) -> Result<Feed, StoreError> {
    let ask = || async move { feed::changes_since(snapshot(pool).await?, after).await };
    soon(pool, ask).await
}

/// Keys of an import.
pub(super) async fn imported_keys(
    pool: &Arc<Pool>,
    import: ImportId,
    page: (Option<KeyId>, u32),
    known: Revision,
) -> Result<ImportedKeys, StoreError> {
    let ask = || async move { imports::keys(snapshot(pool).await?, import, page, known).await };
    soon(pool, ask).await
}

async fn snapshot(pool: &Arc<Pool>) -> Result<Lent, StoreError> {
    Lent::begun(pool, Lane::Follow, Begin::Snapshot).await
}

/// What is answered soon; or else by a new connection, with more time.
async fn soon<T, F>(pool: &Pool, ask: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    match timeout(SHORT_TIMEOUT, ask()).await {
        Ok(done) => done,
        Err(_) => {
            pool.forget_idle();
            ask().await
        }
    }
}
