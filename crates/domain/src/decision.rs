//! The decision: may this key make this request? Steps 4 to 9 of the order that every answer follows.
//!
//! Steps 1 and 2 are [`crate::Presented::parse`] and [`crate::SecretFormat::checksum`], step 3 is the look-up in the
//! replica, step 10 the limiter. The engine strings them together; nobody else may.

use crate::{
    AddressRule, ClientAddress, KeyId, RateLimit, SiteId, SiteRule, StrictPath, Timestamp, UseCase,
    UseCaseNo, UserId,
};

/// Why a request is refused. One reason, the first in the fixed order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// No key was sent.
    KeyMissing,
    /// What was sent cannot be a key.
    KeyMalformed,
    /// No such key, or a deleted one, or a wrong checksum: a guesser learns nothing more.
    KeyInvalid,
    /// The key's owner is disabled or deleted.
    OwnerInactive,
    /// The key is switched off.
    KeyDisabled,
    /// The key is past its expiry.
    KeyExpired,
    /// The site is not one of the key's or of its owner's.
    SiteForbidden,
    /// The client address is not one of the key's.
    IpForbidden,
    /// The key's use case does not open this route.
    UseCaseForbidden,
    /// The key has used up its minute.
    RateLimited,
}

impl Reason {
    /// Every reason, in the order of the decision.
    pub const ALL: [Self; 10] = [
        Self::KeyMissing,
        Self::KeyMalformed,
        Self::KeyInvalid,
        Self::OwnerInactive,
        Self::KeyDisabled,
        Self::KeyExpired,
        Self::SiteForbidden,
        Self::IpForbidden,
        Self::UseCaseForbidden,
        Self::RateLimited,
    ];

    /// The stable code on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::KeyMissing => "key_missing",
            Self::KeyMalformed => "key_malformed",
            Self::KeyInvalid => "key_invalid",
            Self::OwnerInactive => "owner_inactive",
            Self::KeyDisabled => "key_disabled",
            Self::KeyExpired => "key_expired",
            Self::SiteForbidden => "site_forbidden",
            Self::IpForbidden => "ip_forbidden",
            Self::UseCaseForbidden => "use_case_forbidden",
            Self::RateLimited => "rate_limited",
        }
    }

    /// The reason of a code, as stores keep it.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// The HTTP status: 401 for who you are, 403 for where you may go, 429 for how often.
    pub const fn status(self) -> u16 {
        match self {
            Self::KeyMissing
            | Self::KeyMalformed
            | Self::KeyInvalid
            | Self::OwnerInactive
            | Self::KeyDisabled
            | Self::KeyExpired => 401,
            Self::SiteForbidden | Self::IpForbidden | Self::UseCaseForbidden => 403,
            Self::RateLimited => 429,
        }
    }

    /// A short title for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::KeyMissing => "API key missing",
            Self::KeyMalformed => "API key malformed",
            Self::KeyInvalid => "API key invalid",
            Self::OwnerInactive => "API key owner inactive",
            Self::KeyDisabled => "API key disabled",
            Self::KeyExpired => "API key expired",
            Self::SiteForbidden => "Site not allowed",
            Self::IpForbidden => "Client address not allowed",
            Self::UseCaseForbidden => "Use case not allowed",
            Self::RateLimited => "Rate limit exceeded",
        }
    }

    /// What happened and the way out, for the client's developer.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::KeyMissing => "Send your API key in the X-API-KEY header.",
            Self::KeyMalformed => {
                "Send exactly one X-API-KEY header, holding the key alone: at most 255 visible ASCII characters."
            }
            Self::KeyInvalid => "No such API key. Check that the whole key was copied.",
            Self::OwnerInactive => "The user that this API key is linked to is no longer active.",
            Self::KeyDisabled => "This API key is disabled. Its owner can enable it.",
            Self::KeyExpired => "This API key has expired. Create a new one.",
            Self::SiteForbidden => "This API key may not be used for this site.",
            Self::IpForbidden => "This API key may not be used from this address.",
            Self::UseCaseForbidden => "The use case of this API key does not cover this request.",
            Self::RateLimited => {
                "This API key has used up its requests for this minute. Wait as Retry-After says."
            }
        }
    }
}

/// First instant at which a key is refused, or never, in eight bytes: a replica holds one for every key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expiry(Timestamp);

impl Expiry {
    const NEVER: Self = Self(Timestamp::from_millis(i64::MAX));

