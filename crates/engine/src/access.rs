//! What the use cases share: rights with their audit trail, texts turned into ids, and sites by name.

use crate::{Actor, Engine, EngineError, RestrictionDraft};
use keyward_domain::{
    Email, Key, KeyId, Revision, Site, SiteId, SiteName, SiteRule, SiteStatus, User, UserId,
};
use keyward_store::{AuditOutcome, Duplicate, StoreError};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What a change is about. What was sent in the place of a name may be anything, a secret that was pasted there too: so the
/// audit log names a thing that there is, and nothing else.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// Something of this kind that is to be made.
    New(&'static str),
    /// A user, by what was sent in place of id or e-mail.
    User(&'a str),
    /// A site, by what was sent in place of its name.
    Site(&'a str),
}

impl Engine {
    /// Lets admins and operators pass; denies others, with a line in the audit log. Every use case for admins begins so; a
    /// page that looks at anything before it calls one does too.
    ///
    /// # Errors
    /// `Forbidden` to members.
    pub async fn require_admin(
        &self,
        actor: &Actor,
        action: &str,
        subject: Subject<'_>,
    ) -> Result<(), EngineError> {
        if actor.is_admin() {
            return Ok(());
        }
        self.deny(actor, action, subject, "only an administrator may do this")
            .await
    }

    /// Lets those pass who may change a key. To others it is as if it never was, and their try is in the audit log.
    ///
    /// # Errors
    /// `NotFound` for keys that the actor may not know of.
    pub async fn require_key(&self, actor: &Actor, action: &str, id: &str) -> Result<(), EngineError> {
        self.get_key_to_change(actor, action, id).await.map(drop)
    }

    /// Writes a denied change into the audit log, and gives the denial.
    pub(crate) async fn deny<T>(
        &self,
        actor: &Actor,
        action: &str,
        subject: Subject<'_>,
        why: &'static str,
    ) -> Result<T, EngineError> {
        let (kind, id) = self.known_name(subject).await?;
        let outcome = AuditOutcome::Denied("forbidden".into());
        let event = self.audit_event(actor, action, (kind, &id), outcome, None, None)?;
        self.store.append_audit(&event).await?;
        Err(EngineError::Forbidden(why))
    }

    /// The kind of a subject, and its name if there is such a thing.
    async fn known_name(&self, subject: Subject<'_>) -> Result<(&'static str, String), StoreError> {
        Ok(match subject {
            Subject::New(kind) => (kind, String::new()),
            Subject::User(sent) => {
                let user = self.find_user(sent).await?;
                ("user", user.map_or_else(String::new, |user| user.id.to_string()))
            }
            Subject::Site(sent) => {
                let known = self.site_book().await?.id(sent).map_or("", |_| sent);
                ("site", known.to_owned())
            }
        })
    }

    /// A key by its id, if the actor may know of it; to others it is as if it never was.
    pub(crate) async fn get_key_for(&self, actor: &Actor, id: &str) -> Result<Key, EngineError> {
        let not_found = EngineError::NotFound("key");
        let Ok(id) = id.parse() else { return Err(not_found) };
        match self.store.find_key(id).await? {
            Some(key) if actor.may_manage_keys_of(key.owner) => Ok(key),
            _ => Err(not_found),
        }
    }

    /// The same for a change: a try on somebody else's key is written into the audit log.
    pub(crate) async fn get_key_to_change(
        &self,
        actor: &Actor,
        action: &str,
        id: &str,
    ) -> Result<Key, EngineError> {
        let found = self.get_key_for(actor, id).await;
        if matches!(found, Err(EngineError::NotFound(_))) && !actor.is_admin() {
            // What is no id may be anything, a secret that was pasted there too, and is not written down.
            let id = id
                .parse::<KeyId>()
                .map_or_else(|_| String::new(), |id| id.to_string());
            let outcome = AuditOutcome::Denied("not_found".into());
            let event = self.audit_event(actor, action, ("key", &id), outcome, None, None)?;
            self.store.append_audit(&event).await?;
        }
        found
    }

    /// A user by id or e-mail, deleted ones only by id.
    pub(crate) async fn find_user(&self, id_or_email: &str) -> Result<Option<User>, StoreError> {
        if let Ok(id) = id_or_email.parse::<UserId>() {
            return self.store.find_user(id).await;
        }
        self.find_user_by_email(id_or_email).await
    }

    /// A user that is not deleted by e-mail, in whichever spelling it was taken. All spellings are looked up, whether or not
    /// one is found: the work tells nothing of who is here.
    pub(crate) async fn find_user_by_email(&self, text: &str) -> Result<Option<User>, StoreError> {
        let mut found = None;
        for email in Email::spellings(text) {
            let user = self.store.find_user_by_email(&email).await?;
            found = found.or(user);
        }
        Ok(found)
    }

    /// Refuses an address that looks like that of a user who was taken when equal texts had several forms.
    pub(crate) async fn require_new_address(&self, email: &Email) -> Result<(), EngineError> {
        let mut others = Email::spellings(email.as_str());
        others.retain(|spelling| spelling != email);
        for other in others {
            if self.store.find_user_by_email(&other).await?.is_some() {
                return Err(Duplicate::Email.into());
            }
        }
        Ok(())
    }

    /// Users by their ids, found at once.
    pub(crate) async fn users_of(
        &self,
        users: impl Iterator<Item = UserId>,
    ) -> Result<HashMap<UserId, User>, StoreError> {
        let distinct: HashSet<UserId> = users.collect();
        let ids: Vec<UserId> = distinct.into_iter().collect();
        let found = self.store.find_users(&ids).await?;
        Ok(found.into_iter().map(|user| (user.id, user)).collect())
    }

    /// What became of a write: its revision, in force; or nothing when somebody else was faster and the caller did not
    /// say what it has seen, so that it is to be done again.
    pub(crate) async fn settle(
        &self,
        written: Result<Revision, StoreError>,
        seen: Option<Revision>,
    ) -> Result<Option<Revision>, EngineError> {
        match written {
            Ok(revision) => {
                self.confirm(revision).await?;
                Ok(Some(revision))
            }
            Err(StoreError::Conflict) if seen.is_none() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn site_book(&self) -> Result<SiteBook, StoreError> {
        Ok(SiteBook::new(self.store.list_sites().await?))
    }
}

/// Lets pass who has seen the state that is there, or did not say what it has seen.
pub(crate) fn check_seen(seen: Option<Revision>, revision: Revision) -> Result<(), EngineError> {
    match seen {
        Some(seen) if seen != revision => Err(EngineError::Stale),
        _ => Ok(()),
    }
}

/// All sites, by name and by number.
pub(crate) struct SiteBook {
    ids: HashMap<SiteName, SiteId>,
    names: HashMap<SiteId, SiteName>,
    /// Those that are open, by name.
    open: BTreeMap<SiteName, SiteId>,
    /// The revision of the last change of any.
    newest: Revision,
}

impl SiteBook {
    pub(crate) fn new(sites: Vec<Site>) -> Self {
        let named = |site: &Site| (site.name.clone(), site.id);
        let is_open = |site: &&Site| site.status == SiteStatus::Active;
        Self {
            newest: sites.iter().map(|site| site.revision).max().unwrap_or_default(),
            ids: sites.iter().map(named).collect(),
            open: sites.iter().filter(is_open).map(named).collect(),
            names: sites.into_iter().map(|site| (site.id, site.name)).collect(),
        }
    }

    /// The revision of the last change of any site.
    pub(crate) fn newest(&self) -> Revision {
        self.newest
    }

    /// The number of a site.
    pub(crate) fn id(&self, name: &str) -> Option<SiteId> {
        self.ids.get(name).copied()
    }

    /// The number of a site, if it is one of those that the caller may know of.
    pub(crate) fn visible_id(&self, name: &str, visible: &SiteRule) -> Option<SiteId> {
        self.id(name).filter(|id| visible.allows(*id))
    }

    /// The first site, by name, that is open and allowed by both rules.
    pub(crate) fn first_open(&self, one: &SiteRule, other: &SiteRule) -> Option<&SiteName> {
        let mut open = self.open.iter();
        let allowed = open.find(|(_, id)| one.allows(**id) && other.allows(**id));
        allowed.map(|(name, _)| name)
    }

    /// The rule that names stand for.
    pub(crate) fn rule(&self, sites: &RestrictionDraft) -> Result<SiteRule, String> {
        self.visible_rule(sites, &SiteRule::ANY)
    }

    /// The same for a caller who may know of some sites only: to them the others are as if they never were.
    pub(crate) fn visible_rule(
        &self,
        sites: &RestrictionDraft,
        visible: &SiteRule,
    ) -> Result<SiteRule, String> {
        let RestrictionDraft::Only(names) = sites else {
            return Ok(SiteRule::ANY);
        };
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            SiteName::new(name).map_err(|fault| fault.to_string())?;
            ids.push(
                self.visible_id(name, visible)
                    .ok_or_else(|| format!("no site is named `{name}`: create it first"))?,
            );
        }
        Ok(SiteRule::listed(ids))
    }

    /// The names that a rule stands for, in alphabetical order; `None` is every site.
    pub(crate) fn names(&self, rule: &SiteRule) -> Option<Vec<SiteName>> {
        rule.ids().map(|ids| {
            let mut names: Vec<_> = ids.iter().filter_map(|id| self.names.get(id).cloned()).collect();
            names.sort();
            names
        })
    }
}
