//! Keys: the record behind a secret, and the changes it allows.

use crate::{
    AddressRule, Description, Fingerprint, Hint, KeyId, Name, Revision, SiteRule, Timestamp, UseCaseName,
    UserId,
};
use std::num::NonZeroU32;

/// How long a deleted key can be restored; afterwards it is purged.
pub const RESTORE_DAYS: i64 = 30;

/// Requests a minute: 1 to 1,000,000. No limit is `Option::None` around it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RateLimit(NonZeroU32);

/// A number that is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a limit is 1 to 1,000,000 requests a minute")]
pub struct RateLimitFault;

impl RateLimit {
    /// The highest limit.
    pub const MAX: u32 = 1_000_000;
    /// The lowest.
    pub const LEAST: Self = Self(NonZeroU32::MIN);

    /// Checks and takes a number of requests a minute.
    pub fn new(per_minute: u32) -> Result<Self, RateLimitFault> {
        match NonZeroU32::new(per_minute) {
            Some(number) if per_minute <= Self::MAX => Ok(Self(number)),
            _ => Err(RateLimitFault),
        }
    }

    /// Requests a minute.
    pub const fn per_minute(self) -> u32 {
        self.0.get()
    }
}

/// The life of a key. Expiry is not a status: it is read off the clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyStatus {
    /// Accepted, when everything else allows it.
    Active,
    /// Switched off; can be enabled again.
    Disabled,
    /// Gone for clients; can be restored for [`RESTORE_DAYS`].
    Deleted {
        /// When it was deleted.
        at: Timestamp,
        /// Whether a restored key is active again.
        was_active: bool,
    },
}

/// A key, as people manage it. The hot path uses the smaller [`crate::KeyRecord`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// Id.
    pub id: KeyId,
    /// The user that the key is linked to.
    pub owner: UserId,
    /// Name for people.
    pub name: Name,
    /// Description for people.
    pub description: Description,
    /// What the key is for; never changed.
    pub use_case: UseCaseName,
    /// SHA-256 of the secret; never leaves the store and the replica.
    pub fingerprint: Fingerprint,
    /// What people tell the secret by.
    pub hint: Hint,
    /// Life.
    pub status: KeyStatus,
    /// First instant at which the key is refused; never changed.
    pub expires_at: Option<Timestamp>,
    /// Sites that the key reaches.
    pub sites: SiteRule,
    /// Clients that may use the key.
    pub addresses: AddressRule,
    /// Requests a minute.
    pub limit: Option<RateLimit>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// The revision of its last change.
    pub revision: Revision,
}

/// What an edit of a key changes; `None` leaves a field as it is. Use case and expiry have no place here: "the use
/// case and expiration date of the key cannot be modified" (mission).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeyPatch {
    /// New name.
    pub name: Option<Name>,
    /// New description.
    pub description: Option<Description>,
    /// New sites.
    pub sites: Option<SiteRule>,
    /// New addresses.
    pub addresses: Option<AddressRule>,
    /// New limit; `Some(None)` removes it.
    pub limit: Option<Option<RateLimit>>,
}

/// A change that the state of a key or a user does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransitionFault {
    /// It is deleted.
    #[error("it is deleted")]
    Deleted,
    /// It is not deleted, so it cannot be restored.
    #[error("it is not deleted")]
    NotDeleted,
    /// It was deleted too long ago.
    #[error("it was deleted more than {RESTORE_DAYS} days ago")]
    TooLate,
}

