//! A request that was judged: the only kind that can be forwarded.

use crate::onward::Onward;
use crate::peer::Peer;
use crate::pool::Pool;
use crate::request_id::RequestId;
use crate::rules::Compiled;
use crate::upstream_connection::is_hop_by_hop;
use bytes::{BufMut, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT, HOST, TE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Version};
use hyper::upgrade::OnUpgrade;
use keyward_domain::{ClientAddress, KeyId, Quota, UserId};
use keyward_listener::{RequestBody, X_FORWARDED_FOR, is_trusted};
use std::sync::Arc;
use std::time::Duration;

/// A request that may go to an upstream. Only [`crate::judge`] makes one.
pub(crate) struct Judged {
    pub(crate) parts: Parts,
    /// The site, as the decision saw it; the path is `parts.uri`.
    pub(crate) pass: Pass,
    pub(crate) body: Option<RequestBody>,
    pub(crate) upgrade: Option<OnUpgrade>,
    pub(crate) host: HeaderValue,
    pub(crate) client: ClientAddress,
    pub(crate) peer: Peer,
    pub(crate) pool: Arc<Pool>,
    pub(crate) id: RequestId,
    /// Names that `Connection` lists besides the usual.
    pub(crate) listed: Vec<HeaderName>,
    /// The longest pause within a body, when the route says one.
    pub(crate) stall: Option<Duration>,
}

/// The query as it came, where the one in `parts.uri` stands in for it.
#[derive(Clone, Debug)]
pub(crate) struct RawQuery(pub(crate) Box<[u8]>);

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

impl Pass {
    /// The fields that say who is calling: the same to an upstream and to a proxy that asks.
    pub(crate) fn each_field(&self, id: RequestId, mut put: impl FnMut(&'static str, &[u8])) {
        put("x-keyward-request-id", id.as_str().as_bytes());
        if let Self::Key(identity) = self {
            let mut text = [0; 36];
            put("x-keyward-key-id", identity.key.encode(&mut text).as_bytes());
            put("x-keyward-user-id", identity.owner.encode(&mut text).as_bytes());
            put("x-keyward-use-case", identity.use_case.as_bytes());
            if let Some(site) = &identity.site {
                put("x-keyward-site", site.as_bytes());
            }
        }
    }
}

impl Judged {
    /// The head as it goes to an HTTP/1.1 upstream.
    pub(crate) fn write_head(&self, rules: &Compiled) -> BytesMut {
        let mut out = BytesMut::with_capacity(1024);
        out.put_slice(self.parts.method.as_str().as_bytes());
        out.put_u8(b' ');
        match self.parts.extensions.get::<RawQuery>() {
            None => out.put_slice(self.target().as_bytes()),
            Some(RawQuery(query)) => {
                out.put_slice(self.parts.uri.path().as_bytes());
                out.put_u8(b'?');
                out.put_slice(query);
            }
        }
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

    /// Whether the client is one that trailers can be passed on to, and asks for them (RFC 9110, section 10.1.4).
    pub(crate) fn asks_for_trailers(&self) -> bool {
        let asks = |value: &HeaderValue| {
            let mut codings = value.as_bytes().split(|byte| *byte == b',');
            codings.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
        };
        self.parts.version == Version::HTTP_2 && self.parts.headers.get_all(TE).iter().any(asks)
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
        let onward = Onward {
            rules,
            pass: &self.pass,
            from_proxy,
        };
        put(HOST.as_str(), self.host.as_bytes());
        for (name, value) in &self.parts.headers {
            if !self.is_of_this_hop(name) && onward.may_say(name) {
                put(name.as_str(), value.as_bytes());
            }
        }
        self.put_origin(from_proxy, &mut put);
        self.pass.each_field(self.id, put);
    }

    /// Whether a field is about this connection or this body, and we say it ourselves.
    fn is_of_this_hop(&self, name: &HeaderName) -> bool {
        if *name == CONTENT_LENGTH {
            return !matches!(self.pass, Pass::Key(_));
        }
        *name == HOST || *name == EXPECT || is_hop_by_hop(name) || self.listed.contains(name)
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
}
