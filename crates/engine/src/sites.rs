//! Sites: create, list, show, rename, disable, enable.

use crate::access::check_seen;
use crate::audit::site_snapshot;
use crate::draft::Faults;
use crate::in_force::{InForce, Refusal};
use crate::once::check_same_request;
use crate::{Actor, Created, Engine, EngineError, Once, Page, PageAsk, SiteDraft, SiteEdit, Subject};
use keyward_domain::{Revision, Site, SiteId, SiteName, SiteRule, SiteStatus};
use keyward_store::{AuditEvent, Inserted};
use serde_json::{Value, json};
use std::ops::Deref;

/// The action of a changed name.
const RENAME: &str = "site.rename";

/// The action of a changed status.
fn switch(active: bool) -> &'static str {
    if active { "site.enable" } else { "site.disable" }
}

/// A site, as people see it.
#[derive(Clone, Debug)]
pub struct SiteView {
    site: Site,
    _in_force: InForce,
}

impl Deref for SiteView {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl Engine {
    /// Makes a site. Admins only.
    ///
    /// # Errors
    /// `Invalid` names every field that cannot be taken; `Conflict` (`site_exists`).
    pub async fn create_site(
        &self,
        actor: &Actor,
        draft: impl Into<SiteDraft>,
        once: Option<&Once>,
    ) -> Result<Created<SiteView, SiteView>, EngineError> {
        self.require_admin(actor, "site.create", Subject::New("site"))
            .await?;
        self.answer(self.insert_site(actor, &draft.into(), once).await)
            .await
    }

    async fn insert_site(
        &self,
        actor: &Actor,
        draft: &SiteDraft,
        once: Option<&Once>,
    ) -> Result<Created<SiteView, SiteView>, Refusal> {
        let mut faults = Faults::of(&draft.misread);
        let earlier = faults.take_from(self.find_earlier(actor, once).await)?;
        if let Some(earlier) = earlier.flatten() {
            return Ok(Created::Replay(self.get_site_by_id(&earlier).await?));
        }
        let name = faults.take("name", self.shown(&draft.name, SiteName::new));
        let claim = faults.take_from(self.claim(actor, once))?;
        faults.into_result()?;
        let (Some(name), Some(claim)) = (name, claim) else {
            return Err(EngineError::Invalid(Vec::new()).into());
        };
        let site = Site {
            id: SiteId(0),
            name: name.clone(),
            status: SiteStatus::Active,
            created_at: self.clock.now(),
            revision: Revision(0),
        };
        let event = self.change_event(
            actor,
            "site.create",
            ("site", name.as_str()),
            None,
            Some(site_snapshot(&site)),
        )?;
        match self.store.insert_site(&site, &event, claim.as_ref()).await? {
            Inserted::New(revision) => {
                self.confirm(revision).await?;
                Ok(Created::New(self.get_site(actor, name.as_str()).await?))
            }
            Inserted::Replay { target, request_hash } => {
                check_same_request(once, request_hash)?;
                Ok(Created::Replay(self.get_site_by_id(&target).await?))
            }
        }
    }

    /// Lists sites by name. Members see those that they may use.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot answer.
    pub async fn list_sites(&self, actor: &Actor) -> Result<Vec<SiteView>, EngineError> {
        let visible = self.visible_sites(actor).await?;
        let mut sites = self.store.list_sites().await?;
        sites.retain(|site| visible.allows(site.id));
        let here = self.confirm_read(sites.iter().map(|site| site.revision)).await?;
        let view = |site| SiteView {
            site,
            _in_force: here,
        };
        Ok(sites.into_iter().map(view).collect())
    }

    /// Lists sites by name, a page of them. Members see those that they may use.
    ///
    /// # Errors
    /// `Invalid` for a page that there cannot be.
    pub async fn list_sites_page(&self, actor: &Actor, ask: &PageAsk) -> Result<Page<SiteView>, EngineError> {
        let mut sites = self.list_sites(actor).await?;
        sites.sort_by(|a, b| a.name.cmp(&b.name));
        let starts = |sites: &[SiteView], cursor: &str| {
            let last = SiteName::new(cursor).ok()?;
            Some(sites.partition_point(|site| site.name <= last))
        };
        Page::of_whole(sites, ask, starts, |site| site.name.to_string())
    }

