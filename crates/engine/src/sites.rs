//! Sites: create, list, show, rename, disable, enable.

use crate::access::check_seen;
use crate::audit::site_snapshot;
use crate::draft::Faults;
use crate::once::check_same_request;
use crate::{Actor, Created, Engine, EngineError, Once, SiteEdit};
use keyward_domain::{Revision, Site, SiteId, SiteName, SiteRule, SiteStatus};
use keyward_store::Inserted;

/// A site, as people see it.
pub type SiteView = Site;

impl Engine {
    /// Makes a site. Admins only.
    ///
    /// # Errors
    /// `Invalid` for a name that is none; `Conflict` (`site_exists`).
    pub async fn create_site(
        &self,
        actor: &Actor,
        name: &str,
        once: Option<&Once>,
    ) -> Result<Created<SiteView, SiteView>, EngineError> {
        self.require_admin(actor, "site.create", ("site", "")).await?;
        let name = SiteName::new(name).map_err(|fault| EngineError::field("name", fault.to_string()))?;
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
        let claim = self.claim(actor, once)?;
        match self.store.insert_site(&site, &event, claim.as_ref()).await? {
            Inserted::New(revision) => {
                self.confirm(revision).await?;
                Ok(Created::New(self.get_site(actor, name.as_str()).await?))
            }
            Inserted::Replay { target, request_hash } => {
                check_same_request(once, request_hash)?;
                Ok(Created::Replay(self.get_site(actor, &target).await?))
            }
        }
    }

    /// Lists sites by name. Members see those that they may use.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot answer.
    pub async fn list_sites(&self, actor: &Actor) -> Result<Vec<SiteView>, EngineError> {
        let visible = self.visible_sites(actor).await?;
        Ok(self
            .store
            .list_sites()
            .await?
            .into_iter()
            .filter(|site| visible.allows(site.id))
            .collect())
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
            Some(site) if self.visible_sites(actor).await?.allows(site.id) => Ok(site),
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
        let action = match (&edit.name, edit.active) {
            (Some(_), _) => "site.rename",
            (None, Some(false)) => "site.disable",
            (None, _) => "site.enable",
        };
        self.require_admin_of_site(actor, action, name).await?;
        let mut faults = Faults::default();
        let new_name = edit
            .name
            .as_deref()
            .and_then(|name| faults.take("name", SiteName::new(name)));
        faults.into_result()?;
        loop {
            let before = self.get_site(actor, name).await?;
            check_seen(seen, before.revision)?;
            let mut after = before.clone();
            after.name = new_name.clone().unwrap_or(after.name);
            after.status = match edit.active {
                None => after.status,
                Some(true) => SiteStatus::Active,
                Some(false) => SiteStatus::Disabled,
            };
            if after == before {
                return Ok(after);
            }
            let snapshots = (site_snapshot(&before), site_snapshot(&after));
            let target = ("site", before.name.as_str());
            let event = self.change_event(actor, action, target, Some(snapshots.0), Some(snapshots.1))?;
            let written = self.store.update_site(&after, before.revision, &event).await;
            if let Some(revision) = self.settle(written, seen).await? {
                after.revision = revision;
                return Ok(after);
            }
        }
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
