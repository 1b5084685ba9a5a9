//! Import: keys that another system made, from CSV or JSON lines. All or nothing; every fault names its line.

use crate::access::SiteBook;
use crate::draft::Faults;
use crate::{Actor, Engine, EngineError, FieldFault, KeyDraft, LineFault};
use keyward_domain::{Fingerprint, Hint, Key, KeyStatus, Presented, Secret, User};
use keyward_store::StoreError;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::collections::HashMap;
use std::str::FromStr;
use zeroize::Zeroizing;

/// At most so many faults are told; the rest shows when these are mended.
const MOST_FAULTS: usize = 100;

/// The form of an import file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImportFormat {
    /// A header line, then a line a key. Lists (sites, addresses) are separated by `;`; an empty cell is absent.
    Csv,
    /// A JSON object a line.
    JsonLines,
}

impl FromStr for ImportFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::JsonLines),
            _ => Err("an import is `csv` or `jsonl`"),
        }
    }
}

/// What an import did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Keys that were added.
    pub keys: usize,
}

/// One key of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    owner: String,
    name: String,
    #[serde(default)]
    secret: Option<Zeroizing<String>>,
    #[serde(default)]
    fingerprint: Option<String>,
    #[serde(default)]
    hint: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    use_case: Option<String>,
    #[serde(default)]
    expires_at: Option<String>,
    #[serde(default)]
    sites: Option<Vec<String>>,
    #[serde(default)]
    addresses: Option<Vec<String>>,
    #[serde(default)]
    limit: Option<u64>,
    #[serde(default)]
    status: Option<String>,
}

impl Row {
    /// The fields that everybody may see and that hold the secret, as when a column was mixed up.
    fn shown_secrets(&self) -> Vec<&'static str> {
        let texts = [
            ("name", Some(&self.name)),
            ("description", self.description.as_ref()),
            ("hint", self.hint.as_ref().filter(|_| self.secret.is_none())),
        ];
        let fingerprint = self.fingerprint.as_deref().map(Fingerprint::from_hex);
        let is_secret = |text: &str| match (&self.secret, fingerprint) {
            (Some(secret), _) => !secret.is_empty() && text.contains(secret.as_str()),
            (None, Some(Ok(known))) => {
                Presented::parse(text.trim().as_bytes()).is_ok_and(|text| text.fingerprint() == known)
            }
            (None, _) => false,
        };
        let holding = texts
            .into_iter()
            .filter(|(_, text)| text.is_some_and(|text| is_secret(text)));
        holding.map(|(field, _)| field).collect()
    }
}

/// The same as CSV has it: every cell a text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CsvRow {
    owner: String,
    name: String,
    secret: Option<Zeroizing<String>>,
    fingerprint: Option<String>,
    hint: Option<String>,
    description: Option<String>,
    use_case: Option<String>,
    expires_at: Option<String>,
    sites: Option<String>,
    addresses: Option<String>,
    #[serde(default, deserialize_with = "plain_number")]
    limit: Option<u64>,
    status: Option<String>,
}

/// A number as JSON has it: readers of CSV take `+5` and `0x5` too.
fn plain_number<'de, D: Deserializer<'de>>(cell: D) -> Result<Option<u64>, D::Error> {
    let Some(text) = Option::<String>::deserialize(cell)? else {
        return Ok(None);
    };
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let number = text.parse().ok().filter(|_| plain);
    let fault = || D::Error::custom("the limit is no whole number such as 60");
    number.map(Some).ok_or_else(fault)
}

impl From<CsvRow> for Row {
    fn from(row: CsvRow) -> Self {
        let list = |cell: Option<String>| {
            cell.map(|cell| {
                cell.split(';')
                    .map(|entry| entry.trim().to_owned())
                    .collect::<Vec<_>>()
            })
        };
        Self {
            owner: row.owner,
            name: row.name,
            secret: row.secret,
            fingerprint: row.fingerprint,
            hint: row.hint,
            description: row.description,
            use_case: row.use_case,
            expires_at: row.expires_at,
            sites: list(row.sites),
            addresses: list(row.addresses),
            limit: row.limit,
            status: row.status,
        }
    }
}

