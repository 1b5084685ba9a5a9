//! The first administrator on the pages: a password and a session instead of a management key.

use super::hasher::Rank;
use super::links::link_gone;
use super::session::begun;
use super::{AccountFault, SignedIn, Visitor};
use crate::audit::user_snapshot;
use crate::draft::Faults;
use crate::{Actor, Engine, EngineError, UserDraft, Who};
use keyward_domain::{Fingerprint, NewPassword, Presented};

impl Engine {
    /// Whether a set-up token can be redeemed now.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot answer.
    pub async fn is_setup_token(&self, token: &str) -> Result<bool, EngineError> {
        match read(token) {
            Some(hash) => Ok(self.store.find_setup_token(&hash, self.clock.now()).await?),
            None => Ok(false),
        }
    }

    /// Trades a set-up token for an administrator with a password, and lets them in.
    ///
    /// # Errors
    /// `LinkGone` when the token is wrong, used or expired; `Password` names the rule that the password breaks, and
    /// `Invalid` the fields that cannot be taken: both leave the token good.
    pub async fn set_up(
        &self,
        token: &str,
        email: &str,
        name: Option<&str>,
        password: &str,
        visitor: &Visitor,
    ) -> Result<SignedIn, AccountFault> {
        // Hashing is for those who could be let in.
        if !self.is_setup_token(token).await? {
            return Err(AccountFault::LinkGone);
        }
        let token = read(token).ok_or(AccountFault::LinkGone)?;
        let book = self.site_book().await?;
        let draft = UserDraft {
            email: email.to_owned(),
            name: name.map(str::to_owned),
            role: Some("admin".to_owned()),
            ..UserDraft::default()
        };
        let mut user = self.read_user_draft(&draft, &book, Faults::default())?;
        let password = NewPassword::new(password, &user.email, &user.name)?;
        let hash = self.gate.hasher.hash(&password, Rank::Known).await?;
        let device = self.device(None)?;
        let (session_token, session) = self.new_session(&user, 0, visitor, Some(device.hash))?;
        let actor = Actor {
            who: Who::Operator,
            address: visitor.address,
        };
        let target = user.id.to_string();
        let after = user_snapshot(&user, &book);
        let audit = [
            self.done_event(&actor, "setup.redeem", ("user", &target), None, Some(after))?,
            self.session_event(&user, &session, "set-up token")?,
        ];
        user.revision = self
            .store
            .redeem_setup_token_with_password(&token, &user, &hash, &session, &audit)
            .await
            .map_err(link_gone)?;
        self.confirm_issued(user.revision, "the first administrator")
            .await;
        let session = begun(session, user, false, None);
        Ok(SignedIn::on(device, session_token, session))
    }
}

fn read(token: &str) -> Option<Fingerprint> {
    let presented = Presented::parse(token.as_bytes()).ok()?;
    Some(presented.fingerprint())
}
