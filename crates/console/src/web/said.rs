//! What a browser says of a request in a header field of its own: once, or it is not believed.

use http::HeaderMap;

/// A field that is repeated, or is no text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Doubtful;

/// The one value of a field; `None` where it is not sent. Two can be read in two ways.
pub(super) fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Doubtful> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match (value.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text)),
        _ => Err(Doubtful),
    }
}
