//! The part of the port about people who sign in.

use super::ask::{change, note, read};
use super::{PostgresStore, credentials, identities, links, sessions};
use crate::{
    Accounts, AuditEvent, BoundIdentity, ConfirmedFactor, Credentials, Entry, FoundSession, IdentityName,
    Link, NewPending, NewSession, PendingSignIn, Proof, SessionRecord, StoreError,
};
use async_trait::async_trait;
use keyward_domain::{Fingerprint, PasswordHash, Revision, SessionId, Timestamp, TotpKey, User, UserId};
use std::net::IpAddr;

#[async_trait]
impl Accounts for PostgresStore {
    async fn find_credentials(&self, user: UserId) -> Result<Credentials, StoreError> {
        read!(self, credentials::find(user))
    }

    async fn insert_session(&self, session: &NewSession, audit: &AuditEvent) -> Result<(), StoreError> {
        change!(self, sessions::begin(session, audit))
    }

    async fn find_session(&self, token: &Fingerprint) -> Result<Option<FoundSession>, StoreError> {
        read!(self, sessions::find(token))
    }

    async fn find_session_by_id(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        read!(self, sessions::find_by_id(id))
    }

    async fn list_sessions(&self, user: UserId) -> Result<Vec<SessionRecord>, StoreError> {
        read!(self, sessions::list(user))
    }

    async fn touch_session(
        &self,
        id: SessionId,
        seen_at: Timestamp,
        address: Option<IpAddr>,
    ) -> Result<(), StoreError> {
        note!(self, sessions::touch(id, seen_at, address))
    }

    async fn end_session(&self, id: SessionId, audit: Option<&AuditEvent>) -> Result<(), StoreError> {
        change!(self, sessions::end(id, audit))
    }

    async fn end_other_sessions(
        &self,
        user: UserId,
        keep: SessionId,
        audit: &AuditEvent,
    ) -> Result<u64, StoreError> {
        change!(self, sessions::end_others(user, keep, audit))
    }

    async fn insert_pending(&self, pending: &NewPending) -> Result<(), StoreError> {
        change!(self, sessions::insert_pending(pending))
    }

    async fn find_pending(
        &self,
        hash: &Fingerprint,
        now: Timestamp,
    ) -> Result<Option<PendingSignIn>, StoreError> {
        read!(self, sessions::find_pending(hash, now))
    }

    async fn try_pending(&self, hash: &Fingerprint, now: Timestamp) -> Result<(), StoreError> {
        change!(self, sessions::try_pending(hash, now))
    }

    async fn complete_pending(
        &self,
        hash: &Fingerprint,
        proof: &Proof,
        session: &NewSession,
        audit: &AuditEvent,
    ) -> Result<(), StoreError> {
        change!(self, sessions::complete_pending(hash, proof, session, audit))
    }

    async fn change_password(
        &self,
        old: SessionId,
        password: &PasswordHash,
        session: &NewSession,
        audit: &AuditEvent,
    ) -> Result<(), StoreError> {
        change!(self, credentials::change_password(old, password, session, audit))
    }

    async fn put_second_factor(&self, user: UserId, key: &TotpKey) -> Result<(), StoreError> {
        change!(self, credentials::put_second_factor(user, key))
    }

    async fn confirm_second_factor(
        &self,
        old: SessionId,
        confirmed: &ConfirmedFactor,
        session: &NewSession,
        audit: &AuditEvent,
    ) -> Result<(), StoreError> {
        change!(
            self,
            credentials::confirm_second_factor(old, confirmed, session, audit)
        )
    }

    async fn remove_second_factor(
        &self,
        user: UserId,
        stamp: u64,
        proof: &Proof,
        audit: &AuditEvent,
    ) -> Result<(), StoreError> {
        change!(self, credentials::remove_second_factor(user, stamp, proof, audit))
    }

    async fn put_recovery_codes(
        &self,
        user: UserId,
        stamp: u64,
        proof: &Proof,
        codes: &[Fingerprint],
        audit: &AuditEvent,
    ) -> Result<(), StoreError> {
        change!(self, credentials::renew_codes(user, stamp, proof, codes, audit))
    }

    async fn reset_second_factor(&self, user: UserId, audit: &AuditEvent) -> Result<(), StoreError> {
        change!(self, credentials::reset_second_factor(user, audit))
    }

    async fn set_language(&self, user: UserId, language: Option<&str>) -> Result<(), StoreError> {
        change!(self, credentials::set_language(user, language))
    }

    async fn insert_user_with_link(
        &self,
        user: &User,
        link: &Link,
        audit: &[AuditEvent],
    ) -> Result<Revision, StoreError> {
        change!(self, links::insert_user(user, link, audit))
    }

    async fn put_link(&self, link: &Link, audit: &AuditEvent) -> Result<(), StoreError> {
        change!(self, links::put(link, audit))
    }

    async fn find_link(&self, hash: &Fingerprint) -> Result<Option<Link>, StoreError> {
        read!(self, links::find(hash))
    }

    async fn redeem_link(
        &self,
        hash: &Fingerprint,
        now: Timestamp,
        password: &PasswordHash,
        entry: &Entry,
        audit: &[AuditEvent],
    ) -> Result<(), StoreError> {
        change!(self, links::redeem(hash, now, password, entry, audit))
    }

    async fn find_setup_token(&self, hash: &Fingerprint, now: Timestamp) -> Result<bool, StoreError> {
        read!(self, links::find_setup_token(hash, now))
    }

    async fn redeem_setup_token_with_password(
        &self,
        hash: &Fingerprint,
        user: &User,
        password: &PasswordHash,
        session: &NewSession,
        audit: &[AuditEvent],
    ) -> Result<Revision, StoreError> {
        change!(self, links::set_up(hash, user, password, session, audit))
    }

    async fn find_device(&self, hash: &Fingerprint) -> Result<Option<UserId>, StoreError> {
        read!(self, sessions::find_device(hash))
    }

    async fn find_user_by_identity(&self, name: &IdentityName) -> Result<Option<User>, StoreError> {
        read!(self, identities::find_user(name))
    }

    async fn list_identities(&self, user: UserId) -> Result<Vec<BoundIdentity>, StoreError> {
        read!(self, identities::list(user))
    }

    async fn remove_identities(&self, user: UserId, audit: &AuditEvent) -> Result<(), StoreError> {
        change!(self, identities::remove(user, audit))
    }
}
