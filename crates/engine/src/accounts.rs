//! How people sign in: passwords, providers of identities, second factors, sessions, and the links that let somebody choose a password.
//!
//! What proves somebody is checked here and never shown: tokens are [`Secret`]s of prefixes of their own, and only their
//! SHA-256 is stored; passwords are hashed on one thread that yields to all others. A use case that lets somebody in
//! hands the store the state of the credentials that was proved, so that nothing is opened by what was changed
//! meanwhile.

mod bound;
mod counters;
mod fault;
mod hasher;
mod identity;
mod links;
mod passwords;
mod second_factor;
mod session;
mod set_up;
mod sign_in;
mod throttle;
mod totp;
mod visitor;
mod way;

pub use bound::IdentityView;
pub use fault::{AccountFault, SignInFault};
pub use identity::{Exchange, ProvenIdentity};
pub use links::LinkView;
pub use second_factor::SecondFactorSetup;
pub use session::{Session, SessionView};
pub use sign_in::{SignIn, SignedIn};
pub use visitor::Visitor;

use crate::{Engine, EngineError};
use hasher::Hasher;
use keyward_domain::{Checksum, Fingerprint, Prefix, Presented, Secret, SecretFormat};
use std::hash::RandomState;
use throttle::Throttle;

/// What stands between people and their sessions, in memory.
#[derive(Default)]
pub(crate) struct Gate {
    pub(crate) hasher: Hasher,
    pub(crate) throttle: Throttle,
    /// Names accounts in the throttle, so that no text of a stranger is kept.
    names: RandomState,
}

/// The kinds of tokens. Each has a prefix of its own, so that none can stand for another.
#[derive(Clone, Copy, Debug)]
enum Token {
    Session,
    Device,
    Pending,
    PendingIdentity,
    Invite,
    Reset,
}

impl Token {
    fn format(self) -> Result<SecretFormat, EngineError> {
        let prefix = match self {
            Self::Session => "session",
            Self::Device => "device",
            Self::Pending => "pending",
            Self::PendingIdentity => "pendingoidc",
            Self::Invite => "invite",
            Self::Reset => "reset",
        };
        Prefix::new(prefix)
            .map(|prefix| SecretFormat::new(prefix, Vec::new()))
            .map_err(|fault| EngineError::field("prefix", fault.to_string()))
    }

    /// What a token that was sent is looked up by, if it can be one of this kind at all.
    fn read(self, text: &str) -> Option<Fingerprint> {
        let presented = Presented::parse(text.as_bytes()).ok()?;
        let is_right = self.format().ok()?.checksum(presented) == Checksum::Right;
        is_right.then(|| presented.fingerprint())
    }
}

impl Engine {
    fn new_token(&self, kind: Token) -> Result<(Secret, Fingerprint), EngineError> {
        self.new_secret(&kind.format()?)
    }
}
