//! The connections of a node that are open, and how many there may be.
//!
//! The last one that was used is used next, so those that are not needed are closed after a while. Each is asked whether its
//! server still answers before it is used again: a connection that the network has swallowed tells nothing by itself. The poll and a
//! node's word of itself skip that question, which would double what a hundred nodes cost a server; when they fail, they are repeated
//! on a connection that was asked.

use super::connection::Connection;
use super::connector::Connector;
use super::opening::Fault;
use crate::{Connections, StoreError};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Connections that read.
const READERS: usize = 4;
/// Connections that read what changed: nobody who looks something up makes a revocation wait.
const FOLLOWERS: usize = 2;
/// Connections that write: for the one change that has its turn, and for usage and other notes.
const WRITERS: usize = 3;
/// Connections that ask for the position each second, and for a second opinion.
const POLLERS: usize = 2;
/// How long it may take to get a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// How long a connection that was used before may take to say that it still is one.
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection that has not been used for so long is closed.
const MAX_IDLE: Duration = Duration::from_secs(10);
/// A connection that is older is closed, so that none outlives a change of addresses by more.
const MAX_AGE: Duration = Duration::from_secs(1800);

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lane {
    /// To read.
    Read,
    /// To read what changed.
    Follow,
    /// To write.
    Write,
    /// To ask for the position.
    Poll,
}

/// The connections of a node.
#[derive(Debug)]
pub(super) struct Pool {
    connector: Arc<Connector>,
    readers: Arc<Semaphore>,
    followers: Arc<Semaphore>,
    writers: Arc<Semaphore>,
    pollers: Arc<Semaphore>,
    /// The one that was used last is the last.
    idle: Mutex<Vec<Idle>>,
    /// How often somebody had to wait for a connection, and how often that took too long.
    waits: AtomicU64,
    timeouts: AtomicU64,
    is_closed: AtomicBool,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    pub(super) fn new(connector: Arc<Connector>) -> Arc<Self> {
        let lane = |most| Arc::new(Semaphore::new(most));
        Arc::new(Self {
            connector,
            readers: lane(READERS),
            followers: lane(FOLLOWERS),
            writers: lane(WRITERS),
            pollers: lane(POLLERS),
            idle: Mutex::default(),
            waits: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
        })
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(super) fn shared_connector(&self) -> Arc<Connector> {
        Arc::clone(&self.connector)
    }

    /// The right to a connection.
    pub(super) async fn permit(&self, lane: Lane) -> Result<OwnedSemaphorePermit, StoreError> {
        let semaphore = match lane {
            Lane::Read => &self.readers,
            Lane::Follow => &self.followers,
            Lane::Write => &self.writers,
            Lane::Poll => &self.pollers,
        };
        if semaphore.available_permits() == 0 {
            self.waits.fetch_add(1, Ordering::Relaxed);
        }
        match timeout(CONNECT_TIMEOUT, Arc::clone(semaphore).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(closed()),
            Err(_) => {
                self.timeouts.fetch_add(1, Ordering::Relaxed);
                Err(StoreError::Unavailable(
                    "all connections of this node are at work; the server is slow, or does not answer"
                        .to_owned(),
                ))
            }
        }
    }

    /// How many there are, for metrics. The one that listens is not among them.
    pub(super) fn connections(&self) -> Connections {
        let max = READERS + FOLLOWERS + WRITERS + POLLERS;
        let lanes = [&self.readers, &self.followers, &self.writers, &self.pollers];
        let free = lanes.map(|lane| lane.available_permits());
        Connections {
            in_use: max.saturating_sub(free.iter().sum()),
            idle: self.lock().len(),
            max,
            waits: self.waits.load(Ordering::Relaxed),
            timeouts: self.timeouts.load(Ordering::Relaxed),
        }
    }

    /// A connection that answers: one that is open, or a new one.
    pub(super) async fn get(&self) -> Result<Connection, StoreError> {
        loop {
            let Some(mut connection) = self.open() else {
                return self.connect().await;
            };
            match timeout(PING_TIMEOUT, connection.ping()).await {
                Ok(Ok(())) => return Ok(connection),
                // It was closed; another may be good.
                Ok(Err(_)) => {}
                // What does not answer was swallowed, and the others with it.
                Err(_) => self.forget_idle(),
            }
        }
    }

    /// A connection that is open; whether it still answers was not asked.
    pub(super) fn open(&self) -> Option<Connection> {
        let preferred = self.connector.preferred();
        loop {
            let connection = self.lock().pop()?.connection;
            // A server that another one took over from may still take changes: nobody goes on there.
            if connection.target() == preferred {
                return Some(connection);
            }
            tokio::spawn(connection.close());
        }
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Connection, StoreError> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        let done = self.connector.connect(CONNECT_TIMEOUT).await;
        done.map_err(Fault::into_error).map_err(|error| match error {
            StoreError::Open(why) => StoreError::Unavailable(why),
            other => other,
        })
    }

    /// Takes a connection back whose work is done.
    pub(super) fn give_back(&self, connection: Connection) {
        if self.is_closed.load(Ordering::Acquire) || connection.opened().elapsed() > MAX_AGE {
            tokio::spawn(connection.close());
            return;
        }
        let mut idle = self.lock();
        let since = Instant::now();
        idle.push(Idle { connection, since });
        let outlived = idle
            .iter()
            .take_while(|other| other.since.elapsed() > MAX_IDLE)
            .count();
        for other in idle.drain(..outlived) {
            tokio::spawn(other.connection.close());
        }
    }

    /// Drops what is open and not in use: nobody would answer there.
    pub(super) fn forget_idle(&self) {
        self.lock().clear();
    }

    /// Drops what was opened before an instant and is not in use.
    pub(super) fn forget_opened_before(&self, instant: Instant) {
        self.lock().retain(|idle| idle.connection.opened() > instant);
    }

    /// Waits until what is in use is given back, and closes everything.
    pub(super) async fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        let lanes = [
            (&self.readers, READERS),
            (&self.followers, FOLLOWERS),
            (&self.writers, WRITERS),
            (&self.pollers, POLLERS),
        ];
        for (semaphore, most) in lanes {
            let all = u32::try_from(most).unwrap_or(u32::MAX);
            // What does not end in time is closed when it does.
            let _all_are_back = timeout(CONNECT_TIMEOUT, semaphore.acquire_many(all))
                .await
                .is_ok();
            semaphore.close();
        }
        let idle = std::mem::take(&mut *self.lock());
        for other in idle {
            other.connection.close().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}
