//! Signing in: with a password, and with a code where there is a second factor; what every way ends in.

use super::counters::rank;
use super::session::begun;
use super::way::{Waiting, Way};
use super::{Session, SignInFault, Token, Visitor, totp};
use crate::{Actor, Engine, EngineError, Who};
use keyward_domain::{Fingerprint, Secret, User, UserId};
use keyward_store::{
    AuditActor, AuditOutcome, Credentials, IdentityName, NewPending, NewSession, PendingSignIn, Proof,
    StoreError,
};

/// How long a sign-in waits for its code.
const PENDING_MILLIS: i64 = 5 * 60_000;
/// How often a code may be tried.
const PENDING_TRIES: u32 = 5;

/// What became of a password that was right.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and it lives for one answer"
)]
pub enum SignIn {
    /// The user is in.
    Done(SignedIn),
    /// The user has a second factor.
    CodeNeeded {
        /// For a cookie, and for [`Engine::sign_in_with_code`] within 5 minutes, at most 5 times.
        pending: Secret,
    },
}

/// Somebody who was let in.
pub struct SignedIn {
    /// For the cookie; shown in this one answer.
    pub token: Secret,
    /// The session.
    pub session: Session,
    /// For a cookie that stays: by it the device is known at later sign-ins, and others' failures do not slow it. Absent
    /// when the device is known already.
    pub device: Option<Secret>,
}

/// A device that is to be known: its token if it is new, and what is stored of it.
pub(super) struct Device {
    token: Option<Secret>,
    pub(super) hash: Fingerprint,
}

