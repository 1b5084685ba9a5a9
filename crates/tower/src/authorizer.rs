//! What decides about keys, to the layer.

use crate::KeyIdentity;
use crate::wire::Refusal;
use keyward_domain::{ClientAddress, CredentialFault, Presented, Quota, StrictPath};
use std::pin::Pin;

/// What decides about keys. Its kinds are those of this crate, `Embedded` and `Remote`; a layer is generic over them, so that a decision that is there at once costs no allocation.
pub trait Authorizer: Decide + Clone + Send + Sync + 'static {}

impl<A: Decide + Clone + Send + Sync + 'static> Authorizer for A {}

/// The part of [`Authorizer`] that only this crate can write.
pub trait Decide {
    #[doc(hidden)]
    fn decide(&self, question: Question<'_>) -> Answer;
}

/// What is asked about a request.
#[doc(hidden)]
#[derive(Clone, Copy)]
#[cfg_attr(
    not(any(feature = "embedded", feature = "remote")),
    expect(dead_code, reason = "nobody decides")
)]
pub struct Question<'a> {
    pub(crate) credential: Result<Presented<'a>, CredentialFault>,
    pub(crate) site: Option<&'a str>,
    pub(crate) client: ClientAddress,
    pub(crate) method: &'a str,
    pub(crate) path: StrictPath<'a>,
}

/// A decision, or how to wait for it.
#[doc(hidden)]
pub enum Answer {
    /// It is there.
    Now(Outcome),
    /// Somebody else has to be asked.
    Later(Pin<Box<dyn Future<Output = Outcome> + Send>>),
}

/// A decision.
#[doc(hidden)]
#[derive(Clone)]
pub enum Outcome {
    /// The request may pass.
    Granted(KeyIdentity, Option<Quota>),
    /// It may not; of a used-up limit, with the seconds to wait.
    Denied(Refusal, Option<i64>),
    /// Nobody can tell.
    Unavailable,
}
