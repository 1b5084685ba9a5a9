//! For which host a request is: one rule for every plane that strangers reach.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri, Version};
use std::net::Ipv6Addr;

/// Why a request is for no host beyond doubt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostFault {
    /// There is no `Host`, and no `:authority` either.
    Missing,
    /// `Host` stands there twice.
    Repeated,
    /// `Host` names another host than the target does.
    Foreign,
    /// It is no host, with or without a port.
    Malformed,
}

impl HostFault {
    /// What is wrong, as the end of a sentence about the request.
    pub fn what(self) -> &'static str {
        match self {
            Self::Missing => "it has no Host",
            Self::Repeated => "it has more than one Host",
            Self::Foreign => "its Host is not that of its target",
            Self::Malformed => "its Host is malformed",
        }
    }
}

/// The one host of a request: `Host`, `:authority`, or both when they agree.
///
/// # Errors
/// Two readers could take it to be for two hosts, or for none.
pub fn one_host(version: Version, uri: &Uri, headers: &HeaderMap) -> Result<HeaderValue, HostFault> {
    let mut fields = headers.get_all(HOST).iter();
    let field = fields.next();
    if fields.next().is_some() {
        return Err(HostFault::Repeated);
    }
    let authority = uri.authority().map(Authority::as_str);
    let host = match (field, authority) {
        (Some(field), None) => field.clone(),
        (Some(field), Some(authority)) if field.as_bytes().eq_ignore_ascii_case(authority.as_bytes()) => {
            field.clone()
        }
        (Some(_), Some(_)) => return Err(HostFault::Foreign),
        (None, Some(authority)) if version == Version::HTTP_2 => {
            HeaderValue::from_str(authority).map_err(|_| HostFault::Malformed)?
        }
        (None, _) => return Err(HostFault::Missing),
    };
    let sign = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(byte);
    let plain = (1..=255).contains(&host.len()) && host.as_bytes().iter().all(sign);
    if plain && host.to_str().is_ok_and(is_authority) {
        Ok(host)
    } else {
        Err(HostFault::Malformed)
    }
}

/// A host, with a port after its colon when it has one. An address of IPv6 stands in brackets.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    let is_port = port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let is_host = match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => !host.is_empty() && !host.contains([':', '[', ']']),
    };
    is_host && (port.is_empty() || is_port) && text.parse::<Authority>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f7_a_port_is_digits() {
        for good in [
            "localhost",
            "localhost:80",
            "1.example.com:8080",
            "[::1]",
            "[::1]:443",
            "[2001:db8::1]:443",
            "a:",
        ] {
            assert!(is_authority(good), "{good}");
        }
        for bad in [
            "",
            "a:x",
            "a:80:80",
            "a:-1",
            "[::1",
            "::1",
            "[::1]:x",
            "a:99999999",
            ":80",
            ":",
            "[]",
            "[]:80",
            "[v1.a]",
            "[127.0.0.1]",
            "a[b]",
            "a]:80",
            "[::1]a",
            "[::1]a:80",
        ] {
            assert!(!is_authority(bad), "{bad}");
        }
    }
}
