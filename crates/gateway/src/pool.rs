//! Connections to an upstream, kept for the next request. Each worker has its own, so none waits for another.

use crate::StartFault;
use crate::h2c::H2c;
use crate::settings::{Protocol, Upstream};
use crate::upstream_connection::Connection;
use crate::upstream_fault::UpstreamFault;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// How long a connection may stand idle and be used again. Shorter than most servers keep theirs, so that a request
/// seldom meets a connection that is being closed.
const IDLE: Duration = Duration::from_secs(30);
const MOST_IDLE: usize = 256;
/// So many that are too old are closed for each one that is kept, so that no request closes all of a burst.
const MOST_CLEARED: usize = 4;

/// Connections without a request, and since when; the one used last is at the back.
type Shelf = VecDeque<(Connection, Instant)>;

/// The connections to one upstream.
pub(crate) struct Pool {
    upstream: Upstream,
    /// `host:port`.
    address: String,
    /// One shelf for each worker.
    idle: Box<[Mutex<Shelf>]>,
    pub(crate) h2c: Box<[H2c]>,
}

impl Pool {
    pub(crate) fn new(upstream: Upstream, workers: usize) -> Result<Self, StartFault> {
        let fault = |what: &str| {
            StartFault(format!(
                "the upstream `{}` has the URL {}: {what}",
                upstream.name, upstream.url
            ))
        };
        if upstream.url.scheme_str() != Some("http") {
            return Err(fault("only http:// is spoken to upstreams"));
        }
        if upstream
            .url
            .path_and_query()
            .is_some_and(|path| path.as_str() != "/")
        {
            return Err(fault("give the address alone, without a path"));
        }
        let host = upstream
            .url
            .host()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| fault("there is no host"))?;
        let address = format!("{host}:{}", upstream.url.port_u16().unwrap_or(80));
        let each = 0..workers.max(1);
        Ok(Self {
            address,
            idle: each.clone().map(|_| Mutex::default()).collect(),
            h2c: each.map(|_| H2c::default()).collect(),
            upstream,
        })
    }

    pub(crate) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    pub(crate) fn speaks_h2c(&self) -> bool {
        self.upstream.protocol == Protocol::H2c
    }

    /// A connection that was used before and is still good.
    pub(crate) fn reuse(&self, worker: usize) -> Option<Connection> {
        let mut idle = self.idle(worker);
        while let Some((connection, since)) = idle.pop_back() {
            if since.elapsed() > IDLE {
                // The one used last is too old, so all are.
                idle.clear();
            } else if connection.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    /// A new connection.
    pub(crate) async fn connect(&self, patience: Duration) -> Result<TcpStream, UpstreamFault> {
        match timeout(patience, TcpStream::connect(&self.address)).await {
            Ok(Ok(stream)) => {
                // Without it small requests wait for the upstream's acknowledgement; a failure costs no more than that.
                let _ = stream.set_nodelay(true);
                Ok(stream)
            }
            Ok(Err(error)) => {
                tracing::debug!(upstream = %self.upstream.name, %error, "cannot connect");
                Err(UpstreamFault::Unreachable)
            }
            Err(_) => Err(UpstreamFault::Timeout),
        }
    }

    /// Keeps a connection for the next request.
    pub(crate) fn keep(&self, worker: usize, connection: Connection) {
        let now = Instant::now();
        let mut idle = self.idle(worker);
        // After a burst nobody comes down to those at the front, and their upstream has long closed them.
        for _ in 0..MOST_CLEARED {
            match idle.front() {
                Some((_, since)) if now.duration_since(*since) > IDLE => drop(idle.pop_front()),
                _ => break,
            }
        }
        if idle.len() < MOST_IDLE {
            idle.push_back((connection, now));
        }
    }

    fn idle(&self, worker: usize) -> MutexGuard<'_, Shelf> {
        self.idle[worker % self.idle.len()]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;
    use tokio::net::TcpListener;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn what_a_burst_left_is_closed_while_other_connections_are_used() {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let upstream = Upstream {
            name: "default".into(),
            url: format!("http://{address}").parse().unwrap(),
            protocol: Protocol::Http1,
        };
        let pool = Pool::new(upstream, 1).unwrap();
        let mut ends = Vec::new();
        for _ in 0..20 {
            let stream = TcpStream::connect(address).await.unwrap();
            pool.keep(0, Connection::new(stream));
            ends.push(listener.accept().await.unwrap().0);
        }
        for _ in 0..20 {
            advance(IDLE / 5).await;
            let used = pool.reuse(0).unwrap();
            pool.keep(0, used);
        }
        let left = pool.idle(0).len();
        assert_eq!(left, 1, "the one in use is kept, and no other");
    }
}
