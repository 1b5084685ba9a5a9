//! Lists of keys.

use crate::access::SiteBook;
use crate::draft::Faults;
use crate::page::page_size;
use crate::{Actor, Engine, EngineError, FieldFault, HealthMark, KeyView, Page};
use keyward_domain::{KeyId, UseCaseName, UserId};
use keyward_store::{KeyOrder, KeyQuery, KeyStatusFilter};

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
    /// Only with this text in name, description or hint; neither case nor accents matter.
    pub text: Option<String>,
    /// Whether the text is looked for in the owner's e-mail address as well; to members it is not.
    pub text_in_owner: bool,
    /// Only keys that this is true of; of active ones, unless `status` says otherwise.
    pub health: Option<HealthMark>,
    /// The order of the list.
    pub order: KeyOrder,
    /// Where the page before ended. Serves the usual order, newest first, alone, and not together with `skip`.
    pub cursor: Option<String>,
    /// How many to leave out from the beginning: pages of every order.
    pub skip: Option<u64>,
    /// How many at most: 1 to 200, else 50.
    pub limit: Option<u32>,
    /// Fields that were sent and could not be read: told together with what else is wrong, and nothing is done.
    pub misread: Vec<FieldFault>,
}

impl KeyFilter {
    /// Whether pages follow each other by offset, and not by cursor.
    fn is_by_offset(&self) -> bool {
        self.skip.is_some() || self.order != KeyOrder::default()
    }
}

impl Engine {
    /// Lists keys, newest first or in another order. Members see their own. The page's `next` is the next `cursor`; when
    /// the filter has a `skip` or another order, it is the next `skip`.
    ///
    /// # Errors
    /// `Invalid` names the filters that cannot be read; `NotFound` for owners that the actor may not know of.
    pub async fn list_keys(&self, actor: &Actor, filter: &KeyFilter) -> Result<Page<KeyView>, EngineError> {
        let book = self.site_book().await?;
        let query = self.key_query(actor, filter, &book).await?;
        let keys = self.store.list_keys(&query).await?;
        let found_none = keys.is_empty() && query.after.is_none() && query.skip == 0;
        if let Some(name) = query.use_case.as_ref().filter(|_| found_none) {
            self.check_use_case(name)?;
        }
        let views = self.key_views(keys, &book).await?;
        let most = query.most - 1;
        Ok(Page::cut(views, most, |view| {
            if filter.is_by_offset() {
                query.skip.saturating_add(u64::from(most)).to_string()
            } else {
                view.key.id.to_string()
            }
        }))
    }

    /// How many keys pass a filter; its order and its page are not read. Members count their own.
    ///
    /// # Errors
    /// As [`Engine::list_keys`].
    pub async fn count_keys(&self, actor: &Actor, filter: &KeyFilter) -> Result<u64, EngineError> {
        let all = KeyFilter {
            order: KeyOrder::default(),
            cursor: None,
            skip: None,
            limit: None,
            ..filter.clone()
        };
        let query = self.key_query(actor, &all, &self.site_book().await?).await?;
        Ok(self.store.count_keys(&query).await?)
    }

    /// Reads a filter; asks for one key more than its page holds.
    async fn key_query(
        &self,
        actor: &Actor,
        filter: &KeyFilter,
        book: &SiteBook,
    ) -> Result<KeyQuery, EngineError> {
        let visible = self.visible_sites(actor).await?;
        let mut faults = Faults::of(&filter.misread);
        if filter.cursor.is_some() && filter.is_by_offset() {
            faults.add("cursor", "serves the order newest first only: page with `skip`");
        }
        let now = self.clock.now();
        let mut query = KeyQuery {
            owner: None,
            owner_text: None,
            status: match (filter.status.as_deref(), filter.health) {
                (Some(word), _) => faults.take("status", self.status_filter(word)),
                (None, Some(_)) => Some(KeyStatusFilter::Active { now }),
                (None, None) => None,
            },
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
            text_in_owner: filter.text_in_owner && actor.is_admin(),
            mark: filter.health.map(|mark| mark.at(now)),
            order: filter.order,
            after: filter
                .cursor
                .as_deref()
                .and_then(|id| faults.take("cursor", id.parse::<KeyId>())),
            skip: filter.skip.unwrap_or(0),
            most: page_size(filter.limit, &mut faults) + 1,
        };
        if let Some(name) = query.use_case.as_ref().filter(|_| !faults.is_empty()) {
            faults.take_from(self.check_unused_use_case(actor, name).await)?;
        }
        faults.into_result()?;
        (query.owner, query.owner_text) = self.owner_filter(actor, filter.owner.as_deref()).await?;
        Ok(query)
    }

    /// As [`Engine::check_use_case`], for a list that is not going to be read: whether any key that the actor may see has that use
    /// case.
    async fn check_unused_use_case(&self, actor: &Actor, name: &UseCaseName) -> Result<(), EngineError> {
        let (owner, _) = self.owner_filter(actor, None).await?;
        let of_it = KeyQuery {
            owner,
            use_case: Some(name.clone()),
            status: Some(KeyStatusFilter::Any),
            most: 1,
            ..KeyQuery::default()
        };
        if self.store.list_keys(&of_it).await?.is_empty() {
            self.check_use_case(name)?;
        }
        Ok(())
    }

    /// Keys may hold a use case that the configuration does not name any more; a name that neither knows is a fault.
    fn check_use_case(&self, name: &UseCaseName) -> Result<(), EngineError> {
        match self.catalogue.find(name.as_str()) {
            Some(_) => Ok(()),
            None => Err(EngineError::field("use_case", self.no_such_use_case())),
        }
    }

    /// The one owner that is named by id or e-mail address, or, for administrators, what names and addresses of owners hold.
    async fn owner_filter(
        &self,
        actor: &Actor,
        named: Option<&str>,
    ) -> Result<(Option<UserId>, Option<String>), EngineError> {
        let Some(named) = named else {
            return Ok((actor.user().filter(|_| !actor.is_admin()), None));
        };
        match self.find_user(named).await? {
            Some(owner) if actor.may_manage_keys_of(owner.id) => Ok((Some(owner.id), None)),
            None if actor.is_admin() && self.is_part_of_a_user(named).await? => {
                Ok((None, Some(named.to_owned())))
            }
            _ => Err(EngineError::NotFound("user")),
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
