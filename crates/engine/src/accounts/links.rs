//! Links that let somebody choose a password: invitations, and resets by an administrator.

use super::hasher::Rank;
use super::session::{actor_of, begun};
use super::way::Way;
use super::{AccountFault, SignIn, SignedIn, Token, Visitor};
use crate::access::check_seen;
use crate::audit::user_snapshot;
use crate::draft::Faults;
use crate::in_force::Refusal;
use crate::{Actor, Engine, EngineError, Subject, UserDraft, UserView};
use keyward_domain::{Fingerprint, NewPassword, Revision, Secret, Timestamp, User};
use keyward_store::{AuditEvent, Entry, Link, LinkPurpose, StoreError};
use serde_json::json;

/// How long an invitation can be taken up.
const INVITE_DAYS: i64 = 7;
/// How long a reset can be used.
const RESET_DAYS: i64 = 1;

/// What a link is good for.
#[derive(Clone, Debug)]
pub struct LinkView {
    /// What it is for.
    pub purpose: LinkPurpose,
    /// Whose password it sets.
    pub user: User,
    /// First instant at which it is worth nothing.
    pub until: Timestamp,
}

impl Engine {
    /// Makes a user without a password, and the token of the link by which they choose one: once, within 7 days. Admins
    /// only.
    ///
    /// # Errors
    /// `Invalid` names every field that cannot be taken; `Conflict` (`email_taken`).
    pub async fn invite_user(
        &self,
        actor: &Actor,
        draft: &UserDraft,
    ) -> Result<(UserView, Secret, Timestamp), EngineError> {
        self.require_admin(actor, "user.create", Subject::New("user"))
            .await?;
        self.answer(self.insert_invited(actor, draft).await).await
    }

    async fn insert_invited(
        &self,
        actor: &Actor,
        draft: &UserDraft,
    ) -> Result<(UserView, Secret, Timestamp), Refusal> {
        let book = self.site_book().await?;
        let mut user = self.read_user_draft(draft, &book, Faults::of(&draft.misread))?;
        self.require_new_address(&user.email).await?;
        let (token, link) = self.new_link(&user, LinkPurpose::Invite)?;
        let target = user.id.to_string();
        let after = user_snapshot(&user, &book);
        let audit = [
            self.change_event(actor, "user.create", ("user", &target), None, Some(after))?,
            self.link_event(actor, &link)?,
        ];
        user.revision = self.store.insert_user_with_link(&user, &link, &audit).await?;
        let here = self.confirm_issued(user.revision, "an invited user").await;
        Ok((UserView::new(user, &book, here), token, link.expires_at))
    }

    /// Makes the token of a link by which a user chooses another password: once, within 24 hours. Earlier links of the
    /// user are worth nothing from then on. Admins only.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` (`user_inactive`); `Stale` when the user is not as they were seen.
    pub async fn issue_reset_link(
        &self,
        actor: &Actor,
        id_or_email: &str,
        seen: Option<Revision>,
    ) -> Result<(Secret, Timestamp), EngineError> {
        self.require_admin(actor, "link.create", Subject::User(id_or_email))
            .await?;
        self.answer(self.insert_link(actor, id_or_email, seen).await)
            .await
    }

    async fn insert_link(
        &self,
        actor: &Actor,
        id_or_email: &str,
        seen: Option<Revision>,
    ) -> Result<(Secret, Timestamp), Refusal> {
        let user = self.get_valid_user(id_or_email).await?;
        check_seen(seen, user.revision)?;
        let (token, link) = self.new_link(&user, LinkPurpose::Reset)?;
        let event = self.link_event(actor, &link)?;
        self.store.put_link(&link, &event).await?;
        Ok((token, link.expires_at))
    }

    /// Finds a link that can be used, by its token.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot answer.
    pub async fn find_link(&self, token: &str) -> Result<Option<LinkView>, EngineError> {
        Ok(self.get_link(token).await?.map(|(link, user)| LinkView {
            purpose: link.purpose,
            user,
            until: link.expires_at,
        }))
    }

