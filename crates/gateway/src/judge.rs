//! The rules of the data plane, in their order: a request becomes [`Judged`], or an answer.

use crate::access_log::Place;
use crate::answer::{self, Answer};
use crate::framing::has_plain_length;
use crate::judged::{Identity, Judged, Pass, is_protected};
use crate::metrics::{Metrics, SAMPLE};
use crate::outcome::Outcome;
use crate::own_key;
use crate::peer::Peer;
use crate::request_id::RequestId;
use crate::rules::{Compiled, Found};
use crate::settings::SiteSource;
use crate::swagger;
use crate::upstream_connection::is_hop_by_hop;
use http::header::{CONNECTION, COOKIE, HOST};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use hyper::body::{Body, Incoming};
use hyper::upgrade::OnUpgrade;
use keyward_domain::{ClientAddress, PathFault, SiteName, StrictPath};
use keyward_engine::{Asked, Counting, Decision, Engine};
use keyward_listener::client_address;
use keyward_tower::{Refusal, credential};
use std::cell::{Cell, RefCell};
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Instant;

/// Hop-by-hop fields that hold lists of names.
const LISTS: [HeaderName; 4] = [
    http::header::TE,
    http::header::TRAILER,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// What is needed to judge.
pub(crate) struct Judge<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) rules: &'a Compiled,
    pub(crate) metrics: &'a Metrics,
    pub(crate) peer: &'a Peer,
    pub(crate) id: RequestId,
    /// Filled for the access log, if there is one.
    pub(crate) place: Option<RefCell<Place>>,
}

/// What becomes of a request.
pub(crate) enum Verdict {
    /// It goes to an upstream.
    Forward(Box<Judged>),
    /// The API's documentation is asked for.
    Swagger(swagger::Page),
    /// It is answered here.
    Answer(Outcome),
}

type Refused = Box<Outcome>;