impl Engine {
    /// Signs in with a password. `device` is the token that an earlier sign-in gave this browser.
    ///
    /// # Errors
    /// `Refused` whatever is wrong; `Slowed` after too many failures.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &str,
        visitor: &Visitor,
        device: Option<&str>,
    ) -> Result<SignIn, SignInFault> {
        let user = self.find_user_by_email(email).await?;
        let device = self.known_device(device, user.as_ref()).await?;
        let counters = self.counters(email, visitor, device.as_ref());
        self.begin_try(&counters)?;
        let outcome = self.try_password(user, password, visitor, device).await;
        match &outcome {
            Err(SignInFault::Refused) => {}
            Ok(SignIn::Done(_)) => self.gate.throttle.succeed(&counters),
            // A right password is no success yet, or codes could be guessed at leisure.
            Ok(SignIn::CodeNeeded { .. }) | Err(_) => self.gate.throttle.take_back(&counters),
        }
        outcome
    }

    async fn try_password(
        &self,
        user: Option<User>,
        password: &str,
        visitor: &Visitor,
        device: Option<Fingerprint>,
    ) -> Result<SignIn, SignInFault> {
        // Whoever is not there costs the same look-up and the same hash.
        let id = user.as_ref().map_or(UserId::from_bytes([0; 16]), |user| user.id);
        let credentials = self.store.find_credentials(id).await?;
        let is_right = self
            .gate
            .hasher
            .check(password, credentials.password.as_ref(), rank(device.as_ref()))
            .await?;
        match user {
            Some(user) if is_right && user.is_valid() => {
                self.let_in(user, credentials, visitor, device, Way::Password, None)
                    .await
            }
            Some(user) => {
                self.note_denial(&user, visitor, "wrong_password");
                Err(SignInFault::Refused)
            }
            None => Err(SignInFault::Refused),
        }
    }

    /// Lets in whoever has proved who they are, or asks for the code that is still missing.
    pub(super) async fn let_in(
        &self,
        user: User,
        credentials: Credentials,
        visitor: &Visitor,
        device: Option<Fingerprint>,
        way: Way,
        binds: Option<IdentityName>,
    ) -> Result<SignIn, SignInFault> {
        if credentials.second_factor_in_force().is_some() {
            let (token, mut pending) = self.new_pending(user.id, credentials.stamp, device, way)?;
            pending.identity = binds;
            self.store.insert_pending(&pending).await.map_err(refused)?;
            return Ok(SignIn::CodeNeeded { pending: token });
        }
        let device = self.device(device)?;
        let (token, mut session) = self.new_session(&user, credentials.stamp, visitor, Some(device.hash))?;
        self.bind(&mut session, &user, binds)?;
        let event = self.session_event(&user, &session, way.text())?;
        self.store
            .insert_session(&session, &event)
            .await
            .map_err(refused)?;
        let session = begun(session, user, false, credentials.language);
        Ok(SignIn::Done(SignedIn {
            token,
            session,
            device: device.token,
        }))
    }

    /// Signs in with the code of a second factor, or a recovery code, after what came before it was
    /// right.
    ///
    /// # Errors
    /// `Refused` whatever is wrong; `Slowed` after too many failures.
    pub async fn sign_in_with_code(
        &self,
        pending: &str,
        code: &str,
        visitor: &Visitor,
    ) -> Result<SignedIn, SignInFault> {
        let token = Waiting::read(pending).ok_or(SignInFault::Refused)?;
        let now = self.clock.now();
        let Some(waiting) = self.store.find_pending(&token.hash, now).await? else {
            return Err(SignInFault::Refused);
        };
        let user = self.store.find_user(waiting.user).await?;
        let user = user.filter(User::is_valid).ok_or(SignInFault::Refused)?;
        let counters = self.code_counters(token.way, &user, visitor, waiting.device.as_ref());
        self.begin_try(&counters)?;
        let outcome = self.try_code(&token, waiting, user, code, visitor).await;
        match &outcome {
            Err(SignInFault::Refused) => {}
            Ok(_) => self.gate.throttle.succeed(&counters),
            Err(_) => self.gate.throttle.take_back(&counters),
        }
        outcome
    }

    async fn try_code(
        &self,
        token: &Waiting,
        waiting: PendingSignIn,
        user: User,
        code: &str,
        visitor: &Visitor,
    ) -> Result<SignedIn, SignInFault> {
        let now = self.clock.now();
        self.store.try_pending(&token.hash, now).await.map_err(refused)?;
        let credentials = self.store.find_credentials(user.id).await?;
        let proof = credentials
            .second_factor_in_force()
            .and_then(|factor| totp::proof_of(user.id, factor, code, now));
        let done = match proof {
            Some(proof) => {
                self.complete(token, &proof, waiting, &user, credentials, visitor)
                    .await
            }
            None => Err(SignInFault::Refused),
        };
        if matches!(done, Err(SignInFault::Refused)) {
            self.note_denial(&user, visitor, "wrong_code");
        }
        done
    }

    async fn complete(
        &self,
        pending: &Waiting,
        proof: &Proof,
        waiting: PendingSignIn,
        user: &User,
        credentials: Credentials,
        visitor: &Visitor,
    ) -> Result<SignedIn, SignInFault> {
        let device = self.device(waiting.device)?;
        let (token, mut session) = self.new_session(user, waiting.stamp, visitor, Some(device.hash))?;
        self.bind(&mut session, user, waiting.identity)?;
        let event = self.session_event(user, &session, pending.way.text_with(proof))?;
        self.store
            .complete_pending(&pending.hash, proof, &session, &event)
            .await
            .map_err(refused)?;
        Ok(SignedIn {
            token,
            session: begun(session, user.clone(), true, credentials.language),
            device: device.token,
        })
    }

    /// A sign-in that waits for its code, and its token.
    pub(super) fn new_pending(
        &self,
        user: UserId,
        stamp: u64,
        device: Option<Fingerprint>,
        way: Way,
    ) -> Result<(Secret, NewPending), EngineError> {
        let (token, hash) = self.new_token(way.pending())?;
        let pending = NewPending {
            hash,
            user,
            expires_at: self.clock.now().plus_millis(PENDING_MILLIS),
            tries: PENDING_TRIES,
            device,
            stamp,
            identity: None,
        };
        Ok((token, pending))
    }

    /// The device that somebody is let in from: the known one, or a new one.
    pub(super) fn device(&self, known: Option<Fingerprint>) -> Result<Device, EngineError> {
        if let Some(hash) = known {
            return Ok(Device { token: None, hash });
        }
        let (token, hash) = self.new_token(Token::Device)?;
        Ok(Device {
            token: Some(token),
            hash,
        })
    }

    /// Writes down that somebody was not let in, beside the answer: the time that it takes would tell who is there.
    /// There are no more lines than the throttle lets tries pass.
    pub(super) fn note_denial(&self, user: &User, visitor: &Visitor, code: &str) {
        let actor = Actor {
            who: Who::Operator,
            address: visitor.address,
        };
        let target = user.id.to_string();
        let outcome = AuditOutcome::Denied(code.to_owned());
        let event = self.audit_event(&actor, "signin.denied", ("user", &target), outcome, None, None);
        let Ok(mut event) = event else { return };
        event.actor = AuditActor::System;
        let store = std::sync::Arc::clone(&self.store);
        tokio::spawn(async move {
            if let Err(error) = store.append_audit(&event).await {
                tracing::warn!(%error, "a denied sign-in could not be written to the audit log");
            }
        });
    }
}

impl SignedIn {
    /// Somebody who was let in anew, on a device that keeps what it has.
    pub(super) fn again(
        token: Secret,
        session: NewSession,
        user: User,
        has_second_factor: bool,
        language: Option<String>,
    ) -> Self {
        Self {
            token,
            session: begun(session, user, has_second_factor, language),
            device: None,
        }
    }

    pub(super) fn on(device: Device, token: Secret, session: Session) -> Self {
        Self {
            token,
            session,
            device: device.token,
        }
    }
}

/// What was proved is not there any more, or what is to be bound is bound otherwise by now.
fn refused(error: StoreError) -> SignInFault {
    match error {
        StoreError::NotFound | StoreError::Conflict => SignInFault::Refused,
        other => other.into(),
    }
}
