//! Sites: the tenants of the protected API, and the rule that names which of them a key or a user may reach.

use crate::{Revision, Timestamp};
use std::fmt;

/// A site's number in this installation: small, stable across a rename.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SiteId(pub u32);

/// A site's name: 1 to 64 of `A-Za-z0-9._-`, and not `.` or `..`. Case counts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SiteName(Box<str>);

/// Why a text is no site name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a site is 1 to 64 of the characters A-Z a-z 0-9 . _ - (and not . or ..)")]
pub struct SiteFault;

impl SiteName {
    /// Checks and takes a name.
    pub fn new(text: &str) -> Result<Self, SiteFault> {
        if Self::is_valid(text) {
            Ok(Self(text.into()))
        } else {
            Err(SiteFault)
        }
    }

    /// Whether a text could name a site; allocates nothing.
    pub fn is_valid(text: &str) -> bool {
        (1..=64).contains(&text.len())
            && text != "."
            && text != ".."
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for SiteName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SiteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a site is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SiteStatus {
    /// Keys that name it, and keys without a site restriction, reach it.
    Active,
    /// No key reaches it.
    Disabled,
}

/// A tenant of the protected API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Site {
    /// Number, kept for life.
    pub id: SiteId,
    /// Name as it stands in requests; can be changed.
    pub name: SiteName,
    /// Open or not.
    pub status: SiteStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// The revision of its last change.
    pub revision: Revision,
}

/// Which sites are allowed. *Absent* is every site; an *empty* list is none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SiteRule(Sites);

/// One site, the usual case, stands in the record itself: a decision has one place less in memory to fetch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum Sites {
    #[default]
    Any,
    One(SiteId),
    Listed(Box<[SiteId]>),
}

impl SiteRule {
    /// Every site, and routes without one.
    pub const ANY: Self = Self(Sites::Any);

    /// Only the sites named; in any order, repetitions are dropped.
    pub fn listed(sites: impl IntoIterator<Item = SiteId>) -> Self {
        let mut ids: Vec<SiteId> = sites.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Self(match ids[..] {
            [id] => Sites::One(id),
            _ => Sites::Listed(ids.into()),
        })
    }

    /// The list, in ascending order, or `None` for every site.
    pub fn ids(&self) -> Option<&[SiteId]> {
        match &self.0 {
            Sites::Any => None,
            Sites::One(id) => Some(std::slice::from_ref(id)),
            Sites::Listed(ids) => Some(ids),
        }
    }

    /// Whether the rule allows a site.
    pub fn allows(&self, site: SiteId) -> bool {
        self.ids().is_none_or(|ids| ids.binary_search(&site).is_ok())
    }

    /// Whether every site that this rule allows is allowed by `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        match (self.ids(), other.ids()) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(ids), Some(_)) => ids.iter().all(|id| other.allows(*id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p12_a_site_is_1_to_64_of_a_small_alphabet() {
        for good in ["1", "123", "a.b_c-D", &"x".repeat(64), "_", "..."] {
            assert!(SiteName::is_valid(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            &"x".repeat(65),
            &"x".repeat(4096),
            "*",
            "%",
            "' or 1=1--",
            "１",
            "+1",
            "a/b",
        ] {
            assert!(!SiteName::is_valid(bad), "{bad}");
        }
    }

    #[test]
    fn absent_is_everyone_and_empty_is_no_one() {
        let some = SiteRule::listed([SiteId(3), SiteId(1), SiteId(3)]);
        assert_eq!(some.ids(), Some(&[SiteId(1), SiteId(3)][..]));
        let table = [
            (SiteRule::ANY, 1, true),
            (SiteRule::listed([]), 1, false),
            (some.clone(), 3, true),
            (some, 2, false),
        ];
        for (rule, site, allowed) in table {
            assert_eq!(rule.allows(SiteId(site)), allowed, "{rule:?} {site}");
        }
    }

    #[test]
    fn a_rule_is_within_another_when_it_opens_nothing_more() {
        let one = SiteRule::listed([SiteId(1)]);
        let two = SiteRule::listed([SiteId(1), SiteId(2)]);
        assert!(
            one.is_within(&two) && one.is_within(&SiteRule::ANY) && SiteRule::ANY.is_within(&SiteRule::ANY)
        );
        assert!(!two.is_within(&one) && !SiteRule::ANY.is_within(&two));
    }
}
