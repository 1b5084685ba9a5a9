//! The rules of the data plane, in their order. [`Judge::rule`] says what a request may do, by its head alone: the one
//! code for the gateway and for the authz plane. `forward` makes of it what the gateway forwards.

mod forward;
mod head;
mod key;
mod site;

pub(crate) use forward::Verdict;

use crate::access_log::Place;
use crate::answer::{self, Answer};
use crate::guard::Fault;
use crate::judged::Pass;
use crate::metrics::Metrics;
use crate::outcome::{self, Outcome};
use crate::own_key;
use crate::peer::Peer;
use crate::pool::Pool;
use crate::request_id::RequestId;
use crate::rules::{Compiled, Found};
use crate::swagger;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};
use keyward_domain::{ClientAddress, PathFault, StrictPath};
use keyward_engine::{Asked, Engine};
use keyward_listener::client_address;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is needed to judge.
pub(crate) struct Judge<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) rules: &'a Compiled,
    pub(crate) metrics: &'a Metrics,
    pub(crate) peer: &'a Peer,
    pub(crate) id: RequestId,
    /// The most header fields of a request.
    pub(crate) most_fields: usize,
    /// Filled for the access log, if there is one.
    pub(crate) place: Option<Mutex<Place>>,
    /// Whether Keyward answers on pages of its own here. Where it only judges, their paths are like any other.
    pub(crate) has_pages: bool,
}

/// What the rules say of a request that none of them refuses.
pub(crate) struct Ruling<'a> {
    pub(crate) way: Way<'a>,
    pub(crate) told: Told,
}

/// Where a request goes.
pub(crate) enum Way<'a> {
    /// On, for a reason, to this pool of connections, with the longest pause within a body that the route says.
    On(Pass, &'a Arc<Pool>, Option<Duration>),
    /// To the page of its own key.
    OwnKey,
    /// To the API's documentation.
    Swagger(swagger::Page),
}

/// What was read on the way.
pub(crate) struct Told {
    /// The one host.
    pub(crate) host: HeaderValue,
    pub(crate) client: ClientAddress,
    /// Names that `Connection` lists besides the usual.
    pub(crate) listed: Vec<HeaderName>,
}

/// The answer to a request that must not go on.
pub(crate) type Refused = Box<Outcome>;

fn refuse<T>(code: &'static str, answer: Answer) -> Result<T, Refused> {
    Err(Box::new(Outcome::new(code, answer)))
}

impl<'a> Judge<'a> {
    /// Judges a request by its head.
    pub(crate) async fn rule(&self, parts: &Parts) -> Result<Ruling<'a>, Refused> {
        if matches!(parts.method, Method::TRACE | Method::CONNECT) {
            return refuse("method_not_allowed", answer::method_refused(self.id));
        }
        self.size(parts)?;
        let host = self.host(parts)?;
        let listed = self.listed(&parts.headers)?;
        self.target(parts)?;
        self.length(parts)?;
        let path = StrictPath::parse_with_encoded_slashes(parts.uri.path().as_bytes())
            .or_else(|fault| self.bad_path(fault))?;
        let client = client_address(
            &parts.headers,
            self.peer.address,
            "gateway.trusted_proxies",
            &self.rules.trusted_proxies,
            self.rules.unnamed,
        );
        let told = Told {
            host,
            client: ClientAddress::from(client),
            listed,
        };
        let way = match self.without_key(parts, &path, &told) {
            Ok(Some(way)) => Ok(way),
            Ok(None) => self.with_key(parts, path, &told).await,
            Err(refused) => Err(refused),
        };
        match way {
            Ok(way) => Ok(Ruling { way, told }),
            Err(mut refused) => {
                refused.client = outcome::known(told.client);
                Err(refused)
            }
        }
    }

    /// The way of a request that needs no key.
    fn without_key(
        &self,
        parts: &Parts,
        path: &StrictPath<'_>,
        told: &Told,
    ) -> Result<Option<Way<'a>>, Refused> {
        if parts.method == Method::OPTIONS {
            return self.preflight(parts, path, told.client).map(Some);
        }
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            return Ok(None);
        }
        if self.has_pages && path.as_str() == own_key::PATH {
            return Ok(Some(Way::OwnKey));
        }
        let Some(public) = self.rules.find_public(path) else {
            return Ok(None);
        };
        self.note(|place| place.route = Some(Arc::clone(public)));
        let swagger = self.rules.swagger.as_ref().filter(|_| self.has_pages);
        if let Some(page) = swagger.and_then(|_| swagger::Page::of(path.as_str())) {
            return Ok(Some(Way::Swagger(page)));
        }
        let found = self.rules.find(path).ok().flatten();
        let (pool, stall) = found.map_or((&self.rules.pools[0], None), |found| (found.pool, found.stall));
        Ok(Some(Way::On(Pass::Public, pool, stall)))
    }

    fn preflight(
        &self,
        parts: &Parts,
        path: &StrictPath<'_>,
        client: ClientAddress,
    ) -> Result<Way<'a>, Refused> {
        let found = self.find(path)?;
        let client = outcome::known(client).unwrap_or(self.peer.address);
        if !self.rules.preflights.take(client, self.engine.clock().now()) {
            return refuse("too_many_preflights", answer::too_many_preflights(self.id));
        }
        if let Some(answer) = crate::cors::preflight(self.rules, &parts.headers, self.id) {
            return refuse("preflight", answer);
        }
        let pool = match found {
            Some(found) => found.pool,
            None if self.rules.find_public(path).is_some() => &self.rules.pools[0],
            None => return Err(self.no_route()),
        };
        Ok(Way::On(Pass::Preflight, pool, None))
    }

    async fn with_key(&self, parts: &Parts, path: StrictPath<'_>, told: &Told) -> Result<Way<'a>, Refused> {
        let found = self.find(&path)?.ok_or_else(|| self.no_route())?;
        let site = self.site(&found, &parts.headers, &told.host)?;
        self.note(|place| {
            let registered = site.as_deref().filter(|site| self.engine.is_site(site));
            place.site = registered.map(Into::into);
        });
        let asked = Asked {
            site: site.as_deref(),
            client: told.client,
            method: parts.method.as_str(),
            path,
        };
        let identity = self.authenticate(parts, &asked).await?;
        Ok(Way::On(Pass::Key(identity), found.pool, found.stall))
    }

    /// The route of a path, noted for the log.
    fn find<'p>(&self, path: &StrictPath<'p>) -> Result<Option<Found<'a, 'p>>, Refused> {
        let found = self.rules.find(path).or_else(|fault| self.bad_path(fault))?;
        if let Some(found) = &found {
            self.note(|place| place.route = Some(Arc::clone(found.name)));
        }
        Ok(found)
    }

    fn note(&self, fill: impl FnOnce(&mut Place)) {
        if let Some(place) = &self.place {
            fill(&mut place.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn bad_head<T>(&self, fault: Fault) -> Result<T, Refused> {
        refuse("malformed", answer::guarded(fault, self.id))
    }

    fn bad_path<T>(&self, fault: PathFault) -> Result<T, Refused> {
        refuse("bad_path", answer::bad_path(fault, self.id))
    }

    fn bad_request<T>(&self, detail: &str) -> Result<T, Refused> {
        refuse("bad_request", answer::bad_request(detail, self.id))
    }

    fn no_route(&self) -> Refused {
        Box::new(Outcome::new("no_route", answer::no_route(self.id)))
    }
}
