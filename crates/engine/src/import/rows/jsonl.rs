//! JSON lines: an object a line.

use super::{MOST_OF_A_ROW, Out, Row, column_of, unknown};
use crate::import::told::Told;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;

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

pub(super) fn read(file: &str, out: &mut Out<'_>) {
    for (line, text) in (1u64..).zip(file.lines()) {
        if !out.wants_more() {
            return;
        }
        if text.trim().is_empty() {
            continue;
        }
        if text.len() > MOST_OF_A_ROW {
            out.told.fault(line, None, "is longer than 64 KiB");
            continue;
        }
        match serde_json::from_str::<Pairs>(text) {
            Ok(pairs) => {
                let row = row_of(line, pairs, &mut out.told);
                out.give(line, row);
            }
            Err(error) => out.told.fault(line, None, json_fault(&error)),
        }
    }
}

fn row_of(line: u64, Pairs(pairs): Pairs, told: &mut Told) -> Row {
    let mut row = Row::default();
    let mut seen = Vec::with_capacity(pairs.len());
    for (place, (name, value)) in (1..).zip(pairs) {
        let column = column_of(&name);
        let fault = match column {
            None => Some(unknown("field", place)),
            Some(column) if seen.contains(&column) => Some("is given twice".to_owned()),
            Some(column) => row.set(column, value).err(),
        };
        seen.extend(column);
        if let Some(fault) = fault {
            row.note_misread(line, column, fault, told);
        }
    }
    row
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
