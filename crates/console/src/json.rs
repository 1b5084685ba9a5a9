//! The one JSON parser of request bodies: RFC 8259 and nothing beside it.
//!
//! It refuses what two readers could read differently (repeated names, a byte order mark, lone surrogates, bytes after
//! the end) and keeps numbers as they were written, so that `1e400` can be refused by the field that it stands in. A
//! fault says where, never what: a secret may stand there.

use crate::fields::whole;
use serde_json::Value;
use std::collections::BTreeMap;

/// The deepest nesting.
const MOST_DEPTH: usize = 128;

/// The most fields of all objects together: one alone takes 600 bytes.
const MOST_FIELDS: usize = 10_000;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// A number as it was written.
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// As others read values. A number that they cannot hold becomes the nearest that they can.
    pub(crate) fn into_plain(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => value.into(),
            Self::Number(text) => whole(&text).map_or_else(|| fraction(&text), Value::from),
            Self::Text(text) => text.into(),
            Self::List(items) => items.into_iter().map(Self::into_plain).collect(),
            Self::Object(members) => {
                let members = members.into_iter();
                members.map(|(name, value)| (name, value.into_plain())).collect()
            }
        }
    }
}

fn fraction(text: &str) -> Value {
    let number = text.parse::<f64>().unwrap_or_default();
    Value::from(number.clamp(f64::MIN, f64::MAX))
}

/// Where a text stops being JSON, and why. Line and column are counted from 1, columns in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {fault}")]
pub(crate) struct Malformed {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) fault: &'static str,
}

/// Reads one JSON text.
///
/// # Errors
/// The place of the first fault.
pub(crate) fn parse(bytes: &[u8]) -> Result<Json, Malformed> {
    let text = str::from_utf8(bytes).map_err(|error| locate(bytes, error.valid_up_to(), "is not UTF-8"))?;
    let mut parser = Parser {
        text,
        at: 0,
        fields: 0,
    };
    parser.document().map_err(|fault| locate(bytes, parser.at, fault))
}

fn locate(bytes: &[u8], at: usize, fault: &'static str) -> Malformed {
    let before = bytes.get(..at).unwrap_or(bytes);
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    Malformed {
        line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
        column: before.len() - line_start + 1,
        fault,
    }
}

type Parsed<T> = Result<T, &'static str>;

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// How many fields of objects there were so far.
    fields: usize,
}

impl Parser<'_> {
    fn document(&mut self) -> Parsed<Json> {
        let value = self.value(0)?;
        self.skip_blanks();
        if self.at == self.text.len() {
            Ok(value)
        } else {
            Err("something follows the end of the value")
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Takes a byte if it is the next one.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Parsed<Json> {
        self.skip_blanks();
        match self.peek() {
            Some(b'{' | b'[') if depth >= MOST_DEPTH => Err("is nested more than 128 deep"),
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.list(depth + 1),
            Some(b'"') => Ok(Json::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(_) => Err("a JSON value is expected here"),
            None => Err("the text ends too early"),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Parsed<Json> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(value)
        } else {
            Err("a JSON value is expected here")
        }
    }

    fn object(&mut self, depth: usize) -> Parsed<Json> {
        self.at += 1;
        let mut fields = BTreeMap::new();
        self.skip_blanks();
        if self.take(b'}') {
            return Ok(Json::Object(fields));
        }
        loop {
            self.skip_blanks();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err("a field name in quotes is expected here");
            }
            let name = self.string()?;
            if fields.contains_key(&name) {
                self.at = start;
                return Err("a field name is repeated");
            }
            self.skip_blanks();
            if !self.take(b':') {
                return Err("a colon is expected here");
            }
            if self.fields == MOST_FIELDS {
                return Err("there are more than 10000 fields");
            }
            self.fields += 1;
            let value = self.value(depth)?;
            fields.insert(name, value);
            self.skip_blanks();
            if self.take(b'}') {
                return Ok(Json::Object(fields));
            }
            if !self.take(b',') {
                return Err("a comma or a closing brace is expected here");
            }
        }
    }

    fn list(&mut self, depth: usize) -> Parsed<Json> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_blanks();
        if self.take(b']') {
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.skip_blanks();
            if self.take(b']') {
                return Ok(Json::List(items));
            }
            if !self.take(b',') {
                return Err("a comma or a closing bracket is expected here");
            }
        }
    }

    fn number(&mut self) -> Parsed<Json> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        Ok(Json::Number(self.text[start..self.at].to_owned()))
    }

    /// One digit or more.
    fn digits(&mut self) -> Parsed<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start {
            Ok(())
        } else {
            Err("a digit is expected here")
        }
    }

    fn string(&mut self) -> Parsed<String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest
                .bytes()
                .position(|byte| byte == b'"' || byte == b'\\' || byte < 0x20)
                .ok_or("a text is not closed")?;
            out.push_str(&rest[..plain]);
            self.at += plain;
            match rest.as_bytes().get(plain) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                _ => return Err("a control character in a text must be escaped"),
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let fault = "there is no such escape";
        let kind = self.text.as_bytes().get(self.at + 1).copied().ok_or(fault)?;
        if kind == b'u' {
            return self.unicode_escape();
        }
        let plain = match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            _ => return Err(fault),
        };
        self.at += 2;
        Ok(plain)
    }

    fn unicode_escape(&mut self) -> Parsed<char> {
        let lone = "half of a surrogate pair";
        let first = self.code_unit(self.at)?;
        let (code, length) = match first {
            0xd800..=0xdbff => {
                let second = self.code_unit(self.at + 6).map_err(|_| lone)?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(lone);
                }
                (0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00), 12)
            }
            _ => (first, 6),
        };
        let found = char::from_u32(code).ok_or(lone)?;
        self.at += length;
        Ok(found)
    }

    /// The code unit of a `\uXXXX` that begins at a place.
    fn code_unit(&self, at: usize) -> Parsed<u32> {
        let fault = "\\u needs four hexadecimal digits";
        let digits = self
            .text
            .get(at..at + 6)
            .and_then(|escape| escape.strip_prefix("\\u"))
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .ok_or(fault)?;
        u32::from_str_radix(digits, 16).map_err(|_| fault)
    }
}

#[cfg(test)]
mod tests;
