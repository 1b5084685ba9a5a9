//! Passwords: what people may choose, and the forms in which what proves them is kept.
//!
//! The rules are those of NIST SP 800-63B for a password that may stand alone: long, any characters, nothing that
//! guessers try first, nothing cut off. No composition rules. Who adds to the list of common ones edits
//! `password/common.txt` (whole passwords) or `password/words.txt` (what they are made of).

mod common;

use crate::{Email, Name};
use std::fmt;
use zeroize::Zeroizing;

/// A password that a person has chosen and that keeps the rules. It wipes itself and cannot be printed.
pub struct NewPassword(Zeroizing<String>);

/// Why a password cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Under 15 code points.
    #[error("must have at least 15 characters")]
    TooShort,
    /// Over 128 code points.
    #[error("must have at most 128 characters")]
    TooLong,
    /// Among those that guessers try first.
    #[error("is too easy to guess: choose a less common one")]
    Common,
    /// Hardly more than the person's own name or address, or the product's name.
    #[error("must not be made of your name, your e-mail address or the name of this product")]
    ContainsName,
}

impl PasswordFault {
    /// A stable word for programs and translations.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooShort => "password_too_short",
            Self::TooLong => "password_too_long",
            Self::Common => "password_common",
            Self::ContainsName => "password_contains_name",
        }
    }
}

impl NewPassword {
    /// The fewest code points.
    pub const MIN: usize = 15;
    /// The most code points.
    pub const MAX: usize = 128;

    /// Checks and takes a password for the person of this address and name.
    pub fn new(text: &str, email: &Email, name: &Name) -> Result<Self, PasswordFault> {
        let length = text.chars().count();
        if length < Self::MIN {
            return Err(PasswordFault::TooShort);
        }
        if length > Self::MAX {
            return Err(PasswordFault::TooLong);
        }
        let folded = Zeroizing::new(text.to_lowercase());
        if common::is_common(&folded) {
            return Err(PasswordFault::Common);
        }
        if is_made_of_names(&folded, email, name) {
            return Err(PasswordFault::ContainsName);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The clear text, for the function that hashes it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Whether too little is left of a password when what everybody knows of its owner is taken away.
fn is_made_of_names(folded: &str, email: &Email, name: &Name) -> bool {
    /// Shorter parts stand in too many honest passwords.
    const SHORTEST_PART: usize = 3;
    /// What must be left beside them.
    const REST: usize = 8;
    let email = email.as_str();
    let (local, host) = email.split_once('@').unwrap_or((email, ""));
    let name = name.as_str().to_lowercase();
    let parts = [email, local, host, "keyward", &name].map(str::to_owned);
    let words = name
        .split_whitespace()
        .chain(local.split(['.', '-', '_', '+']))
        .chain(host.split('.'));
    let mut rest = Zeroizing::new(folded.to_owned());
    let mut found = false;
    for part in parts.into_iter().chain(words.map(str::to_owned)) {
        if part.chars().count() >= SHORTEST_PART && rest.contains(&part) {
            rest = Zeroizing::new(rest.replace(&part, ""));
            found = true;
        }
    }
    found && rest.chars().filter(|c| c.is_alphanumeric()).count() < REST
}

/// A password as it is stored: a PHC string. It cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// A PHC string that was computed or read.
    pub fn stored(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// What an authenticator app and Keyward share: 160 random bits (RFC 4226, section 4). It cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpKey(Zeroizing<[u8; 20]>);

impl TotpKey {
    /// From its 20 bytes.
    pub fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The 20 bytes.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Debug for TotpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpKey(…)")
    }
}

#[cfg(test)]
mod tests;
