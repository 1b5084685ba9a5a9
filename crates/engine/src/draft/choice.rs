//! What can be left open: sites, addresses, limit, expiry. Each is said by an object with exactly one member, a word for open
//! or a value, and nothing else stands for either: what is not sent, or null, never opens anything
//! (docs/adr/0019-null-is-not-absence.md). What is read here is written in the same form.

use keyward_domain::{AddressRule, RateLimit, SiteName, Timestamp};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// Sites or addresses: `{"any": true}` or `{"only": [...]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RestrictionDraft {
    /// Every one.
    #[default]
    Any,
    /// These alone; an empty list is none.
    Only(Vec<String>),
}

/// Requests a minute: `{"unlimited": true}` or `{"per_minute": 60}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitDraft {
    /// As many as there are.
    #[default]
    Unlimited,
    /// So many.
    PerMinute(u64),
}

/// An end: `{"never": true}` or `{"at": "2027-12-31T00:00:00Z"}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ExpiryDraft {
    /// None.
    #[default]
    Never,
    /// First instant at which it is refused (RFC 3339).
    At(String),
}

/// How a field that can be left open is written.
#[derive(Clone, Copy, Debug)]
pub struct ChoiceForm {
    /// The field.
    pub field: &'static str,
    /// The member that says open; its value is `true`.
    pub open: &'static str,
    /// The member that holds the value.
    pub set: &'static str,
    /// Where the value stands, as a path.
    pub set_path: &'static str,
    /// A value, in JSON.
    pub example: &'static str,
    /// What the value must be.
    pub kind: &'static str,
}

/// Sites of a key or of a user.
pub const SITES: ChoiceForm = ChoiceForm {
    field: "sites",
    open: "any",
    set: "only",
    set_path: "sites.only",
    example: r#"["123"]"#,
    kind: "a list of texts",
};

/// Addresses that may use a key.
pub const ADDRESSES: ChoiceForm = ChoiceForm {
    field: "addresses",
    open: "any",
    set: "only",
    set_path: "addresses.only",
    example: r#"["192.0.2.0/24"]"#,
    kind: "a list of texts",
};

/// The limit of a key.
pub const LIMIT: ChoiceForm = ChoiceForm {
    field: "limit",
    open: "unlimited",
    set: "per_minute",
    set_path: "limit.per_minute",
    example: "60",
    kind: "a whole number such as 60 (without quotes)",
};

/// The expiry of a key.
pub const EXPIRES_AT: ChoiceForm = ChoiceForm {
    field: "expires_at",
    open: "never",
    set: "at",
    set_path: "expires_at.at",
    example: r#""2027-12-31T00:00:00Z""#,
    kind: "a text",
};

/// What is read in such a form.
pub trait Choice: Sized {
    /// What the word for open means.
    const OPEN: Self;

    /// Reads the value, if it is of the right kind.
    fn of(value: Value) -> Option<Self>;
}

/// Why such a form cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoiceFault {
    /// The member at fault, when it is one. It may be anything that was sent.
    pub member: Option<String>,
    /// What is wrong, and both right spellings.
    pub message: String,
}