    /// The instant, unless it is never.
    pub fn at(self) -> Option<Timestamp> {
        Some(self.0).filter(|_| self != Self::NEVER)
    }

    /// Whether a key is past it: valid before the instant, refused from it on.
    pub fn has_come(self, now: Timestamp) -> bool {
        self != Self::NEVER && now >= self.0
    }
}

impl From<Option<Timestamp>> for Expiry {
    fn from(at: Option<Timestamp>) -> Self {
        at.map_or(Self::NEVER, Self)
    }
}

/// What the decision needs to know of a key.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// Id.
    pub id: KeyId,
    /// Switched on.
    pub active: bool,
    /// First instant at which it is refused.
    pub expiry: Expiry,
    /// What it is for.
    pub use_case: UseCaseNo,
    /// Sites that it reaches.
    pub sites: SiteRule,
    /// Clients that may use it.
    pub addresses: AddressRule,
    /// Requests a minute.
    pub limit: Option<RateLimit>,
}

/// What the decision needs to know of a key's owner.
#[derive(Clone, Debug)]
pub struct OwnerRecord {
    /// Id.
    pub id: UserId,
    /// Active and not deleted.
    pub valid: bool,
    /// Sites that the owner's keys reach at most.
    pub sites: SiteRule,
}

/// The site of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestSite {
    /// The route has none.
    None,
    /// A well-formed name that is no registered site: open to keys without a site restriction.
    Unregistered,
    /// A registered site that is open.
    Open(SiteId),
    /// A registered site that is disabled: open to nobody.
    Disabled,
}

/// What the decision needs to know of a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// The site.
    pub site: RequestSite,
    /// The client.
    pub client: ClientAddress,
    /// The exact method.
    pub method: &'a str,
    /// The path, judged.
    pub path: StrictPath<'a>,
}

/// Decides steps 4 to 9: owner, status, expiry, site, address, use case. Pure; allocates nothing.
///
/// `use_case` is the catalogue's entry for the record; `None` (it has left the configuration) opens nothing.
///
/// # Errors
/// The first reason that stands against the request.
pub fn decide(
    key: &KeyRecord,
    owner: &OwnerRecord,
    use_case: Option<&UseCase>,
    request: &RequestFacts<'_>,
    now: Timestamp,
) -> Result<(), Reason> {
    check_key(key, owner, now)?;
    if !site_allowed(&key.sites, request.site) || !site_allowed(&owner.sites, request.site) {
        return Err(Reason::SiteForbidden);
    }
    if !key.addresses.allows(request.client) {
        return Err(Reason::IpForbidden);
    }
    if !use_case.is_some_and(|use_case| use_case.opens(request.method, &request.path)) {
        return Err(Reason::UseCaseForbidden);
    }
    Ok(())
}

/// Steps 4 to 6 alone: is the key itself good, wherever it is used?
///
/// # Errors
/// [`Reason::OwnerInactive`], [`Reason::KeyDisabled`] or [`Reason::KeyExpired`].
fn check_key(key: &KeyRecord, owner: &OwnerRecord, now: Timestamp) -> Result<(), Reason> {
    if !owner.valid {
        return Err(Reason::OwnerInactive);
    }
    if !key.active {
        return Err(Reason::KeyDisabled);
    }
    if key.expiry.has_come(now) {
        return Err(Reason::KeyExpired);
    }
    Ok(())
}

/// The decision on the console plane: steps 4 to 6, 8, and that the key is of the use case `management`.
///
/// # Errors
/// The first reason that stands against the request.
pub fn decide_management(
    key: &KeyRecord,
    owner: &OwnerRecord,
    use_case: Option<&UseCase>,
    client: ClientAddress,
    now: Timestamp,
) -> Result<(), Reason> {
    check_key(key, owner, now)?;
    if !key.addresses.allows(client) {
        return Err(Reason::IpForbidden);
    }
    if !use_case.is_some_and(|use_case| use_case.name.is_management()) {
        return Err(Reason::UseCaseForbidden);
    }
    Ok(())
}

fn site_allowed(rule: &SiteRule, site: RequestSite) -> bool {
    match site {
        RequestSite::None | RequestSite::Unregistered => rule.ids().is_none(),
        RequestSite::Open(id) => rule.allows(id),
        RequestSite::Disabled => false,
    }
}

#[cfg(test)]
mod tests;
