//! The first administrator: made by whoever holds a one-time set-up token, in the hour after it was printed.

use crate::access::SiteBook;
use crate::audit::{key_snapshot, user_snapshot};
use crate::draft::Faults;
use crate::in_force::Refusal;
use crate::{Actor, Engine, EngineError, FieldFault, IssuedKey, KeyDraft, UserDraft, UserView};
use keyward_domain::{Checksum, Fingerprint, Hint, MANAGEMENT, Prefix, Presented, Secret, SecretFormat};
use keyward_store::StoreError;
use std::net::IpAddr;

/// How long a set-up token can be used, in minutes.
const TOKEN_MINUTES: i64 = 60;

/// The first administrator to be made, by whoever holds a set-up token.
#[derive(Clone, Debug, Default)]
pub struct SetupDraft {
    /// The token.
    pub token: String,
    /// E-mail address.
    pub email: String,
    /// 1 to 64 characters; absent is the e-mail address up to the `@`.
    pub name: Option<String>,
    /// Fields that were sent and could not be read: told together with what else is wrong, and nothing is done.
    pub misread: Vec<FieldFault>,
}

impl SetupDraft {
    fn user(&self) -> UserDraft {
        UserDraft {
            email: self.email.clone(),
            name: self.name.clone(),
            role: Some("admin".into()),
            misread: self.misread.clone(),
            ..UserDraft::default()
        }
    }
}

/// The first administrator, with their management key.
pub struct Administrator {
    /// The user.
    pub user: UserView,
    /// The key, with its secret.
    pub key: IssuedKey,
}

impl Engine {
    /// Makes a set-up token in place of any other. It works once, for an hour.
    ///
    /// # Errors
    /// `Unavailable` or `NotWritable` when the store cannot take it.
    pub async fn issue_setup_token(&self) -> Result<Secret, EngineError> {
        let (token, hash) = self.new_secret(&setup_format()?)?;
        let expires_at = self.clock.now().plus_millis(TOKEN_MINUTES * 60_000);
        self.store.put_setup_token(hash.as_bytes(), expires_at).await?;
        Ok(token)
    }

    /// Trades a set-up token for an administrator and a management key.
    ///
    /// # Errors
    /// `Forbidden` when the token is wrong, used or expired; `Invalid` names the fields that cannot be taken, and
    /// leaves the token good.
    pub async fn redeem_setup_token(
        &self,
        draft: &SetupDraft,
        address: Option<IpAddr>,
    ) -> Result<Administrator, EngineError> {
        let user = draft.user();
        let faults = Faults::of(&user.misread);
        // Anybody may try: what cannot be read, or cannot be a token, costs the store nothing.
        if !faults.is_empty() {
            self.read_user_draft(&user, &SiteBook::new(Vec::new()), faults)?;
        }
        let presented = Presented::parse(draft.token.as_bytes()).map_err(|_| refused())?;
        if setup_format()?.checksum(presented) != Checksum::Right {
            return Err(refused());
        }
        let actor = Actor {
            who: crate::Who::Operator,
            address,
        };
        let redeemed = self.redeem(&actor, presented.fingerprint(), &user).await;
        self.answer(redeemed).await
    }

    async fn redeem(
        &self,
        actor: &Actor,
        token: Fingerprint,
        draft: &UserDraft,
    ) -> Result<Administrator, Refusal> {
        let book = self.site_book().await?;
        let mut user = self.read_user_draft(draft, &book, Faults::of(&draft.misread))?;
        let mut faults = Faults::default();
        let draft = KeyDraft {
            name: "First administrator".into(),
            use_case: Some(MANAGEMENT.into()),
            ..KeyDraft::default()
        };
        let key = self.read_key_draft(actor, &draft, Some(&user), &book, &mut faults)?;
        faults.into_result()?;
        let Some(mut key) = key else {
            return Err(EngineError::Invalid(Vec::new()).into());
        };
        let (secret, fingerprint) = self.new_secret(&self.format)?;
        key.fingerprint = fingerprint;
        key.hint = Hint::of(&secret, &self.format);
        let user_target = user.id.to_string();
        let key_target = key.id.to_string();
        let audit = [
            self.change_event(
                actor,
                "setup.redeem",
                ("user", &user_target),
                None,
                Some(user_snapshot(&user, &book)),
            )?,
            self.change_event(
                actor,
                "key.create",
                ("key", &key_target),
                None,
                Some(key_snapshot(&key, &book)),
            )?,
        ];
        let revision = self
            .store
            .redeem_setup_token(token.as_bytes(), self.clock.now(), &user, &key, &audit)
            .await
            .map_err(|error| match error {
                StoreError::NotFound => refused(),
                other => other.into(),
            })?;
        let here = self
            .confirm_issued(revision, "the first administrator's key")
            .await;
        user.revision = revision;
        key.revision = revision;
        Ok(Administrator {
            key: IssuedKey {
                view: self.key_view(key, &user, &book, None, here),
                secret,
            },
            user: UserView::new(user, &book, here),
        })
    }
}

fn refused() -> EngineError {
    EngineError::Forbidden(
        "the set-up token is wrong, used or expired: make a new one with `keyward init --new-token`",
    )
}

fn setup_format() -> Result<SecretFormat, EngineError> {
    Prefix::new("setup")
        .map(|prefix| SecretFormat::new(prefix, Vec::new()))
        .map_err(|fault| EngineError::field("prefix", fault.to_string()))
}
