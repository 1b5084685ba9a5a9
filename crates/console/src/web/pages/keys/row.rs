//! A key in a line of a table.

use super::words::{State, brief, number, state};
use crate::web::page::Page;
use keyward_domain::{RateLimit, Timestamp};
use keyward_engine::KeyView;

/// A key in a line of a table.
pub(super) struct KeyRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) hint: String,
    pub(super) use_case: String,
    /// Whether the key manages Keyward itself.
    pub(super) is_management: bool,
    pub(super) owner: String,
    pub(super) sites: String,
    pub(super) addresses: String,
    pub(super) limit: String,
    pub(super) state: State,
    pub(super) is_deleted: bool,
    pub(super) created: Timestamp,
    pub(super) expires: Option<Timestamp>,
    pub(super) used: Option<Timestamp>,
}

impl KeyRow {
    pub(super) fn of(page: &Page, view: &KeyView) -> Self {
        let key = &view.key;
        Self {
            id: key.id.to_string(),
            name: key.name.to_string(),
            hint: key.hint.as_str().to_owned(),
            use_case: key.use_case.to_string(),
            is_management: key.use_case.is_management(),
            owner: view.owner_email.to_string(),
            sites: brief(page, view.sites.as_deref(), 3, "key-all-sites"),
            addresses: brief(page, key.addresses.nets(), 1, "key-all-addresses"),
            limit: limit_text(page, key.limit),
            state: state(page, view),
            is_deleted: key.is_deleted(),
            created: key.created_at,
            expires: key.expires_at,
            used: view.last_used.map(|used| used.at),
        }
    }
}

/// Requests a minute, as people read it.
pub(super) fn limit_text(page: &Page, limit: Option<RateLimit>) -> String {
    limit.map_or_else(
        || page.t("key-no-limit").into_owned(),
        |limit| {
            let shown = number(page, limit.per_minute().into());
            page.t1("key-per-minute", "number", shown).into_owned()
        },
    )
}
