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

pub(super) use pages::quotable;

use super::told::Told;
use super::{ImportFormat, Place};
use crate::{
    ADDRESSES, Choice, ChoiceForm, EXPIRES_AT, ExpiryDraft, FieldFault, LIMIT, LimitDraft, RestrictionDraft,
    SITES, read_choice,
};
use keyward_domain::{Fingerprint, Presented, Timestamp};
use serde_json::Value;
use std::collections::HashMap;
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
    /// Fields that could not be read, or of which nobody knows what they are. They are told already; that the rest of the
    /// row is looked at all the same lets one answer name everything.
    pub(super) misread: Vec<FieldFault>,
}

/// The most text that one row, or one word of it, may be: what a row becomes in memory is many times its text.
const MOST_OF_A_ROW: usize = 64 << 10;

/// Where a reader puts what it reads. It goes on only as long as more is wanted.
pub(super) struct Out<'o> {
    pub(super) told: Told,
    take: &'o mut dyn FnMut(Place, Row) -> bool,
    most: usize,
    given: usize,
    is_wanted: bool,
}

impl<'o> Out<'o> {
    /// `take` gets each row, and says whether it wants another; after `most` of them there is a fault.
    pub(super) fn new(most: usize, take: &'o mut dyn FnMut(Place, Row) -> bool) -> Self {
        Self {
            told: Told::default(),
            take,
            most,
            given: 0,
            is_wanted: true,
        }
    }

    fn give(&mut self, place: impl Into<Place>, row: Row) {
        if self.given == self.most {
            let message = format!(
                "is one more than the {} keys that are taken at once: split the file",
                self.most
            );
            self.told.fault(place, None, message);
            self.is_wanted = false;
        } else if self.is_wanted {
            self.given += 1;
            self.is_wanted = (self.take)(place.into(), row);
        }
    }

    /// Whether to go on: not when the answer is known already.
    fn wants_more(&self) -> bool {
        self.is_wanted && !self.told.is_full()
    }
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

/// Reads the rows of a file, each with its place. What cannot be read is told.
pub(super) fn read_rows(reading: Reading<'_>, file: &str, out: &mut Out<'_>) {
    let file = file.strip_prefix('\u{feff}').unwrap_or(file);
    match reading.format {
        ImportFormat::JsonLines => jsonl::read(file, out),
        ImportFormat::Csv => csv::read(file, reading.needs_owner, out),
        ImportFormat::NginxMap => nginx_map::read(file, out),
        ImportFormat::Kong => kong::read(file, reading, out),
        ImportFormat::Unkey => unkey::read(file, out),
    }
}

impl Row {
    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        let texts = [&self.hint, &self.description, &self.use_case, &self.fingerprint];
        let lists = [&self.sites, &self.addresses].into_iter().flatten();
        let lists = lists.filter_map(RestrictionDraft::list).flatten();
        let entries = lists.chain(&self.foreign_owners).map(|entry| entry.len() + 32);
        let texts = texts.into_iter().flatten().map(String::len);
        let secret = self.secret.as_deref().map_or(0, String::len);
        let expiry = self.expires_at.as_ref().and_then(ExpiryDraft::at);
        size_of::<Self>()
            + self.owner.len()
            + self.name.len()
            + secret
            + texts.sum::<usize>()
            + expiry.map_or(0, str::len)
            + entries.sum::<usize>()
    }

    /// Notes a field that cannot be read. An unknown one has no name that may be told.
    fn note_misread(&mut self, line: u64, column: Option<&'static str>, fault: String, told: &mut Told) {
        // A row of many fields that nobody knows takes no more memory than what is told of it.
        if !told.is_full() {
            let field = column.unwrap_or_default();
            self.misread.push(FieldFault::new(field, fault.clone()));
        }
        told.fault(line, column, fault);
    }

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
    pub(super) fn shown_secrets(&self, all: &HashMap<Fingerprint, u32>) -> Vec<&'static str> {
        let texts = [
            ("name", Some(&self.name)),
            ("description", self.description.as_ref()),
            ("hint", self.hint.as_ref().filter(|_| self.secret.is_none())),
        ];
        let own = self.secret.as_deref().filter(|secret| !secret.is_empty());
        let is_secret = |text: &str| {
            let mut words = text.split_whitespace().filter_map(fingerprint_of);
            own.is_some_and(|own| text.contains(own.as_str())) || words.any(|word| all.contains_key(&word))
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

/// Where a field stands among those that there are; what is none comes last.
pub(super) fn place_of_column(name: Option<&str>) -> usize {
    let place = COLUMNS.into_iter().position(|column| Some(column) == name);
    place.unwrap_or(COLUMNS.len())
}

fn unknown(what: &str, place: usize) -> String {
    format!("{what} {place} is none of: {}", COLUMNS.join(", "))
}

#[cfg(test)]
mod tests;
