//! What an answer says is in force on this node when it is given. Two walls keep it so.
//!
//! A key, a user and a site leave the engine as views, and a view holds an [`InForce`], which this file alone makes: for a
//! change, after a read that began after its commit; for rows that were only read, when the replica has come as far as they
//! have. So a use case that finds nothing to change, repeats an earlier answer or shows a state cannot tell of what another
//! node or process did a moment ago before it is known here.
//!
//! Whoever writes an audit event of a change has a [`Refusal`] for its fault, and [`Engine::answer`] alone makes an
//! [`EngineError`] of that: what refuses a change (`key_deleted`, no such user, a name that is taken) speaks of what is there
//! too, without a row to show for it, so it is told after a read that began after it was found.

use crate::{Engine, EngineError};
use keyward_domain::Revision;
use keyward_store::StoreError;
use std::time::Duration;

/// How long whoever has made a change waits until it is in force here. Then they are told that it follows.
const CONFIRM_WITHIN: Duration = Duration::from_secs(10);

/// What a view holds to show that what it says is in force on this node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InForce(());

/// Why a use case changed nothing, before this node is known to hold what that speaks of.
#[derive(Debug)]
pub(crate) struct Refusal(EngineError);

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        Self(error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}

impl Engine {
    /// Puts a committed change in force on this node, so that the answer may be sent.
    pub(crate) async fn confirm(&self, written: Revision) -> Result<InForce, EngineError> {
        let done = self.put_in_force(written).await;
        done.map(|()| InForce(())).map_err(EngineError::Unconfirmed)
    }

    /// The same for an answer that is given whatever follows, since a secret is in it and nowhere else.
    pub(crate) async fn confirm_issued(&self, written: Revision, what: &'static str) -> InForce {
        if let Err(error) = self.confirm(written).await {
            tracing::warn!(what, %error, "it is stored, and not in force on this node yet");
        }
        InForce(())
    }

    /// Sees to it that rows are in force here that were read of the store for this answer. That costs nothing when the
    /// replica has come as far: rows and replica are of one history, or the next look at the store, within a second, finds
    /// that they are not.
    pub(crate) async fn confirm_read(
        &self,
        rows: impl IntoIterator<Item = Revision>,
    ) -> Result<InForce, EngineError> {
        let rows: Vec<Revision> = rows.into_iter().collect();
        let newest = rows.iter().copied().max().unwrap_or_default();
        if !self.replica.holds(newest) {
            self.put_in_force(newest).await?;
        }
        // Of an import, keys may still be to come when later changes are in force.
        if let Some(import) = rows
            .into_iter()
            .filter(|row| self.replica.is_importing(*row))
            .max()
        {
            self.put_in_force(import).await?;
        }
        Ok(InForce(()))
    }

    /// The outcome of a change, as it is told.
    pub(crate) async fn answer<T>(&self, outcome: Result<T, Refusal>) -> Result<T, EngineError> {
        match outcome {
            Ok(answer) => Ok(answer),
            Err(Refusal(error)) => {
                if error.tells_what_is_there() {
                    self.put_in_force(Revision::default()).await?;
                }
                Err(error)
            }
        }
    }

    async fn put_in_force(&self, revision: Revision) -> Result<(), StoreError> {
        let done = tokio::time::timeout(CONFIRM_WITHIN, self.try_to_put_in_force(revision)).await;
        let slow = || StoreError::Unavailable("it does not answer in time".to_owned());
        done.unwrap_or_else(|_| Err(slow()))
    }

    async fn try_to_put_in_force(&self, revision: Revision) -> Result<(), StoreError> {
        let mut outcome = self.replica.put_in_force(&*self.store, revision).await;
        for pause_ms in [10, 50, 200] {
            if outcome.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            outcome = self.replica.put_in_force(&*self.store, revision).await;
        }
        outcome
    }
}
