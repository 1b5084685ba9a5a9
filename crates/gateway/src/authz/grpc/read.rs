//! What Envoy says of a request. An attribute that is not there, or that two readers could read in two ways, is a fault.

use crate::authz::dialect::{Misread, Original, rewrite};
use crate::guard::Fault;
use crate::peer::Peer;
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use keyward_envoy::{CheckRequest, HttpRequest, Peer as Source, Place};
use std::net::IpAddr;

/// The request, and who sent it to Envoy.
pub(super) fn original(asked: CheckRequest) -> Result<Original, Misread> {
    let attributes = asked.attributes.ok_or(Misread::Missing("attributes"))?;
    let peer = attributes.source.and_then(address);
    let peer = peer.ok_or(Misread::Missing("the address of source"))?;
    let request = attributes.request.and_then(|request| request.http);
    let request = request.ok_or(Misread::Missing("request.http"))?;
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.headers = headers(&request)?;
    let host = HeaderValue::from_str(&request.host)
        .ok()
        .filter(|host| !host.is_empty());
    let host = host.ok_or(Misread::Missing("request.http.host"))?;
    let mut said = parts.headers.get_all(HOST).iter();
    if said.any(|other| !other.as_bytes().eq_ignore_ascii_case(host.as_bytes())) {
        return Err(malformed("more than one Host"));
    }
    rewrite(
        &mut parts,
        request.method.as_bytes(),
        request.path.as_bytes(),
        host,
    )?;
    Ok(Original {
        parts,
        peer: Peer::new(peer, false),
    })
}

fn address(source: Source) -> Option<IpAddr> {
    match source.address?.address? {
        Place::SocketAddress(socket) => socket.address.parse().ok(),
        _ => None,
    }
}

/// The client's fields: each as it came when Envoy is told to send them so (`encode_raw_headers`), or joined by name.
fn headers(request: &HttpRequest) -> Result<HeaderMap, Misread> {
    let raw = request.header_map.as_ref().map(|map| &map.headers[..]);
    let raw = raw.unwrap_or_default();
    if !raw.is_empty() && !request.headers.is_empty() {
        return Err(malformed("its header fields twice"));
    }
    let mut headers = HeaderMap::with_capacity(raw.len() + request.headers.len());
    for field in raw {
        let value = match (field.value.as_bytes(), &field.raw_value[..]) {
            (value, []) => value,
            ([], raw) => raw,
            _ => return Err(malformed("a header field with two values")),
        };
        put(&mut headers, request, &field.key, value)?;
    }
    for (name, value) in &request.headers {
        put(&mut headers, request, name, value.as_bytes())?;
    }
    Ok(headers)
}

fn put(headers: &mut HeaderMap, request: &HttpRequest, name: &str, value: &[u8]) -> Result<(), Misread> {
    if name.starts_with(':') {
        return check_pseudo(request, name, value);
    }
    let name = HeaderName::from_bytes(name.as_bytes());
    let name = name.map_err(|_| malformed("a malformed header name"))?;
    let value = HeaderValue::from_bytes(value).map_err(|_| malformed("a malformed header value"))?;
    headers.append(name, value);
    Ok(())
}

/// Method, path and host have attributes of their own. Those are texts: Envoy puts signs of its own in the place of bytes that
/// are none, while the upstream gets the bytes.
fn check_pseudo(request: &HttpRequest, name: &str, value: &[u8]) -> Result<(), Misread> {
    let (told, fault) = match name {
        ":method" => (&request.method, "a method that is told in two ways"),
        ":path" => (&request.path, "a target that is told in two ways"),
        ":authority" => (&request.host, "a Host that is told in two ways"),
        _ => return Ok(()),
    };
    if told.as_bytes() == value {
        Ok(())
    } else {
        Err(malformed(fault))
    }
}

fn malformed(what: &'static str) -> Misread {
    Misread::Malformed(Fault::Malformed(what))
}