/// HTTP/2 clients may split `Cookie`; elsewhere it is one field (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let pieces: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if pieces.len() > 1
        && let Ok(whole) = HeaderValue::from_bytes(&pieces.join(&b"; "[..]))
    {
        headers.insert(COOKIE, whole);
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

fn refuse<T>(code: &'static str, answer: Answer) -> Result<T, Refused> {
    Err(Box::new(Outcome::new(code, answer)))
}

impl Judge<'_> {
    /// Judges a request. Nothing is read of its body.
    pub(crate) fn judge(&self, parts: Parts, body: Incoming) -> Verdict {
        match self.try_judge(parts, body) {
            Ok(verdict) => verdict,
            Err(outcome) => Verdict::Answer(*outcome),
        }
    }

    fn note(&self, fill: impl FnOnce(&mut Place)) {
        if let Some(place) = &self.place {
            fill(&mut place.borrow_mut());
        }
    }

    fn try_judge(&self, mut parts: Parts, body: Incoming) -> Result<Verdict, Refused> {
        let id = self.id;
        if matches!(parts.method, Method::TRACE | Method::CONNECT) {
            return refuse("method_not_allowed", answer::method_refused(id));
        }
        let host = self.host(&parts)?;
        let listed = self.listed(&parts.headers)?;
        let uri = parts.uri.clone();
        self.target(&parts)?;
        self.length(&parts)?;
        let path =
            StrictPath::parse_with_encoded_slashes(uri.path().as_bytes()).or_else(|f| self.bad_path(f))?;
        let client = client_address(&parts.headers, self.peer.address, &self.rules.trusted_proxies);
        let client = ClientAddress::from(client);
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        if reads && path.as_str() == own_key::PATH {
            return Ok(Verdict::Answer(own_key::answer(
                self.engine,
                self.rules,
                &parts.headers,
                client,
                id,
            )));
        }
        if let Some(public) = self.rules.find_public(&path).filter(|_| reads) {
            self.note(|place| place.route = Some(Arc::clone(public)));
            if let Some(page) = self
                .rules
                .swagger
                .as_ref()
                .and_then(|_| swagger::Page::of(path.as_str()))
            {
                return Ok(Verdict::Swagger(page));
            }
            let found = self.rules.find(&path).ok().flatten();
            let pool = found.map_or(&self.rules.pools[0], |found| found.pool).clone();
            return Ok(self.forward(parts, body, host, client, listed, pool, Pass::Public, None));
        }
        let found = self.rules.find(&path).or_else(|fault| self.bad_path(fault))?;
        if let Some(found) = &found {
            self.note(|place| place.route = Some(Arc::clone(found.name)));
        }
        if parts.method == Method::OPTIONS {
            if let Some(answer) = crate::cors::preflight(self.rules, &parts.headers, id) {
                return refuse("preflight", answer);
            }
            let pool = match found {
                Some(found) => found.pool.clone(),
                None if self.rules.find_public(&path).is_some() => self.rules.pools[0].clone(),
                None => return Err(self.no_route()),
            };
            return Ok(self.forward(parts, body, host, client, listed, pool, Pass::Preflight, None));
        }
        let found = found.ok_or_else(|| self.no_route())?;
        let site = self.site(&found, &parts.headers, &host)?;
        self.note(|place| {
            let registered = site.as_deref().filter(|site| self.engine.is_site(site));
            place.site = registered.map(Into::into);
        });
        let identity = self.authenticate(&parts, path, site.as_deref(), client, &body)?;
        let upgrade = self.upgrade(&mut parts);
        let pool = found.pool.clone();
        Ok(self.forward(
            parts,
            body,
            host,
            client,
            listed,
            pool,
            Pass::Key(identity),
            upgrade,
        ))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "this is the one place where a judged request is put together"
    )]
    fn forward(
        &self,
        mut parts: Parts,
        body: Incoming,
        host: HeaderValue,
        client: ClientAddress,
        listed: Vec<HeaderName>,
        pool: Arc<crate::pool::Pool>,
        pass: Pass,
        upgrade: Option<OnUpgrade>,
    ) -> Verdict {
        // Preflights and public requests have nothing to say in a body.
        let body = Some(body).filter(|body| matches!(pass, Pass::Key(_)) && !body.is_end_stream());
        if parts.version == Version::HTTP_2 {
            join_cookies(&mut parts.headers);
        }
        Verdict::Forward(Box::new(Judged {
            parts,
            pass,
            body,
            upgrade,
            host,
            client,
            peer: self.peer.clone(),
            pool,
            id: self.id,
            listed,
        }))
    }

    fn bad_path<T>(&self, fault: PathFault) -> Result<T, Refused> {
        refuse("bad_path", answer::bad_path(fault, self.id))
    }

    fn bad_request<T>(&self, detail: &str) -> Result<T, Refused> {
        refuse("bad_request", answer::bad_request(detail, self.id))
    }

    /// What the path's own rules do not see: a target without a path, and over HTTP/2, where no guard has read it, the
    /// bytes of the query.
    fn target(&self, parts: &Parts) -> Result<(), Refused> {
        let target = parts.uri.path_and_query().map_or("", PathAndQuery::as_str);
        if !target.starts_with('/') {
            return self.bad_path(PathFault::NotAbsolute);
        }
        if parts.version == Version::HTTP_2 && !target.bytes().all(|b| b.is_ascii_graphic()) {
            return self.bad_path(PathFault::RawByte);
        }
        Ok(())
    }

    /// Over HTTP/2, where no guard has read it, a length that the upstream could read in two ways.
    fn length(&self, parts: &Parts) -> Result<(), Refused> {
        if parts.version != Version::HTTP_2 || has_plain_length(&parts.headers) {
            Ok(())
        } else {
            self.bad_request("its Content-Length is not one plain number")
        }
    }

    fn no_route(&self) -> Refused {
        Box::new(Outcome::new("no_route", answer::no_route(self.id)))
    }

    /// The one host of a request: `Host`, `:authority`, or both when they agree.
    fn host(&self, parts: &Parts) -> Result<HeaderValue, Refused> {
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
    fn listed(&self, headers: &HeaderMap) -> Result<Vec<HeaderName>, Refused> {
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

    /// The site of a request, from where its route says.
    fn site(
        &self,
        found: &Found<'_, '_>,
        headers: &HeaderMap,
        host: &HeaderValue,
    ) -> Result<Option<String>, Refused> {
        let site = match found.site_source {
            SiteSource::Path => return Ok(found.path_site.map(str::to_owned)),
            SiteSource::Header(name) => {
                let mut values = headers.get_all(name).iter();
                match (values.next(), values.next()) {
                    (Some(value), None) => value.to_str().ok().map(str::to_owned),
                    _ => None,
                }
            }
            SiteSource::HostLabel(place) => {
                let name = host
                    .to_str()
                    .unwrap_or_default()
                    .split(':')
                    .next()
                    .unwrap_or_default();
                // A host is the same host in either case: a site must not be another one for its capitals.
                name.split('.').nth(*place).map(str::to_ascii_lowercase)
            }
        };
        match site.filter(|site| SiteName::is_valid(site)) {
            Some(site) => Ok(Some(site)),
            None => self.bad_request(&no_site(found.site_source)),
        }
    }

    fn authenticate(
        &self,
        parts: &Parts,
        path: StrictPath<'_>,
        site: Option<&str>,
        client: ClientAddress,
        body: &Incoming,
    ) -> Result<Identity, Refused> {
        let asked = Asked {
            site,
            client,
            method: parts.method.as_str(),
            path,
        };
        let decision = self.timed(|| {
            self.engine
                .authenticate(credential(&parts.headers), &asked, Counting::Count)
        });
        match decision {
            Decision::Granted(granted) => Ok(Identity {
                key: granted.key,
                owner: granted.owner,
                site: site.map(str::to_owned),
                use_case: granted.use_case.name.to_string(),
                quota: granted.quota,
                strip_overrides: granted.use_case.routes.is_some(),
            }),
            Decision::Denied(denied) => {
                let now = self.engine.clock().now();
                let mut answer = answer::refusal(Refusal(denied), &self.rules.challenge, now, self.id);
                if let Some(quota) = denied.quota.filter(|_| self.rules.ietf_rate_limit_headers) {
                    keyward_tower::rate_limit_headers_ietf(quota, now, answer.headers_mut());
                }
                if !body.is_end_stream() && parts.version != Version::HTTP_2 {
                    answer = answer::closing(answer);
                }
                Err(Box::new(Outcome {
                    answer,
                    code: denied.reason.code(),
                    key: denied.key,
                }))
            }
            Decision::Unavailable => refuse("unavailable", answer::cannot_decide(self.id)),
        }
    }

    /// Measures one decision in [`SAMPLE`].
    fn timed<T>(&self, decide: impl FnOnce() -> T) -> T {
        thread_local!(static COUNT: Cell<u64> = const { Cell::new(0) });
        let count = COUNT.replace(COUNT.get().wrapping_add(1));
        if !count.is_multiple_of(SAMPLE) {
            return decide();
        }
        let began = Instant::now();
        let decision = decide();
        self.metrics.decide.observe(began.elapsed().as_secs_f64());
        decision
    }

    /// The way to take a connection over, when the request asks to become a WebSocket. The guard holds back what
    /// follows such a request; others that ask to upgrade go on as if they had not.
    fn upgrade(&self, parts: &mut Parts) -> Option<OnUpgrade> {
        let mut protocols = parts.headers.get_all(http::header::UPGRADE).iter();
        let websocket = match (protocols.next(), protocols.next()) {
            (Some(only), None) => only.as_bytes().eq_ignore_ascii_case(b"websocket"),
            _ => false,
        };
        let connection = |line: &HeaderValue| {
            line.as_bytes()
                .split(|b| *b == b',')
                .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        };
        let asked = websocket
            && parts.version == Version::HTTP_11
            && parts.method == Method::GET
            && parts.headers.get_all(CONNECTION).iter().any(connection);
        if asked {
            parts.extensions.remove::<OnUpgrade>()
        } else {
            None
        }
    }
}

/// What to do about a request that names no site, for those who send one.
fn no_site(source: &SiteSource) -> String {
    match source {
        SiteSource::Header(name) => {
            format!("its site is read from the {name} header: send it once, as 1 to 64 of A-Z a-z 0-9 . _ -")
        }
        SiteSource::Path | SiteSource::HostLabel(_) => {
            "its site is read from the host name, and that holds none".into()
        }
    }
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