impl Engine {
    /// Adds the keys of a file. Admins only. `progress` is told how many of how many are written.
    ///
    /// # Errors
    /// `InvalidLines` names the lines that cannot be taken; nothing is then imported.
    pub async fn import_keys(
        &self,
        actor: &Actor,
        format: ImportFormat,
        file: &str,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Imported, EngineError> {
        self.require_admin(actor, "key.import", ("key", "")).await?;
        let mut faults = LineFaults::default();
        let rows = read_rows(format, file, &mut faults);
        let keys = self.read_keys(rows, &mut faults).await?;
        let lines: Vec<u64> = keys.iter().map(|(line, _)| *line).collect();
        faults.into_result()?;
        let keys: Vec<Key> = keys.into_iter().map(|(_, key)| key).collect();
        if keys.is_empty() {
            let message = "the file holds no keys".to_owned();
            return Err(EngineError::InvalidLines(vec![LineFault {
                line: 1,
                field: None,
                message,
            }]));
        }
        let after = serde_json::json!({ "keys": keys.len() });
        let event = self.change_event(actor, "key.import", ("key", ""), None, Some(after))?;
        let stored = self
            .store
            .import_keys(&keys, &event, &|done| progress(done, keys.len()))
            .await;
        match stored {
            Ok(revision) => self.confirm(revision).await?,
            Err(StoreError::Duplicate { row, .. }) => {
                let line = lines.get(row).copied().unwrap_or(1);
                return Err(EngineError::InvalidLines(vec![known_already(line)]));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Imported { keys: keys.len() })
    }

    async fn read_keys(
        &self,
        rows: Vec<(u64, Row)>,
        line_faults: &mut LineFaults,
    ) -> Result<Vec<(u64, Key)>, EngineError> {
        let book = self.site_book().await?;
        let mut owners: HashMap<String, Option<User>> = HashMap::new();
        let mut first_line: HashMap<Fingerprint, u64> = HashMap::with_capacity(rows.len());
        let mut keys = Vec::with_capacity(rows.len());
        for (line, row) in rows {
            if !owners.contains_key(&row.owner) {
                let found = self.find_user(&row.owner).await?.filter(User::is_valid);
                owners.insert(row.owner.clone(), found);
            }
            let owner = owners.get(&row.owner).and_then(Option::as_ref);
            match self.read_row(row, owner, &book)? {
                Err(faults) => line_faults.add_all(line, faults),
                Ok(key) => match first_line.insert(key.fingerprint, line) {
                    Some(first) => line_faults.add(line, None, format!("the same secret as in line {first}")),
                    None => keys.push((line, key)),
                },
            }
        }
        Ok(keys)
    }

    fn read_row(
        &self,
        row: Row,
        owner: Option<&User>,
        book: &SiteBook,
    ) -> Result<Result<Key, Vec<FieldFault>>, EngineError> {
        let mut faults = Faults::default();
        let secret = faults.take("secret", self.read_secret(&row));
        let status = faults.take("status", read_status(row.status.as_deref()));
        for field in row.shown_secrets() {
            faults.add(
                field,
                "holds the secret itself, which is shown nowhere: write something else",
            );
        }
        let draft = KeyDraft {
            owner: None,
            name: row.name,
            description: row.description,
            use_case: row.use_case,
            expires_at: row.expires_at,
            sites: row.sites,
            addresses: row.addresses,
            limit: row.limit,
        };
        let Some(owner) = owner else {
            faults.add("owner", "there is no such active user: create the user first");
            return Ok(Err(faults.into_faults()));
        };
        let key = self.read_key_draft(&Actor::OPERATOR, &draft, owner, book, &mut faults)?;
        let faults = faults.into_faults();
        let (true, Some(mut key), Some((fingerprint, hint)), Some(status)) =
            (faults.is_empty(), key, secret, status)
        else {
            return Ok(Err(faults));
        };
        key.fingerprint = fingerprint;
        key.hint = hint;
        key.status = status;
        Ok(Ok(key))
    }

    fn read_secret(&self, row: &Row) -> Result<(Fingerprint, Hint), String> {
        match (&row.secret, &row.fingerprint) {
            (Some(text), None) => {
                let secret = Secret::foreign(text, &self.format).map_err(|fault| fault.to_string())?;
                Ok((secret.fingerprint(), Hint::of(&secret, &self.format)))
            }
            (None, Some(text)) => {
                let fingerprint = Fingerprint::from_hex(text).map_err(|fault| fault.to_string())?;
                Ok((
                    fingerprint,
                    Hint::stored(row.hint.as_deref().unwrap_or("imported")),
                ))
            }
            _ => Err("give either `secret` (clear text) or `fingerprint` (SHA-256 in hexadecimal)".into()),
        }
    }
}

fn read_status(word: Option<&str>) -> Result<KeyStatus, &'static str> {
    match word {
        None | Some("active") => Ok(KeyStatus::Active),
        Some("disabled") => Ok(KeyStatus::Disabled),
        Some(_) => Err("must be `active` or `disabled`"),
    }
}

fn read_rows(format: ImportFormat, file: &str, faults: &mut LineFaults) -> Vec<(u64, Row)> {
    let file = file.strip_prefix('\u{feff}').unwrap_or(file);
    match format {
        ImportFormat::JsonLines => read_json_lines(file, faults),
        ImportFormat::Csv => read_csv(file, faults),
    }
}

fn read_json_lines(file: &str, faults: &mut LineFaults) -> Vec<(u64, Row)> {
    let mut rows = Vec::new();
    for (line, text) in (1u64..).zip(file.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        match serde_json::from_str(text) {
            Ok(row) => rows.push((line, row)),
            Err(error) => faults.add(line, None, without_values(&error.to_string())),
        }
    }
    rows
}

fn read_csv(file: &str, faults: &mut LineFaults) -> Vec<(u64, Row)> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(file.as_bytes());
    let headers = match reader.headers() {
        Ok(headers) => headers.clone(),
        Err(error) => {
            faults.add(1, None, without_values(&error.to_string()));
            return Vec::new();
        }
    };
    let mut rows = Vec::new();
    for record in reader.records() {
        let read = record.and_then(|record| {
            let line = record.position().map_or(1, csv::Position::line);
            record
                .deserialize::<CsvRow>(Some(&headers))
                .map(|row| (line, row.into()))
        });
        match read {
            Ok(row) => rows.push(row),
            Err(error) => {
                let line = error.position().map_or(1, csv::Position::line);
                faults.add(line, None, csv_fault(&error));
            }
        }
    }
    rows
}

