//! What each proxy says of the request that it asks about. Every field is read once or the question is refused: what two
//! readers could read in two ways is never a pass.

use crate::answer;
use crate::guard::{Fault, check_method, check_target, read_target};
use crate::outcome::Outcome;
use crate::peer::Peer;
use crate::request_id::RequestId;
use http::header::HOST;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use keyward_domain::parse_forwarded;
use keyward_listener::X_FORWARDED_FOR;
use std::net::IpAddr;

/// How a proxy asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialect {
    /// nginx `auth_request`.
    Nginx,
    /// Traefik, Caddy, HAProxy's Lua.
    ForwardAuth,
    /// Envoy's ext_authz over HTTP.
    ExtAuthz,
    /// Envoy's ext_authz over gRPC.
    Grpc,
}

/// Names of the fields in which a dialect tells method, target and host.
struct Names {
    method: HeaderName,
    target: HeaderName,
    host: HeaderName,
}

/// A request as it came to a proxy, and who sent it there.
pub(super) struct Original {
    pub(super) parts: Parts,
    pub(super) peer: Peer,
}

/// Why a question cannot be understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Misread {
    /// A field is not there, or more than once.
    NotOnce(HeaderName),
    /// It names no address that can be read.
    NoAddress(HeaderName),
    /// An attribute is not there (gRPC).
    #[cfg(feature = "ext-authz")]
    Missing(&'static str),
    /// What it says is no request.
    Malformed(Fault),
}

const NGINX: Names = Names {
    method: HeaderName::from_static("x-original-method"),
    target: HeaderName::from_static("x-original-uri"),
    host: HeaderName::from_static("x-original-host"),
};
const X_ORIGINAL_ADDRESS: HeaderName = HeaderName::from_static("x-original-address");
const FORWARD_AUTH: Names = Names {
    method: HeaderName::from_static("x-forwarded-method"),
    target: HeaderName::from_static("x-forwarded-uri"),
    host: HeaderName::from_static("x-forwarded-host"),
};
const NGINX_PATH: &str = "/authz/nginx";
const FORWARD_AUTH_PATH: &str = "/authz/forward-auth";
/// What stands before the path of the request itself.
const EXT_AUTHZ_PREFIX: &str = "/authz/ext-authz";

impl Dialect {
    pub(super) const ALL: [Self; 4] = [Self::Nginx, Self::ForwardAuth, Self::ExtAuthz, Self::Grpc];

    /// The word for metrics.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::ForwardAuth => "forward-auth",
            Self::ExtAuthz => "ext-authz",
            Self::Grpc => "grpc",
        }
    }

    /// The dialect that is spoken at a path.
    pub(super) fn of(path: &str) -> Option<Self> {
        match path {
            NGINX_PATH => Some(Self::Nginx),
            FORWARD_AUTH_PATH => Some(Self::ForwardAuth),
            #[cfg(feature = "ext-authz")]
            keyward_envoy::CHECK => Some(Self::Grpc),
            _ if path.starts_with(EXT_AUTHZ_PREFIX) => Some(Self::ExtAuthz),
            _ => None,
        }
    }

    /// Reads the request that a proxy asks about over HTTP.
    pub(super) fn read(self, mut parts: Parts) -> Result<Original, Misread> {
        let peer = match self {
            Self::Nginx => take_address(&mut parts.headers)?,
            _ => take_last_hop(&mut parts.headers)?,
        };
        let parts = match self {
            Self::Nginx => told_in_fields(parts, &NGINX)?,
            Self::ForwardAuth => told_in_fields(parts, &FORWARD_AUTH)?,
            Self::ExtAuthz | Self::Grpc => told_by_itself(parts)?,
        };
        Ok(Original {
            parts,
            peer: Peer::new(peer, false),
        })
    }
}

impl Misread {
    /// 400, or what the gateway's guard answers.
    pub(super) fn outcome(self, id: RequestId) -> Outcome {
        let detail = match self {
            Self::Malformed(fault) => return Outcome::new("malformed", answer::guarded(fault, id)),
            #[cfg(feature = "ext-authz")]
            Self::Missing(what) => format!("the proxy has to say {what}"),
            Self::NotOnce(name) => format!("the proxy has to say {name} once"),
            Self::NoAddress(name) => format!("the proxy has to say the client's address in {name}"),
        };
        Outcome::new("bad_request", answer::bad_request(&detail, id))
    }
}

