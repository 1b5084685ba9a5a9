//! The sites, by name for requests and by id for keys.

use foldhash::fast::FixedState;
use keyward_domain::{RequestSite, SiteId, SiteName, SiteRule, SiteStatus};
use std::collections::HashMap;

/// All sites of one instant; a change makes another table.
#[derive(Clone, Default)]
pub(super) struct SiteTable {
    by_name: HashMap<SiteName, (SiteId, SiteStatus), FixedState>,
    by_id: HashMap<SiteId, SiteName, FixedState>,
}

impl SiteTable {
    pub(super) fn put(&mut self, id: SiteId, name: SiteName, status: SiteStatus) {
        if let Some(old) = self.by_id.insert(id, name.clone()) {
            // Two sites may have swapped names in one feed: only the site's own entry goes.
            if self.by_name.get(&old).is_some_and(|(owner, _)| *owner == id) {
                self.by_name.remove(&old);
            }
        }
        self.by_name.insert(name, (id, status));
    }

    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = (SiteId, &SiteName, SiteStatus)> {
        self.by_name
            .iter()
            .map(|(name, (id, status))| (*id, name, *status))
    }

    /// What the site of a request is.
    pub(super) fn of_request(&self, name: &str) -> RequestSite {
        match self.by_name.get(name) {
            None => RequestSite::Unregistered,
            Some((id, SiteStatus::Active)) => RequestSite::Open(*id),
            Some((_, SiteStatus::Disabled)) => RequestSite::Disabled,
        }
    }

    /// The names of the sites that a rule lists; `None` of a rule that is open to all.
    pub(super) fn names(&self, rule: &SiteRule) -> Option<Vec<SiteName>> {
        let ids = rule.ids()?;
        Some(ids.iter().filter_map(|id| self.by_id.get(id).cloned()).collect())
    }
}
