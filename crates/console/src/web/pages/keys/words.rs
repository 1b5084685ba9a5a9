//! Small words of the pages of keys: numbers, states, lists in brief.

use crate::web::language::Language;
use crate::web::page::Page;
use keyward_engine::{Hindrance, KeyView};

/// A word for the state of a key, with the colour of its badge.
pub(super) struct State {
    pub(super) badge: &'static str,
    pub(super) text: String,
}

/// The state of a key; of one that is on and refused all the same, why it is.
pub(super) fn state(page: &Page, view: &KeyView) -> State {
    let (badge, text) = match (view.state, view.hindrance) {
        ("active", Some(hindrance)) => ("bad", format!("key-refused-{}", word_of(hindrance))),
        ("active", None) => ("good", "key-state-active".into()),
        ("disabled", _) => ("warn", "key-state-disabled".into()),
        ("expired", _) => ("bad", "key-state-expired".into()),
        (word, _) => ("plain", format!("key-state-{word}")),
    };
    State {
        badge,
        text: page.t(&text).into_owned(),
    }
}

/// Why a key is refused everywhere, as a sentence, whether it is on or not.
pub(super) fn hindrance_text(page: &Page, view: &KeyView) -> Option<String> {
    let hindrance = view.hindrance.filter(|_| !view.key.is_deleted())?;
    let text = page.t(&format!("key-hindrance-{}", word_of(hindrance)));
    Some(text.into_owned())
}

const fn word_of(hindrance: Hindrance) -> &'static str {
    match hindrance {
        Hindrance::OwnerDisabled => "owner-disabled",
        Hindrance::OwnerDeleted => "owner-deleted",
        Hindrance::UseCaseGone => "use-case",
        Hindrance::NoSite => "site",
        Hindrance::NoAddress => "address",
    }
}

/// A number, with its thousands set apart as the language does.
pub(super) fn number(page: &Page, number: u64) -> String {
    let separator = match page.language {
        Language::English => ',',
        Language::French => '\u{202f}',
    };
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

/// A list in brief: the first `most`, and how many more. `None` is everything, an empty list nothing.
pub(super) fn brief<T: ToString>(page: &Page, list: Option<&[T]>, most: usize, all: &str) -> String {
    let Some(list) = list else {
        return page.t(all).into_owned();
    };
    let first: Vec<String> = list.iter().take(most).map(ToString::to_string).collect();
    match list.len() {
        0 => page.t("none").into_owned(),
        length if length > most => format!("{} +{}", first.join(", "), length - most),
        _ => first.join(", "),
    }
}

/// A part of a query, percent-encoded.
pub(super) fn encode(text: &str) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut out, byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                out.push(char::from(byte));
            } else {
                out += &format!("%{byte:02X}");
            }
            out
        })
}