    /// Shows a site.
    ///
    /// # Errors
    /// `NotFound` for sites that the actor may not know of.
    pub async fn get_site(&self, actor: &Actor, name: &str) -> Result<SiteView, EngineError> {
        let not_found = EngineError::NotFound("site");
        let Ok(name) = SiteName::new(name) else {
            return Err(not_found);
        };
        match self.store.find_site(&name).await? {
            Some(site) if self.visible_sites(actor).await?.allows(site.id) => self.site_view(site).await,
            _ => Err(not_found),
        }
    }

    /// Renames, disables or enables a site: in force from the return on. Keys follow a renamed site. Admins only.
    ///
    /// # Errors
    /// `Invalid` for a name that is none; `Stale`; `Conflict` (`site_exists`).
    pub async fn edit_site(
        &self,
        actor: &Actor,
        name: &str,
        edit: &SiteEdit,
        seen: Option<Revision>,
    ) -> Result<SiteView, EngineError> {
        let asked = edit.active.map_or(RENAME, switch);
        self.require_admin(actor, asked, Subject::Site(name)).await?;
        let mut faults = Faults::of(&edit.misread);
        let new_name = edit
            .name
            .as_deref()
            .and_then(|name| faults.take("name", self.shown(name, SiteName::new)));
        faults.into_result()?;
        let written = self.write_site(actor, name, new_name, edit.active, seen).await;
        self.answer(written).await
    }

    /// Reads, changes and writes a site; when somebody else was faster and the caller did not say what it has seen, again.
    async fn write_site(
        &self,
        actor: &Actor,
        name: &str,
        new_name: Option<SiteName>,
        active: Option<bool>,
        seen: Option<Revision>,
    ) -> Result<SiteView, Refusal> {
        loop {
            let before = self.get_site(actor, name).await?.site;
            check_seen(seen, before.revision)?;
            let mut after = before.clone();
            after.name = new_name.clone().unwrap_or(after.name);
            after.status = match active {
                None => after.status,
                Some(true) => SiteStatus::Active,
                Some(false) => SiteStatus::Disabled,
            };
            if after == before {
                return Ok(self.site_view(after).await?);
            }
            let events = self.site_events(actor, &before, &after)?;
            let written = self.store.update_site(&after, before.revision, &events).await;
            if let Some(revision) = self.settle(written, seen).await? {
                after.revision = revision;
                return Ok(self.site_view(after).await?);
            }
        }
    }

    /// One event for each thing that changed, so that whoever looks for either finds it.
    fn site_events(&self, actor: &Actor, before: &Site, after: &Site) -> Result<Vec<AuditEvent>, Refusal> {
        let (was, is) = (site_snapshot(before), site_snapshot(after));
        let changed = [
            ("name", RENAME, before.name != after.name),
            (
                "active",
                switch(after.status == SiteStatus::Active),
                before.status != after.status,
            ),
        ];
        let changed = changed.into_iter().filter(|(_, _, is_other)| *is_other);
        let event = |(field, action, _): (&str, &str, bool)| {
            let of = |snapshot: &Value| Some(json!({ field: snapshot[field] }));
            self.change_event(actor, action, ("site", before.name.as_str()), of(&was), of(&is))
        };
        changed.map(event).collect()
    }

    /// The site that an insert has told of by its number: it may have another name by now.
    async fn get_site_by_id(&self, number: &str) -> Result<SiteView, EngineError> {
        let sites = self.store.list_sites().await?;
        let site = sites.into_iter().find(|site| site.id.0.to_string() == number);
        self.site_view(site.ok_or(EngineError::NotFound("site"))?).await
    }

    async fn site_view(&self, site: Site) -> Result<SiteView, EngineError> {
        let here = self.confirm_read([site.revision]).await?;
        Ok(SiteView {
            site,
            _in_force: here,
        })
    }

    pub(crate) async fn visible_sites(&self, actor: &Actor) -> Result<SiteRule, EngineError> {
        match actor.user() {
            Some(id) if !actor.is_admin() => Ok(self
                .store
                .find_user(id)
                .await?
                .map_or_else(|| SiteRule::listed([]), |user| user.sites)),
            _ => Ok(SiteRule::ANY),
        }
    }
}
