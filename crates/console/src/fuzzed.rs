//! What must hold whatever bytes come. `cargo fuzz` runs it over what it makes up, the tests over the kept corpus.

use crate::json::{self, Json};
use crate::web::form_fields;
use serde::de::IgnoredAny;

/// A JSON body: what passes, another reader takes as well, and reads the same names and texts.
pub fn json(bytes: &[u8]) {
    let Ok(read) = json::parse(bytes) else { return };
    assert!(serde_json::from_slice::<IgnoredAny>(bytes).is_ok());
    if let Ok(other) = serde_json::from_slice(bytes) {
        same(&read, &other);
    }
}

fn same(ours: &Json, other: &serde_json::Value) {
    match (ours, other) {
        (Json::Null, serde_json::Value::Null) | (Json::Number(_), serde_json::Value::Number(_)) => {}
        (Json::Bool(ours), serde_json::Value::Bool(other)) => assert_eq!(ours, other),
        (Json::Text(ours), serde_json::Value::String(other)) => assert_eq!(ours, other),
        (Json::List(ours), serde_json::Value::Array(other)) => {
            assert_eq!(ours.len(), other.len());
            ours.iter().zip(other).for_each(|(ours, other)| same(ours, other));
        }
        (Json::Object(ours), serde_json::Value::Object(other)) => {
            assert_eq!(ours.len(), other.len());
            ours.iter().for_each(|(name, ours)| same(ours, &other[name]));
        }
        _ => unreachable!("{ours:?} and {other:?}"),
    }
}

/// A form: what passes says the same when each of its bytes is escaped, and holds no NUL.
pub fn form(bytes: &[u8]) {
    let Some(fields) = form_fields(bytes) else { return };
    let escape = |text: &str| {
        text.bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect::<String>()
    };
    let pairs = fields
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    let again = form_fields(pairs.collect::<Vec<_>>().join("&").as_bytes());
    // Line ends are read as LF, each time.
    let plain = |text: &String| text.replace("\r\n", "\n");
    let expected = fields.iter().map(|(name, value)| (plain(name), plain(value)));
    assert_eq!(again, Some(expected.collect()));
    assert!(
        fields
            .iter()
            .all(|(name, value)| !name.contains('\0') && !value.contains('\0'))
    );
}

#[cfg(test)]
mod tests {
    include!("../../../fuzz/replay.rs");

    #[test]
    fn the_kept_corpus_holds() {
        replay("json", super::json);
        replay("form", super::form);
    }
}
