//! A running Keyward: its parts, in the order in which they start and end.

use super::console_threads::ConsoleThreads;
use super::descriptors;
use crate::config::Checked;
use crate::exit::Failure;
use crate::open::{self, Access};
use crate::ops::{self, CertificateNumbers, Ops};
use keyward_console::{About, Console};
use keyward_engine::{Background, Engine, NodeAbout};
use keyward_gateway::{Authz, Gateway};
use keyward_store::StoreError;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long a start waits until the other nodes are told of it.
const FIRST_WORD: Duration = Duration::from_secs(2);
/// How long a node that ends waits for its database: to store usage, and to be taken off the list of nodes.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Everything that runs.
pub(crate) struct Node {
    pub(crate) engine: Arc<Engine>,
    pub(crate) gateway: Gateway,
    pub(crate) authz: Option<Authz>,
    pub(crate) console: Console,
    pub(crate) ops: Ops,
    background: Background,
    limiter: JoinHandle<()>,
    _console_threads: ConsoleThreads,
}

impl Node {
    /// Opens the database and starts every plane. The operator's port answers first, so that a long start can be seen.
    pub(crate) async fn start(checked: &Checked, access: Access) -> Result<Self, Failure> {
        let most_ops = descriptors::share_out();
        let limiter = open::limiter(checked)?;
        let engine = open::engine_to_serve(checked, access).await?;
        let engine = Arc::new(engine.with_limiter(limiter));
        let registry = prometheus::Registry::new();
        let ops = Ops::start(&engine, checked.ops, most_ops, &registry)?;
        load(&engine, checked).await?;
        engine.limiter().reach().await;
        let limiter = watch_limiter(&engine);
        let mut console = checked.console.clone();
        let console_about = about(checked);
        console.about = console_about.clone();
        let console_threads = ConsoleThreads::start()?;
        let its_engine = Arc::clone(&engine);
        let console = console_threads
            .run(async move { Console::start(&its_engine, console).await })
            .await?
            .map_err(|fault| Failure::failed(fault.to_string()))?;
        let gateway = Gateway::start(&engine, checked.gateway.clone(), checked.rules.clone(), &registry)
            .map_err(|fault| Failure::failed(fault.to_string()))?;
        let authz = checked.authz.clone();
        let authz = authz
            .map(|settings| gateway.start_authz(settings, &registry))
            .transpose();
        let authz = authz.map_err(|fault| Failure::failed(fault.to_string()))?;
        register_planes(&registry, &gateway, authz.as_ref(), &console)?;
        engine.name_node(NodeAbout {
            host: console_about.node,
            address: gateway.address().to_string(),
            version: console_about.version,
        });
        // Before it is ready: commands wait for the nodes that they see.
        if !matches!(timeout(FIRST_WORD, engine.join_nodes()).await, Ok(Ok(()))) {
            tracing::warn!(
                "the database does not answer: other nodes and commands do not know of this one yet"
            );
        }
        let background = Background::start(&engine);
        ops.serve();
        tracing::info!(
            gateway = %gateway.address(), authz = authz.as_ref().map(|authz| tracing::field::display(authz.address())),
            console = %console.address(), ops = %ops.address(),
            database = %checked.database, keys = engine.status().keys, "ready"
        );
        Ok(Self {
            engine,
            gateway,
            authz,
            console,
            ops,
            background,
            limiter,
            _console_threads: console_threads,
        })
    }

    /// Says that it is going, waits until load balancers have noticed, lets requests that are under way end, stores what is
    /// left to store.
    pub(crate) async fn stop(self, delay: Option<Duration>, within: Duration) {
        self.ops.drain();
        if let Some(delay) = delay {
            tracing::info!(?delay, "not ready any more; the ports close after the delay");
            tokio::time::sleep(delay).await;
        }
        tracing::info!("draining");
        let authz = async {
            if let Some(authz) = self.authz {
                authz.drain(within).await;
            }
        };
        tokio::join!(self.gateway.drain(within), authz, self.console.drain(within));
        // First what needs no database: who ends this process may not wait for one that is silent.
        if let Err(error) = self.engine.write_snapshot().await {
            tracing::error!(%error, "the last state is not on disk");
        }
        if timeout(LAST_WORDS, self.background.stop()).await.is_err() {
            tracing::error!("the database does not answer: usage since the last flush is not stored");
        }
        self.limiter.abort();
        tokio::join!(self.engine.store().close(), self.ops.stop());
        tracing::info!("stopped");
    }
}

/// Adds what the planes count, and the certificates that they show.
fn register_planes(
    registry: &prometheus::Registry,
    gateway: &Gateway,
    authz: Option<&Authz>,
    console: &Console,
) -> Result<(), Failure> {
    let planes = [
        ("gateway", gateway.tls()),
        ("authz", authz.and_then(Authz::tls)),
        ("console", console.tls()),
    ];
    let planes = planes.into_iter().filter_map(|(plane, tls)| Some((plane, tls?)));
    ops::register(registry, CertificateNumbers::new(planes.collect())?)?;
    let done = console.register_metrics(registry);
    done.map_err(|fault| Failure::failed(fault.to_string()))
}

/// Loads the replica; while the database is away, from the snapshot on disk, when there is to be one.
async fn load(engine: &Engine, checked: &Checked) -> Result<(), Failure> {
    let away = match engine.load().await {
        Ok(_) => return Ok(()),
        Err(error @ StoreError::Unavailable(_)) if checked.snapshot.is_some() => error,
        Err(error) => return Err(error.into()),
    };
    match engine.load_snapshot().await {
        Ok(snapshot) => {
            let (revision, age_s) = (snapshot.revision.0, snapshot.age.as_secs());
            tracing::warn!(fault = %away, revision, age_s, "the database is away: started from the snapshot on disk");
            Ok(())
        }
        Err(fault) => Err(Failure::from(away).with_line(&format!("replica.snapshot: {fault}"))),
    }
}

/// Finds out whether the counters that nodes share are there, as long as requests are decided.
fn watch_limiter(engine: &Arc<Engine>) -> JoinHandle<()> {
    let engine = Arc::clone(engine);
    tokio::spawn(async move { engine.limiter().watch().await })
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
