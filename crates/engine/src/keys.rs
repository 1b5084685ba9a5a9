//! Keys: create, list, show, edit, enable, disable, delete, restore.

use crate::access::check_seen;
use crate::audit::key_snapshot;
use crate::draft::Faults;
use crate::in_force::Refusal;
use crate::once::check_same_request;
use crate::{Actor, Created, Engine, EngineError, KeyDraft, KeyEdit, Once, Subject};
use keyward_domain::{Hint, Key, KeyPatch, Revision, Secret, Timestamp, TransitionFault, User};
use keyward_store::Inserted;

mod draft;
mod health;
mod list;
mod trail;
mod view;

pub use health::{HealthCount, HealthMark, KeyHealth};
pub use list::KeyFilter;
pub use trail::{ActBy, KeyAct};
pub use view::{Hindrance, KeyView};

/// A key that was just made, with its secret: the one time that it is shown.
pub struct IssuedKey {
    /// The key.
    pub view: KeyView,
    /// Its secret.
    pub secret: Secret,
}

impl Engine {
    /// Makes a key. Its secret is in this answer and nowhere else.
    ///
    /// # Errors
    /// `Invalid` names every field that cannot be taken; `Forbidden` when a member names another owner.
    pub async fn create_key(
        &self,
        actor: &Actor,
        draft: &KeyDraft,
        once: Option<&Once>,
    ) -> Result<Created<IssuedKey, KeyView>, EngineError> {
        self.answer(self.insert_key(actor, draft, once).await).await
    }

    async fn insert_key(
        &self,
        actor: &Actor,
        draft: &KeyDraft,
        once: Option<&Once>,
    ) -> Result<Created<IssuedKey, KeyView>, Refusal> {
        let mut faults = Faults::of(&draft.misread);
        // Before anything is checked: what was right at the first time need not be so any more.
        let earlier = faults.take_from(self.find_earlier(actor, once).await)?;
        if let Some(earlier) = earlier.flatten() {
            match self.get_key(actor, &earlier).await {
                // Not for this actor any more: as good as a create that is new.
                Err(EngineError::NotFound(_)) => {}
                known => return Ok(Created::Replay(known?)),
            }
        }
        // A member whose `owner` cannot be read is taken for it: if the sites were judged as an administrator's, their faults would
        // tell which sites exist.
        let owner = match (faults.has("owner"), actor.is_admin()) {
            (true, true) => None,
            (true, false) => Some(self.owner_of_new_key(actor, None).await?),
            (false, _) => {
                let owner = self.owner_of_new_key(actor, draft.owner.as_deref()).await;
                faults.take_from(owner)?
            }
        };
        let book = self.site_book().await?;
        let (secret, fingerprint) = self.new_secret(&self.format)?;
        let key = self.read_key_draft(actor, draft, owner.as_ref(), &book, &mut faults)?;
        if self.is_over(draft.expires_at.at()) {
            faults.add("expires_at", "must be in the future");
        }
        let claim = faults.take_from(self.claim(actor, once))?;
        faults.into_result()?;
        let (Some(mut key), Some(owner), Some(claim)) = (key, owner, claim) else {
            return Err(EngineError::Invalid(Vec::new()).into());
        };
        key.fingerprint = fingerprint;
        key.hint = Hint::of(&secret, &self.format);
        let event = self.change_event(
            actor,
            "key.create",
            ("key", &key.id.to_string()),
            None,
            Some(key_snapshot(&key, &book)),
        )?;
        match self.store.insert_key(&key, &event, claim.as_ref()).await? {
            Inserted::New(revision) => {
                let here = self.confirm_issued(revision, "a new key").await;
                key.revision = revision;
                Ok(Created::New(IssuedKey {
                    view: self.key_view(key, &owner, &book, None, here),
                    secret,
                }))
            }
            Inserted::Replay { target, request_hash } => {
                check_same_request(once, request_hash)?;
                Ok(Created::Replay(self.get_key(actor, &target).await?))
            }
        }
    }

    /// Shows a key.
    ///
    /// # Errors
    /// `NotFound` for keys that the actor may not know of.
    pub async fn get_key(&self, actor: &Actor, id: &str) -> Result<KeyView, EngineError> {
        let key = self.get_key_for(actor, id).await?;
        self.full_key_view(key).await
    }

    /// Edits name, description, sites, addresses and limit. With `seen`, only if the key is still at that revision.
    ///
    /// # Errors
    /// `Invalid` names every field that cannot be taken; `Stale` when it was changed meanwhile.
    pub async fn edit_key(
        &self,
        actor: &Actor,
        id: &str,
        edit: &KeyEdit,
        seen: Option<Revision>,
    ) -> Result<KeyView, EngineError> {
        let patch = self.answer(self.read_edit(actor, id, edit).await).await?;
        self.change_key(actor, id, "key.edit", seen, |key, _| key.apply(patch.clone()))
            .await
    }

    async fn read_edit(&self, actor: &Actor, id: &str, edit: &KeyEdit) -> Result<KeyPatch, Refusal> {
        let key = self.get_key_to_change(actor, "key.edit", id).await?;
        let book = self.site_book().await?;
        let owner = self
            .store
            .find_user(key.owner)
            .await?
            .ok_or(EngineError::NotFound("user"))?;
        Ok(self.read_key_edit(actor, edit, &owner, &book)?)
    }

