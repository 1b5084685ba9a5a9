//! A request that was judged: the only kind that can be forwarded.

use crate::peer::Peer;
use crate::pool::Pool;
use crate::request_id::RequestId;
use crate::rules::Compiled;
use crate::upstream_connection::is_hop_by_hop;
use bytes::{BufMut, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT, HOST};
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use keyward_domain::{ClientAddress, KeyId, Quota, UserId};
use keyward_listener::{X_FORWARDED_FOR, is_trusted};
use std::net::IpAddr;
use std::sync::Arc;

/// A request that may go to an upstream. Only [`crate::judge`] makes one.
pub(crate) struct Judged {
    pub(crate) parts: Parts,
    /// The site, as the decision saw it; the path is `parts.uri`.
    pub(crate) pass: Pass,
    pub(crate) body: Option<Incoming>,
    pub(crate) upgrade: Option<OnUpgrade>,
    pub(crate) host: HeaderValue,
    pub(crate) client: ClientAddress,
    pub(crate) peer: Peer,
    pub(crate) pool: Arc<Pool>,
    pub(crate) id: RequestId,
    /// Names that `Connection` lists besides the usual.
    pub(crate) listed: Vec<HeaderName>,
}

/// Why a request may pass.
pub(crate) enum Pass {
    /// A key was granted.
    Key(Identity),
    /// The path is public.
    Public,
    /// It is a preflight, and the upstream answers those.
    Preflight,
}

/// Who is calling, for the upstream.
pub(crate) struct Identity {
    pub(crate) key: KeyId,
    pub(crate) owner: UserId,
    pub(crate) site: Option<String>,
    pub(crate) use_case: String,
    pub(crate) quota: Option<Quota>,
    /// Whether the use case names methods, which an override header would get round.
    pub(crate) strip_overrides: bool,
}

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Fields by which some frameworks let a request change its method.
const OVERRIDES: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];
/// Fields by which some frameworks let a request change its path, or pretend another method, after it was judged. Proxies
/// pass on a client's own, so not even a trusted one's go on.
const REROUTES: [&str; 13] = [
    "x-original-url",
    "x-original-uri",
    "x-original-path",
    "x-original-method",
    "x-rewrite-url",
    "x-rewrite-uri",
    "x-override-url",
    "x-envoy-original-path",
    "x-waws-unencoded-url",
    "x-forwarded-method",
    "x-forwarded-path",
    "x-forwarded-uri",
    "x-request-uri",
];
/// Fields that tell where a request comes from, or for which host it is; only a trusted proxy's go on.
const ORIGINS: [&str; 9] = [
    "forwarded",
    "x-envoy-external-address",
    "cf-connecting-ipv6",
    "x-url-scheme",
    "x-scheme",
    "front-end-https",
    "x-host",
    "x-original-host",
    "x-http-host-override",
];
/// So is every field that begins like this.
const ORIGIN_START: &str = "x-forwarded";
/// And every one that ends as those of proxies and CDNs do: `X-Real-IP`, `True-Client-IP`, `CF-Connecting-IP`, ….
const ORIGIN_ENDS: [&str; 8] = [
    "real-ip",
    "realip",
    "client-ip",
    "clientip",
    "connecting-ip",
    "remote-ip",
    "originating-ip",
    "forwarded-for",
];

impl Judged {
    /// The head as it goes to an HTTP/1.1 upstream.
    pub(crate) fn write_head(&self, rules: &Compiled) -> BytesMut {
        let mut out = BytesMut::with_capacity(1024);
        out.put_slice(self.parts.method.as_str().as_bytes());
        out.put_u8(b' ');
        out.put_slice(self.target().as_bytes());
        out.put_slice(b" HTTP/1.1\r\n");
        self.each_field(rules, |name, value| {
            out.put_slice(name.as_bytes());
            out.put_slice(b": ");
            out.put_slice(value);
            out.put_slice(b"\r\n");
        });
        if self.upgrade.is_some() {
            out.put_slice(b"connection: upgrade\r\nupgrade: websocket\r\n");
        }
        if self.body.is_some() && !self.parts.headers.contains_key(CONTENT_LENGTH) {
            out.put_slice(b"transfer-encoding: chunked\r\n");
        }
        out.put_slice(b"\r\n");
        out
    }

