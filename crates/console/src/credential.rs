//! The header that carries the key.

use http::HeaderMap;
use keyward_domain::{CredentialFault, Presented};

/// The header's name.
pub(crate) const HEADER: &str = "x-api-key";

/// Takes the one `X-API-KEY` of a request.
///
/// # Errors
/// `Missing` when there is none or an empty one, `Malformed` when there are several or it cannot be a key.
pub(crate) fn credential(headers: &HeaderMap) -> Result<Presented<'_>, CredentialFault> {
    let mut values = headers.get_all(HEADER).iter();
    let value = values.next().ok_or(CredentialFault::Missing)?;
    if values.next().is_some() {
        return Err(CredentialFault::Malformed);
    }
    Presented::parse(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn h1_two_values_are_malformed_whatever_they_are() {
        for values in [["a", "a"], ["a", "b"], ["a", ""]] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(HEADER, HeaderValue::from_static(value));
            }
            assert_eq!(credential(&headers).err(), Some(CredentialFault::Malformed));
        }
        assert_eq!(
            credential(&HeaderMap::new()).err(),
            Some(CredentialFault::Missing)
        );
    }
}
