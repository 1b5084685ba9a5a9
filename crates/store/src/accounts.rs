//! The part of the port about people who sign in: credentials, sessions, links.

use crate::{AuditEvent, StoreError};
use async_trait::async_trait;
use keyward_domain::{Fingerprint, PasswordHash, Revision, SessionId, Timestamp, TotpKey, User, UserId};
use std::net::IpAddr;

/// What people sign in with.
///
/// Tokens are known by their fingerprints alone. What can be used once is consumed in the command that uses it, so of
/// many that try one wins; the others get [`StoreError::NotFound`]. No command here raises the revision but those that
/// add a user. A command that lets somebody in takes the [`Credentials::stamp`] that was proved, and does nothing
/// ([`StoreError::NotFound`]) when the credentials have changed since or the user is not valid. Expiry is judged by the
/// instants that are handed in.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// What a user signs in with; nothing at all for a user who never did.
    async fn find_credentials(&self, user: UserId) -> Result<Credentials, StoreError>;

    /// Begins a session.
    async fn insert_session(&self, session: &NewSession, audit: &AuditEvent) -> Result<(), StoreError>;

    /// Finds a session by its token, with its user in whatever state.
    async fn find_session(&self, token: &Fingerprint) -> Result<Option<FoundSession>, StoreError>;

    /// Finds a session by its id.
    async fn find_session_by_id(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError>;

    /// Lists a user's sessions, newest first.
    async fn list_sessions(&self, user: UserId) -> Result<Vec<SessionRecord>, StoreError>;

    /// Notes when and from where a session was last seen; nothing happens to one that has ended.
    async fn touch_session(
        &self,
        id: SessionId,
        seen_at: Timestamp,
        address: Option<IpAddr>,
    ) -> Result<(), StoreError>;

    /// Ends a session. One that has outlived its limits goes without an event.
    async fn end_session(&self, id: SessionId, audit: Option<&AuditEvent>) -> Result<(), StoreError>;

    /// Ends a user's sessions but one. Returns how many; without any, no event is written.
    async fn end_other_sessions(
        &self,
        user: UserId,
        keep: SessionId,
        audit: &AuditEvent,
    ) -> Result<u64, StoreError>;

    /// Remembers a sign-in that waits for its second factor.
    async fn insert_pending(&self, pending: &NewPending) -> Result<(), StoreError>;

    /// Finds a waiting sign-in that has not expired and has tries left.
    async fn find_pending(
        &self,
        hash: &Fingerprint,
        now: Timestamp,
    ) -> Result<Option<PendingSignIn>, StoreError>;

    /// Takes one of the tries of a waiting sign-in. [`StoreError::NotFound`] when there is none left.
    async fn try_pending(&self, hash: &Fingerprint, now: Timestamp) -> Result<(), StoreError>;

    /// Trades a waiting sign-in and a proof for a session.
    async fn complete_pending(
        &self,
        hash: &Fingerprint,
        proof: &Proof,
        session: &NewSession,
        audit: &AuditEvent,
    ) -> Result<(), StoreError>;

    /// Puts a new password in place, ends all sessions, links and waiting sign-ins of the user, and begins a session in
    /// place of `old`, which must not have ended.
    async fn change_password(
        &self,
        old: SessionId,
        password: &PasswordHash,
        session: &NewSession,
        audit: &AuditEvent,
    ) -> Result<(), StoreError>;

    /// Remembers a second factor that is not in force yet, in place of any other such.
    /// [`StoreError::Conflict`] when one is in force.
    async fn put_second_factor(&self, user: UserId, key: &TotpKey) -> Result<(), StoreError>;

    /// Puts the second factor `key` in force, with its recovery codes, and begins a session in place of all others;
    /// `old` must not have ended. [`StoreError::Conflict`] when one is in force, or another key is remembered.
    async fn confirm_second_factor(
        &self,
        old: SessionId,
        confirmed: &ConfirmedFactor,
        session: &NewSession,
        audit: &AuditEvent,
    ) -> Result<(), StoreError>;

    /// Takes the second factor away, against a proof.
    async fn remove_second_factor(
        &self,
        user: UserId,
        stamp: u64,
        proof: &Proof,
        audit: &AuditEvent,
    ) -> Result<(), StoreError>;

    /// Puts new recovery codes in place of the old ones, against a proof.
    async fn put_recovery_codes(
        &self,
        user: UserId,
        stamp: u64,
        proof: &Proof,
        codes: &[Fingerprint],
        audit: &AuditEvent,
    ) -> Result<(), StoreError>;

    /// Takes the second factor away without a proof, and ends the user's sessions.
    /// [`StoreError::NotFound`] when none is in force.
    async fn reset_second_factor(&self, user: UserId, audit: &AuditEvent) -> Result<(), StoreError>;

    /// Remembers the language of a user's pages.
    async fn set_language(&self, user: UserId, language: Option<&str>) -> Result<(), StoreError>;

    /// Adds a user together with the link by which they choose their password.
    async fn insert_user_with_link(
        &self,
        user: &User,
        link: &Link,
        audit: &[AuditEvent],
    ) -> Result<Revision, StoreError>;

    /// Remembers a link in place of all others of its user.
    async fn put_link(&self, link: &Link, audit: &AuditEvent) -> Result<(), StoreError>;

    /// Finds a link, expired or not.
    async fn find_link(&self, hash: &Fingerprint) -> Result<Option<Link>, StoreError>;

    /// Trades a link that has not expired for a password: ends all sessions, links, waiting sign-ins and known devices
    /// of its user, and lets the user in.
    async fn redeem_link(
        &self,
        hash: &Fingerprint,
        now: Timestamp,
        password: &PasswordHash,
        entry: &Entry,
        audit: &[AuditEvent],
    ) -> Result<(), StoreError>;

    /// Whether there is such a set-up token that has not expired.
    async fn find_setup_token(&self, hash: &Fingerprint, now: Timestamp) -> Result<bool, StoreError>;

    /// Trades a set-up token that has not expired for the first administrator, with a password and a session.
    async fn redeem_setup_token_with_password(
        &self,
        hash: &Fingerprint,
        user: &User,
        password: &PasswordHash,
        session: &NewSession,
        audit: &[AuditEvent],
    ) -> Result<Revision, StoreError>;

    /// The user that signed in from this device before.
    async fn find_device(&self, hash: &Fingerprint) -> Result<Option<UserId>, StoreError>;

    /// The user that a provider of identities knows by this name, in whatever state.
    async fn find_user_by_identity(&self, issuer: &str, subject: &str) -> Result<Option<User>, StoreError>;

    /// Remembers by which name a provider of identities knows a user.
    /// [`StoreError::Conflict`] when the name stands for somebody already.
    async fn put_identity(
        &self,
        issuer: &str,
        subject: &str,
        user: UserId,
        audit: &AuditEvent,
    ) -> Result<(), StoreError>;
}

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