/// A fault of a CSV line, without the line's content: a secret may stand in it.
fn csv_fault(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!("the header has {expected_len} columns, this line {len}")
        }
        csv::ErrorKind::Deserialize { err, .. } => without_values(&err.to_string()),
        _ => "not readable as CSV".into(),
    }
}

/// Parsers like to quote what they choked on, and a secret may be it: a value, or a cell of a first line that is no
/// header. What stands between the first quote and what was expected is cut out; names that are ours stay.
fn without_values(message: &str) -> String {
    let Some(quote) = message.find(['"', '`']) else {
        return message.chars().filter(|c| !c.is_control()).collect();
    };
    let (before, _) = message.split_at(quote);
    let names_ours = ["missing field ", "duplicate field ", "expected "]
        .iter()
        .any(|words| before.ends_with(words));
    if names_ours {
        return message.to_owned();
    }
    // The last one is the parser's own: what it expects never holds these words.
    let expected = message.rfind(", expected ").filter(|at| *at > quote);
    format!("{before}…{}", expected.map_or("", |at| &message[at..]))
}

fn known_already(line: u64) -> LineFault {
    LineFault {
        line,
        field: None,
        message: "a key with this secret is there already".into(),
    }
}

#[derive(Default)]
struct LineFaults(Vec<LineFault>);

impl LineFaults {
    fn add(&mut self, line: u64, field: Option<&'static str>, message: String) {
        if self.0.len() < MOST_FAULTS {
            self.0.push(LineFault { line, field, message });
        }
    }

    fn add_all(&mut self, line: u64, faults: Vec<FieldFault>) {
        for fault in faults {
            self.add(line, Some(fault.field), fault.message);
        }
    }