impl Key {
    /// Whether the key is past its expiry: valid before the instant, refused from it on.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| now >= at)
    }

    /// Whether the key is deleted.
    pub fn is_deleted(&self) -> bool {
        matches!(self.status, KeyStatus::Deleted { .. })
    }

    /// The word for its state that people see: `active`, `disabled`, `expired` or `deleted`.
    pub fn state(&self, now: Timestamp) -> &'static str {
        match self.status {
            KeyStatus::Deleted { .. } => "deleted",
            _ if self.is_expired(now) => "expired",
            KeyStatus::Disabled => "disabled",
            KeyStatus::Active => "active",
        }
    }

    /// Switches the key on; nothing happens to one that is on.
    pub fn enable(&mut self) -> Result<(), TransitionFault> {
        self.not_deleted()?;
        self.status = KeyStatus::Active;
        Ok(())
    }

    /// Switches the key off; nothing happens to one that is off.
    pub fn disable(&mut self) -> Result<(), TransitionFault> {
        self.not_deleted()?;
        self.status = KeyStatus::Disabled;
        Ok(())
    }

    /// Deletes the key, softly.
    pub fn delete(&mut self, now: Timestamp) -> Result<(), TransitionFault> {
        self.not_deleted()?;
        self.status = KeyStatus::Deleted {
            at: now,
            was_active: self.status == KeyStatus::Active,
        };
        Ok(())
    }

    /// Takes a deletion back, to the status before it.
    pub fn restore(&mut self, now: Timestamp) -> Result<(), TransitionFault> {
        let KeyStatus::Deleted { at, was_active } = self.status else {
            return Err(TransitionFault::NotDeleted);
        };
        if now >= at.plus_days(RESTORE_DAYS) {
            return Err(TransitionFault::TooLate);
        }
        self.status = if was_active {
            KeyStatus::Active
        } else {
            KeyStatus::Disabled
        };
        Ok(())
    }

    /// Takes the fields of a patch.
    pub fn apply(&mut self, patch: KeyPatch) -> Result<(), TransitionFault> {
        self.not_deleted()?;
        if let Some(name) = patch.name {
            self.name = name;
        }
        if let Some(description) = patch.description {
            self.description = description;
        }
        if let Some(sites) = patch.sites {
            self.sites = sites;
        }
        if let Some(addresses) = patch.addresses {
            self.addresses = addresses;
        }
        if let Some(limit) = patch.limit {
            self.limit = limit;
        }
        Ok(())
    }

    fn not_deleted(&self) -> Result<(), TransitionFault> {
        if self.is_deleted() {
            Err(TransitionFault::Deleted)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key {
            id: KeyId::from_bytes([1; 16]),
            owner: UserId::from_bytes([2; 16]),
            name: Name::new("n").unwrap(),
            description: Description::new("").unwrap(),
            use_case: UseCaseName::new("rest-api").unwrap(),
            fingerprint: Fingerprint::from_bytes([3; 32]),
            hint: Hint::stored("kw_…abcd"),
            status: KeyStatus::Active,
            expires_at: Some(Timestamp::from_millis(1000)),
            sites: SiteRule::ANY,
            addresses: AddressRule::ANY,
            limit: None,
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
            revision: Revision(1),
        }
    }

    #[test]
    fn l6_a_limit_is_1_to_a_million() {
        assert_eq!(RateLimit::new(0), Err(RateLimitFault));
        assert_eq!(RateLimit::new(1_000_001), Err(RateLimitFault));
        assert_eq!(RateLimit::new(u32::MAX), Err(RateLimitFault));
        assert_eq!(RateLimit::new(1).map(RateLimit::per_minute), Ok(1));
        assert_eq!(
            RateLimit::new(1_000_000).map(RateLimit::per_minute),
            Ok(1_000_000)
        );
    }

    #[test]
    fn r9_a_key_is_valid_before_its_expiry_and_refused_from_it_on() {
        let at = |millis| key().is_expired(Timestamp::from_millis(millis));
        assert_eq!((at(999), at(1000), at(1001)), (false, true, true));
    }

    #[test]
    fn a10_a_deleted_key_comes_back_only_by_restore_and_within_30_days() {
        let deleted_at = Timestamp::from_millis(5_000);
        for disabled_before in [false, true] {
            let mut key = key();
            if disabled_before {
                key.disable().unwrap();
            }
            let before = key.status;
            key.delete(deleted_at).unwrap();
            assert_eq!(key.enable(), Err(TransitionFault::Deleted));
            assert_eq!(key.disable(), Err(TransitionFault::Deleted));
            assert_eq!(key.delete(deleted_at), Err(TransitionFault::Deleted));
            assert_eq!(key.apply(KeyPatch::default()), Err(TransitionFault::Deleted));
            assert_eq!(
                key.restore(deleted_at.plus_days(30)),
                Err(TransitionFault::TooLate)
            );
            assert_eq!(key.restore(deleted_at.plus_days(30).plus_millis(-1)), Ok(()));
            assert_eq!(key.status, before);
            assert_eq!(key.restore(deleted_at), Err(TransitionFault::NotDeleted));
        }
    }
}
