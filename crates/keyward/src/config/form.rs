//! Reads the form of the configuration, and tells every fault of it: what is wrong is put aside or replaced by something that
//! can be read, until all of it can. The checks of the values come after it all the same, and are silent about the settings
//! that stand for others here.

use super::load::{Sources, read_fault};
use super::schema::Config;
use super::{ConfigFault, ConfigFaults};
use figment::Figment;
use figment::error::Kind;
use figment::providers::Serialized;
use figment::value::{Dict, Value};
use std::path::Path;

/// More faults than anybody reads at once.
const MOST: usize = 100;

/// What could be read, and what was wrong with the rest.
pub(super) fn read(sources: &Sources, file: &Path) -> Result<(Config, Vec<ConfigFault>), ConfigFaults> {
    let mut faults: Vec<ConfigFault> = Vec::new();
    let mut value = Value::from(sources.values.clone());
    // A setting may take two steps to mend, never more.
    for _ in 0..2 * MOST {
        let error = match Figment::from(Serialized::defaults(&value)).extract::<Config>() {
            Ok(config) => return Ok((config, faults)),
            Err(error) => error,
        };
        let fault = read_fault(&error, sources);
        let is_known = faults.iter().any(|known| is_within(&fault.key, &known.key));
        let is_mended = mend(&mut value, &error, is_known);
        if !is_known {
            faults.push(fault);
        }
        if !is_mended || faults.len() >= MOST {
            break;
        }
    }
    let file = file.to_owned();
    Err(ConfigFaults { file, faults })
}

/// Whether a key is another one or stands beneath it.
pub(super) fn is_within(key: &str, whole: &str) -> bool {
    let rest = key.strip_prefix(whole);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Makes what cannot be read something that can. `false` when that is not possible.
fn mend(value: &mut Value, error: &figment::Error, is_known: bool) -> bool {
    let mut path = error.path.clone();
    let replacement = match &error.kind {
        Kind::UnknownField(field, _) => {
            path.retain(|part| part != field);
            path.push(field.clone());
            None
        }
        Kind::MissingField(field) => {
            path.push(field.to_string());
            Some(Value::from(""))
        }
        // What was replaced before did not help.
        _ if is_known && find(value, &path).is_some_and(is_stand_in) => None,
        Kind::InvalidType(_, wanted) | Kind::InvalidValue(_, wanted) => stand_in(wanted),
        _ => None,
    };
    match path.split_last() {
        Some((last, parents)) => put(value, parents, last, replacement),
        None => false,
    }
}

/// Something of the kind that is wanted.
fn stand_in(wanted: &str) -> Option<Value> {
    Some(match wanted {
        "a string" => Value::from(""),
        "a boolean" => Value::from(false),
        "a sequence" => Value::from(Vec::<Value>::new()),
        number if number.starts_with(['u', 'i']) && number.ends_with(char::is_numeric) => Value::from(1_u8),
        "usize" | "isize" => Value::from(1_u8),
        section if section.starts_with("struct ") => Value::from(Dict::new()),
        _ => return None,
    })
}

fn is_stand_in(value: &Value) -> bool {
    match value {
        Value::String(_, text) => text.is_empty(),
        Value::Array(_, items) => items.is_empty(),
        Value::Dict(_, fields) => fields.is_empty(),
        _ => false,
    }
}

/// What stands at a path.
pub(super) fn find<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, part| match value {
        Value::Dict(_, fields) => fields.get(part),
        Value::Array(_, items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Puts something at a path, or takes away what is there.
fn put(value: &mut Value, parents: &[String], last: &str, new: Option<Value>) -> bool {
    let parent = parents.iter().try_fold(value, |value, part| match value {
        Value::Dict(_, fields) => fields.get_mut(part),
        Value::Array(_, items) => items.get_mut(part.parse::<usize>().ok()?),
        _ => None,
    });
    match (parent, new) {
        (Some(Value::Dict(_, fields)), Some(new)) => {
            fields.insert(last.to_owned(), new);
            true
        }
        (Some(Value::Dict(_, fields)), None) => fields.remove(last).is_some(),
        (Some(Value::Array(_, items)), new) => {
            let Some(item) = last.parse().ok().and_then(|place: usize| items.get_mut(place)) else {
                return false;
            };
            // Items keep their numbers: an item is emptied rather than taken away.
            *item = new.unwrap_or_else(|| Value::from(Dict::new()));
            true
        }
        _ => false,
    }
}

/// Whether a fault of this key says nothing of its own, because `known` could not be read: the same setting, one beneath it, or
/// the section that it is in.
pub(super) fn is_of(key: &str, known: &ConfigFault) -> bool {
    is_within(key, &known.key) || is_within(&known.key, key)
}
