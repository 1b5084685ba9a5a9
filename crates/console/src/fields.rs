//! Reading fields out of a body or a query: every fault is named, what nobody asked for is refused.

use crate::json::Json;
use keyward_engine::{
    ADDRESSES, Choice, ChoiceForm, EXPIRES_AT, EngineError, FieldFault, LIMIT, SITES, read_choice,
};
use std::collections::BTreeMap;

/// A field that cannot be taken, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldError {
    pub(crate) field: String,
    pub(crate) message: String,
}

/// Something that is read from fields. Who adds a field reads it in `decode`; what is not read there is unknown.
pub(crate) trait Decode: Sized {
    /// Fields that an answer shows and an edit may not touch.
    const IMMUTABLE: &[&str] = &[];

    /// Takes the fields; faults are noted in `fields`, and the value is then dropped.
    fn decode(fields: &mut Fields) -> Self;
}

/// Why fields cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FieldsFault {
    /// Fields that cannot be modified.
    Immutable(Vec<FieldError>),
    /// Fields that are unknown, missing, or of the wrong kind.
    Invalid(Vec<FieldError>),
}

/// Fields that wait to be read.
pub(crate) struct Fields {
    values: BTreeMap<String, Json>,
    errors: Vec<FieldError>,
}

/// Reads a whole value from its fields.
///
/// # Errors
/// Names every field at fault.
pub(crate) fn decode<T: Decode>(values: BTreeMap<String, Json>) -> Result<T, FieldsFault> {
    let immutable: Vec<FieldError> = values
        .keys()
        .filter_map(|name| {
            let field = T::IMMUTABLE.iter().find(|field| is_spelling_of(name, field))?;
            Some(error(name, immutable_message(field)))
        })
        .collect();
    if !immutable.is_empty() {
        return Err(FieldsFault::Immutable(immutable));
    }
    let mut fields = Fields {
        values,
        errors: Vec::new(),
    };
    let value = T::decode(&mut fields);
    for name in fields.values.into_keys().take(20) {
        fields
            .errors
            .push(error(&shortened(&name), "there is no such field here"));
    }
    if fields.errors.is_empty() {
        Ok(value)
    } else {
        Err(FieldsFault::Invalid(fields.errors))
    }
}

/// Whether a name is that of a field in another habit of writing: `useCase`, `Use-Case`, `USE_CASE`. None of them is
/// taken, but who means a field that cannot be modified is told so.
fn is_spelling_of(name: &str, field: &str) -> bool {
    let letters = |text: &str| -> Vec<u8> {
        let bytes = text.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b' '));
        bytes.map(|byte| byte.to_ascii_lowercase()).collect()
    };
    name == field || letters(name) == letters(field)
}

fn immutable_message(field: &str) -> &'static str {
    match field {
        "status" => "cannot be modified here: POST to …/enable or …/disable",
        _ => "cannot be modified",
    }
}

/// A name that somebody else chose.
fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}

fn error(field: &str, message: &str) -> FieldError {
    FieldError {
        field: field.to_owned(),
        message: message.to_owned(),
    }
}

impl Fields {
    fn refuse<T>(&mut self, name: &str, message: &str) -> Option<T> {
        self.errors.push(error(name, message));
        None
    }

    /// A text that must be there.
    pub(crate) fn required_text(&mut self, name: &str) -> String {
        let missing = !self.values.contains_key(name);
        let text = self.text_or(name, "send a text");
        if missing {
            self.errors.push(error(name, "is required"));
        }
        text.unwrap_or_default()
    }

    /// Takes a value that is there. Null is none: it does not say whether nothing was meant, or "no restriction", or "as it
    /// is", and programs send it for what nobody has set.
    fn take(&mut self, name: &str, way_out: &str) -> Option<Json> {
        match self.values.remove(name)? {
            Json::Null => self.refuse(name, &format!("null does not say what is meant: {way_out}")),
            value => Some(value),
        }
    }

    fn text_or(&mut self, name: &str, way_out: &str) -> Option<String> {
        match self.take(name, way_out)? {
            Json::Text(text) => Some(text),
            _ => self.refuse(name, "must be a text"),
        }
    }

    /// A text that may be absent.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.text_or(name, "leave the field out, or send a text")
    }

    /// A text of a query that is looked for, of 1000 characters at most: nothing that is found is longer.
    pub(crate) fn sought(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        if text.chars().count() > 1000 {
            return self.refuse(name, "must be at most 1000 characters");
        }
        Some(text)
    }

    /// A truth value that may be absent.
    pub(crate) fn bool(&mut self, name: &str) -> Option<bool> {
        match self.take(name, "leave the field out, or send true or false")? {
            Json::Bool(value) => Some(value),
            _ => self.refuse(name, "must be true or false"),
        }
    }

    /// What can be left open, in a word or with a value; it may be absent.
    pub(crate) fn choice<T: Choice>(&mut self, form: &ChoiceForm) -> Option<T> {
        let fault = match read_choice(form, self.values.remove(form.field)?.into_plain()) {
            Ok(value) => return Some(value),
            Err(fault) => fault,
        };
        let field = match fault.member {
            None => form.field.to_owned(),
            Some(member) => format!("{}.{}", form.field, shortened(&member)),
        };
        self.refuse(&field, &fault.message)
    }

    /// A small whole number, written as text, as queries have it.
    pub(crate) fn query_number(&mut self, name: &str) -> Option<u32> {
        let text = self.text(name)?;
        match whole(&text).and_then(|number| u32::try_from(number).ok()) {
            Some(number) => Some(number),
            None => self.refuse(name, "must be a whole number"),
        }
    }

    /// A truth value, written as text, as queries have it.
    pub(crate) fn query_bool(&mut self, name: &str) -> Option<bool> {
        match self.text(name)?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => self.refuse(name, "must be true or false"),
        }
    }

    /// A text that another type can read, if it is there.
    pub(crate) fn parsed<T, E: ToString>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(fault) => self.refuse(name, &fault.to_string()),
        }
    }
}

/// A fault of the engine's, at the place of a body where the value stands: it is never the word for open that cannot be
/// taken.
pub(crate) fn at_member(error: EngineError) -> EngineError {
    let EngineError::Invalid(faults) = error else {
        return error;
    };
    let at_member = |fault: FieldFault| {
        let mut forms = [SITES, ADDRESSES, LIMIT, EXPIRES_AT].into_iter();
        let form = forms.find(|form| form.field == fault.field);
        FieldFault {
            field: form.map_or(fault.field, |form| form.set_path),
            ..fault
        }
    };
    EngineError::Invalid(faults.into_iter().map(at_member).collect())
}

/// A whole number of digits alone; what does not fit is as good as the largest.
pub(crate) fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}
