//! Why a sign-in does not come about. Texts are for the log; none holds a code, a token or a secret.

use std::path::PathBuf;

/// Why nobody is proved to be anybody.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The provider cannot be reached, or does not answer as one.
    #[error("the provider is away: {0}")]
    Away(String),
    /// More sign-ins are under way than are looked at at once.
    #[error("too many sign-ins at once")]
    Busy,
    /// The provider, or the person in front of it, says no: the code of RFC 6749, section 4.1.2.1.
    #[error("the provider says no: {0}")]
    Declined(&'static str),
    /// What came proves nothing.
    #[error("the answer is refused: {0}")]
    Refused(String),
}

impl Fault {
    pub(crate) fn away(what: &str, why: impl std::fmt::Display) -> Self {
        Self::Away(format!("{what}: {}", bounded(&why.to_string())))
    }

    pub(crate) fn refused(why: impl std::fmt::Display) -> Self {
        Self::Refused(bounded(&why.to_string()))
    }
}

/// Text of others, as long as it may be in a log.
pub(crate) fn bounded(text: &str) -> String {
    const MOST: usize = 300;
    text.chars().take(MOST).collect()
}

/// Why a provider cannot be spoken to at all; names the setting and the way out.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// The file with the client's secret.
    #[error("client_secret_file: {}: {fault}", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: String,
    },
    /// The file with the certificates to trust.
    #[error("ca_file: {}: {fault}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: String,
    },
    /// The machine trusts nobody.
    #[error(
        "ca_file: this machine has no certificates of authorities: install them, or name a file with some"
    )]
    NoAuthorities,
    /// There is no randomness to be had.
    #[error("this machine gives no random numbers")]
    Random,
    /// The address that the provider sends browsers back to.
    #[error("the address of the console is no URL: {0}")]
    Redirect(String),
}
