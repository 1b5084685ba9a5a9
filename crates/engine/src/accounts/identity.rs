//! Signing in as whom a provider of identities vouches for. Users are found, never made.

use super::session::actor_of;
use super::throttle::Counter;
use super::way::Way;
use super::{SignIn, SignInFault, Visitor};
use crate::{Engine, EngineError};
use keyward_domain::{Email, User};
use keyward_store::{AuditEvent, StoreError};
use serde_json::json;
use std::hash::BuildHasher;

/// Whom a provider vouches for; whoever makes one has checked what the provider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenIdentity {
    /// Who vouches.
    pub issuer: String,
    /// The provider's name of the person, which it gives to nobody else.
    pub subject: String,
    /// An e-mail address that the provider has verified as the person's.
    pub email: Option<String>,
}

impl Engine {
    /// Signs in whom a provider vouches for: the user that is bound to this name at this provider, else the one with this
    /// e-mail address, who is bound to it from then on. `device` is the token that an earlier sign-in gave this browser.
    ///
    /// # Errors
    /// `Refused` when there is no such user, or they are disabled; `Slowed` after too many refusals of the same person.
    pub async fn sign_in_with_identity(
        &self,
        proven: &ProvenIdentity,
        visitor: &Visitor,
        device: Option<&str>,
    ) -> Result<SignIn, SignInFault> {
        // A counter of its own: whoever fails here slows down nobody but themselves, and the lines that they leave in the
        // audit log are bounded.
        let name = self.gate.names.hash_one((&proven.issuer, &proven.subject));
        let counters = [Counter::Identity(name)];
        self.begin_try(&counters)?;
        let outcome = self.try_identity(proven, visitor, device).await;
        match &outcome {
            Err(SignInFault::Refused) => {}
            Ok(SignIn::Done(_)) => self.gate.throttle.succeed(&counters),
            Ok(SignIn::CodeNeeded { .. }) | Err(_) => self.gate.throttle.take_back(&counters),
        }
        outcome
    }

    async fn try_identity(
        &self,
        proven: &ProvenIdentity,
        visitor: &Visitor,
        device: Option<&str>,
    ) -> Result<SignIn, SignInFault> {
        let user = self.find_proven(proven, visitor).await?;
        let user = user.ok_or(SignInFault::Refused)?;
        if !user.is_valid() {
            self.note_denial(&user, visitor, "user_inactive");
            return Err(SignInFault::Refused);
        }
        let device = self.known_device(device, Some(&user)).await?;
        let credentials = self.store.find_credentials(user.id).await?;
        self.let_in(user, credentials, visitor, device, Way::Identity)
            .await
    }

    async fn find_proven(
        &self,
        proven: &ProvenIdentity,
        visitor: &Visitor,
    ) -> Result<Option<User>, SignInFault> {
        let (issuer, subject) = (&proven.issuer, &proven.subject);
        if let Some(user) = self.store.find_user_by_identity(issuer, subject).await? {
            return Ok(Some(user));
        }
        let Some(email) = proven.email.as_deref().and_then(|email| Email::new(email).ok()) else {
            return Ok(None);
        };
        let Some(user) = self.store.find_user_by_email(&email).await? else {
            return Ok(None);
        };
        if !user.is_valid() {
            return Ok(Some(user));
        }
        let event = self.bind_event(proven, &user, visitor)?;
        match self.store.put_identity(issuer, subject, user.id, &event).await {
            Ok(()) => Ok(Some(user)),
            // Of two first sign-ins at once one binds, and both are let in.
            Err(StoreError::Conflict) => Ok(self.store.find_user_by_identity(issuer, subject).await?),
            Err(error) => Err(error.into()),
        }
    }

    fn bind_event(
        &self,
        proven: &ProvenIdentity,
        user: &User,
        visitor: &Visitor,
    ) -> Result<AuditEvent, EngineError> {
        let actor = actor_of(user, visitor.address);
        let after = json!({ "issuer": proven.issuer, "subject": proven.subject });
        let target = user.id.to_string();
        self.change_event(&actor, "identity.add", ("user", &target), None, Some(after))
    }
}
