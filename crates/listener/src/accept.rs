//! Binding and accepting. Out of file descriptors is a state to wait out, not a reason to end.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// How long nothing is accepted after the system had no descriptor or memory for a connection.
const PAUSE: Duration = Duration::from_millis(50);
/// The most connections that are closed at a time when there is no descriptor for them.
const MOST_SHED: usize = 1024;
/// Descriptors, one of which is given up for a moment when there are no others. Sometimes somebody else is quicker to
/// take it, so there are a few.
static RESERVE: Mutex<Vec<File>> = Mutex::new(Vec::new());
const RESERVED: usize = 8;
/// Whether some were taken by others meanwhile, and are to be had again as soon as there are descriptors.
static LOST: AtomicBool = AtomicBool::new(false);

/// Binds a port, ready to be handed to one or more runtimes. No second process can bind it too.
///
/// # Errors
/// The system's: the port is taken, the address is not this machine's, ….
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    keep_reserve();
    Ok(listener)
}

/// What to do when a port cannot be bound: the end of a sentence that says which and why.
pub fn bind_way_out(address: SocketAddr, error: &io::Error) -> String {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::PermissionDenied if (1..1024).contains(&port) => format!(
            "ports below 1024 take the capability CAP_NET_BIND_SERVICE: give it to the program (\
             `setcap cap_net_bind_service=+ep` and its path, or AmbientCapabilities=CAP_NET_BIND_SERVICE in its systemd \
             unit), or choose a port from 1024 on in place of {port}"
        ),
        io::ErrorKind::AddrInUse => {
            "something listens there already (`ss -ltnp` shows what): end it, or choose another port"
                .to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address: choose one of its own, or 0.0.0.0 for all of them".to_owned()
        }
        _ => "choose another address or port".to_owned(),
    }
}

/// Waits for the next connection, through every passing error.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Without it small answers wait for the client's acknowledgement; a failure costs no more than that.
                let _ = stream.set_nodelay(true);
                if LOST.load(Ordering::Relaxed) {
                    keep_reserve();
                }
                return (stream, peer);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                keep_reserve();
                let shed = shed_waiting(listener).await;
                tracing::warn!(%error, shed, "cannot accept connections now; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Closes the connections that wait for a descriptor, with one that was kept in reserve: their clients learn at once that
/// they are not served. Says how many.
async fn shed_waiting(listener: &TcpListener) -> usize {
    let Some(reserve) = RESERVE.lock().unwrap_or_else(PoisonError::into_inner).pop() else {
        return 0;
    };
    drop(reserve);
    let mut shed = 0;
    while shed < MOST_SHED
        && let Ok(Ok(_)) = tokio::time::timeout(Duration::ZERO, listener.accept()).await
    {
        shed += 1;
    }
    keep_reserve();
    shed
}

/// Fills the reserve, if there are descriptors.
fn keep_reserve() {
    let mut reserve = RESERVE.lock().unwrap_or_else(PoisonError::into_inner);
    while reserve.len() < RESERVED
        && let Ok(file) = File::open("/dev/null")
    {
        reserve.push(file);
    }
    LOST.store(reserve.len() < RESERVED, Ordering::Relaxed);
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// A bounded number of places for connections.
#[derive(Clone, Debug)]
pub struct Slots {
    taken: Arc<AtomicUsize>,
    most: usize,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub struct Slot(Arc<AtomicUsize>);

impl Slots {
    /// `most` places.
    pub fn new(most: usize) -> Self {
        Self {
            taken: Arc::default(),
            most,
        }
    }

    /// Takes a place, if one is left.
    pub fn take(&self) -> Option<Slot> {
        let slot = Slot(Arc::clone(&self.taken));
        // The slot gives its place back when it is dropped, here too.
        if self.taken.fetch_add(1, Ordering::Relaxed) < self.most {
            Some(slot)
        } else {
            None
        }
    }

    /// How many places are taken.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let slots = Slots::new(2);
        let first = slots.take();
        let second = slots.take();
        assert!(first.is_some() && second.is_some() && slots.take().is_none());
        assert_eq!(slots.taken(), 2);
        drop(first);
        assert!(slots.take().is_some());
    }

    #[test]
    fn a_taken_port_is_an_error() {
        let first = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        assert!(bind(first.local_addr().unwrap()).is_err());
    }

    #[test]
    fn the_way_out_fits_what_the_system_says() {
        use io::ErrorKind::{AddrInUse, AddrNotAvailable, OutOfMemory, PermissionDenied};
        for (port, kind, words) in [
            (80, PermissionDenied, "CAP_NET_BIND_SERVICE"),
            (443, PermissionDenied, "in place of 443"),
            (1023, PermissionDenied, "setcap"),
            (1024, PermissionDenied, "another address or port"),
            (8080, AddrInUse, "ss -ltnp"),
            (8080, AddrNotAvailable, "no such address"),
            (8080, OutOfMemory, "another address or port"),
        ] {
            let told = bind_way_out(SocketAddr::from(([0, 0, 0, 0], port)), &kind.into());
            assert!(told.contains(words), "{port} {kind}: {told}");
        }
    }
}
