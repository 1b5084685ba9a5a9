//! The rules, compiled: checked once, so that a request is only compared with them.

use crate::pool::Pool;
use crate::preflights::Preflights;
use crate::settings::{Rules, SiteSource, Swagger};
use crate::swagger::check_openapi_file;
use crate::{Cors, StartFault};
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use ipnet::IpNet;
use keyward_domain::{PathFault, StrictPath, Template, Unnamed};
use keyward_tower::wire::folds_alike;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Rules in force.
pub(crate) struct Compiled {
    /// The value of `WWW-Authenticate`.
    pub(crate) challenge: HeaderValue,
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Whose request it is when one of them names no client.
    pub(crate) unnamed: Unnamed,
    public_paths: Vec<Arc<str>>,
    pub(crate) forward_key: bool,
    pub(crate) ietf_rate_limit_headers: bool,
    pub(crate) cors: Option<CompiledCors>,
    pub(crate) preflights: Preflights,
    pub(crate) swagger: Option<Swagger>,
    /// The protected API's OpenAPI document, as it was last read and as it was served then.
    pub(crate) document: Mutex<Option<(Bytes, Bytes)>>,
    routes: Vec<CompiledRoute>,
    pub(crate) pools: Vec<Arc<Pool>>,
    /// Header fields that a route reads a site from.
    pub(crate) site_headers: Vec<HeaderName>,
}

struct CompiledRoute {
    name: Arc<str>,
    path: Template,
    site: SiteSource,
    pool: usize,
    stall: Option<Duration>,
}

/// Cross-origin rules, as header values.
pub(crate) struct CompiledCors {
    any_origin: bool,
    origins: Vec<HeaderValue>,
    pub(crate) methods: HeaderValue,
    pub(crate) headers: HeaderValue,
    pub(crate) max_age: HeaderValue,
}

/// The route of a request.
pub(crate) struct Found<'r, 'p> {
    pub(crate) pool: &'r Arc<Pool>,
    /// Its template, for the log.
    pub(crate) name: &'r Arc<str>,
    pub(crate) site_source: &'r SiteSource,
    /// The longest pause within a body, when the route says one.
    pub(crate) stall: Option<Duration>,
    /// The site, when the path names it.
    pub(crate) path_site: Option<&'p str>,
}

impl Compiled {
    /// Checks rules. Pools of `old` rules whose upstreams are the same go on being used.
    pub(crate) fn new(rules: Rules, workers: usize, old: Option<&Self>) -> Result<Self, StartFault> {
        if let Some(Swagger::File(file)) = &rules.swagger {
            check_openapi_file(file).map_err(|fault| StartFault(format!("gateway.swagger.file: {fault}")))?;
        }
        let pools = make_pools(&rules, workers, old)?;
        let mut routes = Vec::with_capacity(rules.routes.len());
        for route in rules.routes {
            let pool = pools
                .iter()
                .position(|pool| pool.upstream().name == route.upstream);
            let pool = pool.ok_or_else(|| {
                StartFault(format!(
                    "the route {} names the upstream `{}`, which there is not",
                    route.path, route.upstream
                ))
            })?;
            routes.push(CompiledRoute {
                name: route.path.to_string().into(),
                path: route.path,
                site: route.site,
                pool,
                stall: route.stall,
            });
        }
        if routes.is_empty() {
            return Err(StartFault(
                "there is no route: add one under gateway.routes".into(),
            ));
        }
        let realm: String = rules.realm.chars().filter(|c| !matches!(c, '"' | '\\')).collect();
        let challenge = HeaderValue::try_from(format!("ApiKey realm=\"{realm}\", header=\"X-API-KEY\""))
            .map_err(|_| StartFault("gateway.realm may hold visible ASCII characters only".into()))?;
        Ok(Self {
            challenge,
            trusted_proxies: rules.trusted_proxies,
            unnamed: if rules.trusted_proxy_may_be_client {
                Unnamed::IsProxy
            } else {
                Unnamed::Unknown
            },
            public_paths: check_public_paths(rules.public_paths)?,
            forward_key: rules.forward_key,
            ietf_rate_limit_headers: rules.ietf_rate_limit_headers,
            cors: rules.cors.map(CompiledCors::new).transpose()?,
            preflights: Preflights::new(rules.preflights_per_second, old.map(|old| &old.preflights)),
            swagger: rules.swagger,
            document: Mutex::default(),
            site_headers: routes
                .iter()
                .filter_map(|route| match &route.site {
                    SiteSource::Header(name) => Some(name.clone()),
                    SiteSource::Path | SiteSource::Host(_) => None,
                })
                .collect(),
            routes,
            pools,
        })
    }

