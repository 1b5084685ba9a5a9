//! The gateway's life: start, reload, drain. Each worker is a thread with a runtime of its own; they share the port.

use crate::connection;
use crate::drain::Drain;
use crate::metrics::Metrics;
use crate::rules::Compiled;
use crate::shared::Shared;
use crate::{Rules, Settings};
use arc_swap::ArcSwap;
use keyward_engine::Engine;
use keyward_listener::{Slots, Tls, accept, bind, close, follow_certificate};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

/// How long connections that are idle at the end are still served, so that their clients see `Connection: close`.
const GRACE: Duration = Duration::from_secs(5);

/// A running gateway.
pub struct Gateway {
    address: SocketAddr,
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

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
        let tls = settings
            .tls
            .clone()
            .map(|files| Tls::load(files, &["h2", "http/1.1"]))
            .transpose();
        let listener = bind(settings.listen).map_err(|error| {
            StartFault(format!(
                "gateway.listen: {} cannot be bound: {error}",
                settings.listen
            ))
        })?;
        let address = listener
            .local_addr()
            .map_err(|error| StartFault(format!("gateway.listen: {error}")))?;
        let shared = Arc::new(Shared {
            engine: Arc::clone(engine),
            rules: ArcSwap::from_pointee(Compiled::new(rules, count, None)?),
            tls: tls.map_err(|fault| StartFault(format!("gateway.tls: {fault}")))?,
            metrics: Metrics::register(registry)?,
            drain: Drain::default(),
            served: AtomicU64::new(0),
            slots: Slots::new(settings.max_connections),
            deadline: ArcSwap::default(),
            settings,
        });
        let mut workers = Vec::with_capacity(count);
        for worker in 0..count {
            let listener = listener
                .try_clone()
                .map_err(|error| StartFault(format!("gateway.listen: {error}")))?;
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name(format!("gateway-{worker}"));
            let thread = thread.spawn(move || run_worker(&shared, worker, listener));
            workers.push(
                thread.map_err(|error| StartFault(format!("gateway.workers: no more threads: {error}")))?,
            );
        }
        Ok(Self {
            address,
            shared,
            workers,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts new rules in force for the next request.
    ///
    /// # Errors
    /// The setting that is at fault; the old rules then stay.
    pub fn reload(&self, rules: Rules) -> Result<(), StartFault> {
        let count = self.workers.len();
        let compiled = Compiled::new(rules, count, Some(&self.shared.rules.load()))?;
        self.shared.rules.store(Arc::new(compiled));
        Ok(())
    }

    /// Stops accepting, lets requests that are under way end within a time, and ends. Upgraded connections that are
    /// still open then are closed.
    pub async fn drain(self, within: Duration) {
        self.shared
            .deadline
            .store(Arc::new(Some(Instant::now() + within)));
        self.shared.drain.begin();
        let grace = GRACE.min(within / 2);
        let shared = Arc::clone(&self.shared);
        let timer = tokio::spawn(async move {
            sleep(grace).await;
            shared.drain.finish();
        });
        let workers = self.workers;
        let joined =
            tokio::task::spawn_blocking(move || workers.into_iter().for_each(|worker| drop(worker.join())));
        if joined.await.is_err() {
            tracing::error!("a worker of the gateway did not end in order");
        }
        timer.abort();
    }
}

fn run_worker(shared: &Arc<Shared>, worker: usize, listener: std::net::TcpListener) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, worker, "a worker of the gateway cannot start"),
    };
    runtime.block_on(async {
        match TcpListener::from_std(listener) {
            Ok(listener) => work(shared, worker, listener).await,
            Err(error) => tracing::error!(%error, worker, "a worker of the gateway cannot listen"),
        }
    });
    // What is still running then (an upgraded connection) ends with the runtime.
    runtime.shutdown_background();
}

async fn work(shared: &Arc<Shared>, worker: usize, listener: TcpListener) {
    let mut connections = JoinSet::new();
    // One worker does it for all.
    let mut certificate = pin!(follow_certificate(
        shared.tls.as_ref().filter(|_| worker == 0),
        "gateway"
    ));
    loop {
        tokio::select! {
            never = &mut certificate => match never {},
            (stream, peer) = accept(&listener) => take(shared, worker, &mut connections, stream, peer),
            Some(_) = connections.join_next() => {}
            () = shared.drain.first_call() => break,
        }
    }
    // What the system has accepted for us already is served too, and nothing that comes after: clients that never
    // stop coming would keep the port open for ever.
    close(listener, |stream, peer| {
        take(shared, worker, &mut connections, stream, peer);
    })
    .await;
    let deadline = shared.deadline.load().unwrap_or_else(Instant::now);
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout_at(deadline, all).await.is_err() {
        tracing::warn!(
            worker,
            "connections were still open at the end of the drain, and are closed"
        );
    }
}

/// Serves a connection, if there is a place for it.
fn take(
    shared: &Arc<Shared>,
    worker: usize,
    connections: &mut JoinSet<()>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    match shared.slots.take() {
        Some(slot) => {
            connections.spawn(connection::serve(Arc::clone(shared), worker, stream, peer, slot));
        }
        None => shared.metrics.connections_shed.inc(),
    }
}
