//! The part about people who sign in is passed on as it is.

use super::Faulty;
use async_trait::async_trait;
use keyward_domain::{Fingerprint, PasswordHash, Revision, SessionId, Timestamp, TotpKey, User, UserId};
use keyward_store::{
    Accounts, AuditEvent, BoundIdentity, ConfirmedFactor, Credentials, Entry, FoundSession, IdentityName,
    Link, NewPending, NewSession, PendingSignIn, Proof, SessionRecord, StoreError,
};
use std::net::IpAddr;

#[async_trait]
impl Accounts for Faulty {
    async fn find_credentials(&self, user: UserId) -> Result<Credentials, StoreError> {
        self.real().find_credentials(user).await
    }

    async fn insert_session(&self, session: &NewSession, audit: &AuditEvent) -> Result<(), StoreError> {
        self.real().insert_session(session, audit).await
    }

    async fn find_session(&self, token: &Fingerprint) -> Result<Option<FoundSession>, StoreError> {
        self.real().find_session(token).await
    }

    async fn find_session_by_id(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        self.real().find_session_by_id(id).await
    }

    async fn list_sessions(&self, user: UserId) -> Result<Vec<SessionRecord>, StoreError> {
        self.real().list_sessions(user).await
    }

    async fn touch_session(
        &self,
        id: SessionId,
        seen_at: Timestamp,
        address: Option<IpAddr>,
    ) -> Result<(), StoreError> {
        self.real().touch_session(id, seen_at, address).await
    }

    async fn end_session(&self, id: SessionId, audit: Option<&AuditEvent>) -> Result<(), StoreError> {
        self.real().end_session(id, audit).await
    }

    async fn end_other_sessions(
        &self,
        user: UserId,
        keep: SessionId,
        audit: &AuditEvent,
    ) -> Result<u64, StoreError> {
        self.real().end_other_sessions(user, keep, audit).await
    }

    async fn insert_pending(&self, pending: &NewPending) -> Result<(), StoreError> {
        self.real().insert_pending(pending).await
    }

    async fn find_pending(
        &self,
        hash: &Fingerprint,
        now: Timestamp,
    ) -> Result<Option<PendingSignIn>, StoreError> {
        self.real().find_pending(hash, now).await
    }

    async fn try_pending(&self, hash: &Fingerprint, now: Timestamp) -> Result<(), StoreError> {
        self.real().try_pending(hash, now).await
    }

    async fn complete_pending(
        &self,
        hash: &Fingerprint,
        proof: &Proof,
        session: &NewSession,
        audit: &AuditEvent,
    ) -> Result<(), StoreError> {
        self.real().complete_pending(hash, proof, session, audit).await
    }

    async fn change_password(
        &self,
        old: SessionId,
        password: &PasswordHash,
        session: &NewSession,
        audit: &AuditEvent,
    ) -> Result<(), StoreError> {
        self.real().change_password(old, password, session, audit).await
    }

    async fn put_second_factor(&self, user: UserId, key: &TotpKey) -> Result<(), StoreError> {
        self.real().put_second_factor(user, key).await
    }

    async fn confirm_second_factor(
        &self,
        old: SessionId,
        confirmed: &ConfirmedFactor,
        session: &NewSession,
        audit: &AuditEvent,
    ) -> Result<(), StoreError> {
        self.real()
            .confirm_second_factor(old, confirmed, session, audit)
            .await
    }

    async fn remove_second_factor(
        &self,
        user: UserId,
        stamp: u64,
        proof: &Proof,
        audit: &AuditEvent,
    ) -> Result<(), StoreError> {
        self.real().remove_second_factor(user, stamp, proof, audit).await
    }

    async fn put_recovery_codes(
        &self,
        user: UserId,
        stamp: u64,
        proof: &Proof,
        codes: &[Fingerprint],
        audit: &AuditEvent,
    ) -> Result<(), StoreError> {
        self.real()
            .put_recovery_codes(user, stamp, proof, codes, audit)
            .await
    }

    async fn reset_second_factor(&self, user: UserId, audit: &AuditEvent) -> Result<(), StoreError> {
        self.real().reset_second_factor(user, audit).await
    }

    async fn set_language(&self, user: UserId, language: Option<&str>) -> Result<(), StoreError> {
        self.real().set_language(user, language).await
    }

    async fn insert_user_with_link(
        &self,
        user: &User,
        link: &Link,
        audit: &[AuditEvent],
    ) -> Result<Revision, StoreError> {
        self.real().insert_user_with_link(user, link, audit).await
    }

    async fn put_link(&self, link: &Link, audit: &AuditEvent) -> Result<(), StoreError> {
        self.real().put_link(link, audit).await
    }

    async fn find_link(&self, hash: &Fingerprint) -> Result<Option<Link>, StoreError> {
        self.real().find_link(hash).await
    }

    async fn redeem_link(
        &self,
        hash: &Fingerprint,
        now: Timestamp,
        password: &PasswordHash,
        entry: &Entry,
        audit: &[AuditEvent],
    ) -> Result<(), StoreError> {
        self.real().redeem_link(hash, now, password, entry, audit).await
    }

    async fn find_setup_token(&self, hash: &Fingerprint, now: Timestamp) -> Result<bool, StoreError> {
        self.real().find_setup_token(hash, now).await
    }

    async fn redeem_setup_token_with_password(
        &self,
        hash: &Fingerprint,
        user: &User,
        password: &PasswordHash,
        session: &NewSession,
        audit: &[AuditEvent],
    ) -> Result<Revision, StoreError> {
        self.real()
            .redeem_setup_token_with_password(hash, user, password, session, audit)
            .await
    }

    async fn find_device(&self, hash: &Fingerprint) -> Result<Option<UserId>, StoreError> {
        self.real().find_device(hash).await
    }

    async fn find_user_by_identity(&self, name: &IdentityName) -> Result<Option<User>, StoreError> {
        self.real().find_user_by_identity(name).await
    }

    async fn list_identities(&self, user: UserId) -> Result<Vec<BoundIdentity>, StoreError> {
        self.real().list_identities(user).await
    }

    async fn remove_identities(&self, user: UserId, audit: &AuditEvent) -> Result<(), StoreError> {
        self.real().remove_identities(user, audit).await
    }
}
