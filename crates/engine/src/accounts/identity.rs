//! Signing in as whom a provider of identities vouches for. Users are found, never made.

use super::session::actor_of;
use super::throttle::{Counter, network_of};
use super::way::Way;
use super::{SignIn, SignInFault, Token, Visitor};
use crate::{Engine, EngineError};
use keyward_domain::{Email, User};
use keyward_store::{Binding, IdentityName, NewSession};
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

/// An answer of a provider that is about to be looked at: counted as a failure until it is taken back.
#[must_use = "it counts as a failure until it is taken back"]
pub struct Exchange(Counter);

/// Whom a proven identity stands for, and the name that is to be bound when they are let in.
struct Found {
    user: User,
    binds: Option<IdentityName>,
}

impl Engine {
    /// Begins to look at an answer that a browser brings from a provider: each costs a request with Keyward's secret there.
    /// Failures are counted together where they come from, or by the device where somebody has been let in before.
    ///
    /// # Errors
    /// `Slowed` after too many failures.
    pub async fn begin_exchange(
        &self,
        visitor: &Visitor,
        device: Option<&str>,
    ) -> Result<Exchange, SignInFault> {
        let device = device.and_then(|text| Token::Device.read(text));
        let known = match device {
            Some(device) => self.store.find_device(&device).await?.map(|_| device),
            None => None,
        };
        let counter = match known {
            Some(device) => Counter::ExchangeOf(device),
            None => Counter::Exchange(visitor.address.map(network_of)),
        };
        self.begin_try(&[counter])?;
        Ok(Exchange(counter))
    }

    /// The answer was good, or nobody knows because the provider is away: it does not count.
    pub fn take_back_exchange(&self, exchange: &Exchange) {
        self.gate.throttle.take_back(&[exchange.0]);
    }

    /// Signs in whom a provider vouches for: the user that is bound to this name at this provider, else the one with this
    /// e-mail address who is bound to none there; they are bound to it from the moment on that they are let in. `device` is
    /// the token that an earlier sign-in gave this browser.
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
        let found = self.find_proven(proven).await?;
        let Found { user, binds } = found.ok_or(SignInFault::Refused)?;
        if !user.is_valid() {
            self.note_denial(&user, visitor, "user_inactive");
            return Err(SignInFault::Refused);
        }
        // Read before the names are, so that whatever takes one away meanwhile keeps this sign-in out.
        let credentials = self.store.find_credentials(user.id).await?;
        if self.is_known_otherwise(&user, proven, binds.as_ref()).await? {
            self.note_denial(&user, visitor, "identity_differs");
            return Err(SignInFault::Refused);
        }
        let device = self.known_device(device, Some(&user)).await?;
        self.let_in(user, credentials, visitor, device, Way::Identity, binds)
            .await
    }

    async fn find_proven(&self, proven: &ProvenIdentity) -> Result<Option<Found>, EngineError> {
        let name = IdentityName {
            issuer: proven.issuer.clone(),
            subject: proven.subject.clone(),
        };
        if let Some(user) = self.store.find_user_by_identity(&name).await? {
            return Ok(Some(Found { user, binds: None }));
        }
        // Letters of other scripts can look like those of an address here, or fold to them; nobody is found by such.
        let email = proven.email.as_deref().filter(|email| email.is_ascii());
        let Some(email) = email.and_then(|email| Email::new(email).ok()) else {
            return Ok(None);
        };
        let user = self.store.find_user_by_email(&email).await?;
        Ok(user.map(|user| Found {
            user,
            binds: Some(name),
        }))
    }

    /// Whether the provider knows the user by another name: then the address has been given to somebody else there, or the
    /// name was taken away just now.
    async fn is_known_otherwise(
        &self,
        user: &User,
        proven: &ProvenIdentity,
        binds: Option<&IdentityName>,
    ) -> Result<bool, EngineError> {
        let bound = self.store.list_identities(user.id).await?;
        let mut here = bound.iter().filter(|bound| bound.name.issuer == proven.issuer);
        Ok(match binds {
            Some(name) => here.any(|bound| bound.name != *name),
            None => here.all(|bound| bound.name.subject != proven.subject),
        })
    }

    /// Makes a session bind a name, where there is one to bind.
    pub(super) fn bind(
        &self,
        session: &mut NewSession,
        user: &User,
        name: Option<IdentityName>,
    ) -> Result<(), EngineError> {
        let Some(name) = name else { return Ok(()) };
        let actor = actor_of(user, session.record.address);
        let after = json!({ "issuer": name.issuer, "subject": name.subject });
        let target = user.id.to_string();
        let audit = self.done_event(&actor, "identity.add", ("user", &target), None, Some(after))?;
        session.binding = Some(Box::new(Binding { name, audit }));
        Ok(())
    }
}
