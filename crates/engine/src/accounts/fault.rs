//! Why somebody is not let in, and why what they sign in with was not changed.

use super::hasher::HashFault;
use crate::EngineError;
use keyward_domain::PasswordFault;
use keyward_store::StoreError;

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum SignInFault {
    /// Address, password, code, user: something is wrong, and it is not said what.
    #[error("what you sign in with is not right")]
    Refused,
    /// Too many tries, or too many people at once.
    #[error("too many tries: try again in {retry_after_secs} s")]
    Slowed {
        /// Seconds until another try is looked at.
        retry_after_secs: u64,
    },
    /// Something else.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Why what somebody signs in with was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountFault {
    /// The present password is wrong.
    #[error("the present password is wrong")]
    WrongPassword,
    /// The code is wrong, used or too old.
    #[error("the code is wrong or was used before")]
    WrongCode,
    /// The link or the set-up token is wrong, used or expired.
    #[error("the link is wrong, used or expired")]
    LinkGone,
    /// The new password breaks the rules.
    #[error("the new password {0}")]
    Password(#[from] PasswordFault),
    /// Too many tries, or too many people at once.
    #[error("too many tries: try again in {retry_after_secs} s")]
    Slowed {
        /// Seconds until another try is looked at.
        retry_after_secs: u64,
    },
    /// Something else.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Seconds after which there is a place among those who wait.
const FULL_SECS: u64 = 5;

impl From<HashFault> for SignInFault {
    fn from(fault: HashFault) -> Self {
        match fault {
            HashFault::Full => Self::Slowed {
                retry_after_secs: FULL_SECS,
            },
            HashFault::Broken(why) => Self::Engine(broken(why)),
        }
    }
}

impl From<HashFault> for AccountFault {
    fn from(fault: HashFault) -> Self {
        match fault {
            HashFault::Full => Self::Slowed {
                retry_after_secs: FULL_SECS,
            },
            HashFault::Broken(why) => Self::Engine(broken(why)),
        }
    }
}

impl From<StoreError> for SignInFault {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<StoreError> for AccountFault {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

fn broken(why: &'static str) -> EngineError {
    EngineError::Unavailable(StoreError::Unavailable(why.to_owned()))
}
