//! Small words of the pages of keys: numbers, states, lists in brief.

use crate::web::language::Language;
use crate::web::page::Page;

/// A word for the state of a key, with the colour of its badge.
pub(super) struct State {
    pub(super) badge: &'static str,
    pub(super) text: String,
}

pub(super) fn state(page: &Page, word: &str) -> State {
    let badge = match word {
        "active" => "good",
        "disabled" => "warn",
        "expired" => "bad",
        _ => "plain",
    };
    State {
        badge,
        text: page.t(&format!("key-state-{word}")).into_owned(),
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