    /// The path and query, byte for byte as they were judged.
    pub(crate) fn target(&self) -> &str {
        self.parts
            .uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str)
    }

    /// Every field that goes to the upstream: what the client may say, then what we say.
    pub(crate) fn each_field(&self, rules: &Compiled, mut put: impl FnMut(&str, &[u8])) {
        let from_proxy = is_trusted(self.peer.address, &rules.trusted_proxies);
        put(HOST.as_str(), self.host.as_bytes());
        for (name, value) in &self.parts.headers {
            if self.goes_on(name, rules, from_proxy) {
                put(name.as_str(), value.as_bytes());
            }
        }
        self.put_origin(from_proxy, &mut put);
        put("x-keyward-request-id", self.id.as_str().as_bytes());
        if let Pass::Key(identity) = &self.pass {
            let mut text = [0; 36];
            put("x-keyward-key-id", identity.key.encode(&mut text).as_bytes());
            put("x-keyward-user-id", identity.owner.encode(&mut text).as_bytes());
            put("x-keyward-use-case", identity.use_case.as_bytes());
            if let Some(site) = &identity.site {
                put("x-keyward-site", site.as_bytes());
            }
        }
    }

    fn goes_on(&self, name: &HeaderName, rules: &Compiled, from_proxy: bool) -> bool {
        let text = name.as_str();
        if *name == HOST || *name == EXPECT || is_hop_by_hop(name) || self.listed.contains(name) {
            return false;
        }
        if *name == CONTENT_LENGTH {
            return matches!(self.pass, Pass::Key(_));
        }
        if rules.folds_to_site_header(text) {
            return false;
        }
        // Most fields are none of those below, and are told by their first and last letter.
        if !matches!(
            text.as_bytes(),
            [b'x' | b'f' | b't' | b'c', ..] | [.., b'p' | b'r']
        ) {
            return true;
        }
        // The plain spelling of one was dealt with above, and that of the other is hop by hop.
        if folds_to(text, "content-length") || folds_to(text, "transfer-encoding") {
            return false;
        }
        if folds_to(text, "x-api-key") {
            return rules.forward_key && text == "x-api-key" && matches!(self.pass, Pass::Key(_));
        }
        if is_keyward_field(text) || REROUTES.iter().any(|field| folds_to(text, field)) {
            return false;
        }
        if is_origin(text) {
            // A proxy sets the field itself; another spelling of it is the client's.
            let replaced = matches!(text, "x-forwarded-for" | "x-forwarded-proto");
            return from_proxy && !replaced && text.bytes().all(|byte| fold(byte) == byte);
        }
        let overrides = OVERRIDES.iter().any(|field| folds_to(text, field));
        !overrides || matches!(&self.pass, Pass::Key(identity) if !identity.strip_overrides)
    }

    fn put_origin(&self, from_proxy: bool, put: &mut impl FnMut(&str, &[u8])) {
        let own = if self.peer.tls { &b"https"[..] } else { b"http" };
        if !from_proxy {
            put("x-forwarded-for", self.peer.text.as_bytes());
            put("x-forwarded-proto", own);
            return;
        }
        let mut chain = Vec::with_capacity(48);
        for line in self.parts.headers.get_all(&X_FORWARDED_FOR) {
            chain.extend_from_slice(line.as_bytes());
            chain.extend_from_slice(b", ");
        }
        chain.extend_from_slice(self.peer.text.as_bytes());
        put("x-forwarded-for", &chain);
        let said = self.parts.headers.get(X_FORWARDED_PROTO);
        put("x-forwarded-proto", said.map_or(own, HeaderValue::as_bytes));
    }

    /// The client's address, for the log.
    pub(crate) fn client_ip(&self) -> Option<IpAddr> {
        match self.client {
            ClientAddress::Known(address) => Some(address),
            ClientAddress::Unknown => None,
        }
    }
}

