//! Health: active keys that are worth a look, and why.
//!
//! Who adds a mark adds it to [`HealthMark`], what it means to the store, and a field of [`KeyHealth`].

use crate::{Actor, Direction, Engine, EngineError, KeyFilter, KeyOrder, KeyView};
use keyward_domain::Timestamp;
use keyward_store::KeyMark;

/// Examples of each mark.
const EXAMPLES: u32 = 5;

/// Why a key is worth a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthMark {
    /// It was never granted.
    NeverUsed,
    /// It was granted once, but not in the last 90 days.
    Unused90Days,
    /// It does not expire.
    NoExpiry,
    /// Every client may use it.
    NoAddressRestriction,
    /// It expires within 14 days.
    Expiring14Days,
}

/// How many keys one thing is true of.
#[derive(Clone, Debug)]
pub struct HealthCount {
    /// All of them.
    pub count: u64,
    /// Up to 5: those that expire first, were unused for longest, or else are the newest.
    pub examples: Vec<KeyView>,
}

/// Active keys that are worth a look. A key may be in several.
#[derive(Clone, Debug)]
pub struct KeyHealth {
    /// See [`HealthMark::NeverUsed`].
    pub never_used: HealthCount,
    /// See [`HealthMark::Unused90Days`].
    pub unused_90_days: HealthCount,
    /// See [`HealthMark::NoExpiry`].
    pub no_expiry: HealthCount,
    /// See [`HealthMark::NoAddressRestriction`].
    pub no_address_restriction: HealthCount,
    /// See [`HealthMark::Expiring14Days`].
    pub expiring_14_days: HealthCount,
}

impl HealthMark {
    /// Every mark.
    pub const ALL: [Self; 5] = [
        Self::NeverUsed,
        Self::Unused90Days,
        Self::NoExpiry,
        Self::NoAddressRestriction,
        Self::Expiring14Days,
    ];

    /// Its name in addresses of pages.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NeverUsed => "never_used",
            Self::Unused90Days => "unused_90_days",
            Self::NoExpiry => "no_expiry",
            Self::NoAddressRestriction => "no_address_restriction",
            Self::Expiring14Days => "expiring_14_days",
        }
    }

    /// The mark of a name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mark| mark.code() == code)
    }

    /// What it means at an instant.
    pub(super) fn at(self, now: Timestamp) -> KeyMark {
        match self {
            Self::NeverUsed => KeyMark::NeverUsed,
            Self::Unused90Days => KeyMark::UnusedSince(now.plus_days(-90)),
            Self::NoExpiry => KeyMark::NoExpiry,
            Self::NoAddressRestriction => KeyMark::NoAddressRestriction,
            Self::Expiring14Days => KeyMark::ExpiresBy(now.plus_days(14)),
        }
    }

    /// The order that brings the most pressing keys to the top.
    fn order(self) -> KeyOrder {
        match self {
            Self::Unused90Days => KeyOrder::LastUsed(Direction::Ascending),
            Self::Expiring14Days => KeyOrder::Expires(Direction::Ascending),
            Self::NeverUsed | Self::NoExpiry | Self::NoAddressRestriction => KeyOrder::default(),
        }
    }
}

impl Engine {
    /// Counts the active keys that are worth a look: all of them or one owner's (id or e-mail) to admins, to members their
    /// own.
    ///
    /// # Errors
    /// `NotFound` for owners that the actor may not know of.
    pub async fn key_health(&self, actor: &Actor, owner: Option<&str>) -> Result<KeyHealth, EngineError> {
        let count = |mark| self.health_count(actor, owner, mark);
        Ok(KeyHealth {
            never_used: count(HealthMark::NeverUsed).await?,
            unused_90_days: count(HealthMark::Unused90Days).await?,
            no_expiry: count(HealthMark::NoExpiry).await?,
            no_address_restriction: count(HealthMark::NoAddressRestriction).await?,
            expiring_14_days: count(HealthMark::Expiring14Days).await?,
        })
    }

    async fn health_count(
        &self,
        actor: &Actor,
        owner: Option<&str>,
        mark: HealthMark,
    ) -> Result<HealthCount, EngineError> {
        let filter = KeyFilter {
            owner: owner.map(str::to_owned),
            health: Some(mark),
            order: mark.order(),
            limit: Some(EXAMPLES),
            ..KeyFilter::default()
        };
        let count = self.count_keys(actor, &filter).await?;
        // Looking for what is not there takes as long as counting it did.
        let examples = if count == 0 {
            Vec::new()
        } else {
            self.list_keys(actor, &filter).await?.items
        };
        Ok(HealthCount { count, examples })
    }
}
