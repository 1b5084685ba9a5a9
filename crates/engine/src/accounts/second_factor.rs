//! The second factor: begin, confirm, remove, new recovery codes, and the administrator's reset.

use super::passwords::session_gone;
use super::throttle::Counter;
use super::{AccountFault, Session, SignedIn, Visitor, totp};
use crate::{Actor, Engine, EngineError, Subject};
use keyward_domain::Fingerprint;
use keyward_store::{AuditEvent, ConfirmedFactor, Credentials, Proof, StoreError};
use serde_json::json;
use std::future::Future;

/// What an authenticator app has to be told, once.
pub struct SecondFactorSetup {
    /// The key in base 32, for typing.
    pub secret_base32: String,
    /// The `otpauth://` URI, for a QR code.
    pub uri: String,
    /// Whether the password is asked for with the first code: people who have none are let in by a provider alone.
    pub needs_password: bool,
}

impl Engine {
    /// Makes a key for an authenticator app. It is not in force until a code of it is confirmed.
    ///
    /// # Errors
    /// `Conflict` (`second_factor_on`) when one is in force.
    pub async fn begin_second_factor(&self, session: &Session) -> Result<SecondFactorSetup, EngineError> {
        let key = totp::new_key()?;
        let (secret_base32, uri) = totp::shown(&key, session.user.email.as_str())?;
        self.store
            .put_second_factor(session.user.id, &key)
            .await
            .map_err(factor_on)?;
        let credentials = self.store.find_credentials(session.user.id).await?;
        Ok(SecondFactorSetup {
            secret_base32,
            uri,
            needs_password: credentials.password.is_some(),
        })
    }

    /// Shows again the key that waits to be confirmed, so that a page can be asked for twice. `None` when none waits.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot answer.
    pub async fn pending_second_factor(
        &self,
        session: &Session,
    ) -> Result<Option<SecondFactorSetup>, EngineError> {
        let credentials = self.store.find_credentials(session.user.id).await?;
        let needs_password = credentials.password.is_some();
        let waiting = credentials.second_factor.filter(|factor| !factor.is_confirmed);
        let Some(factor) = waiting else { return Ok(None) };
        let (secret_base32, uri) = totp::shown(&factor.key, session.user.email.as_str())?;
        Ok(Some(SecondFactorSetup {
            secret_base32,
            uri,
            needs_password,
        }))
    }

    /// Puts the second factor in force, against the password of people who have one, so that whoever came upon a session cannot
    /// lock its owner out by it. Ends every other session, gives this one a new token, and shows ten recovery
    /// codes, once.
    ///
    /// # Errors
    /// `WrongPassword`, `WrongCode`; `Conflict` (`second_factor_on`); `NotFound` when none was begun; `Slowed`.
    pub async fn confirm_second_factor(
        &self,
        session: &Session,
        password: &str,
        code: &str,
        visitor: &Visitor,
    ) -> Result<(SignedIn, Vec<String>), AccountFault> {
        let user = &session.user;
        let action = "second_factor.enable";
        let credentials = self.store.find_credentials(user.id).await?;
        let factor = credentials
            .second_factor
            .as_ref()
            .ok_or(EngineError::NotFound("second factor"))?;
        if factor.is_confirmed {
            return Err(factor_on(StoreError::Conflict).into());
        }
        if credentials.password.is_some() {
            self.check_password_again(session, password, action).await?;
        }
        let step = totp::step_of(factor, code, self.clock.now());
        let step = self
            .proved(session, action, async { step.ok_or(AccountFault::WrongCode) })
            .await?;
        let (shown, codes) = totp::new_recovery_codes(user.id)?;
        let (token, begun) = self.new_session(user, credentials.stamp, visitor, None)?;
        let confirmed = ConfirmedFactor {
            key: factor.key.clone(),
            step,
            codes,
        };
        let event = self.factor_event(session, action, true)?;
        self.store
            .confirm_second_factor(session.id, &confirmed, &begun, &event)
            .await
            .map_err(|error| match error {
                StoreError::Conflict => factor_on(error).into(),
                other => session_gone(other),
            })?;
        let signed_in = SignedIn::again(token, begun, user.clone(), true, credentials.language);
        Ok((signed_in, shown))
    }

    /// Takes the second factor away, against the password and a code or recovery code.
    ///
    /// # Errors
    /// `WrongPassword`, `WrongCode`, `Slowed`; `NotFound` when there is none.
    pub async fn remove_second_factor(
        &self,
        session: &Session,
        password: &str,
        code: &str,
    ) -> Result<(), AccountFault> {
        let action = "second_factor.disable";
        let credentials = self.check_password_again(session, password, action).await?;
        let proof = self.proof(session, &credentials, code)?;
        let event = self.factor_event(session, action, false)?;
        let user = session.user.id;
        self.proved(session, action, async {
            let proof = proof.ok_or(AccountFault::WrongCode)?;
            let done = self
                .store
                .remove_second_factor(user, credentials.stamp, &proof, &event)
                .await;
            done.map_err(code_gone)
        })
        .await
    }

