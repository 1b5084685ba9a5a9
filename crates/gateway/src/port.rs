//! A port with its workers, and its life: start, drain. Each worker is a thread with a runtime of its own; they share the
//! port.

use crate::StartFault;
use crate::connection;
use crate::shared::Shared;
use crate::tunnel::SILENCE;
use keyward_listener::{CLIENTS, accept, bind, bind_way_out, close, end_when_gone, follow_certificate};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

/// How long connections that are idle at the end are still served, so that their clients see `Connection: close`.
const GRACE: Duration = Duration::from_secs(5);

/// A port, bound and not served yet.
pub(crate) struct Bound {
    section: &'static str,
    listener: std::net::TcpListener,
    address: SocketAddr,
}

/// A port that is served.
pub(crate) struct Port {
    pub(crate) address: SocketAddr,
    pub(crate) shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Bound {
    /// Binds; `section` is that of the configuration.
    pub(crate) fn bind(section: &'static str, listen: SocketAddr) -> Result<Self, StartFault> {
        let listener = bind(listen).map_err(|error| {
            let way_out = bind_way_out(listen, &error);
            StartFault(format!(
                "{section}.listen: cannot listen on {listen}: {error}; {way_out}"
            ))
        })?;
        let address = listener
            .local_addr()
            .map_err(|error| StartFault(format!("{section}.listen: {error}")))?;
        Ok(Self {
            section,
            listener,
            address,
        })
    }

    /// Starts the workers.
    pub(crate) fn serve(self, shared: Arc<Shared>, count: usize) -> Result<Port, StartFault> {
        let section = self.section;
        // A bound of its own on what a client does not take may be longer, and holds.
        let silence = SILENCE.max(shared.settings.timeouts.write_stall);
        end_when_gone(&self.listener, silence);
        let mut workers = Vec::with_capacity(count);
        for worker in 0..count {
            let listener = self
                .listener
                .try_clone()
                .map_err(|error| StartFault(format!("{section}.listen: {error}")))?;
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name(format!("{section}-{worker}"));
            let thread = thread.spawn(move || run_worker(&shared, worker, listener));
            workers.push(
                thread.map_err(|error| StartFault(format!("gateway.workers: no more threads: {error}")))?,
            );
        }
        Ok(Port {
            address: self.address,
            shared,
            workers,
        })
    }
}

impl Port {
    /// How many threads serve it.
    pub(crate) fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Stops accepting, lets requests that are under way end within a time, and ends. Upgraded connections that are
    /// still open then are closed.
    pub(crate) async fn drain(self, within: Duration) {
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
            tracing::error!("a worker did not end in order");
        }
        timer.abort();
    }
}

fn run_worker(shared: &Arc<Shared>, worker: usize, listener: std::net::TcpListener) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, worker, "a worker cannot start"),
    };
    runtime.block_on(async {
        match TcpListener::from_std(listener) {
            Ok(listener) => work(shared, worker, listener).await,
            Err(error) => tracing::error!(%error, worker, "a worker cannot listen"),
        }
    });
    // What is still running then (an upgraded connection) ends with the runtime.
    runtime.shutdown_background();
}

async fn work(shared: &Arc<Shared>, worker: usize, listener: TcpListener) {
    let mut connections = JoinSet::new();
    // One worker does it for all.
    let mut certificate = pin!(follow_certificate(
        shared.tls.as_deref().filter(|_| worker == 0),
        shared.plane.name()
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
    match shared.slots.take().filter(|_| CLIENTS.admits(&stream)) {
        Some(slot) => {
            connections.spawn(connection::serve(Arc::clone(shared), worker, stream, peer, slot));
        }
        None => shared.metrics.connections_shed.inc(),
    }
}
