//! Words of the domain, in the person's language.

use crate::web::page::Page;
use keyward_domain::{Role, Site, SiteName, SiteStatus, User, UserStatus};
use std::borrow::Cow;

/// How many sites are named before the rest is counted.
const NAMED: usize = 3;

/// A word with a colour.
pub(super) struct Badge {
    pub(super) kind: &'static str,
    pub(super) text: Cow<'static, str>,
}

pub(super) fn role(page: &Page, role: Role) -> Cow<'static, str> {
    match role {
        Role::Admin => page.t("admin-role-admin"),
        Role::Member => page.t("admin-role-member"),
    }
}

pub(super) fn user_status(page: &Page, user: &User) -> Badge {
    let (kind, text) = match user.status {
        UserStatus::Active => ("good", page.t("admin-status-active")),
        UserStatus::Disabled => ("warn", page.t("admin-status-disabled")),
        UserStatus::Deleted { .. } => ("bad", page.t("admin-status-deleted")),
    };
    Badge { kind, text }
}

pub(super) fn site_status(page: &Page, site: &Site) -> Badge {
    let (kind, text) = match site.status {
        SiteStatus::Active => ("good", page.t("admin-site-open")),
        SiteStatus::Disabled => ("warn", page.t("admin-status-disabled")),
    };
    Badge { kind, text }
}

/// Which sites a user's keys may reach.
pub(super) fn sites(page: &Page, names: Option<&[SiteName]>) -> String {
    let Some(names) = names else {
        return page.t("admin-sites-every").into_owned();
    };
    if names.is_empty() {
        return page.t("admin-sites-no").into_owned();
    }
    let shown: Vec<&str> = names.iter().take(NAMED).map(SiteName::as_str).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => page
            .t2("admin-sites-more", ("shown", shown), ("more", more))
            .into_owned(),
    }
}

/// The text of an id that is put together from a word of the domain, or the word itself when there is none.
pub(super) fn text_or(page: &Page, id: &str, word: &str) -> String {
    let text = page.t(id);
    if text == id {
        word.to_owned()
    } else {
        text.into_owned()
    }
}

/// A name for the middle of a sentence: signs that turn the direction of text round end with it (UAX #9, isolates).
pub(super) fn isolated(name: &str) -> String {
    format!("\u{2068}{name}\u{2069}")
}
