//! What the head of a request must be, before its path is looked at: one host, a target, no `Connection` that lists what
//! decides.

use super::{Judge, Refused};
use crate::framing::has_plain_length;
use crate::guard::{Fault, MOST_TARGET_BYTES, check_method};
use crate::onward::is_protected;
use crate::upstream_connection::is_hop_by_hop;
use http::header::{CONNECTION, COOKIE, HOST};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use keyward_domain::PathFault;
use keyward_listener::one_host;

/// Hop-by-hop fields that hold lists of names.
const LISTS: [HeaderName; 4] = [
    http::header::TE,
    http::header::TRAILER,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

impl Judge<'_> {
    /// What the path's own rules do not see: a target without a path.
    pub(super) fn target(&self, parts: &Parts) -> Result<(), Refused> {
        let target = parts.uri.path_and_query().map_or("", PathAndQuery::as_str);
        if !target.starts_with('/') {
            return self.bad_path(PathFault::NotAbsolute);
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
        one_host(parts.version, &parts.uri, &parts.headers).or_else(|fault| self.bad_request(fault.what()))
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
