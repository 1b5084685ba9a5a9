//! The gateway's life: start, reload, drain.

use crate::authz::{Authz, Callers};
use crate::drain::Drain;
use crate::guard::UnfinishedHeads;
use crate::metrics::Metrics;
use crate::port::{Bound, Port};
use crate::rules::Compiled;
use crate::shared::{Plane, Shared};
use crate::{AuthzSettings, Rules, Settings};
use arc_swap::ArcSwap;
use keyward_engine::Engine;
use keyward_listener::{Slots, Tls, TlsFiles};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A running gateway.
pub struct Gateway(Port);

/// Why a gateway does not start, or rules are not taken; says which setting and the way out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartFault(pub String);

impl Gateway {
    /// Binds the port and starts the workers.
    ///
    /// # Errors
    /// The setting that is at fault.
    pub fn start(
        engine: &Arc<Engine>,
        settings: Settings,
        rules: Rules,
        registry: &prometheus::Registry,
    ) -> Result<Self, StartFault> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let count = if settings.workers == 0 {
            cores
        } else {
            settings.workers
        };
        let tls = load_tls("gateway", settings.tls.clone())?;
        let bound = Bound::bind("gateway", settings.listen)?;
        let shared = Arc::new(Shared {
            plane: Plane::Gateway,
            engine: Arc::clone(engine),
            rules: Arc::new(ArcSwap::from_pointee(Compiled::new(rules, count, None)?)),
            tls,
            metrics: Metrics::register(registry)?,
            drain: Drain::default(),
            slots: Slots::new(settings.max_connections),
            heads: Arc::new(UnfinishedHeads::new(settings.unfinished_head_bytes)),
            deadline: ArcSwap::default(),
            settings,
        });
        bound.serve(shared, count).map(Self)
    }

    /// Starts the plane that answers proxies by the same rules, on a port of its own.
    ///
    /// # Errors
    /// The setting that is at fault.
    pub fn start_authz(
        &self,
        settings: AuthzSettings,
        registry: &prometheus::Registry,
    ) -> Result<Authz, StartFault> {
        let gateway = &self.0.shared;
        let tls = load_tls("authz", settings.tls)?;
        let bound = Bound::bind("authz", settings.listen)?;
        let shared = Arc::new(Shared {
            plane: Plane::Authz(Callers::new(settings.proxies, registry)?),
            engine: Arc::clone(&gateway.engine),
            rules: Arc::clone(&gateway.rules),
            tls,
            metrics: gateway.metrics.for_authz(registry)?,
            drain: Drain::default(),
            slots: Slots::new(settings.max_connections),
            heads: Arc::clone(&gateway.heads),
            deadline: ArcSwap::default(),
            settings: Settings {
                listen: settings.listen,
                tls: None,
                // What a proxy adds: the names of the dialect, the host again, an address.
                head_bytes: gateway.settings.head_bytes + 4096,
                ..gateway.settings.clone()
            },
        });
        bound.serve(shared, self.0.workers()).map(Authz::new)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// What it speaks TLS with.
    pub fn tls(&self) -> Option<Arc<Tls>> {
        self.0.shared.tls.clone()
    }

    /// Puts new rules in force for the next request, here and on the plane that answers proxies.
    ///
    /// # Errors
    /// The setting that is at fault; the old rules then stay.
    pub fn reload(&self, rules: Rules) -> Result<(), StartFault> {
        let in_force = &self.0.shared.rules;
        let compiled = Compiled::new(rules, self.0.workers(), Some(&in_force.load()))?;
        in_force.store(Arc::new(compiled));
        Ok(())
    }

    /// Stops accepting, lets requests that are under way end within a time, and ends. Upgraded connections that are
    /// still open then are closed.
    pub async fn drain(self, within: Duration) {
        self.0.drain(within).await;
    }
}

fn load_tls(section: &str, files: Option<TlsFiles>) -> Result<Option<Arc<Tls>>, StartFault> {
    let tls = files
        .map(|files| Tls::load(files, &["h2", "http/1.1"]).map(Arc::new))
        .transpose();
    tls.map_err(|fault| StartFault(format!("{section}.tls: {fault}")))
}
