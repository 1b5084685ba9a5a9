//! Reading fields out of a body or a query: every fault is named, what nobody asked for is refused.
//!
//! What could not be read goes with the rest to the engine ([`Decoded::into_draft`]), so that one answer names that and what
//! the engine finds wrong with the other fields.

use crate::json::Json;
use crate::problem::Problem;
use keyward_engine::{
    AuditFilter, Choice, ChoiceForm, EngineError, FieldFault, KeyDraft, KeyEdit, KeyFilter, PageAsk,
    SetupDraft, SiteDraft, SiteEdit, UsageWindow, UserDraft, UserEdit, UserFilter, read_choice,
};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Something that is read from fields. Who adds a field reads it in `decode`, in the order of the document; what is not read
/// there is unknown.
pub(crate) trait Decode: Sized {
    /// Fields that an answer shows and an edit may not touch.
    const IMMUTABLE: &[&str] = &[];

    /// Takes the fields; faults are noted in `fields`, and what could not be read is as if it were absent.
    fn decode(fields: &mut Fields) -> Self;
}

/// Fields that wait to be read.
pub(crate) struct Fields {
    values: BTreeMap<String, Json>,
    /// The fields that were asked for, in their order.
    known: Vec<&'static str>,
    /// Those of them that can be left open.
    choices: Vec<ChoiceForm>,
    faults: Vec<FieldFault>,
}

/// What was read from fields, and what could not be. The value is given away only together with the faults.
pub(crate) struct Decoded<T> {
    value: T,
    report: Report,
}

/// How the faults of a body or a query are told: those that were found in reading it, and those of the engine's.
pub(crate) struct Report {
    /// The fields that there are, in the order of the document.
    known: Vec<&'static str>,
    choices: Vec<ChoiceForm>,
    misread: Vec<FieldFault>,
    /// Whether one of the faults is that a field cannot be modified.
    is_immutable: bool,
}

/// Reads a value from its fields, as far as it can be read.
pub(crate) fn decode<T: Decode>(mut values: BTreeMap<String, Json>) -> Decoded<T> {
    let mut faults = take_immutable::<T>(&mut values);
    let is_immutable = !faults.is_empty();
    let mut fields = Fields {
        values,
        known: Vec::new(),
        choices: Vec::new(),
        faults: Vec::new(),
    };
    let value = T::decode(&mut fields);
    faults.append(&mut fields.faults);
    for name in fields.values.into_keys().take(20) {
        faults.push(FieldFault::new(shortened(&name), "there is no such field here"));
    }
    Decoded {
        value,
        report: Report {
            known: fields.known,
            choices: fields.choices,
            misread: faults,
            is_immutable,
        },
    }
}

fn take_immutable<T: Decode>(values: &mut BTreeMap<String, Json>) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    values.retain(|name, _| {
        let field = T::IMMUTABLE.iter().find(|field| is_spelling_of(name, field));
        faults.extend(field.map(|field| FieldFault::new(name.clone(), immutable_message(field))));
        field.is_none()
    });
    faults
}

/// What the engine is asked, and cannot answer when fields of it could not be read.
pub(crate) trait Draft {
    /// Where those fields go.
    fn misread(&mut self) -> &mut Vec<FieldFault>;
}

macro_rules! drafts {
    ($($draft:ty),+) => {
        $(impl Draft for $draft {
            fn misread(&mut self) -> &mut Vec<FieldFault> {
                &mut self.misread
            }
        })+
    };
}

drafts!(
    KeyDraft,
    KeyEdit,
    KeyFilter,
    UserDraft,
    UserEdit,
    UserFilter,
    SiteDraft,
    SiteEdit,
    SetupDraft,
    AuditFilter,
    UsageWindow,
    PageAsk
);

impl<T> Decoded<T> {
    /// What to ask the engine, and how what it finds wrong is told.
    pub(crate) fn into_draft<D: Draft + From<T>>(self) -> (D, Report) {
        let mut draft = D::from(self.value);
        draft.misread().clone_from(&self.report.misread);
        (draft, self.report)
    }

    /// The value, of which the engine has nothing to say.
    ///
    /// # Errors
    /// Names every field that could not be read.
    pub(crate) fn whole(self) -> Result<T, Problem> {
        if self.report.misread.is_empty() {
            Ok(self.value)
        } else {
            Err(self.report.invalid(self.report.misread.clone()))
        }
    }
}

