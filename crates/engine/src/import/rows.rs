//! Reads an import file into rows: one module per form. To add a form: a module here, a variant of [`ImportFormat`], a page
//! in `docs/migrate/`.
//!
//! What is told of a line never quotes it: a secret may stand in it, in the wrong place too. So a field that is not known
//! is told by its place.

mod csv;
mod jsonl;
mod kong;
mod nginx_map;
mod pages;
mod unkey;

use super::told::Told;
use super::{ImportFormat, Place};
use crate::{
    ADDRESSES, Choice, ChoiceForm, EXPIRES_AT, ExpiryDraft, LIMIT, LimitDraft, RestrictionDraft, SITES,
    read_choice,
};
use keyward_domain::{Fingerprint, Presented, Timestamp};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use zeroize::Zeroizing;

/// The columns of a CSV file, and the fields of a JSON line.
const COLUMNS: [&str; 12] = [
    "owner",
    "name",
    "secret",
    "fingerprint",
    "hint",
    "description",
    "use_case",
    "expires_at",
    "sites",
    "addresses",
    "limit",
    "status",
];

/// One key of a file.
#[derive(Default)]
pub(super) struct Row {
    /// The owner, as Keyward knows it; empty when the file names none.
    pub(super) owner: String,
    /// What another system calls the owner: the first that is in the table of owners counts.
    pub(super) foreign_owners: Vec<String>,
    pub(super) name: String,
    pub(super) secret: Option<Zeroizing<String>>,
    pub(super) fingerprint: Option<String>,
    pub(super) hint: Option<String>,
    pub(super) description: Option<String>,
    pub(super) use_case: Option<String>,
    pub(super) expires_at: Option<ExpiryDraft>,
    pub(super) sites: Option<RestrictionDraft>,
    pub(super) addresses: Option<RestrictionDraft>,
    pub(super) limit: Option<LimitDraft>,
    pub(super) status: Option<String>,
}

/// How a file is read.
#[derive(Clone, Copy)]
pub(super) struct Reading<'o> {
    pub(super) format: ImportFormat,
    /// Whether the rows must name their owners.
    pub(super) needs_owner: bool,
    /// The table of owners.
    pub(super) owners: &'o HashMap<String, String>,
    /// From when on a time to live counts.
    pub(super) now: Timestamp,
}

/// The rows of a file, each with its place. What cannot be read is told.
pub(super) fn read_rows(reading: Reading<'_>, file: &str, told: &mut Told) -> Vec<(Place, Row)> {
    let file = file.strip_prefix('\u{feff}').unwrap_or(file);
    match reading.format {
        ImportFormat::JsonLines => jsonl::read(file, told),
        ImportFormat::Csv => csv::read(file, reading.needs_owner, told),
        ImportFormat::NginxMap => nginx_map::read(file, told),
        ImportFormat::Kong => kong::read(file, reading, told),
        ImportFormat::Unkey => unkey::read(file, told),
    }
}

impl Row {
    /// What its secret is known by, as far as the row can be read.
    pub(super) fn known_by(&self) -> Option<Fingerprint> {
        match (&self.secret, &self.fingerprint) {
            (Some(secret), _) => fingerprint_of(secret),
            (None, Some(fingerprint)) => Fingerprint::from_hex(fingerprint).ok(),
            (None, None) => None,
        }
    }

    /// The fields that everybody may see and that hold a secret, as when a column was mixed up: the row's own, or that of
    /// another row as a word of its own.
    pub(super) fn shown_secrets(&self, all: &HashSet<Fingerprint>) -> Vec<&'static str> {
        let texts = [
            ("name", Some(&self.name)),
            ("description", self.description.as_ref()),
            ("hint", self.hint.as_ref().filter(|_| self.secret.is_none())),
        ];
        let own = self.secret.as_deref().filter(|secret| !secret.is_empty());
        let is_secret = |text: &str| {
            let mut words = text.split_whitespace().filter_map(fingerprint_of);
            own.is_some_and(|own| text.contains(own.as_str())) || words.any(|word| all.contains(&word))
        };
        let holding = texts
            .into_iter()
            .filter(|(_, text)| text.is_some_and(|text| is_secret(text)));
        holding.map(|(field, _)| field).collect()
    }

    /// Takes a value as the management API writes it.
    fn set(&mut self, column: &str, value: Value) -> Result<(), String> {
        match (column, value) {
            ("sites", value) => self.sites = Some(choice(&SITES, value)?),
            ("addresses", value) => self.addresses = Some(choice(&ADDRESSES, value)?),
            ("limit", value) => self.limit = Some(choice(&LIMIT, value)?),
            ("expires_at", value) => self.expires_at = Some(choice(&EXPIRES_AT, value)?),
            (_, Value::String(text)) => self.set_text(column, text),
            (_, Value::Null) => return Err("null is not taken: leave the field out, or write a text".into()),
            _ => return Err("must be a text".into()),
        }
        Ok(())
    }

    fn set_text(&mut self, column: &str, text: String) {
        match column {
            "owner" => self.owner = text,
            "name" => self.name = text,
            "secret" => self.secret = Some(Zeroizing::new(text)),
            "fingerprint" => self.fingerprint = Some(text),
            "hint" => self.hint = Some(text),
            "description" => self.description = Some(text),
            "use_case" => self.use_case = Some(text),
            "expires_at" => self.expires_at = Some(ExpiryDraft::At(text)),
            _ => self.status = Some(text),
        }
    }
}

fn fingerprint_of(secret: &str) -> Option<Fingerprint> {
    let presented = Presented::parse(secret.as_bytes()).ok()?;
    Some(presented.fingerprint())
}

fn choice<T: Choice>(form: &ChoiceForm, value: Value) -> Result<T, String> {
    // A member that is not known is not quoted.
    read_choice(form, value).map_err(|fault| fault.message)
}

fn texts(value: Value) -> Result<Vec<String>, &'static str> {
    serde_json::from_value(value).map_err(|_| "must be a list of texts")
}

/// The texts of a list, with commas between; `None` when there are none.
fn join_texts(list: &Value) -> Result<Option<String>, &'static str> {
    let texts = texts(list.clone())?;
    Ok((!texts.is_empty()).then(|| texts.join(", ")))
}

fn column_of(name: &str) -> Option<&'static str> {
    COLUMNS.into_iter().find(|column| *column == name)
}

fn unknown(what: &str, place: usize) -> String {
    format!("{what} {place} is none of: {}", COLUMNS.join(", "))
}

#[cfg(test)]
mod tests;
