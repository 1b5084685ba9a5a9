//! Keys, as people see them.

use crate::access::SiteBook;
use crate::in_force::InForce;
use crate::{Engine, EngineError};
use keyward_domain::{Email, Key, KeyId, SiteName, User, UserStatus};
use keyward_store::LastUsed;
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
    /// Why it is refused everywhere, whatever its state is.
    pub hindrance: Option<Hindrance>,
    /// The first site, by name, that it opens.
    pub open_site: Option<SiteName>,
    /// When and from where it was last granted.
    pub last_used: Option<LastUsed>,
    _in_force: InForce,
}

/// What stands against every request with a key, and is not in its own state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hindrance {
    /// Its owner is disabled.
    OwnerDisabled,
    /// Its owner is deleted.
    OwnerDeleted,
    /// Its use case is not configured any more.
    UseCaseGone,
    /// None of its sites is open and allowed to its owner.
    NoSite,
    /// It may be used from no address.
    NoAddress,
}

impl Engine {
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
        let owners = self.users_of(keys.iter().map(|key| key.owner)).await?;
        let read = keys.iter().map(|key| key.revision);
        let read = read.chain(owners.values().map(|owner| owner.revision));
        let here = self.confirm_read(read.chain([book.newest()])).await?;
        let view = |key: Key| {
            let owner = owners.get(&key.owner).ok_or(EngineError::NotFound("user"))?;
            let last_used = used.remove(&key.id);
            Ok(self.key_view(key, owner, book, last_used, here))
        };
        keys.into_iter().map(view).collect()
    }

    pub(super) async fn full_key_view(&self, key: Key) -> Result<KeyView, EngineError> {
        let book = self.site_book().await?;
        let mut views = self.key_views(vec![key], &book).await?;
        views.pop().ok_or(EngineError::NotFound("key"))
    }

    pub(crate) fn key_view(
        &self,
        key: Key,
        owner: &User,
        book: &SiteBook,
        last_used: Option<LastUsed>,
        here: InForce,
    ) -> KeyView {
        let open_site = book.first_open(&key.sites, &owner.sites).cloned();
        KeyView {
            sites: book.names(&key.sites),
            state: key.state(self.clock.now()),
            hindrance: self.hindrance(&key, owner, open_site.is_some()),
            open_site,
            owner_email: owner.email.clone(),
            last_used,
            key,
            _in_force: here,
        }
    }

    fn hindrance(&self, key: &Key, owner: &User, has_open_site: bool) -> Option<Hindrance> {
        // Without a restriction, sites that are not registered are open too.
        let has_site = has_open_site
            || key.use_case.is_management()
            || (key.sites.ids().is_none() && owner.sites.ids().is_none());
        match owner.status {
            UserStatus::Disabled => Some(Hindrance::OwnerDisabled),
            UserStatus::Deleted { .. } => Some(Hindrance::OwnerDeleted),
            UserStatus::Active if self.catalogue.find(key.use_case.as_str()).is_none() => {
                Some(Hindrance::UseCaseGone)
            }
            UserStatus::Active if !has_site => Some(Hindrance::NoSite),
            UserStatus::Active if key.addresses.nets().is_some_and(<[_]>::is_empty) => {
                Some(Hindrance::NoAddress)
            }
            UserStatus::Active => None,
        }
    }
}
