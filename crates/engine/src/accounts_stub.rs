//! Stands in for sign-in until the real one is there: sessions and links live in memory, passwords are not looked at.

use crate::{Actor, Created, Engine, EngineError, UserDraft, UserView, Who};
use keyward_domain::{Secret, Timestamp, User, UserId};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Who looks, from where.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The browser's name for itself.
    pub agent: String,
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who.
    pub user: User,
    /// Who acts.
    pub actor: Actor,
    /// Until when at most.
    pub ends_at: Timestamp,
}

/// A session that has just begun.
pub struct SignedIn {
    /// For the cookie.
    pub token: Secret,
    /// The session.
    pub session: Session,
}

/// How far a sign-in is.
pub enum SignIn {
    /// Done.
    Done(SignedIn),
    /// A second factor is asked for.
    CodeNeeded {
        /// For the cookie.
        pending: Secret,
    },
}

static TOKENS: Mutex<Vec<(String, UserId)>> = Mutex::new(Vec::new());

impl Engine {
    fn token_of(&self, user: UserId) -> Result<Secret, EngineError> {
        let (token, _) = self.new_secret(&self.format)?;
        let mut tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.push((token.reveal().to_owned(), user));
        Ok(token)
    }

    /// The session of a token.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn find_session(&self, token: &str, visitor: &Visitor) -> Result<Option<Session>, EngineError> {
        let found = {
            let tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
            tokens
                .iter()
                .find(|(known, _)| known == token)
                .map(|(_, user)| *user)
        };
        let user = match found {
            Some(id) => self.store.find_user(id).await?.filter(User::is_valid),
            None => None,
        };
        Ok(user.map(|user| Session {
            actor: Actor {
                who: Who::User {
                    id: user.id,
                    role: user.role,
                    key: None,
                },
                address: visitor.address,
            },
            ends_at: self.clock.now().plus_days(7),
            user,
        }))
    }

    async fn begin(&self, user: UserId, visitor: &Visitor) -> Result<SignedIn, EngineError> {
        let token = self.token_of(user)?;
        let session = self.find_session(token.reveal(), visitor).await?;
        let session = session.ok_or(EngineError::NotFound("user"))?;
        Ok(SignedIn { token, session })
    }

    /// Makes the first administrator.
    ///
    /// # Errors
    /// As the set-up over the API.
    pub async fn set_up(
        &self,
        token: &str,
        email: &str,
        name: &str,
        _password: &str,
        visitor: &Visitor,
    ) -> Result<SignedIn, EngineError> {
        let made = self
            .redeem_setup_token(token, email, Some(name), visitor.address)
            .await?;
        self.begin(made.user.user.id, visitor).await
    }

    /// Makes a user and a link for them.
    ///
    /// # Errors
    /// As for making a user.
    pub async fn invite_user(
        &self,
        actor: &Actor,
        draft: &UserDraft,
    ) -> Result<(UserView, Secret, Timestamp), EngineError> {
        let (Created::New(view) | Created::Replay(view)) = self.create_user(actor, draft, None).await?;
        let link = self.token_of(view.user.id)?;
        Ok((view, link, self.clock.now().plus_days(7)))
    }

    /// Makes a link with which a user sets a new password.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn issue_reset_link(
        &self,
        actor: &Actor,
        user: &str,
    ) -> Result<(Secret, Timestamp), EngineError> {
        self.require_admin(actor, "user.reset_link", ("user", user))
            .await?;
        let view = self.get_user(actor, user).await?;
        Ok((self.token_of(view.user.id)?, self.clock.now().plus_days(1)))
    }

    /// Signs in with a link.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn redeem_link(
        &self,
        token: &str,
        _password: &str,
        visitor: &Visitor,
    ) -> Result<SignIn, EngineError> {
        let session = self.find_session(token, visitor).await?;
        let session = session.ok_or(EngineError::NotFound("link"))?;
        Ok(SignIn::Done(self.begin(session.user.id, visitor).await?))
    }

    /// Takes a user's second factor away.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn reset_second_factor(&self, actor: &Actor, user: &str) -> Result<(), EngineError> {
        self.require_admin(actor, "user.reset_second_factor", ("user", user))
            .await?;
        self.get_user(actor, user).await.map(|_| ())
    }
}