    /// Makes ten recovery codes in place of the old ones, against a code or one of the old ones; shown once.
    ///
    /// # Errors
    /// `WrongCode`, `Slowed`; `NotFound` when there is no second factor.
    pub async fn renew_recovery_codes(
        &self,
        session: &Session,
        code: &str,
    ) -> Result<Vec<String>, AccountFault> {
        let action = "second_factor.renew_codes";
        let user = session.user.id;
        let credentials = self.store.find_credentials(user).await?;
        let proof = self.proof(session, &credentials, code)?;
        let (shown, codes): (Vec<String>, Vec<Fingerprint>) = totp::new_recovery_codes(user)?;
        let event = self.factor_event(session, action, true)?;
        self.proved(session, action, async {
            let proof = proof.ok_or(AccountFault::WrongCode)?;
            let done = self
                .store
                .put_recovery_codes(user, credentials.stamp, &proof, &codes, &event)
                .await;
            done.map_err(code_gone)
        })
        .await?;
        Ok(shown)
    }

    /// Whether a user has a second factor. Admins only, but for oneself.
    ///
    /// # Errors
    /// `NotFound`: no such user.
    pub async fn has_second_factor(&self, actor: &Actor, id_or_email: &str) -> Result<bool, EngineError> {
        let user = self.get_user(actor, id_or_email).await?.user;
        let credentials = self.store.find_credentials(user.id).await?;
        Ok(credentials.second_factor_in_force().is_some())
    }

    /// Takes the second factor of a user away who has lost it, and ends their sessions. Admins only.
    ///
    /// # Errors
    /// `NotFound`: no such user; `Conflict` (`second_factor_off`).
    pub async fn reset_second_factor(&self, actor: &Actor, id_or_email: &str) -> Result<(), EngineError> {
        let action = "second_factor.reset";
        self.require_admin(actor, action, Subject::User(id_or_email))
            .await?;
        let user = self
            .find_user(id_or_email)
            .await?
            .ok_or(EngineError::NotFound("user"))?;
        let target = user.id.to_string();
        let (before, after) = (
            json!({ "second_factor": true }),
            json!({ "second_factor": false }),
        );
        let event = self.done_event(actor, action, ("user", &target), Some(before), Some(after))?;
        self.store
            .reset_second_factor(user.id, &event)
            .await
            .map_err(|error| match error {
                StoreError::NotFound => {
                    EngineError::conflict("second_factor_off", "the user has no second factor")
                }
                other => other.into(),
            })
    }

    fn proof(
        &self,
        session: &Session,
        credentials: &Credentials,
        code: &str,
    ) -> Result<Option<Proof>, EngineError> {
        let factor = credentials
            .second_factor_in_force()
            .ok_or(EngineError::NotFound("second factor"))?;
        Ok(totp::proof_of(session.user.id, factor, code, self.clock.now()))
    }

    /// Runs what a code decides: counted, and written down when the code is wrong.
    async fn proved<T>(
        &self,
        session: &Session,
        action: &str,
        decided: impl Future<Output = Result<T, AccountFault>>,
    ) -> Result<T, AccountFault> {
        let counters = [Counter::Session(session.id)];
        self.begin_try(&counters)?;
        let outcome = decided.await;
        match &outcome {
            Err(AccountFault::WrongCode) => self.deny_again(session, action, "wrong_code").await?,
            Ok(_) => self.gate.throttle.succeed(&counters),
            Err(_) => self.gate.throttle.take_back(&counters),
        }
        outcome
    }

    fn factor_event(&self, session: &Session, action: &str, is_on: bool) -> Result<AuditEvent, EngineError> {
        let target = session.user.id.to_string();
        let after = json!({ "second_factor": is_on });
        self.done_event(&session.actor, action, ("user", &target), None, Some(after))
    }
}

fn factor_on(error: StoreError) -> EngineError {
    match error {
        StoreError::Conflict => {
            EngineError::conflict("second_factor_on", "the second factor is on: remove it first")
        }
        other => other.into(),
    }
}

/// The code was used by somebody who was faster, or is no recovery code.
fn code_gone(error: StoreError) -> AccountFault {
    match error {
        StoreError::NotFound => AccountFault::WrongCode,
        other => other.into(),
    }
}
