//! What can go wrong in a use case, in two voices: what the caller may read, and the cause for the log.

use crate::import::MOST_FAULTS;
use keyward_store::{Duplicate, StoreError};
use std::borrow::Cow;

/// A field that cannot be taken as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// The field, as callers name it.
    pub field: Cow<'static, str>,
    /// What is wrong and the way out.
    pub message: String,
}

impl FieldFault {
    /// A field, and what is wrong with it.
    pub fn new(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

/// Where something stands in an import file. In the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line, from 1.
    Line(u64),
    /// A value of a JSON document.
    Item {
        /// Which document of the file, from 1.
        document: u64,
        /// The how manieth key of the document, or other thing that is told of.
        nth: usize,
        /// Its JSON pointer (RFC 6901); empty is the whole document.
        pointer: String,
    },
}

/// A key of an import that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFault {
    /// Where it stands.
    pub place: Place,
    /// The field, when it is one.
    pub field: Option<Cow<'static, str>>,
    /// What is wrong and the way out.
    pub message: String,
}

/// Why a use case did nothing (but see [`EngineError::Unconfirmed`]).
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Fields that cannot be taken.
    #[error("invalid: {}", fields(.0))]
    Invalid(Vec<FieldFault>),
    /// Lines of an import that cannot be taken.
    #[error("nothing was imported: {} cannot be taken", lines(.0))]
    InvalidLines(Vec<LineFault>),
    /// No such thing, or none that the actor may know of.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The actor may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The state of things does not allow it. `code` is stable.
    #[error("{message}")]
    Conflict {
        /// A stable word for programs.
        code: &'static str,
        /// What stands against it and the way out.
        message: String,
    },
    /// The caller has seen an older state (`If-Match`).
    #[error("it was changed meanwhile: read it again and repeat the edit")]
    Stale,
    /// The store cannot answer now.
    #[error("the store cannot answer now: try again")]
    Unavailable(#[source] StoreError),
    /// The store cannot be written to (disk full, read-only).
    #[error("the store cannot be written to: nothing was changed")]
    NotWritable(#[source] StoreError),
    /// The change is stored, but this node could not see it come back: it follows within seconds.
    #[error("the change is stored but not yet confirmed in force on this node: check before repeating it")]
    Unconfirmed(#[source] StoreError),
    /// A defect of ours, or of what is stored.
    #[error("internal error")]
    Internal(#[source] StoreError),
    /// The operating system gives no random numbers.
    #[error("no random numbers from the operating system")]
    NoEntropy,
}

fn lines(faults: &[LineFault]) -> String {
    let mut places: Vec<&Place> = faults.iter().map(|fault| &fault.place).collect();
    places.sort_unstable();
    places.dedup();
    let what = match places.first() {
        Some(Place::Item { .. }) => "place",
        _ => "line",
    };
    match places.len() {
        _ if faults.len() >= MOST_FAULTS => format!("at least {} {what}s", places.len()),
        1 => format!("1 {what}"),
        more => format!("{more} {what}s"),
    }
}

impl From<u64> for Place {
    fn from(line: u64) -> Self {
        Self::Line(line)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Item {
                document, pointer, ..
            } if *document == 1 && !pointer.is_empty() => f.write_str(pointer),
            Self::Item {
                document, pointer, ..
            } => write!(f, "document {document}{}{pointer}", space(pointer)),
        }
    }
}

/// Between the number of a document and a pointer into it.
fn space(pointer: &str) -> &'static str {
    if pointer.is_empty() { "" } else { " " }
}

fn fields(faults: &[FieldFault]) -> String {
    faults
        .iter()
        .map(|fault| format!("{}: {}", fault.field, fault.message))
        .collect::<Vec<_>>()
        .join("; ")
}

impl EngineError {
    /// One invalid field.
    pub fn field(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldFault::new(field, message)])
    }

    /// Whether it speaks of keys, users or sites as they are, rather than of who asks or of what went wrong.
    pub(crate) fn tells_what_is_there(&self) -> bool {
        match self {
            Self::Invalid(_)
            | Self::InvalidLines(_)
            | Self::NotFound(_)
            | Self::Conflict { .. }
            | Self::Stale => true,
            Self::Forbidden(_)
            | Self::Unavailable(_)
            | Self::NotWritable(_)
            | Self::Unconfirmed(_)
            | Self::Internal(_)
            | Self::NoEntropy => false,
        }
    }

    pub(crate) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict {
            code,
            message: message.into(),
        }
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Stale,
            StoreError::NotFound => Self::NotFound("entry"),
            StoreError::Duplicate { what, .. } => Self::from(what),
            StoreError::NotWritable(_) => Self::NotWritable(error),
            StoreError::Unavailable(_) => Self::Unavailable(error),
            StoreError::Corrupt { .. } | StoreError::Open(_) | StoreError::Unsupported(_) => {
                Self::Internal(error)
            }
        }
    }
}

impl From<Duplicate> for EngineError {
    fn from(what: Duplicate) -> Self {
        match what {
            Duplicate::Fingerprint => Self::conflict("key_exists", "a key with this secret is there already"),
            Duplicate::Email => {
                Self::conflict("email_taken", "a user with this e-mail address is there already")
            }
            Duplicate::SiteName => Self::conflict("site_exists", "a site of this name is there already"),
        }
    }
}
