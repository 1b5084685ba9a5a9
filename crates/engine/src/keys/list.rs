//! Lists of keys.

use crate::draft::Faults;
use crate::page::page_size;
use crate::{Actor, Engine, EngineError, KeyView, Page};
use keyward_domain::{KeyId, UseCaseName, UserId};
use keyward_store::{KeyQuery, KeyStatusFilter};

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

impl Engine {
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
                .and_then(|n| faults.take("use_case", UseCaseName::new(n))),
            text: filter.text.clone().filter(|text| !text.is_empty()),
            after: filter
                .cursor
                .as_deref()
                .and_then(|id| faults.take("cursor", id.parse::<KeyId>())),
            most: page_size(filter.limit, &mut faults) + 1,
        };
        faults.into_result()?;
        let keys = self.store.list_keys(&query).await?;
        let found_none = keys.is_empty() && query.after.is_none();
        if let Some(name) = query.use_case.as_ref().filter(|_| found_none) {
            self.check_use_case(name)?;
        }
        let views = self.key_views(keys, &book).await?;
        Ok(Page::cut(views, query.most - 1, |view| view.key.id.to_string()))
    }

    /// Keys may hold a use case that the configuration does not name any more; a name that neither knows is a fault.
    fn check_use_case(&self, name: &UseCaseName) -> Result<(), EngineError> {
        match self.catalogue.find(name.as_str()) {
            Some(_) => Ok(()),
            None => Err(EngineError::field("use_case", self.no_such_use_case())),
        }
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
}
