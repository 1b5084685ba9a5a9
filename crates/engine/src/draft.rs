//! What people and programs send, in plain texts and numbers; the use cases turn it into domain values, and name every
//! field that cannot be.

mod choice;

use crate::{Engine, EngineError, FieldFault};
use keyward_domain::{AddressRule, RateLimit};

pub use choice::{
    ADDRESSES, Choice, ChoiceFault, ChoiceForm, EXPIRES_AT, ExpiryDraft, LIMIT, LimitDraft, RestrictionDraft,
    SITES, read_choice,
};

/// A key to be made.
#[derive(Clone, Debug, Default)]
pub struct KeyDraft {
    /// The owner's id or e-mail; absent is the actor.
    pub owner: Option<String>,
    /// Name: 1 to 64 characters.
    pub name: String,
    /// Description: up to 500 characters.
    pub description: Option<String>,
    /// Use case; absent is the first configured.
    pub use_case: Option<String>,
    /// From when on it is refused.
    pub expires_at: ExpiryDraft,
    /// Site names.
    pub sites: RestrictionDraft,
    /// Addresses and networks.
    pub addresses: RestrictionDraft,
    /// How many requests it has.
    pub limit: LimitDraft,
    /// Fields that were sent and could not be read: told together with what else is wrong, and nothing is done.
    pub misread: Vec<FieldFault>,
}

/// A change of a key; absent fields stay as they are.
#[derive(Clone, Debug, Default)]
pub struct KeyEdit {
    /// New name.
    pub name: Option<String>,
    /// New description.
    pub description: Option<String>,
    /// New sites.
    pub sites: Option<RestrictionDraft>,
    /// New addresses.
    pub addresses: Option<RestrictionDraft>,
    /// New limit.
    pub limit: Option<LimitDraft>,
    /// Fields that were sent and could not be read: told together with what else is wrong, and nothing is done.
    pub misread: Vec<FieldFault>,
}

/// A user to be made.
#[derive(Clone, Debug, Default)]
pub struct UserDraft {
    /// E-mail address.
    pub email: String,
    /// Name: 1 to 64 characters; absent is the e-mail address up to the `@`.
    pub name: Option<String>,
    /// `admin` or `member`; absent is `member`.
    pub role: Option<String>,
    /// Site names.
    pub sites: RestrictionDraft,
    /// Fields that were sent and could not be read: told together with what else is wrong, and nothing is done.
    pub misread: Vec<FieldFault>,
}

/// A change of a user; absent fields stay as they are.
#[derive(Clone, Debug, Default)]
pub struct UserEdit {
    /// New name.
    pub name: Option<String>,
    /// New role.
    pub role: Option<String>,
    /// New sites.
    pub sites: Option<RestrictionDraft>,
    /// Fields that were sent and could not be read: told together with what else is wrong, and nothing is done.
    pub misread: Vec<FieldFault>,
}

/// A site to be made.
#[derive(Clone, Debug, Default)]
pub struct SiteDraft {
    /// Name: 1 to 64 of `A-Za-z0-9._-`.
    pub name: String,
    /// Fields that were sent and could not be read: told together with what else is wrong, and nothing is done.
    pub misread: Vec<FieldFault>,
}

impl<T: AsRef<str> + ?Sized> From<&T> for SiteDraft {
    fn from(name: &T) -> Self {
        Self {
            name: name.as_ref().to_owned(),
            misread: Vec::new(),
        }
    }
}

/// A change of a site; absent fields stay as they are.
#[derive(Clone, Debug, Default)]
pub struct SiteEdit {
    /// New name.
    pub name: Option<String>,
    /// Open (`true`) or disabled.
    pub active: Option<bool>,
    /// Fields that were sent and could not be read: told together with what else is wrong, and nothing is done.
    pub misread: Vec<FieldFault>,
}

/// Collects the faults of all fields, so that one answer names them all, each field once.
#[derive(Default)]
pub(crate) struct Faults(Vec<FieldFault>);

impl Faults {
    /// Begins with the fields that could not be read. What stands in for their values is not found at fault again.
    pub(crate) fn of(misread: &[FieldFault]) -> Self {
        Self(misread.to_vec())
    }

    /// Whether there is something against a field already.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.0.iter().any(|fault| fault.field == field)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn take<T, E: ToString>(&mut self, field: &'static str, parsed: Result<T, E>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(fault) => {
                self.add(field, fault.to_string());
                None
            }
        }
    }

    /// What a question gives, or `None` when its answer is faults of fields: they are collected with the others.
    pub(crate) fn take_from<T>(&mut self, answer: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
        match answer {
            Ok(value) => Ok(Some(value)),
            Err(EngineError::Invalid(faults)) => {
                for fault in faults {
                    self.push(fault);
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) fn add(&mut self, field: &'static str, message: impl Into<String>) {
        self.push(FieldFault::new(field, message));
    }

    fn push(&mut self, fault: FieldFault) {
        if !self.has(&fault.field) {
            self.0.push(fault);
        }
    }

    pub(crate) fn into_result(self) -> Result<(), EngineError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(EngineError::Invalid(self.0))
        }
    }

    pub(crate) fn into_faults(self) -> Vec<FieldFault> {
        self.0
    }
}

impl Engine {
    /// Reads a text that is shown to others and stays in the audit log: no place for a secret of ours.
    pub(crate) fn shown<T, E: ToString>(
        &self,
        text: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, String> {
        if self.format.is_in(text) {
            return Err("holds a secret, which would be shown to others: write something else".to_owned());
        }
        read(text).map_err(|fault| fault.to_string())
    }
}

pub(crate) fn parse_limit(limit: LimitDraft) -> Result<Option<RateLimit>, keyward_domain::RateLimitFault> {
    match limit {
        LimitDraft::Unlimited => Ok(None),
        LimitDraft::PerMinute(number) => RateLimit::new(u32::try_from(number).unwrap_or(u32::MAX)).map(Some),
    }
}

pub(crate) fn parse_addresses(
    addresses: &RestrictionDraft,
) -> Result<AddressRule, keyward_domain::AddressFault> {
    match addresses {
        RestrictionDraft::Any => Ok(AddressRule::ANY),
        RestrictionDraft::Only(entries) => AddressRule::listed(entries.iter().map(String::as_str)),
    }
}
