//! The change of a password by its owner.

use super::hasher::Rank;
use super::throttle::Counter;
use super::{AccountFault, Session, SignedIn, Visitor};
use crate::{Engine, EngineError};
use keyward_domain::NewPassword;
use keyward_store::{AuditOutcome, Credentials, StoreError};
use serde_json::json;

impl Engine {
    /// Changes the password of a session's user. Ends every other session, and gives this one a new token.
    ///
    /// # Errors
    /// `WrongPassword` when `old` is not it; `Password` names the rule that `new` breaks; `Slowed`.
    pub async fn change_password(
        &self,
        session: &Session,
        old: &str,
        new: &str,
        visitor: &Visitor,
    ) -> Result<SignedIn, AccountFault> {
        let user = &session.user;
        let new = NewPassword::new(new, &user.email, &user.name)?;
        let credentials = self.check_password_again(session, old, "password.change").await?;
        let hash = self.gate.hasher.hash(&new, Rank::Known).await?;
        let (token, begun) = self.new_session(user, credentials.stamp, visitor, None)?;
        let target = user.id.to_string();
        let event = self.done_event(
            &session.actor,
            "password.change",
            ("user", &target),
            None,
            Some(json!({ "by": "password" })),
        )?;
        self.store
            .change_password(session.id, &hash, &begun, &event)
            .await
            .map_err(session_gone)?;
        let has_second_factor = credentials.second_factor_in_force().is_some();
        Ok(SignedIn::again(
            token,
            begun,
            user.clone(),
            has_second_factor,
            credentials.language,
        ))
    }

    /// Asks somebody who is in for their password again.
    pub(super) async fn check_password_again(
        &self,
        session: &Session,
        password: &str,
        action: &str,
    ) -> Result<Credentials, AccountFault> {
        let counters = [Counter::Session(session.id)];
        self.begin_try(&counters)?;
        let credentials = self.store.find_credentials(session.user.id).await?;
        let checked = self
            .gate
            .hasher
            .check(password, credentials.password.as_ref(), Rank::Known)
            .await;
        match checked {
            Ok(true) => {
                self.gate.throttle.take_back(&counters);
                Ok(credentials)
            }
            Ok(false) => {
                self.deny_again(session, action, "wrong_password").await?;
                Err(AccountFault::WrongPassword)
            }
            Err(fault) => {
                self.gate.throttle.take_back(&counters);
                Err(fault.into())
            }
        }
    }

    /// Writes down that somebody who is in could not prove it again.
    pub(super) async fn deny_again(
        &self,
        session: &Session,
        action: &str,
        code: &str,
    ) -> Result<(), EngineError> {
        let target = session.user.id.to_string();
        let outcome = AuditOutcome::Denied(code.to_owned());
        let event = self.audit_event(&session.actor, action, ("user", &target), outcome, None, None)?;
        Ok(self.store.append_audit(&event).await?)
    }
}

/// The session has ended, or what was proved has changed.
pub(super) fn session_gone(error: StoreError) -> AccountFault {
    match error {
        StoreError::NotFound => EngineError::NotFound("session").into(),
        other => other.into(),
    }
}
