//! What the head of a request must be, before its path is looked at: one host, a target, no `Connection` that lists what
//! decides.

use super::{Judge, Refused};
use crate::framing::has_plain_length;
use crate::guard::{Fault, MOST_TARGET_BYTES, check_method};
use crate::onward::is_protected;
use crate::upstream_connection::is_hop_by_hop;
use http::header::{CONNECTION, COOKIE, HOST};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use keyward_domain::PathFault;
use std::net::Ipv6Addr;

/// Hop-by-hop fields that hold lists of names.
const LISTS: [HeaderName; 4] = [
    http::header::TE,
    http::header::TRAILER,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

impl Judge<'_> {
    /// What the path's own rules do not see: a target without a path, and over HTTP/2, where no guard has read it, the
    /// bytes of the query.
    pub(super) fn target(&self, parts: &Parts) -> Result<(), Refused> {
        let target = parts.uri.path_and_query().map_or("", PathAndQuery::as_str);
        if !target.starts_with('/') {
            return self.bad_path(PathFault::NotAbsolute);
        }
        if parts.version == Version::HTTP_2 && !target.bytes().all(|b| b.is_ascii_graphic()) {
            return self.bad_path(PathFault::RawByte);
        }
        Ok(())
    }

    /// The bounds of the guard, for a head that none has read: one of HTTP/2, or one that a proxy tells of.
    pub(super) fn size(&self, parts: &Parts) -> Result<(), Refused> {
        if parts.version == Version::HTTP_2 {
            check_method(parts.method.as_str()).or_else(|fault| self.bad_head(fault))?;
            let target = parts.uri.path_and_query().map_or("", PathAndQuery::as_str);
            if target.len() > MOST_TARGET_BYTES {
                return self.bad_head(Fault::TargetTooLong);
            }
        }
        if parts.headers.len() >= self.most_fields && fields(parts) > self.most_fields {
            return self.bad_head(Fault::HeadTooLarge);
        }
        Ok(())
    }

    /// Over HTTP/2, where no guard has read it, a length that the upstream could read in two ways.
    pub(super) fn length(&self, parts: &Parts) -> Result<(), Refused> {
        if parts.version != Version::HTTP_2 || has_plain_length(&parts.headers) {
            Ok(())
        } else {
            self.bad_request("its Content-Length is not one plain number")
        }
    }

    /// The one host of a request: `Host`, `:authority`, or both when they agree.
    pub(super) fn host(&self, parts: &Parts) -> Result<HeaderValue, Refused> {
        let mut fields = parts.headers.get_all(HOST).iter();
        let field = fields.next();
        if fields.next().is_some() {
            return self.bad_request("it has more than one Host");
        }
        let authority = parts.uri.authority().map(Authority::as_str);
        let host = match (field, authority) {
            (Some(field), None) => field.clone(),
            (Some(field), Some(authority)) if field.as_bytes().eq_ignore_ascii_case(authority.as_bytes()) => {
                field.clone()
            }
            (Some(_), Some(_)) => return self.bad_request("its Host is not that of its target"),
            (None, Some(authority)) if parts.version == Version::HTTP_2 => {
                HeaderValue::from_str(authority).or_else(|_| self.bad_request("its Host is malformed"))?
            }
            (None, _) => return self.bad_request("it has no Host"),
        };
        let sign = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(byte);
        let plain = (1..=255).contains(&host.len()) && host.as_bytes().iter().all(sign);
        if plain && host.to_str().is_ok_and(is_authority) {
            Ok(host)
        } else {
            self.bad_request("its Host is malformed")
        }
    }

    /// The fields that `Connection` lists, to be removed with it.
    pub(super) fn listed(&self, headers: &HeaderMap) -> Result<Vec<HeaderName>, Refused> {
        let mut listed = Vec::new();
        for line in headers.get_all(CONNECTION) {
            for token in line
                .as_bytes()
                .split(|b| *b == b',')
                .map(<[u8]>::trim_ascii)
                .filter(|t| !t.is_empty())
            {
                if token.eq_ignore_ascii_case(b"close") {
                    continue;
                }
                let Ok(name) = HeaderName::from_bytes(token) else {
                    return self.bad_request("its Connection field is malformed");
                };
                if is_protected(name.as_str(), self.rules) {
                    return self.bad_request("its Connection field lists a field that decides");
                }
                if !is_hop_by_hop(&name) {
                    listed.push(name);
                }
            }
        }
        for list in LISTS.iter().flat_map(|name| headers.get_all(name)) {
            let names_ours = list
                .as_bytes()
                // A name may carry parameters: `x;q=1`, `x=1`.
                .split(|b| b",;=".contains(b))
                .map(<[u8]>::trim_ascii)
                .any(|token| {
                    HeaderName::from_bytes(token).is_ok_and(|name| is_protected(name.as_str(), self.rules))
                });
            if names_ours {
                return self.bad_request("a hop-by-hop field lists a field that decides");
            }
        }
        Ok(listed)
    }
}

/// How many fields a head of HTTP/1.1 would have had. HTTP/2 may say the host elsewhere, and browsers send each cookie by
/// itself there.
fn fields(parts: &Parts) -> usize {
    let host = usize::from(!parts.headers.contains_key(HOST));
    let crumbs = parts.headers.get_all(COOKIE).iter().count();
    parts.headers.len() + host - crumbs.saturating_sub(1)
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
