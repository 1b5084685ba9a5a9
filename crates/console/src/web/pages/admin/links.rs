//! Addresses of pages, with what was typed in them.

use std::fmt::Write;

/// A path with a query of the pairs that hold something.
pub(super) fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut text = path.to_owned();
    let filled = pairs.iter().filter(|(_, value)| !value.is_empty());
    for (place, (name, value)) in filled.enumerate() {
        text.push(if place == 0 { '?' } else { '&' });
        text += name;
        text.push('=');
        text += &encoded(value);
    }
    text
}

/// A text as a part of a path or a query (RFC 3986, section 2).
pub(super) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_cannot_leave_its_place_in_an_address() {
        let link = with_query(
            "/admin/audit",
            &[("user", "a&b=é#"), ("kind", ""), ("action", "key.edit")],
        );
        assert_eq!(link, "/admin/audit?user=a%26b%3D%C3%A9%23&action=key.edit");
        assert_eq!(with_query("/admin/audit", &[("user", "")]), "/admin/audit");
    }
}
