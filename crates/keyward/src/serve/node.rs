//! A running Keyward: its parts, in the order in which they start and end.

use super::console_threads::ConsoleThreads;
use crate::config::Checked;
use crate::exit::Failure;
use crate::open::{self, Access};
use crate::ops::Ops;
use keyward_console::{About, Console};
use keyward_engine::{Background, Engine};
use keyward_gateway::Gateway;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Everything that runs.
pub(crate) struct Node {
    pub(crate) engine: Arc<Engine>,
    pub(crate) gateway: Gateway,
    pub(crate) console: Console,
    pub(crate) ops: Ops,
    background: Background,
    _console_threads: ConsoleThreads,
}

impl Node {
    /// Opens the database and starts every plane. The operator's port answers first, so that a long start can be seen.
    pub(crate) async fn start(checked: &Checked, access: Access) -> Result<Self, Failure> {
        let engine = Arc::new(open::engine(checked, access).await?);
        let registry = prometheus::Registry::new();
        let ops = Ops::start(&engine, checked.ops, registry.clone())?;
        engine.load().await?;
        let mut console = checked.console.clone();
        console.about = about(checked);
        let console_threads = ConsoleThreads::start()?;
        let its_engine = Arc::clone(&engine);
        let console = console_threads
            .run(async move { Console::start(&its_engine, console).await })
            .await?
            .map_err(|fault| Failure::failed(fault.to_string()))?;
        let gateway = Gateway::start(&engine, checked.gateway.clone(), checked.rules.clone(), &registry)
            .map_err(|fault| Failure::failed(fault.to_string()))?;
        let background = Background::start(&engine);
        ops.serve();
        tracing::info!(
            gateway = %gateway.address(), console = %console.address(), ops = %ops.address(),
            database = %checked.database, keys = engine.status().keys, "ready"
        );
        Ok(Self {
            engine,
            gateway,
            console,
            ops,
            background,
            _console_threads: console_threads,
        })
    }

    /// Says that it is going, lets requests that are under way end, stores what is left to store.
    pub(crate) async fn stop(self, within: Duration) {
        self.ops.drain();
        tracing::info!("draining");
        tokio::join!(self.gateway.drain(within), self.console.drain(within));
        self.background.stop().await;
        tokio::join!(self.engine.store().close(), self.ops.stop());
        tracing::info!("stopped");
    }
}

/// What administrators are told of this process.
fn about(checked: &Checked) -> About {
    // A system that does not say its name has none.
    let node = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    About {
        version: env!("CARGO_PKG_VERSION").into(),
        node: node.trim().into(),
        store: format!("{}, {}", checked.database.kind(), checked.database),
    }
}

/// Where people reach the console: the address that a setting names, or the one under which this machine does.
pub(crate) fn console_url(console: &keyward_console::Settings) -> String {
    if let Some(url) = &console.public_url {
        return url.as_str().to_owned();
    }
    let scheme = if console.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{}", reachable(console.listen))
}

/// The address under which this machine itself reaches a port: one that listens everywhere is reached on loopback.
pub(crate) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
