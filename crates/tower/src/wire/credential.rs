//! The one header that carries a key.

use http::{HeaderMap, HeaderName};
use keyward_domain::{CredentialFault, Presented};

/// The header field of a key: `X-API-KEY` (mission, "Required header").
pub const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Reads the key of a request: exactly one field, whose whole value is the key.
///
/// # Errors
/// `Missing` without a field or with one empty field; `Malformed` for two fields, whatever they hold, and for a value
/// that cannot be a key.
pub fn credential(headers: &HeaderMap) -> Result<Presented<'_>, CredentialFault> {
    let mut values = headers.get_all(X_API_KEY).iter();
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

    fn fault(values: &[&'static str]) -> Option<CredentialFault> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(X_API_KEY, HeaderValue::from_static(value));
        }
        credential(&headers).err()
    }

    #[test]
    fn h1_h2_exactly_one_plain_value_is_a_credential() {
        use CredentialFault::{Malformed, Missing};
        assert_eq!(fault(&["valid"]), None);
        assert_eq!(fault(&[]), Some(Missing));
        assert_eq!(fault(&[""]), Some(Missing));
        for values in [
            &["valid", "valid"][..],
            &["valid", "other"],
            &["valid", ""],
            &["", ""],
            &["valid, valid"],
            &["a b"],
        ] {
            assert_eq!(fault(values), Some(Malformed), "{values:?}");
        }
    }
}
