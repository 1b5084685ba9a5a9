//! Keys: create, list, show, edit, enable, disable, delete, restore.

use crate::access::SiteBook;
use crate::audit::key_snapshot;
use crate::draft::{Faults, parse_addresses, parse_limit};
use crate::{Actor, Engine, EngineError, KeyDraft, KeyEdit};
use keyward_domain::{
    Description, Email, Hint, Key, KeyId, KeyPatch, KeyStatus, Name, Revision, Secret, SiteName, Timestamp,
    TransitionFault, User, UserId,
};
use keyward_store::{IdempotencyClaim, Inserted, KeyQuery, KeyStatusFilter, LastUsed};
use std::collections::HashMap;

/// A key, as people see it.
#[derive(Clone, Debug)]
pub struct KeyView {
    /// The key. Its fingerprint is for nobody.
    pub key: Key,
    /// Its owner's e-mail address.
    pub owner_email: Email,
    /// The names of its sites; `None` is every site.
    pub sites: Option<Vec<SiteName>>,
    /// `active`, `disabled`, `expired` or `deleted`.
    pub state: &'static str,
    /// When and from where it was last granted.
    pub last_used: Option<LastUsed>,
}

/// A key that was just made, with its secret: the one time that it is shown.
pub struct IssuedKey {
    /// The key.
    pub view: KeyView,
    /// Its secret.
    pub secret: Secret,
}

/// The outcome of a create that may be a repetition.
pub enum Created<N, V> {
    /// Made now.
    New(N),
    /// Made before, under the same `Idempotency-Key`.
    Replay(V),
}

/// A client's wish that a create is done once, however often it is sent.
#[derive(Clone, Debug)]
pub struct Once {
    /// The client's token: 1 to 255 visible ASCII characters.
    pub token: String,
    /// SHA-256 of the request that it goes with.
    pub request_hash: [u8; 32],
}

/// Which keys to show. Texts as they were sent; each fault is named.
#[derive(Clone, Debug, Default)]
pub struct KeyFilter {
    /// Only this owner's (id or e-mail).
    pub owner: Option<String>,
    /// `active`, `disabled`, `expired`, `deleted` or `any`; absent is all that are not deleted.
    pub status: Option<String>,
    /// Only keys restricted to this site.
    pub site: Option<String>,
    /// Only of this use case.
    pub use_case: Option<String>,
    /// Only with this text in name, description or hint.
    pub text: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// How many at most: 1 to 200, else 50.
    pub limit: Option<u32>,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to ask for the next page with; absent on the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Cuts a page of `most` out of a list that was asked for one more.
    pub(crate) fn cut(mut items: Vec<T>, most: u32, cursor: impl Fn(&T) -> String) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let more = items.len() > most;
        items.truncate(most);
        let next = if more { items.last().map(cursor) } else { None };
        Self { items, next }
    }
}

