//! A TCP proxy that does to connections what bad networks do: delays, silence, resets, half-closed ends, refusals.
//!
//! It runs on a thread of its own, so a test that blocks does not block it.

mod carry;
#[cfg(test)]
mod tests;

use crate::ports::free_address;
use carry::carry;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::watch;

const GUARD: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(2);

/// Stands in front of a server. It ends, and its connections with it, when dropped.
pub struct TcpProxy {
    address: SocketAddr,
    rules: watch::Sender<Rules>,
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

/// How it treats connections.
#[derive(Clone, Copy)]
struct Rules {
    target: SocketAddr,
    /// How long the bytes of each direction are under way.
    delay: Duration,
    /// Nothing passes; everything stays open.
    holds: bool,
    /// Nobody listens.
    refuses: bool,
    /// How often all connections were reset.
    cuts: u64,
    /// How often the answering side of all connections was closed.
    half_closes: u64,
    /// How often all connections were swallowed.
    swallows: u64,
    ends: bool,
    /// How often these were changed.
    changes: u64,
}

/// What it does, for those who wait for it.
#[derive(Default)]
struct Seen {
    /// For each open connection, how often all had been reset when it began.
    open: Mutex<Vec<u64>>,
    /// How many changes of the rules whoever takes connections knows: none from before is still to come.
    changes: AtomicU64,
}

impl TcpProxy {
    /// A proxy on a free port of this machine, in front of a server.
    pub fn start(target: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind(free_address()).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (rules, _) = watch::channel(Rules {
            target,
            delay: Duration::ZERO,
            holds: false,
            refuses: false,
            cuts: 0,
            half_closes: 0,
            swallows: 0,
            ends: false,
            changes: 1,
        });
        let seen = Arc::new(Seen::default());
        let (told, shared) = (rules.subscribe(), Arc::clone(&seen));
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            runtime
                .expect("a runtime")
                .block_on(listen(address, listener, told, shared));
        });
        let proxy = Self {
            address,
            rules,
            seen,
            thread: Some(thread),
        };
        proxy.wait_until("it listens", || proxy.is_known());
        proxy
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that are open now.
    pub fn connections(&self) -> usize {
        self.seen.open().len()
    }

    /// New connections go to another server from now on.
    pub fn retarget(&self, target: SocketAddr) {
        self.change(|rules| rules.target = target);
    }

    /// From now on, bytes are this long under way, in each direction.
    pub fn delay(&self, time: Duration) {
        self.change(|rules| rules.delay = time);
    }

    /// From now on nothing passes, and nobody is told: as behind a firewall that drops packets.
    pub fn hold(&self) {
        self.change(|rules| rules.holds = true);
    }

    /// From now on nobody listens. What is open stays so.
    pub fn refuse(&self) {
        self.change(|rules| rules.refuses = true);
    }

    /// Resets every connection. New ones are let in.
    pub fn cut(&self) {
        self.change(|rules| rules.cuts += 1);
        let cuts = self.rules.borrow().cuts;
        self.wait_until("all are reset", || {
            self.seen.open().iter().all(|born| *born >= cuts)
        });
    }

    /// Ends the answering side of every connection; what clients send is still carried.
    pub fn half_close(&self) {
        self.change(|rules| rules.half_closes += 1);
    }

    /// Nothing passes on the connections that are open, and nobody is told: as when a firewall on the way forgets them. New ones are
    /// let in.
    pub fn swallow(&self) {
        self.change(|rules| rules.swallows += 1);
    }

    /// From now on everything passes as it comes, to who is connected, unless that was swallowed, and to who comes.
    pub fn heal(&self) {
        self.change(|rules| {
            rules.delay = Duration::ZERO;
            rules.holds = false;
            rules.refuses = false;
        });
    }

    /// Changes the rules, and waits until they hold for whoever comes from now on.
    fn change(&self, change: impl FnOnce(&mut Rules)) {
        self.rules.send_modify(|rules| {
            change(rules);
            rules.changes += 1;
        });
        self.wait_until("the rules hold", || self.is_known());
    }

    fn is_known(&self) -> bool {
        self.seen.changes.load(Ordering::Acquire) >= self.rules.borrow().changes
    }

    fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + GUARD;
        while !is_so() {
            assert!(Instant::now() < deadline, "the proxy: not so far that {what}");
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.rules.send_modify(|rules| rules.ends = true);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

impl Seen {
    fn open(&self) -> std::sync::MutexGuard<'_, Vec<u64>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn listen(
    address: SocketAddr,
    first: std::net::TcpListener,
    mut rules: watch::Receiver<Rules>,
    seen: Arc<Seen>,
) {
    first.set_nonblocking(true).expect("a socket that does not block");
    let mut listener = Some(TcpListener::from_std(first).expect("a listener"));
    let mut now = *rules.borrow_and_update();
    while !now.ends {
        match (now.refuses, &listener) {
            (true, Some(_)) => listener = None,
            (false, None) => listener = Some(bind_again(address).await),
            _ => {}
        }
        seen.changes.store(now.changes, Ordering::Release);
        tokio::select! {
            client = accepted(listener.as_ref()) => take(client, now, &rules, &seen),
            changed = rules.changed() => {
                if changed.is_err() {
                    return;
                }
                // Who has connected by now is of the time before, and is cut too, if that is what has changed. The runtime looks
                // at its sockets before it goes on here.
                tokio::task::yield_now().await;
                while let Some(client) = waiting(listener.as_ref()).await {
                    take(client, now, &rules, &seen);
                }
                now = *rules.borrow_and_update();
            }
        }
    }
}

/// The next client.
async fn accepted(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        if let Ok((client, _)) = listener.accept().await {
            return client;
        }
    }
}

/// A client that is there already.
async fn waiting(listener: Option<&TcpListener>) -> Option<TcpStream> {
    tokio::select! {
        biased;
        client = accepted(listener) => Some(client),
        () = std::future::ready(()) => None,
    }
}

/// Carries what a client sends and is sent, by the rules that it was `born` under and those that come.
fn take(client: TcpStream, born: Rules, rules: &watch::Receiver<Rules>, seen: &Arc<Seen>) {
    let (rules, seen) = (rules.clone(), Arc::clone(seen));
    seen.open().push(born.cuts);
    tokio::spawn(async move {
        carry(client, born, rules).await;
        let mut open = seen.open();
        if let Some(place) = open.iter().position(|other| *other == born.cuts) {
            open.swap_remove(place);
        }
    });
}

async fn bind_again(address: SocketAddr) -> TcpListener {
    let deadline = Instant::now() + GUARD;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(fault) => assert!(Instant::now() < deadline, "bind {address} again: {fault}"),
        }
        tokio::time::sleep(POLL).await;
    }
}