    fn into_result(mut self) -> Result<(), EngineError> {
        self.0.sort_by_key(|fault| fault.line);
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(EngineError::InvalidLines(self.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_a_line_never_quotes_its_values() {
        let mut faults = LineFaults::default();
        let file = "{\"owner\": \"a\", \"name\": \"n\", \"secret\": \"abcdef123456\", \"limit\": \"abcdef123456\"}\n{\"x\"";
        read_rows(ImportFormat::JsonLines, file, &mut faults);
        read_rows(
            ImportFormat::Csv,
            "owner,name,secret,limit\na,n,abcdef123456,abcdef123456\na,b\n",
            &mut faults,
        );
        assert_eq!(
            faults.0.iter().map(|fault| fault.line).collect::<Vec<_>>(),
            [1, 2, 2, 3]
        );
        assert!(!format!("{:?}", faults.0).contains("abcdef"));
    }

    #[test]
    fn l6_a_limit_in_a_cell_is_a_plain_number() {
        for (cell, limit) in [
            ("60", Some(Some(60))),
            ("0", Some(Some(0))),
            ("", Some(None)),
            ("+60", None),
            ("-1", None),
            ("060", None),
            ("0x3c", None),
            ("6e1", None),
            ("60.0", None),
            ("18446744073709551616", None),
        ] {
            let mut faults = LineFaults::default();
            let file = format!("owner,name,secret,limit\na,n,abcdef123456,{cell}\n");
            let rows = read_rows(ImportFormat::Csv, &file, &mut faults);
            assert_eq!(rows.first().map(|(_, row)| row.limit), limit, "{cell}");
            assert_eq!(faults.0.is_empty(), limit.is_some(), "{cell}");
        }
        let without = "owner,name,secret\na,n,abcdef123456\n";
        let rows = read_rows(ImportFormat::Csv, without, &mut LineFaults::default());
        assert_eq!(rows.first().map(|(_, row)| row.limit), Some(None));
    }

    #[test]
    fn k1_a_secret_in_a_field_that_is_shown_is_noticed() {
        let digest = "da4ec3358a10c9b0872eb877953cc7b07af5f4d75e4c1cb0597cbbf41e5dbe35";
        let shown = |line: &str| {
            let mut faults = LineFaults::default();
            let rows = read_rows(ImportFormat::JsonLines, line, &mut faults);
            assert!(faults.0.is_empty(), "{:?}", faults.0);
            rows[0].1.shown_secrets()
        };
        for (fields, wanted) in [
            (r#""name": "n", "secret": "abcdef123456""#.to_owned(), &[][..]),
            (
                r#""name": "abcdef123456", "secret": "abcdef123456""#.to_owned(),
                &["name"],
            ),
            (
                r#""name": "n", "description": "was abcdef123456", "secret": "abcdef123456""#.to_owned(),
                &["description"],
            ),
            (
                format!(r#""name": "n", "hint": "abcdef123456", "fingerprint": "{digest}""#),
                &["hint"],
            ),
            (
                format!(r#""name": "abcdef123456", "hint": "3456", "fingerprint": "{digest}""#),
                &["name"],
            ),
            (
                format!(r#""name": "n", "hint": "3456", "fingerprint": "{digest}""#),
                &[],
            ),
            (r#""name": "n", "hint": "x", "fingerprint": "x""#.to_owned(), &[]),
        ] {
            assert_eq!(
                shown(&format!("{{\"owner\": \"a\", {fields}}}")),
                wanted,
                "{fields}"
            );
        }
    }

    #[test]
    fn k1_a_secret_in_the_wrong_place_is_not_quoted_either() {
        let told = |format, file: &str| {
            let mut faults = LineFaults::default();
            read_rows(format, file, &mut faults);
            assert!(!faults.0.is_empty(), "{file}");
            format!("{:?}", faults.0)
        };
        let files = [
            // No header line, or one that lacks a column.
            (ImportFormat::Csv, "a@b.c,n,123456789012\na@b.c,n,abcdef\n"),
            (ImportFormat::Csv, "owner,name,123456789012\na,b,c\n"),
            (
                ImportFormat::JsonLines,
                r#"{"owner": "a", "name": "n", "secret": 123456789012}"#,
            ),
            (ImportFormat::JsonLines, r#"{"123456789012": "a"}"#),
            (
                ImportFormat::JsonLines,
                r#"{"owner": "a", "name": "n", "123456789012\"x": 1}"#,
            ),
            (
                ImportFormat::JsonLines,
                r#"{"owner": "a", "name": "n", "limit": "\"123456789012"}"#,
            ),
            (
                ImportFormat::JsonLines,
                r#"{"owner": "a", "name": "n", "limit": "`, expected 123456789012"}"#,
            ),
            (
                ImportFormat::JsonLines,
                r#"{"owner": "a", "name": "n", "limit": 123456789012.5}"#,
            ),
        ];
        for (format, file) in files {
            let told = told(format, file);
            assert!(!told.contains("123456789012"), "{told}");
        }
        assert!(told(ImportFormat::JsonLines, r#"{"owner": "a"}"#).contains("missing field `name`"));
        assert!(told(ImportFormat::JsonLines, r#"{"x": 1}"#).contains("expected one of `owner`"));
    }
}
