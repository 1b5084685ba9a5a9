//! Reads the lines of an import into rows.
//!
//! What is told of a line never quotes it: a secret may stand in it, in the wrong place too. So a field that is not known
//! is told by its place.

use super::{ImportFormat, LineFaults};
use keyward_domain::{Fingerprint, Presented};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;
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
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) secret: Option<Zeroizing<String>>,
    pub(super) fingerprint: Option<String>,
    pub(super) hint: Option<String>,
    pub(super) description: Option<String>,
    pub(super) use_case: Option<String>,
    pub(super) expires_at: Option<String>,
    pub(super) sites: Option<Vec<String>>,
    pub(super) addresses: Option<Vec<String>>,
    pub(super) limit: Option<u64>,
    pub(super) status: Option<String>,
}

/// The rows of a file, each with its line. Lines that cannot be read are told.
pub(super) fn read_rows(format: ImportFormat, file: &str, faults: &mut LineFaults) -> Vec<(u64, Row)> {
    let file = file.strip_prefix('\u{feff}').unwrap_or(file);
    match format {
        ImportFormat::JsonLines => read_json_lines(file, faults),
        ImportFormat::Csv => read_csv(file, faults),
    }
}

impl Row {
    /// The fields that everybody may see and that hold the secret, as when a column was mixed up.
    pub(super) fn shown_secrets(&self) -> Vec<&'static str> {
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

    /// Takes a value; null is absent.
    fn set(&mut self, column: &str, value: Value) -> Result<(), &'static str> {
        match (column, value) {
            (_, Value::Null) => {}
            ("sites", list) => self.sites = Some(texts(list)?),
            ("addresses", list) => self.addresses = Some(texts(list)?),
            ("limit", number) => {
                self.limit = Some(number.as_u64().ok_or("must be a whole number such as 60")?);
            }
            (_, Value::String(text)) => self.set_text(column, text),
            _ => return Err("must be a text"),
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
            "expires_at" => self.expires_at = Some(text),
            _ => self.status = Some(text),
        }
    }
}

fn texts(value: Value) -> Result<Vec<String>, &'static str> {
    serde_json::from_value(value).map_err(|_| "must be a list of texts")
}

fn column_of(name: &str) -> Option<&'static str> {
    COLUMNS.into_iter().find(|column| *column == name)
}

/// The fields of a JSON object in their order, repeated ones too.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

fn read_json_lines(file: &str, faults: &mut LineFaults) -> Vec<(u64, Row)> {
    let mut rows = Vec::new();
    for (line, text) in (1u64..).zip(file.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Pairs>(text) {
            Ok(pairs) => rows.extend(row_of(line, pairs, faults).map(|row| (line, row))),
            Err(error) => faults.add(line, None, json_fault(&error)),
        }
    }
    rows
}

fn row_of(line: u64, Pairs(pairs): Pairs, faults: &mut LineFaults) -> Option<Row> {
    let mut row = Row::default();
    let mut seen = Vec::with_capacity(pairs.len());
    let mut is_good = true;
    for (place, (name, value)) in (1..).zip(pairs) {
        let column = column_of(&name);
        let fault = match column {
            None => Some(unknown("field", place)),
            Some(column) if seen.contains(&column) => Some("is given twice".to_owned()),
            Some(column) => row.set(column, value).err().map(str::to_owned),
        };
        seen.extend(column);
        if let Some(fault) = fault {
            faults.add(line, column, fault);
            is_good = false;
        }
    }
    is_good.then_some(row)
}

fn unknown(what: &str, place: usize) -> String {
    format!("{what} {place} is none of: {}", COLUMNS.join(", "))
}

/// Why a line is no JSON object. The parser quotes values only when it expected others.
fn json_fault(error: &serde_json::Error) -> String {
    if error.is_data() {
        return "must be a JSON object".into();
    }
    let message = error.to_string();
    let reason = message.split(" at line ").next().unwrap_or_default();
    format!("is not readable as JSON: column {}: {reason}", error.column())
}

fn read_csv(file: &str, faults: &mut LineFaults) -> Vec<(u64, Row)> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(file.as_bytes());
    let columns = match reader.headers() {
        Ok(headers) => read_header(headers, faults),
        Err(error) => {
            faults.add(1, None, csv_fault(&error));
            None
        }
    };
    let Some(columns) = columns else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(1, csv::Position::line);
                rows.extend(row_of_cells(line, &columns, &record, faults).map(|row| (line, row)));
            }
            Err(error) => {
                let line = error.position().map_or(1, csv::Position::line);
                faults.add(line, None, csv_fault(&error));
            }
        }
    }
    rows
}

/// The columns that the first line names.
fn read_header(header: &csv::StringRecord, faults: &mut LineFaults) -> Option<Vec<&'static str>> {
    let mut columns = Vec::with_capacity(header.len());
    let mut is_good = true;
    let mut fault = |message: String| {
        faults.add(1, None, message);
        is_good = false;
    };
    for (place, name) in (1..).zip(header) {
        match column_of(name) {
            Some(column) if columns.contains(&column) => fault(format!("`{column}` is there twice")),
            Some(column) => columns.push(column),
            None => fault(unknown("column", place)),
        }
    }
    for needed in ["owner", "name"] {
        // An empty file is told as one that holds no keys.
        if !columns.is_empty() && !columns.contains(&needed) {
            fault(format!(
                "there is no column `{needed}`; the first line names the columns"
            ));
        }
    }
    is_good.then_some(columns)
}

fn row_of_cells(
    line: u64,
    columns: &[&'static str],
    record: &csv::StringRecord,
    faults: &mut LineFaults,
) -> Option<Row> {
    let mut row = Row::default();
    let mut is_good = true;
    for (column, cell) in columns.iter().zip(record) {
        if let Err(fault) = row.set(column, value_of(column, cell)) {
            faults.add(line, Some(column), fault.to_owned());
            is_good = false;
        }
    }
    is_good.then_some(row)
}

/// A cell as JSON would have it: an empty one is absent, lists are separated by `;`.
fn value_of(column: &str, cell: &str) -> Value {
    match column {
        _ if cell.is_empty() => Value::Null,
        "sites" | "addresses" => cell.split(';').map(str::trim).collect(),
        // As JSON has it: no sign, no zero in front.
        "limit" if cell.bytes().all(|b| b.is_ascii_digit()) && (cell == "0" || !cell.starts_with('0')) => {
            let number = cell.parse::<u64>();
            number.map_or_else(|_| Value::from(cell), Value::from)
        }
        _ => Value::from(cell),
    }
}

/// A fault of a CSV line, without the line's content.
fn csv_fault(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("the header has {expected_len} columns, this line {len}"),
        _ => "is not readable as CSV".into(),
    }
}

#[cfg(test)]
mod tests;
