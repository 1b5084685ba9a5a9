//! What handlers and layers share.

use crate::base_path::BasePath;
use crate::console::About;
use crate::metrics::Metrics;
use crate::public_url::PublicUrl;
use crate::web::Jar;
use http::{HeaderMap, Uri, header};
use keyward_domain::Timestamp;
use keyward_engine::{Engine, EngineError};
use keyward_oidc::Provider;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Semaphore, watch};

/// What handlers and layers share.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) engine: Arc<Engine>,
    pub(crate) metrics: Metrics,
    /// Whether each request is logged.
    pub(crate) access_log: bool,
    /// Whether people reach it over TLS, its own or a proxy's.
    pub(crate) secure: bool,
    /// Where clients find the gateway.
    pub(crate) gateway_url: Arc<str>,
    /// The program and what it runs on, for administrators.
    pub(crate) about: Arc<About>,
    /// When the console started.
    pub(crate) started: Timestamp,
    /// Under which address people reach it, where a setting says so; else it is the host that they ask for.
    pub(crate) public_url: Option<PublicUrl>,
    /// The address to which a provider sends people back, with the path below which the console is.
    pub(crate) origin: Arc<str>,
    /// The provider at which people can sign in, where there is one.
    pub(crate) provider: Option<Arc<Provider>>,
    /// Whether an administrator has been seen: from then on there always is one.
    pub(crate) administrator_seen: Arc<AtomicBool>,
    /// Places for those who are told of changes.
    pub(crate) streams: Arc<Semaphore>,
    /// True from when the plane drains.
    pub(crate) stopped: watch::Receiver<bool>,
}

/// The address of the console, as `Origin` has it.
pub(crate) enum OwnAddress<'a> {
    /// A setting says it.
    Known(&'a PublicUrl),
    /// The host that is asked for, after this.
    AsAsked { scheme: &'static str },
}

impl App {
    pub(crate) fn address(&self) -> OwnAddress<'_> {
        match &self.public_url {
            Some(url) => OwnAddress::Known(url),
            None if self.secure => OwnAddress::AsAsked { scheme: "https://" },
            None => OwnAddress::AsAsked { scheme: "http://" },
        }
    }

    /// The path below which people see the console.
    pub(crate) fn base(&self) -> BasePath {
        self.public_url
            .as_ref()
            .map(|url| url.base().clone())
            .unwrap_or_default()
    }

    /// Whose cookies a request brings, and its answer sets.
    pub(crate) fn jar(&self, headers: &HeaderMap, uri: &Uri) -> Jar {
        match self.address() {
            OwnAddress::Known(url) => Jar::of(true, url.authority(), url.base().as_str()),
            OwnAddress::AsAsked { .. } => {
                let host = asked_host(headers, uri).unwrap_or_default();
                Jar::of(self.secure, host, "")
            }
        }
    }

    /// Whether anybody can manage this installation.
    pub(crate) async fn has_administrator(&self) -> Result<bool, EngineError> {
        if self.administrator_seen.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let seen = self.engine.has_administrator().await?;
        self.administrator_seen.fetch_or(seen, Ordering::Relaxed);
        Ok(seen)
    }
}

/// The one host that a request asks for: over HTTP/2 the `:authority`.
pub(crate) fn asked_host<'r>(headers: &'r HeaderMap, uri: &'r Uri) -> Option<&'r str> {
    let host = || {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next()?.to_str().ok();
        host.filter(|_| hosts.next().is_none())
    };
    uri.authority().map(http::uri::Authority::as_str).or_else(host)
}