    /// Sets the password of a link's user, ends all their sessions, and lets them in: after their second factor, when
    /// they have one.
    ///
    /// # Errors
    /// `LinkGone`; `Password` names the rule that the password breaks, and leaves the link good; `Slowed`.
    pub async fn redeem_link(
        &self,
        token: &str,
        new_password: &str,
        visitor: &Visitor,
    ) -> Result<SignIn, AccountFault> {
        let (link, user) = self.get_link(token).await?.ok_or(AccountFault::LinkGone)?;
        let password = NewPassword::new(new_password, &user.email, &user.name)?;
        let hash = self.gate.hasher.hash(&password, Rank::Known).await?;
        let credentials = self.store.find_credentials(user.id).await?;
        let mut audit = vec![self.redeem_event(&user, &link, visitor)?];
        let (entry, sign_in) = if credentials.second_factor_in_force().is_some() {
            let (token, pending) = self.new_pending(user.id, credentials.stamp, None, Way::Password)?;
            (Entry::Pending(pending), SignIn::CodeNeeded { pending: token })
        } else {
            let device = self.device(None)?;
            let (token, session) = self.new_session(&user, credentials.stamp, visitor, Some(device.hash))?;
            audit.push(self.session_event(&user, &session, "link")?);
            let entry = Entry::Session(session.clone());
            let session = begun(session, user, false, credentials.language);
            (entry, SignIn::Done(SignedIn::on(device, token, session)))
        };
        self.store
            .redeem_link(&link.hash, self.clock.now(), &hash, &entry, &audit)
            .await
            .map_err(link_gone)?;
        Ok(sign_in)
    }

    async fn get_link(&self, token: &str) -> Result<Option<(Link, User)>, EngineError> {
        let read = |kind: Token| kind.read(token);
        let Some(hash) = read(Token::Invite).or_else(|| read(Token::Reset)) else {
            return Ok(None);
        };
        let found = self.store.find_link(&hash).await?;
        let Some(link) = found.filter(|link| self.clock.now() < link.expires_at) else {
            return Ok(None);
        };
        let user = self.store.find_user(link.user).await?;
        Ok(user.filter(User::is_valid).map(|user| (link, user)))
    }

    pub(super) async fn get_valid_user(&self, id_or_email: &str) -> Result<User, EngineError> {
        let user = self
            .find_user(id_or_email)
            .await?
            .ok_or(EngineError::NotFound("user"))?;
        if user.is_valid() {
            return Ok(user);
        }
        Err(EngineError::conflict(
            "user_inactive",
            "the user is disabled or deleted: enable them first",
        ))
    }

    fn new_link(&self, user: &User, purpose: LinkPurpose) -> Result<(Secret, Link), EngineError> {
        let (kind, days) = match purpose {
            LinkPurpose::Invite => (Token::Invite, INVITE_DAYS),
            LinkPurpose::Reset => (Token::Reset, RESET_DAYS),
        };
        let (token, hash): (Secret, Fingerprint) = self.new_token(kind)?;
        let link = Link {
            hash,
            user: user.id,
            purpose,
            expires_at: self.clock.now().plus_days(days),
        };
        Ok((token, link))
    }

    fn link_event(&self, actor: &Actor, link: &Link) -> Result<AuditEvent, EngineError> {
        let after = json!({ "purpose": link.purpose.as_str(), "until": link.expires_at.to_string() });
        let target = link.user.to_string();
        self.done_event(actor, "link.create", ("user", &target), None, Some(after))
    }

    fn redeem_event(&self, user: &User, link: &Link, visitor: &Visitor) -> Result<AuditEvent, EngineError> {
        let actor = actor_of(user, visitor.address);
        let after = json!({ "purpose": link.purpose.as_str() });
        let target = user.id.to_string();
        self.done_event(&actor, "link.redeem", ("user", &target), None, Some(after))
    }
}

/// Somebody else was faster, or the user is not valid any more.
pub(super) fn link_gone(error: StoreError) -> AccountFault {
    match error {
        StoreError::NotFound => AccountFault::LinkGone,
        other => other.into(),
    }
}