impl ChoiceForm {
    /// Both right spellings, as messages show them.
    pub fn spellings(&self) -> String {
        let Self {
            open, set, example, ..
        } = self;
        format!(r#"write {{"{open}": true}} or {{"{set}": {example}}}"#)
    }

    fn fault(&self, member: Option<&str>, wrong: &str) -> ChoiceFault {
        ChoiceFault {
            member: member.map(str::to_owned),
            message: format!("{wrong}: {}", self.spellings()),
        }
    }
}

/// Reads a field that can be left open.
///
/// # Errors
/// Whatever is not an object with exactly one of the two members, with a value of its kind.
pub fn read_choice<T: Choice>(form: &ChoiceForm, value: Value) -> Result<T, ChoiceFault> {
    let members = match value {
        Value::Object(members) => members,
        Value::Null => return Err(form.fault(None, "null does not say what is meant")),
        _ => return Err(form.fault(None, "must be an object with one member")),
    };
    for (name, value) in &members {
        if name != form.open && name != form.set {
            return Err(form.fault(Some(name), "there is no such member"));
        }
        if value.is_null() {
            return Err(form.fault(Some(name), "null does not say what is meant"));
        }
    }
    let mut members = members.into_iter();
    match (members.next(), members.next()) {
        (Some((name, value)), None) if name == form.open => match value {
            Value::Bool(true) => Ok(T::OPEN),
            _ => Err(form.fault(Some(&name), "can only be true")),
        },
        (Some((name, value)), None) => {
            T::of(value).ok_or_else(|| form.fault(Some(&name), &format!("must be {}", form.kind)))
        }
        (None, _) => Err(form.fault(None, "has no member")),
        (Some(_), Some(_)) => Err(form.fault(None, "must have one member, not both")),
    }
}

impl Choice for RestrictionDraft {
    const OPEN: Self = Self::Any;

    fn of(value: Value) -> Option<Self> {
        serde_json::from_value(value).ok().map(Self::Only)
    }
}

impl Choice for LimitDraft {
    const OPEN: Self = Self::Unlimited;

    fn of(value: Value) -> Option<Self> {
        value.as_u64().map(Self::PerMinute)
    }
}

impl Choice for ExpiryDraft {
    const OPEN: Self = Self::Never;

    fn of(value: Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::At(text)),
            _ => None,
        }
    }
}

fn one_member<S: Serializer>(
    serializer: S,
    form: &ChoiceForm,
    value: Option<&impl Serialize>,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    match value {
        None => map.serialize_entry(form.open, &true)?,
        Some(value) => map.serialize_entry(form.set, value)?,
    }
    map.end()
}

impl Serialize for RestrictionDraft {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Sites and addresses have the same members.
        one_member(serializer, &SITES, self.list().as_ref())
    }
}

impl Serialize for LimitDraft {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        one_member(serializer, &LIMIT, self.per_minute().as_ref())
    }
}

impl Serialize for ExpiryDraft {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        one_member(serializer, &EXPIRES_AT, self.at().as_ref())
    }
}

impl RestrictionDraft {
    /// Those that are allowed; none when every one is.
    pub fn list(&self) -> Option<&[String]> {
        match self {
            Self::Any => None,
            Self::Only(list) => Some(list),
        }
    }

    /// These alone.
    pub fn only<T: ToString>(list: impl IntoIterator<Item = T>) -> Self {
        Self::Only(list.into_iter().map(|item| item.to_string()).collect())
    }

    /// As people see a rule on sites; absent names are every site.
    pub fn of_sites(names: Option<&[SiteName]>) -> Self {
        names.map_or(Self::Any, Self::only)
    }

    /// As people see a rule on addresses.
    pub fn of_addresses(rule: &AddressRule) -> Self {
        rule.nets().map_or(Self::Any, Self::only)
    }
}

impl LimitDraft {
    /// The number, when there is one.
    pub fn per_minute(self) -> Option<u64> {
        match self {
            Self::Unlimited => None,
            Self::PerMinute(number) => Some(number),
        }
    }
}

impl From<Option<RateLimit>> for LimitDraft {
    fn from(limit: Option<RateLimit>) -> Self {
        limit.map_or(Self::Unlimited, |limit| {
            Self::PerMinute(limit.per_minute().into())
        })
    }
}

impl ExpiryDraft {
    /// The instant, when there is one.
    pub fn at(&self) -> Option<&str> {
        match self {
            Self::Never => None,
            Self::At(text) => Some(text),
        }
    }
}

impl From<Option<Timestamp>> for ExpiryDraft {
    fn from(at: Option<Timestamp>) -> Self {
        at.map_or(Self::Never, |at| Self::At(at.to_string()))
    }
}

#[cfg(test)]
mod tests;