pub(crate) fn page_size(asked: Option<u32>, faults: &mut Faults) -> u32 {
    match asked {
        None => 50,
        Some(size @ 1..=200) => size,
        Some(_) => {
            faults.add("limit", "must be 1 to 200");
            50
        }
    }
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
        let owner = self.owner_of_new_key(actor, draft.owner.as_deref()).await?;
        let book = self.site_book().await?;
        let (secret, fingerprint) = self.new_secret(&self.format)?;
        let mut faults = Faults::default();
        let key = self.read_key_draft(actor, draft, &owner, &book, &mut faults)?;
        faults.into_result()?;
        let Some(mut key) = key else {
            return Err(EngineError::Invalid(Vec::new()));
        };
        key.fingerprint = fingerprint;
        key.hint = Hint::of(&secret, &self.format);
        if key.expires_at.is_some_and(|at| at <= self.clock.now()) {
            return Err(EngineError::field("expires_at", "must be in the future"));
        }
        let event = self.change_event(
            actor,
            "key.create",
            ("key", &key.id.to_string()),
            None,
            Some(key_snapshot(&key, &book)),
        )?;
        let claim = once.map(|once| self.claim(actor, once)).transpose()?;
        match self.store.insert_key(&key, &event, claim.as_ref()).await? {
            Inserted::New(revision) => {
                // The secret exists in this answer only: it is given even if this node learns of its key a little later.
                if let Err(error) = self.confirm(revision).await {
                    tracing::warn!(key = %key.id, %error, "the new key is not in force on this node yet");
                }
                key.revision = revision;
                Ok(Created::New(IssuedKey {
                    view: self.key_view(key, &owner.email, &book, None),
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

    /// Lists keys, newest first. Members see their own.
    ///
    /// # Errors
    /// `Invalid` names the filters that cannot be read; `NotFound` for owners that the actor may not know of.
    pub async fn list_keys(&self, actor: &Actor, filter: &KeyFilter) -> Result<Page<KeyView>, EngineError> {
        let book = self.site_book().await?;
        let visible = self.visible_sites(actor).await?;
        let mut faults = Faults::default();
        let query = KeyQuery {
            owner: self.owner_filter(actor, filter.owner.as_deref()).await?,
            status: filter
                .status
                .as_deref()
                .and_then(|word| faults.take("status", self.status_filter(word))),
            site: filter.site.as_deref().and_then(|name| {
                faults.take(
                    "site",
                    book.visible_id(name, &visible)
                        .ok_or_else(|| format!("no site is named `{name}`")),
                )
            }),
            use_case: filter
                .use_case
                .as_deref()
                .and_then(|n| faults.take("use_case", keyward_domain::UseCaseName::new(n))),
            text: filter.text.clone().filter(|text| !text.is_empty()),
            after: filter
                .cursor
                .as_deref()
                .and_then(|id| faults.take("cursor", id.parse::<KeyId>())),
            most: page_size(filter.limit, &mut faults) + 1,
        };
        faults.into_result()?;
        let keys = self.store.list_keys(&query).await?;
        let views = self.key_views(keys, &book).await?;
        Ok(Page::cut(views, query.most - 1, |view| view.key.id.to_string()))
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
        let key = self.get_key_to_change(actor, "key.edit", id).await?;
        let book = self.site_book().await?;
        let owner = self
            .store
            .find_user(key.owner)
            .await?
            .ok_or(EngineError::NotFound("user"))?;
        let patch = read_key_edit(actor, edit, &owner, &book)?;
        self.change_key(actor, id, "key.edit", seen, |key, _| key.apply(patch.clone()))
            .await
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

    /// Reads, changes and writes a key; when somebody else was faster and the caller did not say what it has seen, again.
    async fn change_key(
        &self,
        actor: &Actor,
        id: &str,
        action: &str,
        seen: Option<Revision>,
        change: impl Fn(&mut Key, Timestamp) -> Result<(), TransitionFault>,
    ) -> Result<KeyView, EngineError> {
        loop {
            let before = self.get_key_to_change(actor, action, id).await?;
            if seen.is_some_and(|seen| seen != before.revision) {
                return Err(EngineError::Stale);
            }
            let mut after = before.clone();
            change(&mut after, self.clock.now()).map_err(key_conflict)?;
            if after == before {
                return self.full_key_view(after).await;
            }
            after.updated_at = self.clock.now();
            let book = self.site_book().await?;
            let snapshots = (key_snapshot(&before, &book), key_snapshot(&after, &book));
            let event =
                self.change_event(actor, action, ("key", id), Some(snapshots.0), Some(snapshots.1))?;
            match self.store.update_key(&after, before.revision, &event).await {
                Ok(revision) => {
                    self.confirm(revision).await?;
                    after.revision = revision;
                    return self.full_key_view(after).await;
                }
                Err(keyward_store::StoreError::Conflict) if seen.is_none() => {}
                Err(error) => return Err(error.into()),
            }
        }
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
                    ("key", ""),
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

    /// Reads a draft. The fingerprint and hint are still to be filled in; `None` when there are faults.
    pub(crate) fn read_key_draft(
        &self,
        actor: &Actor,
        draft: &KeyDraft,
        owner: &User,
        book: &SiteBook,
        faults: &mut Faults,
    ) -> Result<Option<Key>, EngineError> {
        let name = faults.take("name", Name::new(&draft.name));
        let description = faults.take(
            "description",
            Description::new(draft.description.as_deref().unwrap_or_default()),
        );
        let use_case = faults.take("use_case", self.use_case_for(draft.use_case.as_deref()));
        let expires_at = draft
            .expires_at
            .as_deref()
            .and_then(|text| faults.take("expires_at", text.parse::<Timestamp>()));
        let sites = faults.take("sites", sites_within(actor, owner, book, draft.sites.as_deref()));
        let addresses = faults.take("addresses", parse_addresses(draft.addresses.as_deref()));
        let limit = faults.take("limit", parse_limit(draft.limit));
        let (millis, random) = self.id_parts()?;
        let now = self.clock.now();
        let parts = (name, description, use_case, sites, addresses, limit);
        let (Some(name), Some(description), Some(use_case), Some(sites), Some(addresses), Some(limit)) =
            parts
        else {
            return Ok(None);
        };
        Ok(Some(Key {
            id: KeyId::v7(millis, &random),
            owner: owner.id,
            name,
            description,
            use_case,
            fingerprint: keyward_domain::Fingerprint::from_bytes([0; 32]),
            hint: Hint::stored(""),
            status: KeyStatus::Active,
            expires_at,
            sites,
            addresses,
            limit,
            created_at: now,
            updated_at: now,
            revision: Revision(0),
        }))
    }

    fn use_case_for(&self, name: Option<&str>) -> Result<keyward_domain::UseCaseName, String> {
        let names = || {
            self.catalogue
                .iter()
                .map(|u| u.name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let found = match name {
            Some(name) => self.catalogue.find(name),
            None => self
                .catalogue
                .iter()
                .find(|use_case| !use_case.name.is_management()),
        };
        found
            .map(|use_case| use_case.name.clone())
            .ok_or_else(|| format!("there is no such use case; choose of: {}", names()))
    }

    async fn owner_filter(&self, actor: &Actor, named: Option<&str>) -> Result<Option<UserId>, EngineError> {
        match (named, actor.is_admin()) {
            (None, true) => Ok(None),
            (None, false) => Ok(actor.user()),
            (Some(named), _) => match self.find_user(named).await? {
                Some(owner) if actor.may_manage_keys_of(owner.id) => Ok(Some(owner.id)),
                _ => Err(EngineError::NotFound("user")),
            },
        }
    }

    fn status_filter(&self, word: &str) -> Result<KeyStatusFilter, &'static str> {
        let now = self.clock.now();
        match word {
            "active" => Ok(KeyStatusFilter::Active { now }),
            "disabled" => Ok(KeyStatusFilter::Disabled { now }),
            "expired" => Ok(KeyStatusFilter::Expired { now }),
            "deleted" => Ok(KeyStatusFilter::Deleted),
            "any" => Ok(KeyStatusFilter::Any),
            _ => Err("must be one of: active, disabled, expired, deleted, any"),
        }
    }

    pub(crate) async fn key_views(
        &self,
        keys: Vec<Key>,
        book: &SiteBook,
    ) -> Result<Vec<KeyView>, EngineError> {
        let ids: Vec<KeyId> = keys.iter().map(|key| key.id).collect();
        let mut used: HashMap<KeyId, LastUsed> = self
            .store
            .last_used(&ids)
            .await?
            .into_iter()
            .map(|used| (used.key, used))
            .collect();
        let mut emails: HashMap<UserId, Email> = HashMap::new();
        let mut views = Vec::with_capacity(keys.len());
        for key in keys {
            let email = match emails.get(&key.owner) {
                Some(email) => email.clone(),
                None => {
                    let owner = self
                        .store
                        .find_user(key.owner)
                        .await?
                        .ok_or(EngineError::NotFound("user"))?;
                    emails.insert(key.owner, owner.email.clone());
                    owner.email
                }
            };
            let last_used = used.remove(&key.id);
            views.push(self.key_view(key, &email, book, last_used));
        }
        Ok(views)
    }

    async fn full_key_view(&self, key: Key) -> Result<KeyView, EngineError> {
        let book = self.site_book().await?;
        let mut views = self.key_views(vec![key], &book).await?;
        views.pop().ok_or(EngineError::NotFound("key"))
    }

    fn key_view(
        &self,
        key: Key,
        owner_email: &Email,
        book: &SiteBook,
        last_used: Option<LastUsed>,
    ) -> KeyView {
        let sites = book.names(&key.sites);
        let state = key.state(self.clock.now());
        KeyView {
            sites,
            state,
            owner_email: owner_email.clone(),
            last_used,
            key,
        }
    }

    pub(crate) fn claim(&self, actor: &Actor, once: &Once) -> Result<IdempotencyClaim, EngineError> {
        let fits = (1..=255).contains(&once.token.len()) && once.token.bytes().all(|b| b.is_ascii_graphic());
        if !fits {
            return Err(EngineError::field(
                "Idempotency-Key",
                "must be 1 to 255 visible ASCII characters",
            ));
        }
        Ok(IdempotencyClaim {
            actor: actor.claimant(),
            token: once.token.clone(),
            request_hash: once.request_hash,
            at: self.clock.now(),
        })
    }
}

pub(crate) fn check_same_request(once: Option<&Once>, earlier: [u8; 32]) -> Result<(), EngineError> {
    if once.is_some_and(|once| once.request_hash == earlier) {
        return Ok(());
    }
    let message = "this Idempotency-Key was used with another request: use a new one";
    Err(EngineError::field("Idempotency-Key", message))
}

fn key_conflict(fault: TransitionFault) -> EngineError {
    match fault {
        TransitionFault::Deleted => {
            EngineError::conflict("key_deleted", "the key is deleted: restore it first")
        }
        TransitionFault::NotDeleted => EngineError::conflict("key_not_deleted", "the key is not deleted"),
        TransitionFault::TooLate => EngineError::conflict("restore_too_late", format!("the key: {fault}")),
    }
}

fn sites_within(
    actor: &Actor,
    owner: &User,
    book: &SiteBook,
    names: Option<&[String]>,
) -> Result<keyward_domain::SiteRule, String> {
    if !actor.is_admin() {
        return book.visible_rule(names, &owner.sites);
    }
    let rule = book.rule(names)?;
    if rule.ids().is_some() && !rule.is_within(&owner.sites) {
        return Err(format!(
            "the owner {} may not use all of these sites",
            owner.email
        ));
    }
    Ok(rule)
}

fn read_key_edit(
    actor: &Actor,
    edit: &KeyEdit,
    owner: &User,
    book: &SiteBook,
) -> Result<KeyPatch, EngineError> {
    let mut faults = Faults::default();
    let patch = KeyPatch {
        name: edit
            .name
            .as_deref()
            .and_then(|name| faults.take("name", Name::new(name))),
        description: edit
            .description
            .as_deref()
            .and_then(|text| faults.take("description", Description::new(text))),
        sites: edit
            .sites
            .as_ref()
            .and_then(|names| faults.take("sites", sites_within(actor, owner, book, names.as_deref()))),
        addresses: edit
            .addresses
            .as_ref()
            .and_then(|list| faults.take("addresses", parse_addresses(list.as_deref()))),
        limit: edit
            .limit
            .and_then(|limit| faults.take("limit", parse_limit(limit))),
    };
    faults.into_result()?;
    Ok(patch)
}
