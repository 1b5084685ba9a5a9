//! What RFC 9113 calls malformed and the library lets pass.

use http::{HeaderMap, Uri, Version};

/// What is malformed in a request of HTTP/2, as the end of a sentence: a field value that a blank stands around (section 8.2.1), or a
/// scheme of which nobody here knows what it means (section 8.3.1).
pub fn http2_fault(version: Version, uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
    if version != Version::HTTP_2 {
        return None;
    }
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let has_blanks = |value: &[u8]| is_blank(value.first()) || is_blank(value.last());
    if headers.values().any(|value| has_blanks(value.as_bytes())) {
        return Some("a field value that begins or ends with a blank");
    }
    match uri.scheme_str() {
        None | Some("http" | "https") => None,
        Some(_) => Some("a scheme that is neither http nor https"),
    }
}
