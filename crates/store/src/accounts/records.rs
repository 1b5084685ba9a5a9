//! What the port says about people who sign in. No `Debug` shows what proves somebody.

use crate::AuditEvent;
use keyward_domain::{Fingerprint, PasswordHash, SessionId, Timestamp, TotpKey, User, UserId};
use std::net::IpAddr;

/// What a user signs in with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The password.
    pub password: Option<PasswordHash>,
    /// The second factor.
    pub second_factor: Option<SecondFactor>,
    /// The language of their pages.
    pub language: Option<String>,
    /// Raised by every change of the password or the second factor.
    pub stamp: u64,
}

/// A time-based one-time password (RFC 6238).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactor {
    /// What the app and Keyward share.
    pub key: TotpKey,
    /// Whether it is in force.
    pub is_confirmed: bool,
    /// The last time step whose code was used.
    pub last_step: u64,
}

impl Credentials {
    /// The second factor that is in force.
    pub fn second_factor_in_force(&self) -> Option<&SecondFactor> {
        self.second_factor.as_ref().filter(|factor| factor.is_confirmed)
    }
}

/// What is known of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Id.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last seen.
    pub seen_at: Timestamp,
    /// When it ends, however much it is used.
    pub ends_at: Timestamp,
    /// From where it was last seen.
    pub address: Option<IpAddr>,
    /// What the browser calls itself.
    pub agent: String,
}

/// A session that is to begin.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// What is known of it.
    pub record: SessionRecord,
    /// Its token.
    pub token: Fingerprint,
    /// The device that is to be known from now on.
    pub device: Option<Fingerprint>,
    /// The credentials that were proved.
    pub stamp: u64,
    /// What is bound to its user by it. Only a session that somebody signs in to binds anything.
    pub binding: Option<Box<Binding>>,
}

/// A session, and what every page needs to know.
#[derive(Clone, Debug)]
pub struct FoundSession {
    /// The session.
    pub session: SessionRecord,
    /// Its user.
    pub user: User,
    /// Whether a second factor is in force.
    pub has_second_factor: bool,
    /// The language of their pages.
    pub language: Option<String>,
}

/// A sign-in that is to wait for its second factor.
#[derive(Clone, Debug)]
pub struct NewPending {
    /// Its token.
    pub hash: Fingerprint,
    /// Whose it is.
    pub user: UserId,
    /// Until when it waits.
    pub expires_at: Timestamp,
    /// How often a code may be tried.
    pub tries: u32,
    /// The known device that it came from.
    pub device: Option<Fingerprint>,
    /// The credentials that were proved.
    pub stamp: u64,
    /// What is to be bound to the user when they are let in.
    pub identity: Option<IdentityName>,
}

/// A sign-in that waits for its second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingSignIn {
    /// Whose it is.
    pub user: UserId,
    /// The known device that it came from.
    pub device: Option<Fingerprint>,
    /// The credentials that were proved.
    pub stamp: u64,
    /// What is to be bound to the user when they are let in.
    pub identity: Option<IdentityName>,
}

/// The name by which a provider of identities knows somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityName {
    /// The provider.
    pub issuer: String,
    /// The name, which it gives to nobody else.
    pub subject: String,
}

/// A name that is to stand for a user, and the line that says so.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The name.
    pub name: IdentityName,
    /// Written when it did not stand for the user before.
    pub audit: AuditEvent,
}

/// A name that stands for a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundIdentity {
    /// The name.
    pub name: IdentityName,
    /// Since when.
    pub bound_at: Timestamp,
}

/// How somebody is let in.
#[derive(Clone, Debug)]
pub enum Entry {
    /// At once.
    Session(NewSession),
    /// After their second factor.
    Pending(NewPending),
}

/// What proved the second factor; it is used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The code of a time step, and of no earlier one than any before.
    Step(u64),
    /// A recovery code.
    RecoveryCode(Fingerprint),
}

/// A second factor that is put in force.
#[derive(Clone, Debug)]
pub struct ConfirmedFactor {
    /// The key that was remembered.
    pub key: TotpKey,
    /// The time step of the code that was shown.
    pub step: u64,
    /// The recovery codes.
    pub codes: Vec<Fingerprint>,
}

/// A link that is good once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its token.
    pub hash: Fingerprint,
    /// Whose password it sets.
    pub user: UserId,
    /// What it is for.
    pub purpose: LinkPurpose,
    /// First instant at which it is worth nothing.
    pub expires_at: Timestamp,
}

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// A new user chooses their first password.
    Invite,
    /// A user who cannot sign in chooses another password.
    Reset,
}

impl LinkPurpose {
    /// The word that is stored and shown to programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Reset => "reset",
        }
    }
}