/// Whether a name is `wanted` to a reader that takes every other sign for a hyphen, as CGI and its heirs do.
fn folds_to(name: &str, wanted: &str) -> bool {
    name.len() == wanted.len()
        && name
            .bytes()
            .zip(wanted.bytes())
            .all(|(byte, want)| fold(byte) == want)
}

/// Whether two names are one to such a reader.
pub(crate) fn folds_alike(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().map(fold).eq(other.bytes().map(fold))
}

/// Whether a name begins like the fields by which Keyward tells who is calling, in any spelling that folds to them.
pub(crate) fn is_keyward_field(name: &str) -> bool {
    name.len() > 10 && folds_to(&name[..10], "x-keyward-")
}

/// Whether a field tells where a request comes from, in any spelling.
fn is_origin(name: &str) -> bool {
    let begins = name.len() >= ORIGIN_START.len() && folds_to(&name[..ORIGIN_START.len()], ORIGIN_START);
    let ends = |end: &&str| name.len() >= end.len() && folds_to(&name[name.len() - end.len()..], end);
    begins || ORIGIN_ENDS.iter().any(ends) || ORIGINS.iter().any(|field| folds_to(name, field))
}

fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() {
        byte.to_ascii_lowercase()
    } else {
        b'-'
    }
}

/// Whether a field is one that this gateway reads or sets, so that no `Connection` may list it (it would vanish after it
/// was judged).
pub(crate) fn is_protected(name: &str, rules: &Compiled) -> bool {
    let read = [
        "host",
        "content-length",
        "transfer-encoding",
        "content-type",
        "origin",
        "expect",
        "authorization",
        "cookie",
    ];
    folds_to(name, "x-api-key")
        || is_keyward_field(name)
        || read.contains(&name)
        || is_origin(name)
        || OVERRIDES
            .iter()
            .chain(&REROUTES)
            .any(|field| folds_to(name, field))
        || name.starts_with("access-control-")
        || rules
            .site_headers
            .iter()
            .any(|header| folds_alike(name, header.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h3_h4_every_spelling_that_folds_to_ours_is_known() {
        for name in ["x-api-key", "x_api_key", "x-api_key", "x.api.key"] {
            assert!(folds_to(name, "x-api-key"), "{name}");
        }
        assert!(!folds_to("x-api-keys", "x-api-key") && !folds_to("xapikey", "x-api-key"));
        for name in [
            "x-keyward-key-id",
            "x_keyward_key_id",
            "x-keyward_site",
            "x.keyward.anything",
        ] {
            assert!(is_keyward_field(name), "{name}");
        }
        assert!(folds_alike("x_site", "x-site") && !folds_alike("x-sites", "x-site"));
        assert!(!is_keyward_field("x-keyward") && !is_keyward_field("x-keywarden-id"));
    }

    #[test]
    fn i1_every_field_that_tells_of_an_origin_is_known() {
        for name in [
            "forwarded",
            "x-forwarded",
            "x-forwarded-for",
            "x_forwarded_for",
            "x-forwarded-host",
            "x-forwarded-user",
            "x-forwarded-client-cert",
            "forwarded-for",
            "x-original-forwarded-for",
            "x-vercel-forwarded-for",
            "client-ip",
            "x-client-ip",
            "x-cluster-client-ip",
            "true-client-ip",
            "fastly-client-ip",
            "wl-proxy-client-ip",
            "x-azure-clientip",
            "real-ip",
            "x-real_ip",
            "cf-connecting-ip",
            "do-connecting-ip",
            "x-originating-ip",
            "x-remote-ip",
            "x-http-host-override",
        ] {
            assert!(is_origin(name), "{name}");
        }
        for name in [
            "x-forward",
            "x-request-id",
            "x-target-ip",
            "host",
            "x-remote-user",
            "ip",
        ] {
            assert!(!is_origin(name), "{name}");
        }
    }
}