    /// Switches a key on.
    ///
    /// # Errors
    /// `Conflict` (`key_deleted`) when it is deleted.
    pub async fn enable_key(
        &self,
        actor: &Actor,
        id: &str,
        seen: Option<Revision>,
    ) -> Result<KeyView, EngineError> {
        self.change_key(actor, id, "key.enable", seen, |key, _| key.enable())
            .await
    }

    /// Switches a key off: it is refused from the return on.
    ///
    /// # Errors
    /// `Conflict` (`key_deleted`) when it is deleted.
    pub async fn disable_key(
        &self,
        actor: &Actor,
        id: &str,
        seen: Option<Revision>,
    ) -> Result<KeyView, EngineError> {
        self.change_key(actor, id, "key.disable", seen, |key, _| key.disable())
            .await
    }

    /// Deletes a key: from the return on it is refused like one that never was.
    ///
    /// # Errors
    /// `Conflict` (`key_deleted`) when it is deleted already.
    pub async fn delete_key(
        &self,
        actor: &Actor,
        id: &str,
        seen: Option<Revision>,
    ) -> Result<KeyView, EngineError> {
        self.change_key(actor, id, "key.delete", seen, Key::delete).await
    }

    /// Takes a deletion back, within 30 days.
    ///
    /// # Errors
    /// `Conflict`: `key_not_deleted`, or `restore_too_late`.
    pub async fn restore_key(
        &self,
        actor: &Actor,
        id: &str,
        seen: Option<Revision>,
    ) -> Result<KeyView, EngineError> {
        self.change_key(actor, id, "key.restore", seen, Key::restore)
            .await
    }

    async fn change_key(
        &self,
        actor: &Actor,
        id: &str,
        action: &str,
        seen: Option<Revision>,
        change: impl Fn(&mut Key, Timestamp) -> Result<(), TransitionFault>,
    ) -> Result<KeyView, EngineError> {
        let written = self.write_key(actor, id, action, seen, change).await;
        self.answer(written).await
    }

    /// Reads, changes and writes a key; when somebody else was faster and the caller did not say what it has seen, again.
    async fn write_key(
        &self,
        actor: &Actor,
        id: &str,
        action: &str,
        seen: Option<Revision>,
        change: impl Fn(&mut Key, Timestamp) -> Result<(), TransitionFault>,
    ) -> Result<KeyView, Refusal> {
        loop {
            let before = self.get_key_to_change(actor, action, id).await?;
            check_seen(seen, before.revision)?;
            let mut after = before.clone();
            change(&mut after, self.clock.now()).map_err(key_conflict)?;
            if after == before {
                return Ok(self.full_key_view(after).await?);
            }
            after.updated_at = self.clock.now();
            let book = self.site_book().await?;
            let snapshots = (key_snapshot(&before, &book), key_snapshot(&after, &book));
            let target = ("key", &*before.id.to_string());
            let event = self.change_event(actor, action, target, Some(snapshots.0), Some(snapshots.1))?;
            let written = self.store.update_key(&after, before.revision, &event).await;
            if let Some(revision) = self.settle(written, seen).await? {
                after.revision = revision;
                return Ok(self.full_key_view(after).await?);
            }
        }
    }

    /// Whether an instant is not in the future any more. What cannot be read is told elsewhere.
    fn is_over(&self, at: Option<&str>) -> bool {
        let at = at.and_then(|at| at.parse::<Timestamp>().ok());
        at.is_some_and(|at| at <= self.clock.now())
    }

    async fn owner_of_new_key(&self, actor: &Actor, named: Option<&str>) -> Result<User, EngineError> {
        let own = actor.user();
        let owner = match (named, own) {
            (None, None) => {
                return Err(EngineError::field(
                    "owner",
                    "name the owner by id or e-mail address",
                ));
            }
            (None, Some(own)) => self.store.find_user(own).await?,
            (Some(named), _) => self.find_user(named).await?,
        };
        let is_own = owner.as_ref().is_some_and(|owner| Some(owner.id) == own);
        if !actor.is_admin() && !is_own {
            return self
                .deny(
                    actor,
                    "key.create",
                    Subject::New("key"),
                    "a member can make keys for themselves only",
                )
                .await;
        }
        match owner {
            Some(owner) if owner.is_valid() => Ok(owner),
            Some(owner) => Err(EngineError::field(
                "owner",
                format!("the user {} is not active", owner.email),
            )),
            None => Err(EngineError::field("owner", "there is no such user")),
        }
    }
}

fn key_conflict(fault: TransitionFault) -> EngineError {
    match fault {
        TransitionFault::Deleted => EngineError::conflict(
            "key_deleted",
            "the key is deleted: it can be restored for 30 days",
        ),
        TransitionFault::NotDeleted => EngineError::conflict("key_not_deleted", "the key is not deleted"),
        TransitionFault::TooLate => EngineError::conflict("restore_too_late", format!("the key: {fault}")),
    }
}