impl Report {
    /// What is told of an error of the engine's: of fields, at their places and in the order of the document.
    pub(crate) fn problem(&self, error: EngineError) -> Problem {
        match error {
            EngineError::Invalid(faults) => {
                let placed = faults.into_iter().map(|fault| self.at_member(fault));
                self.invalid(placed.collect())
            }
            error => error.into(),
        }
    }

    /// A fault of the engine's, at the place of a body where the value stands: it is never the word for open that cannot be
    /// taken.
    fn at_member(&self, fault: FieldFault) -> FieldFault {
        let form = self.choices.iter().find(|form| form.field == fault.field);
        match form {
            Some(form) if !self.misread.contains(&fault) => FieldFault::new(form.set_path, fault.message),
            _ => fault,
        }
    }

    fn invalid(&self, mut faults: Vec<FieldFault>) -> Problem {
        let place = |fault: &FieldFault| {
            let name = fault.field.split('.').next();
            let place = self.known.iter().position(|known| Some(*known) == name);
            place.unwrap_or(usize::MAX)
        };
        faults.sort_by_key(place);
        Problem::of_fields(self.is_immutable, &faults)
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

impl Fields {
    fn refuse<T>(&mut self, name: impl Into<Cow<'static, str>>, message: &str) -> Option<T> {
        self.faults.push(FieldFault::new(name, message));
        None
    }

    /// A text that must be there.
    pub(crate) fn required_text(&mut self, name: &'static str) -> String {
        let missing = !self.values.contains_key(name);
        let text = self.text_or(name, "send a text");
        if missing {
            self.faults.push(FieldFault::new(name, "is required"));
        }
        text.unwrap_or_default()
    }

    /// Takes a value that is there. Null is none: it does not say whether nothing was meant, or "no restriction", or "as it
    /// is", and programs send it for what nobody has set.
    fn take(&mut self, name: &'static str, way_out: &str) -> Option<Json> {
        self.known.push(name);
        match self.values.remove(name)? {
            Json::Null => self.refuse(name, &format!("null does not say what is meant: {way_out}")),
            value => Some(value),
        }
    }

    fn text_or(&mut self, name: &'static str, way_out: &str) -> Option<String> {
        match self.take(name, way_out)? {
            Json::Text(text) => Some(text),
            _ => self.refuse(name, "must be a text"),
        }
    }

    /// A text that may be absent.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.text_or(name, "leave the field out, or send a text")
    }

    /// A text of a query that is looked for, of 1000 characters at most: nothing that is found is longer.
    pub(crate) fn sought(&mut self, name: &'static str) -> Option<String> {
        let text = self.text(name)?;
        if text.chars().count() > 1000 {
            return self.refuse(name, "must be at most 1000 characters");
        }
        Some(text)
    }

    /// A truth value that may be absent.
    pub(crate) fn bool(&mut self, name: &'static str) -> Option<bool> {
        match self.take(name, "leave the field out, or send true or false")? {
            Json::Bool(value) => Some(value),
            _ => self.refuse(name, "must be true or false"),
        }
    }

    /// What can be left open, in a word or with a value; it may be absent.
    pub(crate) fn choice<T: Choice>(&mut self, form: &ChoiceForm) -> Option<T> {
        self.known.push(form.field);
        self.choices.push(*form);
        let fault = match read_choice(form, self.values.remove(form.field)?.into_plain()) {
            Ok(value) => return Some(value),
            Err(fault) => fault,
        };
        let field = match fault.member {
            None => Cow::Borrowed(form.field),
            Some(member) => format!("{}.{}", form.field, shortened(&member)).into(),
        };
        self.refuse(field, &fault.message)
    }

    /// A small whole number, written as text, as queries have it.
    pub(crate) fn query_number(&mut self, name: &'static str) -> Option<u32> {
        let text = self.text(name)?;
        match whole(&text).and_then(|number| u32::try_from(number).ok()) {
            Some(number) => Some(number),
            None => self.refuse(name, "must be a whole number"),
        }
    }

    /// A truth value, written as text, as queries have it.
    pub(crate) fn query_bool(&mut self, name: &'static str) -> Option<bool> {
        match self.text(name)?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => self.refuse(name, "must be true or false"),
        }
    }

    /// A text that must be there, and that another type can read.
    pub(crate) fn required_parsed<T, E: ToString>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if !self.values.contains_key(name) {
            self.known.push(name);
            return self.refuse(name, "is required");
        }
        self.parsed(name, parse)
    }

    /// A text that another type can read, if it is there.
    pub(crate) fn parsed<T, E: ToString>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(fault) => self.refuse(name, &fault.to_string()),
        }
    }
}

/// A whole number of digits alone; what does not fit is as good as the largest.
pub(crate) fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}