    /// The public path that a path is under: it needs no key (for GET and HEAD).
    pub(crate) fn find_public(&self, path: &StrictPath<'_>) -> Option<&Arc<str>> {
        self.public_paths
            .iter()
            .find(|prefix| path.is_plainly_under(prefix))
    }

    /// Whether a name is not that of a field that a route reads a site from, but may be read for it.
    pub(crate) fn folds_to_site_header(&self, name: &str) -> bool {
        self.site_headers
            .iter()
            .any(|site| name != site.as_str() && folds_alike(name, site.as_str()))
    }

    /// The first route that names a path.
    pub(crate) fn find<'p>(&self, path: &StrictPath<'p>) -> Result<Option<Found<'_, 'p>>, PathFault> {
        for route in &self.routes {
            if let Some(found) = route.path.find(path)? {
                let pool = &self.pools[route.pool];
                return Ok(Some(Found {
                    pool,
                    name: &route.name,
                    site_source: &route.site,
                    stall: route.stall,
                    path_site: found.site,
                }));
            }
        }
        // An encoded slash may stand only where a route allows it: another reader could find a route behind it.
        match path.encoded_slash() {
            Some(_) => Err(PathFault::EscapedSlash),
            None => Ok(None),
        }
    }
}

fn make_pools(rules: &Rules, workers: usize, old: Option<&Compiled>) -> Result<Vec<Arc<Pool>>, StartFault> {
    let mut pools: Vec<Arc<Pool>> = Vec::with_capacity(rules.upstreams.len());
    for upstream in &rules.upstreams {
        if pools.iter().any(|pool| pool.upstream().name == upstream.name) {
            return Err(StartFault(format!(
                "the upstream `{}` is given twice",
                upstream.name
            )));
        }
        let known = old.and_then(|old| old.pools.iter().find(|pool| pool.upstream() == upstream));
        pools.push(match known {
            Some(pool) => Arc::clone(pool),
            None => Arc::new(Pool::new(upstream.clone(), workers)),
        });
    }
    if pools.is_empty() {
        return Err(StartFault(
            "there is no upstream: add one under gateway.upstreams".into(),
        ));
    }
    Ok(pools)
}

fn check_public_paths(paths: Vec<String>) -> Result<Vec<Arc<str>>, StartFault> {
    for path in &paths {
        let plain = StrictPath::parse(path.as_bytes()).is_ok_and(|strict| strict.is_plainly_under(path));
        if !plain || path == "/" {
            return Err(StartFault(format!(
                "gateway.public_paths: `{path}` is no plain path such as /swagger"
            )));
        }
    }
    Ok(paths.into_iter().map(Into::into).collect())
}

impl CompiledCors {
    fn new(cors: Cors) -> Result<Self, StartFault> {
        let value = |field: &str, text: String| {
            HeaderValue::try_from(text)
                .map_err(|_| StartFault(format!("gateway.cors.{field} cannot be sent in a header")))
        };
        let mut headers = cors.headers;
        if !headers.iter().any(|name| name.eq_ignore_ascii_case("x-api-key")) {
            headers.push("x-api-key".into());
        }
        Ok(Self {
            any_origin: cors.origins.iter().any(|origin| origin == "*"),
            origins: cors
                .origins
                .into_iter()
                .map(|origin| value("origins", origin))
                .collect::<Result<_, _>>()?,
            methods: value("methods", cors.methods.join(", "))?,
            headers: value("headers", headers.join(", "))?,
            max_age: HeaderValue::from(cors.max_age.as_secs()),
        })
    }

    /// Whether a page of an origin may read answers.
    pub(crate) fn allows(&self, origin: &HeaderValue) -> bool {
        self.any_origin || self.lists(origin)
    }

    /// Whether an origin is listed by name.
    pub(crate) fn lists(&self, origin: &HeaderValue) -> bool {
        self.origins.contains(origin)
    }
}
