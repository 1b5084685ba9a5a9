//! Keys, as people see them.

use crate::access::SiteBook;
use crate::{Engine, EngineError};
use keyward_domain::{Email, Key, KeyId, SiteName};
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
    /// When and from where it was last granted.
    pub last_used: Option<LastUsed>,
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
        let emails = self.emails_of(keys.iter().map(|key| key.owner)).await?;
        let view = |key: Key| {
            let email = emails.get(&key.owner).ok_or(EngineError::NotFound("user"))?;
            let last_used = used.remove(&key.id);
            Ok(self.key_view(key, email, book, last_used))
        };
        keys.into_iter().map(view).collect()
    }

    pub(super) async fn full_key_view(&self, key: Key) -> Result<KeyView, EngineError> {
        let book = self.site_book().await?;
        let mut views = self.key_views(vec![key], &book).await?;
        views.pop().ok_or(EngineError::NotFound("key"))
    }

    pub(super) fn key_view(
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
}
