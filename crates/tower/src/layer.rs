//! The layer, and how it is set up.

use crate::rules::{FindIp, Rules, challenge};
use crate::{Authorizer, KeywardService};
use http::request::Parts;
use ipnet::IpNet;
use keyward_domain::{StrictPath, Template, Unnamed};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use tower_layer::Layer;

/// The route that there is when none is named.
const DEFAULT_ROUTE: &str = "/api/{site}/**";

/// Asks an [`Authorizer`] about every request before the inner service sees it.
///
/// Put it outside of everything that looks at a path, and of `nest` in axum: what it judges must be what the client sent.
#[derive(Clone)]
pub struct KeywardLayer<A> {
    authorizer: A,
    rules: Arc<Rules>,
}

/// A setting that means nothing, or something else than it seems to; says which and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault(String);

impl ConfigFault {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigFault {}

/// Sets a [`KeywardLayer`] up.
#[must_use = "it is `build` that makes a layer"]
pub struct KeywardLayerBuilder<A> {
    authorizer: A,
    routes: Vec<String>,
    public_paths: Vec<String>,
    trusted_proxies: Vec<String>,
    unnamed: Unnamed,
    find_ip: Option<Arc<FindIp>>,
    realm: String,
    keep_key: bool,
}

impl<A: Authorizer> KeywardLayer<A> {
    /// Begins to set up a layer.
    pub fn builder(authorizer: A) -> KeywardLayerBuilder<A> {
        KeywardLayerBuilder {
            authorizer,
            routes: Vec::new(),
            public_paths: Vec::new(),
            trusted_proxies: Vec::new(),
            unnamed: Unnamed::Unknown,
            find_ip: None,
            realm: "api".to_owned(),
            keep_key: false,
        }
    }
}

impl<A: Authorizer> KeywardLayerBuilder<A> {
    /// Adds a route whose requests need a key: literal segments, `*` for any one segment, `{site}` for the one that names the site,
    /// and `**` at the end for all that follow. Without any there is one: `/api/{site}/**`. A path that no route names is answered
    /// with 404 here and never reaches the service, so that none is forgotten.
    pub fn route(mut self, template: &str) -> Self {
        self.routes.push(template.to_owned());
        self
    }

    /// Lets `GET` and `HEAD` of a path, and of all under it, pass without a key. Other methods there need a route, and a key.
    pub fn public_path(mut self, path: &str) -> Self {
        self.public_paths.push(path.to_owned());
        self
    }

    /// Says where the address at the other end of the connection is found, in place of the extension [`crate::ClientIp`].
    pub fn client_ip(mut self, find: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        self.find_ip = Some(Arc::new(find));
        self
    }

    /// Believes a proxy, given as an address or a network, what its `X-Forwarded-For` says: the client is the rightmost address
    /// in it that is no such proxy. By default none is believed. Where such a proxy names no client, the client is unknown.
    pub fn trusted_proxy(mut self, network: &str) -> Self {
        self.trusted_proxies.push(network.to_owned());
        self
    }

    /// Takes a trusted proxy that names no client for the client itself, in place of an unknown one: for proxies that send
    /// requests of their own too.
    pub fn trusted_proxy_may_be_client(mut self) -> Self {
        self.unnamed = Unnamed::IsProxy;
        self
    }

    /// The realm that a 401 names, in place of `api`.
    pub fn realm(mut self, realm: &str) -> Self {
        realm.clone_into(&mut self.realm);
        self
    }

    /// Leaves `X-API-KEY` in granted requests. By default no service behind sees it.
    pub fn keep_key(mut self) -> Self {
        self.keep_key = true;
        self
    }

    /// Makes the layer.
    ///
    /// # Errors
    /// The setting that cannot be taken.
    pub fn build(self) -> Result<KeywardLayer<A>, ConfigFault> {
        let mut routes = self.routes;
        if routes.is_empty() {
            routes.push(DEFAULT_ROUTE.to_owned());
        }
        let rules = Rules {
            routes: routes
                .iter()
                .map(|route| read_route(route))
                .collect::<Result<_, _>>()?,
            public_paths: check_public(self.public_paths)?,
            trusted_proxies: self
                .trusted_proxies
                .iter()
                .map(|network| read_network(network))
                .collect::<Result<_, _>>()?,
            unnamed: self.unnamed,
            find_ip: self.find_ip,
            challenge: challenge(&self.realm)?,
            keep_key: self.keep_key,
        };
        Ok(KeywardLayer {
            authorizer: self.authorizer,
            rules: Arc::new(rules),
        })
    }
}

fn read_route(text: &str) -> Result<Template, ConfigFault> {
    Template::parse(text).map_err(|fault| ConfigFault(format!("the route `{text}`: {fault}")))
}

fn check_public(paths: Vec<String>) -> Result<Vec<String>, ConfigFault> {
    let is_plain =
        |path: &String| StrictPath::parse(path.as_bytes()).is_ok_and(|strict| strict.is_plainly_under(path));
    match paths.iter().find(|path| !is_plain(path) || *path == "/") {
        Some(path) => Err(ConfigFault(format!(
            "the public path `{path}` is no plain path such as /swagger"
        ))),
        None => Ok(paths),
    }
}

fn read_network(text: &str) -> Result<IpNet, ConfigFault> {
    let network = text.parse::<IpNet>().ok();
    network
        .filter(|network| network.trunc() == *network)
        .or_else(|| {
            text.parse::<IpAddr>()
                .ok()
                .map(|address| address.to_canonical().into())
        })
        .ok_or_else(|| {
            ConfigFault(format!(
                "the proxy `{text}` is no address and no network such as 10.0.0.0/8"
            ))
        })
}

impl<S, A: Authorizer> Layer<S> for KeywardLayer<A> {
    type Service = KeywardService<S, A>;

    fn layer(&self, inner: S) -> Self::Service {
        KeywardService::new(inner, self.authorizer.clone(), Arc::clone(&self.rules))
    }
}
