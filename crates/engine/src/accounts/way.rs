//! What somebody proves first when they sign in, and what the audit log calls it.

use super::Token;
use keyward_domain::Fingerprint;
use keyward_store::Proof;

/// What is proved before the second factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// A password, typed or just chosen by a link.
    Password,
    /// That a provider of identities vouches for them.
    Identity,
}

impl Way {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Identity => "openid connect",
        }
    }

    pub(super) const fn text_with(self, proof: &Proof) -> &'static str {
        match (self, proof) {
            (Self::Password, Proof::Step(_)) => "password and code",
            (Self::Password, Proof::RecoveryCode(_)) => "password and recovery code",
            (Self::Identity, Proof::Step(_)) => "openid connect and code",
            (Self::Identity, Proof::RecoveryCode(_)) => "openid connect and recovery code",
        }
    }

    /// The kind of token that waits for the second factor: it tells the way, and nobody can turn one into the other.
    pub(super) const fn pending(self) -> Token {
        match self {
            Self::Password => Token::Pending,
            Self::Identity => Token::PendingIdentity,
        }
    }
}

/// A sign-in that waits for its second factor, as its token tells it.
pub(super) struct Waiting {
    pub(super) hash: Fingerprint,
    pub(super) way: Way,
}

impl Waiting {
    pub(super) fn read(token: &str) -> Option<Self> {
        let read = |way: Way| way.pending().read(token).map(|hash| Self { hash, way });
        read(Way::Password).or_else(|| read(Way::Identity))
    }
}