impl From<Fault> for Misread {
    fn from(fault: Fault) -> Self {
        Self::Malformed(fault)
    }
}

/// Puts method, target and host where a request has them.
pub(super) fn rewrite(
    parts: &mut Parts,
    method: &[u8],
    target: &[u8],
    host: HeaderValue,
) -> Result<(), Misread> {
    let method = text(method, "a malformed method")?;
    let target = text(target, "a byte in the target that is no UTF-8")?;
    check_method(method)?;
    check_target(method, target)?;
    parts.method = Method::from_bytes(method.as_bytes())
        .map_err(|_| Misread::Malformed(Fault::Malformed("a malformed method")))?;
    parts.uri = read_target(target)?;
    parts.headers.insert(HOST, host);
    // What was said in fields is judged as if it had come in a head of HTTP/1.1.
    parts.version = Version::HTTP_11;
    Ok(())
}

fn text<'b>(bytes: &'b [u8], fault: &'static str) -> Result<&'b str, Misread> {
    str::from_utf8(bytes).map_err(|_| Misread::Malformed(Fault::Malformed(fault)))
}

fn told_in_fields(mut parts: Parts, names: &Names) -> Result<Parts, Misread> {
    let method = take(&mut parts.headers, &names.method)?;
    let target = take(&mut parts.headers, &names.target)?;
    let host = take(&mut parts.headers, &names.host)?;
    rewrite(&mut parts, method.as_bytes(), target.as_bytes(), host)?;
    Ok(parts)
}

/// Method, host and fields are the request's own; its target stands behind a prefix.
fn told_by_itself(mut parts: Parts) -> Result<Parts, Misread> {
    let whole = parts.uri.path_and_query().map_or("", PathAndQuery::as_str);
    let target = whole.strip_prefix(EXT_AUTHZ_PREFIX).unwrap_or_default();
    check_method(parts.method.as_str())?;
    check_target(parts.method.as_str(), target)?;
    let Some(authority) = parts.uri.authority().cloned() else {
        parts.uri = read_target(target)?;
        return Ok(parts);
    };
    // Over HTTP/2 the host is part of it.
    let uri = Uri::builder()
        .scheme("http")
        .authority(authority)
        .path_and_query(target);
    parts.uri = uri
        .build()
        .map_err(|_| Misread::Malformed(Fault::Malformed("a malformed target")))?;
    Ok(parts)
}

/// Takes the one field of a name out.
fn take(headers: &mut HeaderMap, name: &HeaderName) -> Result<HeaderValue, Misread> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(_), None) => headers.remove(name).ok_or(Misread::NotOnce(name.clone())),
        _ => Err(Misread::NotOnce(name.clone())),
    }
}

fn take_address(headers: &mut HeaderMap) -> Result<IpAddr, Misread> {
    let value = take(headers, &X_ORIGINAL_ADDRESS)?;
    let address = value.to_str().ok().and_then(|text| text.parse().ok());
    address.ok_or(Misread::NoAddress(X_ORIGINAL_ADDRESS))
}

/// Takes the last entry of `X-Forwarded-For` out: that of the proxy itself. What stands before it came with the request.
fn take_last_hop(headers: &mut HeaderMap) -> Result<IpAddr, Misread> {
    let mut lines: Vec<HeaderValue> = headers.get_all(X_FORWARDED_FOR).iter().cloned().collect();
    let last = lines.pop().ok_or(Misread::NotOnce(X_FORWARDED_FOR))?;
    let (before, entry) = match last.as_bytes().rsplitn(2, |b| *b == b',').collect::<Vec<_>>()[..] {
        [entry, before] => (Some(before), entry),
        [entry] => (None, entry),
        _ => return Err(Misread::NoAddress(X_FORWARDED_FOR)),
    };
    let address = str::from_utf8(entry.trim_ascii()).ok().and_then(parse_forwarded);
    let address = address.ok_or(Misread::NoAddress(X_FORWARDED_FOR))?;
    headers.remove(X_FORWARDED_FOR);
    lines.extend(before.and_then(|before| HeaderValue::from_bytes(before).ok()));
    for line in lines {
        headers.append(X_FORWARDED_FOR, line);
    }
    Ok(address)
}
