//! JSON exports of other systems: one document, or the pages of an answer one after the other.
//!
//! A document stays text: what JSON becomes in memory is many times its text. It is checked once, as a whole; then each part
//! is found in it when it is asked for, and only small ones are taken out.

use super::MOST_OF_A_ROW;
use crate::Place;
use crate::import::told::Told;
use serde::de::{
    self, Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// The most documents of a file.
const MOST_DOCUMENTS: usize = 10_000;
/// The most fields of an object.
const MOST_FIELDS: usize = 1_000;

/// A part of a document, and where it stands.
#[derive(Clone)]
pub(super) struct Part<'a> {
    document: u64,
    pointer: Box<str>,
    /// Its text, which is JSON.
    text: &'a str,
}

/// The texts of the documents of a file. Nothing is read after the first that is none.
pub(super) fn documents<'a>(file: &'a str, told: &mut Told) -> Vec<&'a str> {
    if let Some(line) = find_long_text(file) {
        told.fault(line, None, "a text is longer than 64 KiB");
        return Vec::new();
    }
    let mut documents = Vec::new();
    let mut parser = serde_json::Deserializer::from_str(file).into_iter::<Strict>();
    loop {
        let begin = parser.byte_offset();
        match parser.next() {
            None => return documents,
            Some(Ok(Strict)) if documents.len() < MOST_DOCUMENTS => {
                let text = file.get(begin..parser.byte_offset()).unwrap_or_default();
                documents.push(text.trim_start());
            }
            Some(Ok(Strict)) => {
                let message = format!("the file holds more than {MOST_DOCUMENTS} documents: split it");
                told.fault(1, None, message);
                return Vec::new();
            }
            Some(Err(error)) => {
                told.fault(error.line() as u64, None, fault_of(&error));
                return Vec::new();
            }
        }
    }
}

/// The line of a text in quotes that is longer than any row may be.
fn find_long_text(file: &str) -> Option<u64> {
    let mut line = 1;
    let mut begin = None;
    let mut is_escaped = false;
    for (at, byte) in file.bytes().enumerate() {
        match (begin, byte) {
            (None, b'\n') => line += 1,
            (None, b'"') => begin = Some(at),
            (None, _) => {}
            (Some(begin), _) if at - begin > MOST_OF_A_ROW => return Some(line),
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), b'\\') => is_escaped = true,
            (Some(_), b'"') => begin = None,
            (Some(_), _) => {}
        }
    }
    None
}

/// Why a text is no JSON, without quoting it.
fn fault_of(error: &serde_json::Error) -> String {
    if error.is_data() {
        let is_twice = error.to_string().starts_with(TWICE);
        return if is_twice { TWICE } else { TOO_MANY }.into();
    }
    let message = error.to_string();
    let reason = message.split(" at line ").next().unwrap_or_default();
    format!("is not readable as JSON: column {}: {reason}", error.column())
}

const TWICE: &str = "an object holds a field twice";
const TOO_MANY: &str = "an object holds more than 1000 fields";

impl<'a> Part<'a> {
    /// A whole document; they count from 1.
    pub(super) fn whole(document: u64, text: &'a str) -> Self {
        Self {
            document,
            pointer: Box::default(),
            text,
        }
    }

    /// The same for whoever keeps many.
    pub(super) fn without_place(&self) -> Self {
        Self {
            document: self.document,
            pointer: Box::default(),
            text: self.text,
        }
    }

    pub(super) fn is_list(&self) -> bool {
        self.text.starts_with('[')
    }

    pub(super) fn is_object(&self) -> bool {
        self.text.starts_with('{')
    }

