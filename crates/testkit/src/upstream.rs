//! An upstream that records the exact bytes of every request and answers as told.
//!
//! It runs on a thread of its own, so a test that blocks does not stop it.

mod connection;
mod reply;
#[cfg(test)]
mod tests;

pub use reply::Reply;

use crate::ports::free_address;
use crate::wire::{self, GUARD};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

/// A running upstream; it stops when dropped.
pub struct EchoUpstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// One request as it came.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The connection it came on, counted from 0.
    pub connection: usize,
    /// The head's exact bytes, empty line included.
    pub head: Vec<u8>,
    /// The content, unchunked; empty when bodies are not recorded.
    pub body: Vec<u8>,
    /// The content's length in bytes so far.
    pub body_len: u64,
    /// The body's exact bytes with chunk sizes and trailers; empty unless it was chunked.
    pub chunked_body: Vec<u8>,
    /// The trailer section's exact bytes.
    pub trailers: Vec<u8>,
    /// Whether the request came whole.
    pub complete: bool,
}

impl EchoUpstream {
    /// Starts on a free port of 127.0.0.1, on which another may start when this one has stopped.
    pub async fn start() -> Self {
        Self::start_on(free_address()).await
    }

    /// Starts on this address, such as that of one that has stopped.
    pub async fn start_on(address: SocketAddr) -> Self {
        let shared = Arc::new(Shared::default());
        let (bound, address) = {
            let (tell, told) = oneshot::channel();
            let (stop, stopped) = oneshot::channel();
            let shared = Arc::clone(&shared);
            let thread = std::thread::spawn(move || run(address, &shared, tell, stopped));
            ((stop, thread), told.await.expect("the upstream's thread"))
        };
        Self {
            address,
            shared,
            running: Some(bound),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers every request whose path begins so; the longest prefix counts, a second script replaces the first.
    pub fn script(&self, path_prefix: &str, reply: Reply) {
        let mut state = self.shared.state();
        state.scripts.retain(|(prefix, _)| prefix != path_prefix);
        state.scripts.push((path_prefix.to_owned(), reply));
    }

    /// Answers the next request that no earlier queued answer takes; queued answers come before scripts.
    pub fn queue(&self, reply: Reply) {
        self.shared.state().queue.push_back(reply);
    }

    /// Forgets scripts and queued answers.
    pub fn clear_scripts(&self) {
        let mut state = self.shared.state();
        state.scripts.clear();
        state.queue.clear();
    }

    /// Whether bodies are kept (they are, unless told otherwise) or only counted.
    pub fn record_bodies(&self, record: bool) {
        self.shared.state().count_only = !record;
    }

    /// The requests so far, in the order in which their heads ended.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared
            .state()
            .requests
            .iter()
            .map(|(_, request)| request.clone())
            .collect()
    }

    /// The last request.
    pub fn last(&self) -> Recorded {
        self.requests()
            .pop()
            .expect("the upstream has recorded no request")
    }

    /// How many requests came, incomplete ones too.
    pub fn count(&self) -> usize {
        self.shared.state().requests.len()
    }

    /// How many connections were opened since the start.
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }

    /// How many connections are open.
    pub fn open_connections(&self) -> usize {
        self.shared.state().open
    }

    /// How many connections have ended since the start.
    pub fn closed_connections(&self) -> usize {
        let state = self.shared.state();
        state.connections - state.open
    }

    /// Waits until so many connections have ended since the start.
    pub async fn wait_for_closed(&self, n: usize) {
        let mut changes = self.shared.changes.subscribe();
        let enough = changes.wait_for(|()| self.closed_connections() >= n);
        let ended = tokio::time::timeout(GUARD, enough).await;
        assert!(
            ended.is_ok(),
            "{n} closed connections wanted at the upstream within {GUARD:?}; it has {}",
            self.closed_connections()
        );
    }

    /// Forgets the requests; connections count on.
    pub fn clear(&self) {
        self.shared.state().requests.clear();
    }

    /// Waits until `n` whole requests are recorded and returns all.
    pub async fn wait_for(&self, n: usize) -> Vec<Recorded> {
        self.wait_until("whole requests", n, |all| {
            all.iter().filter(|(_, r)| r.complete).count()
        })
        .await
    }

