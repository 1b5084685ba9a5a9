//! Ports for servers of tests, which no two processes of tests have at the same time.

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr as Address, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, PoisonError};

/// The first port that is given away, and how many are.
const FIRST: u16 = 10_000;
const COUNT: u16 = 12_000;
/// What Redis listens on besides in a cluster lies so far above its port.
const CLUSTER_BUS: u16 = 10_000;
/// Processes that begin one after another begin so far apart, and seldom look for the same ports.
const APART: u32 = 16;

/// What makes a port this process's own: a name that lasts as long as the socket that is bound to it, and leaves nothing behind.
static CLAIMS: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());

/// A port that nobody listens on, and that no other process of tests is given while this one lives: what stops and starts again
/// finds it free.
///
/// It is from below those that a system gives to clients, so no connection has it either; what a cluster listens on besides is
/// as well.
pub(crate) fn free_address() -> Address {
    free(&[0])
}

/// The same, and the port on which a Redis of a cluster listens besides is free too.
pub(crate) fn free_address_of_cluster() -> Address {
    free(&[0, CLUSTER_BUS])
}

fn free(above: &[u16]) -> Address {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let of_this_process = std::process::id() % (u32::from(COUNT) / APART) * APART;
    for _ in 0..COUNT {
        let number = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let place = u16::try_from((of_this_process + number) % u32::from(COUNT)).expect("a port");
        let ports = above.iter().map(|above| FIRST + place + above);
        let claims: Option<Vec<UnixListener>> = ports.map(claim).collect();
        if let Some(claims) = claims {
            let mut all = CLAIMS.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(claims);
            return Address::from((Ipv4Addr::LOCALHOST, FIRST + place));
        }
    }
    panic!("no free port");
}

/// Makes a port this process's own, unless it is another's or somebody listens there.
fn claim(port: u16) -> Option<UnixListener> {
    let name = SocketAddr::from_abstract_name(format!("keyward-testkit-port-{port}")).expect("a name");
    let claim = UnixListener::bind_addr(&name).ok()?;
    let probe = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port));
    probe.is_ok().then_some(claim)
}
