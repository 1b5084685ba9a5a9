//! JSON exports of other systems: one document, or the pages of an answer one after the other.

use crate::Place;
use crate::import::told::Told;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// A part of a document, and where it stands.
#[derive(Clone)]
pub(super) struct Part<'a> {
    document: u64,
    pointer: String,
    pub(super) value: &'a Value,
}

/// The documents of a file. Nothing is read after the first that is none.
pub(super) fn documents(file: &str, told: &mut Told) -> Vec<Value> {
    let mut documents = Vec::new();
    let mut parser = serde_json::Deserializer::from_str(file).into_iter::<Strict>();
    loop {
        match parser.next() {
            None => return documents,
            Some(Ok(Strict(value))) => documents.push(value),
            Some(Err(error)) => {
                told.fault(error.line() as u64, None, fault_of(&error));
                return Vec::new();
            }
        }
    }
}

/// Why a text is no JSON, without quoting it.
fn fault_of(error: &serde_json::Error) -> String {
    if error.is_data() {
        return "an object holds a field twice".into();
    }
    let message = error.to_string();
    let reason = message.split(" at line ").next().unwrap_or_default();
    format!("is not readable as JSON: column {}: {reason}", error.column())
}

impl<'a> Part<'a> {
    /// A whole document; they count from 1.
    pub(super) fn whole(document: u64, value: &'a Value) -> Self {
        Self {
            document,
            pointer: String::new(),
            value,
        }
    }

    /// What a field holds, unless it is absent or null.
    pub(super) fn field(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Self {
            document: self.document,
            pointer: format!("{}/{name}", self.pointer),
            value,
        })
    }

    /// The things of a list; `None` when it is none.
    pub(super) fn items(&self) -> Option<impl Iterator<Item = Self>> {
        let items = self.value.as_array()?;
        Some(items.iter().enumerate().map(|(nth, value)| Self {
            document: self.document,
            pointer: format!("{}/{nth}", self.pointer),
            value,
        }))
    }

    /// Where it stands; `nth` counts what is told of in the file.
    pub(super) fn place(&self, nth: usize) -> Place {
        Place::Item {
            document: self.document,
            nth,
            pointer: self.pointer.clone(),
        }
    }

    /// A text that may be absent.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, &'static str> {
        match self.value.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err("must be a text"),
        }
    }

    /// A whole number that may be absent.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, &'static str> {
        match self.value.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or("must be a whole number"),
        }
    }

    /// The names of the fields of an object that hold something: no null, no empty list, object or text.
    pub(super) fn filled(&self) -> impl Iterator<Item = &'a str> {
        let fields = self.value.as_object().into_iter().flatten();
        fields.filter_map(|(name, value)| (!is_empty(value)).then_some(name.as_str()))
    }
}

/// A name that a fault may quote: of letters, `_` and `-`, as fields and plugins are called, and as a secret hardly is.
pub(super) fn quotable(name: &str) -> Option<&str> {
    let is_word = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphabetic() || b"_-".contains(&byte))
    };
    Some(name).filter(|name| (1..=40).contains(&name.len()) && is_word(name))
}

/// Whether a value holds nothing.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// JSON without repeated fields: of two values, which one counts would be a guess.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyJson).map(Strict)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some((name, Strict(value))) = map.next_entry::<String, _>()? {
            if fields.insert(name, value).is_some() {
                return Err(de::Error::custom("a field is there twice"));
            }
        }
        Ok(Value::Object(fields))
    }
}
