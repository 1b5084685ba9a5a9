//! Which requests need a key, and what they are judged by: the same rules for paths as the gateway's.

use crate::wire::{OVERRIDES, REROUTES, folds_to, is_keyward_field};
use crate::{ClientIp, ConfigFault};
use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ipnet::IpNet;
use keyward_domain::{ClientAddress, PathFault, StrictPath, Template, Unnamed, forwarded_client};
use std::net::IpAddr;
use std::sync::Arc;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What finds the other end of a request's connection.
pub(crate) type FindIp = dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync;

/// Rules in force.
pub(crate) struct Rules {
    pub(crate) routes: Vec<Template>,
    pub(crate) public_paths: Vec<String>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) unnamed: Unnamed,
    pub(crate) find_ip: Option<Arc<FindIp>>,
    pub(crate) challenge: HeaderValue,
    pub(crate) keep_key: bool,
}

/// What becomes of a request.
pub(crate) enum Way<'p> {
    /// It needs no key.
    Open,
    /// A key decides.
    Keyed {
        path: StrictPath<'p>,
        site: Option<&'p str>,
    },
}

/// Why a request is refused whatever its key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    Method,
    Request(&'static str),
    Path(PathFault),
    NoRoute,
}

impl Rules {
    /// Judges all but the key.
    pub(crate) fn way<'p>(&self, parts: &'p Parts) -> Result<Way<'p>, Unfit> {
        if matches!(parts.method, Method::TRACE | Method::CONNECT) {
            return Err(Unfit::Method);
        }
        one_host(parts)?;
        let path = parts.uri.path().as_bytes();
        let path = StrictPath::parse_with_encoded_slashes(path).map_err(Unfit::Path)?;
        let is_public = self
            .public_paths
            .iter()
            .any(|prefix| path.is_plainly_under(prefix));
        if is_public && matches!(parts.method, Method::GET | Method::HEAD) {
            return Ok(Way::Open);
        }
        let found = self.find(&path).map_err(Unfit::Path)?;
        match found {
            Some(_) if parts.method == Method::OPTIONS => Ok(Way::Open),
            None if is_public && parts.method == Method::OPTIONS => Ok(Way::Open),
            Some(site) => Ok(Way::Keyed { path, site }),
            None => Err(Unfit::NoRoute),
        }
    }

    /// The site that the first route which names a path finds in it.
    fn find<'p>(&self, path: &StrictPath<'p>) -> Result<Option<Option<&'p str>>, PathFault> {
        for route in &self.routes {
            if let Some(found) = route.find(path)? {
                return Ok(Some(found.site));
            }
        }
        // Another reader could find a route behind an encoded slash.
        match path.encoded_slash() {
            Some(_) => Err(PathFault::EscapedSlash),
            None => Ok(None),
        }
    }

    /// The client's address, as far as anybody who is trusted tells it.
    pub(crate) fn client(&self, parts: &Parts) -> ClientAddress {
        let peer = match &self.find_ip {
            Some(find) => find(parts),
            None => parts.extensions.get::<ClientIp>().map(|ip| ip.address()),
        };
        let lines = parts.headers.get_all(X_FORWARDED_FOR).iter();
        let lines = lines.rev().map(HeaderValue::as_bytes);
        peer.and_then(|peer| forwarded_client(peer, lines, &self.trusted_proxies, self.unnamed))
            .into()
    }

    /// Takes away what the service behind must not read from a client: the key, words about who calls, and what would change
    /// the method or the path that was judged.
    pub(crate) fn clean(&self, headers: &mut HeaderMap, is_granted: bool) {
        let keeps = self.keep_key && is_granted;
        let is_barred = |name: &HeaderName| {
            let name = name.as_str();
            name.starts_with(['x', 'p']) && (name != "x-api-key" || !keeps) && is_barred(name)
        };
        while let Some(name) = headers.keys().find(|name| is_barred(name)).cloned() {
            headers.remove(name);
        }
    }
}

fn is_barred(name: &str) -> bool {
    folds_to(name, "x-api-key")
        || is_keyward_field(name)
        || OVERRIDES
            .iter()
            .chain(&REROUTES)
            .any(|barred| folds_to(name, barred))
}

/// A request is for one host: two fields, or one that differs from the target's, can be read in two ways.
fn one_host(parts: &Parts) -> Result<(), Unfit> {
    let mut fields = parts.headers.get_all(HOST).iter();
    let field = fields.next();
    if fields.next().is_some() {
        return Err(Unfit::Request("it has more than one Host"));
    }
    match (field, parts.uri.authority()) {
        (Some(field), Some(authority))
            if !field
                .as_bytes()
                .eq_ignore_ascii_case(authority.as_str().as_bytes()) =>
        {
            Err(Unfit::Request("its Host is not that of its target"))
        }
        _ => Ok(()),
    }
}

/// Reads the realm that a 401 names.
pub(crate) fn challenge(realm: &str) -> Result<HeaderValue, ConfigFault> {
    let realm: String = realm.chars().filter(|sign| !matches!(sign, '"' | '\\')).collect();
    HeaderValue::try_from(format!("ApiKey realm=\"{realm}\", header=\"X-API-KEY\""))
        .map_err(|_| ConfigFault::new("a realm may hold visible ASCII characters only"))
}