    /// Whether it is this word: `true`, `false`.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.text == word
    }

    /// Whether it holds nothing.
    pub(super) fn is_empty(&self) -> bool {
        is_empty(self.text)
    }

    /// Whether it is more than can be taken out as a whole.
    pub(super) fn is_large(&self) -> bool {
        self.text.len() > MOST_OF_A_ROW
    }

    /// The whole of it, unless it is large.
    pub(super) fn value(&self) -> Value {
        self.take().unwrap_or_default()
    }

    fn take<T: DeserializeOwned>(&self) -> Option<T> {
        if self.is_large() {
            return None;
        }
        serde_json::from_str(self.text).ok()
    }

    /// The names and texts of the fields of an object; of something else, none.
    fn pairs(&self) -> impl Iterator<Item = (String, &'a str)> + use<'a> {
        let mut rest = self.text.strip_prefix('{').unwrap_or_default();
        std::iter::from_fn(move || {
            let name = next_value(&mut rest)?;
            Some((serde_json::from_str(name).ok()?, next_value(&mut rest)?))
        })
    }

    /// The fields of an object, those that hold null too.
    pub(super) fn fields(&self) -> impl Iterator<Item = (String, Self)> {
        self.pairs().map(|(name, text)| {
            let part = self.inner(&name, text);
            (name, part)
        })
    }

    /// What a field holds, unless it is absent or null.
    pub(super) fn field(&self, name: &str) -> Option<Self> {
        let (name, text) = self.pairs().find(|(other, _)| other == name)?;
        (text != "null").then(|| self.inner(&name, text))
    }

    /// Whether there is such a field, be it null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.pairs().any(|(other, _)| other == name)
    }

    fn inner(&self, name: impl fmt::Display, text: &'a str) -> Self {
        Self {
            document: self.document,
            pointer: format!("{}/{name}", self.pointer).into(),
            text,
        }
    }

    /// The things of a list; `None` when it is none.
    pub(super) fn items(&self) -> Option<impl Iterator<Item = Self>> {
        let mut rest = self.text.strip_prefix('[')?;
        let items = std::iter::from_fn(move || next_value(&mut rest));
        Some(items.enumerate().map(|(nth, text)| self.inner(nth, text)))
    }

    /// Where it stands; `nth` counts what is told of in the file.
    pub(super) fn place(&self, nth: usize) -> Place {
        Place::Item {
            document: self.document,
            nth,
            pointer: self.pointer.clone().into(),
        }
    }

    /// Its text, when it is one.
    pub(super) fn as_text(&self) -> Option<String> {
        self.take()
    }

    /// A text that may be absent.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, &'static str> {
        let field = self.field(name);
        field
            .map(|field| field.as_text().ok_or("must be a text"))
            .transpose()
    }

    /// A whole number that may be absent.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, &'static str> {
        let field = self.field(name);
        let number = field.map(|field| field.take().ok_or("must be a whole number"));
        number.transpose()
    }

    /// The names of the fields of an object that hold something: no null, no empty list, object or text.
    pub(super) fn filled(&self) -> impl Iterator<Item = String> {
        self.pairs()
            .filter_map(|(name, text)| (!is_empty(text)).then_some(name))
    }
}

/// Takes the next value of a list or an object off the front; names are values, too.
fn next_value<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_start_matches([' ', '\t', '\r', '\n', ',', ':']);
    if text.starts_with([']', '}']) {
        return None;
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    let (value, after) = text.split_at_checked(values.byte_offset())?;
    *rest = after;
    Some(value)
}

/// A name that a fault may quote: of letters, `_` and `-`, as fields and plugins are called, and as a secret hardly is.
pub(in super::super) fn quotable(name: &str) -> Option<&str> {
    let is_word = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphabetic() || b"_-".contains(&byte))
    };
    Some(name).filter(|name| (1..=40).contains(&name.len()) && is_word(name))
}

/// Whether a value holds nothing.
fn is_empty(value: &str) -> bool {
    let begins_and_ends = |begin, end| {
        let inside = value.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end));
        inside.is_some_and(|inside: &str| inside.trim_ascii().is_empty())
    };
    matches!(value, "null" | "\"\"") || begins_and_ends('[', ']') || begins_and_ends('{', '}')
}

/// JSON without repeated fields: of two values, which one counts would be a guess. Nothing of it is kept.
struct Strict;

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyJson)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_str<E>(self, _: &str) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Strict, A::Error> {
        while seq.next_element::<Strict>()?.is_some() {}
        Ok(Strict)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strict, A::Error> {
        let mut names = HashSet::new();
        while let Some((Name(name), Strict)) = map.next_entry()? {
            if !names.insert(name) {
                return Err(de::Error::custom(TWICE));
            }
            if names.len() > MOST_FIELDS {
                return Err(de::Error::custom(TOO_MANY));
            }
        }
        Ok(Strict)
    }
}

/// The name of a field, which is a copy only where the text has escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}