    /// Waits until `n` heads are recorded and returns all requests.
    pub async fn wait_for_heads(&self, n: usize) -> Vec<Recorded> {
        self.wait_until("heads", n, <[_]>::len).await
    }

    async fn wait_until(
        &self,
        what: &str,
        n: usize,
        count: fn(&[(u64, Recorded)]) -> usize,
    ) -> Vec<Recorded> {
        let mut changes = self.shared.changes.subscribe();
        let enough = changes.wait_for(|_| count(&self.shared.state().requests) >= n);
        if tokio::time::timeout(GUARD, enough).await.is_err() {
            let seen: Vec<String> = self.requests().iter().map(Recorded::request_line).collect();
            panic!("{n} {what} wanted at the upstream within {GUARD:?}; it has {seen:?}");
        }
        self.requests()
    }

    /// Closes the listener and every connection; what was recorded stays.
    pub fn stop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            let ended = thread.join();
            assert!(
                ended.is_ok() || std::thread::panicking(),
                "the upstream's thread panicked"
            );
        }
    }
}

impl Drop for EchoUpstream {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Recorded {
    /// The first line, without its end.
    pub fn request_line(&self) -> String {
        wire::first_line(&self.head)
    }

    /// The method.
    pub fn method(&self) -> String {
        self.request_line()
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// The request target as sent.
    pub fn target(&self) -> String {
        self.request_line()
            .split(' ')
            .nth(1)
            .unwrap_or_default()
            .to_owned()
    }

    /// The header lines in order, without their ends.
    pub fn header_lines(&self) -> Vec<String> {
        wire::header_lines(&self.head)
    }

    /// The header lines whose names are so for a reader who folds them as [`folded`](crate::folded) does.
    pub fn folded_lines(&self, is_so: impl Fn(&str) -> bool) -> Vec<String> {
        let mut lines = self.header_lines();
        lines.retain(|line| is_so(&crate::folded(line.split(':').next().unwrap_or_default())));
        lines
    }

    /// Every value of a header, in order.
    pub fn header(&self, name: &str) -> Vec<String> {
        wire::values(&wire::headers(&self.head), name)
            .into_iter()
            .map(str::to_owned)
            .collect()
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changes: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    requests: Vec<(u64, Recorded)>,
    next_request: u64,
    scripts: Vec<(String, Reply)>,
    queue: VecDeque<Reply>,
    count_only: bool,
    connections: usize,
    open: usize,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Begins a record; the number stays good when the records are cleared.
    fn begin(&self, connection: usize, head: Vec<u8>) -> u64 {
        let mut state = self.state();
        let number = state.next_request;
        state.next_request += 1;
        state.requests.push((
            number,
            Recorded {
                connection,
                head,
                ..Recorded::default()
            },
        ));
        drop(state);
        self.changes.send_replace(());
        number
    }

    fn update(&self, number: u64, change: impl FnOnce(&mut Recorded)) {
        let mut state = self.state();
        if let Some((_, request)) = state.requests.iter_mut().rev().find(|(n, _)| *n == number) {
            change(request);
        }
    }

    fn complete(&self, number: u64) {
        self.update(number, |request| request.complete = true);
        self.changes.send_replace(());
    }

    fn reply_to(&self, target: &str) -> Reply {
        let mut state = self.state();
        if let Some(reply) = state.queue.pop_front() {
            return reply;
        }
        let fitting = state
            .scripts
            .iter()
            .filter(|(prefix, _)| target.starts_with(prefix.as_str()));
        fitting
            .max_by_key(|(prefix, _)| prefix.len())
            .map_or(Reply::Echo, |(_, reply)| reply.clone())
    }
}

fn run(
    address: SocketAddr,
    shared: &Arc<Shared>,
    bound: oneshot::Sender<SocketAddr>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let accept = async {
        let listener = TcpListener::bind(address)
            .await
            .unwrap_or_else(|e| panic!("bind {address}: {e}"));
        bound
            .send(listener.local_addr().expect("an address"))
            .expect("the test waits");
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            tokio::spawn(connection::serve(stream, Arc::clone(shared)));
        }
    };
    runtime.block_on(async {
        tokio::select! {
            () = accept => {}
            _ = stopped => {}
        }
    });
}
