//! Creates that are done once, however often they are sent.

use crate::{Actor, Engine, EngineError};
use keyward_store::{IdempotencyClaim, Inserted};

/// The outcome of a create that may be a repetition.
pub enum Created<N, V> {
    /// Made now.
    New(N),
    /// Made before, under the same `Idempotency-Key`.
    Replay(V),
}

/// A client's wish that a create is done once, however often it is sent.
#[derive(Clone, Debug)]
pub struct Once {
    /// The client's token: 1 to 255 visible ASCII characters.
    pub token: String,
    /// SHA-256 of the request that it goes with.
    pub request_hash: [u8; 32],
}

impl Engine {
    /// What the store is to remember of a create that is wanted once.
    pub(crate) fn claim(
        &self,
        actor: &Actor,
        once: Option<&Once>,
    ) -> Result<Option<IdempotencyClaim>, EngineError> {
        let Some(once) = once else { return Ok(None) };
        let fits = (1..=255).contains(&once.token.len()) && once.token.bytes().all(|b| b.is_ascii_graphic());
        if !fits {
            return Err(EngineError::field(
                "Idempotency-Key",
                "must be 1 to 255 visible ASCII characters",
            ));
        }
        Ok(Some(IdempotencyClaim {
            actor: actor.claimant(),
            token: once.token.clone(),
            request_hash: once.request_hash,
            at: self.clock.now(),
        }))
    }

    /// What an earlier create under the same claim has made.
    ///
    /// # Errors
    /// `Invalid` when the token was used with another request.
    pub(crate) async fn find_earlier(
        &self,
        actor: &Actor,
        once: Option<&Once>,
    ) -> Result<Option<String>, EngineError> {
        // A token that cannot be one is told of when the create is about to claim it.
        let Ok(Some(claim)) = self.claim(actor, once) else {
            return Ok(None);
        };
        let earlier = self.store.find_claim(&claim.actor, &claim.token).await?;
        let Some(Inserted::Replay { target, request_hash }) = earlier else {
            return Ok(None);
        };
        check_same_request(once, request_hash)?;
        Ok(Some(target))
    }
}

/// A token stands for one request only.
pub(crate) fn check_same_request(once: Option<&Once>, earlier: [u8; 32]) -> Result<(), EngineError> {
    if once.is_some_and(|once| once.request_hash == earlier) {
        return Ok(());
    }
    let message = "this Idempotency-Key was used with another request: use a new one";
    Err(EngineError::field("Idempotency-Key", message))
}
