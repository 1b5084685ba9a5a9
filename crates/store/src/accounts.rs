//! The part of the port about people who sign in: credentials, sessions, links.

mod records;

pub use records::{
    Binding, BoundIdentity, ConfirmedFactor, Credentials, Entry, FoundSession, IdentityName, Link,
    LinkPurpose, NewPending, NewSession, PendingSignIn, Proof, SecondFactor, SessionRecord,
};

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

    /// Begins a session, and binds what it brings ([`NewSession::binding`]).
    ///
    /// A name that stands for this user already stays as it is. [`StoreError::Conflict`], and nothing is done, when it stands
    /// for another one or the user has another name at this issuer; of two that bind at once the second sees the first. With
    /// the binding the user's invitation goes.
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

    /// Trades a waiting sign-in and a proof for a session; binds as [`Accounts::insert_session`] does.
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

    /// Trades a link that has not expired for a password: ends all sessions, links, waiting sign-ins, known devices and
    /// names at providers of identities of its user, and lets the user in.
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
    async fn find_user_by_identity(&self, name: &IdentityName) -> Result<Option<User>, StoreError>;

    /// Lists the names by which providers of identities know a user, the oldest first.
    async fn list_identities(&self, user: UserId) -> Result<Vec<BoundIdentity>, StoreError>;

    /// Takes all these names away from a user, raises the stamp, and ends their sessions and waiting sign-ins.
    /// [`StoreError::NotFound`] when there is none.
    async fn remove_identities(&self, user: UserId, audit: &AuditEvent) -> Result<(), StoreError>;
}
