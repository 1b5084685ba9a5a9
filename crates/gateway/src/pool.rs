//! Connections to an upstream, kept for the next request. Each worker has its own, so none waits for another.

use crate::h2c::H2c;
use crate::settings::{Protocol, Upstream};
use crate::upstream_connection::{Connection, Said};
use crate::upstream_fault::UpstreamFault;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// How long each connection is used once only, after the upstream has sent what nobody asked for: it may send it again, just
/// after the next request, whose answer it would be taken for.
const DISTRUST: Duration = Duration::from_secs(600);
const MOST_IDLE: usize = 256;
/// So many that are too old are closed for each one that is kept, so that no request closes all of a burst.
const MOST_CLEARED: usize = 4;

/// Connections without a request, and since when; the one used last is at the back.
type Shelf = VecDeque<(Connection, Instant)>;

/// The connections to one upstream.
pub(crate) struct Pool {
    upstream: Upstream,
    /// One shelf for each worker.
    idle: Box<[Mutex<Shelf>]>,
    pub(crate) h2c: Box<[H2c]>,
    made: Instant,
    /// Until when no connection is used again, in milliseconds since the pool was made.
    distrusted: AtomicU64,
}

impl Pool {
    pub(crate) fn new(upstream: Upstream, workers: usize) -> Self {
        let each = 0..workers.max(1);
        Self {
            idle: each.clone().map(|_| Mutex::default()).collect(),
            h2c: each.map(|_| H2c::default()).collect(),
            upstream,
            made: Instant::now(),
            distrusted: AtomicU64::new(0),
        }
    }

    pub(crate) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    pub(crate) fn speaks_h2c(&self) -> bool {
        self.upstream.protocol == Protocol::H2c
    }

    /// A connection that was used before and is still good: the upstream has neither closed it nor sent anything.
    pub(crate) fn reuse(&self, worker: usize) -> Option<Connection> {
        let mut idle = self.idle(worker);
        while let Some((connection, since)) = idle.pop_back() {
            if since.elapsed() > self.upstream.idle {
                // The one used last is too old, so all are.
                idle.clear();
                return None;
            }
            match connection.said() {
                Said::Nothing => return Some(connection),
                Said::End => {}
                Said::Something => {
                    drop(idle);
                    self.distrust();
                    return None;
                }
            }
        }
        None
    }

    /// The upstream has sent what nobody asked for. Nothing that is kept is used again, and nothing is kept for a while.
    pub(crate) fn distrust(&self) {
        let until = self.made.elapsed() + DISTRUST;
        let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        let before = self.distrusted.swap(until, Ordering::Relaxed);
        for shelf in &self.idle {
            shelf.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        if before == 0 {
            tracing::warn!(
                upstream = %self.upstream.name,
                "the upstream sends bytes that no request has asked for; each connection to it is used once only, until ten \
                 minutes after the last time"
            );
        }
    }

    /// A new connection.
    pub(crate) async fn connect(&self, patience: Duration) -> Result<TcpStream, UpstreamFault> {
        let address = &self.upstream.address;
        match keyward_dial::connect(&address.host, address.port, patience).await {
            Ok(stream) => {
                // Without it small requests wait for the upstream's acknowledgement; a failure costs no more than that.
                let _ = stream.set_nodelay(true);
                Ok(stream)
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(UpstreamFault::Timeout),
            Err(error) => {
                tracing::debug!(upstream = %self.upstream.name, %error, "cannot connect");
                Err(UpstreamFault::Unreachable)
            }
        }
    }

    /// Keeps a connection for the next request.
    pub(crate) fn keep(&self, worker: usize, connection: Connection) {
        let now = Instant::now();
        if self.upstream.idle.is_zero() || self.is_distrusted(now) {
            return;
        }
        let mut idle = self.idle(worker);
        // After a burst nobody comes down to those at the front, and their upstream has long closed them.
        for _ in 0..MOST_CLEARED {
            match idle.front() {
                Some((_, since)) if now.duration_since(*since) > self.upstream.idle => drop(idle.pop_front()),
                _ => break,
            }
        }
        if idle.len() < MOST_IDLE {
            idle.push_back((connection, now));
        }
    }

    fn is_distrusted(&self, now: Instant) -> bool {
        match self.distrusted.load(Ordering::Relaxed) {
            0 => false,
            until => now.duration_since(self.made) < Duration::from_millis(until),
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
    use keyward_domain::HostPort;
    use std::net::SocketAddr;
    use tokio::net::TcpListener;
    use tokio::time::advance;

    const IDLE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn what_a_burst_left_is_closed_while_other_connections_are_used() {
        let (listener, pool) = listening().await;
        let address = listener.local_addr().unwrap();
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

    #[tokio::test(start_paused = true)]
    async fn after_ten_minutes_connections_are_kept_again() {
        let (listener, pool) = listening().await;
        let address = listener.local_addr().unwrap();
        let mut ends = Vec::new();
        for (minutes, kept) in [(0, 0), (9, 0), (2, 1)] {
            if minutes == 0 {
                pool.distrust();
            }
            advance(Duration::from_secs(minutes * 60)).await;
            pool.keep(0, Connection::new(TcpStream::connect(address).await.unwrap()));
            ends.push(listener.accept().await.unwrap().0);
            assert_eq!(pool.idle(0).len(), kept, "after {minutes} minutes more");
        }
    }

    async fn listening() -> (TcpListener, Pool) {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let upstream = Upstream {
            name: "default".into(),
            address: HostPort {
                host: address.ip().to_string().into(),
                port: address.port(),
            },
            protocol: Protocol::Http1,
            idle: IDLE,
        };
        (listener, Pool::new(upstream, 1))
    }
}
