//! What a connection's guard and its service tell each other.

use super::{Fault, UnfinishedHeads};
use futures_util::task::AtomicWaker;
use keyward_listener::Slot;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

/// Shared by the guard and the service of one connection.
#[derive(Default)]
pub(crate) struct Link {
    passed: AtomicU64,
    served: AtomicU64,
    /// The fault, and the number of the request that stands in for the faulty one.
    fault: OnceLock<(u64, Fault)>,
    /// The target of the faulty request, as far as it could be read.
    target: OnceLock<Box<str>>,
    busy: AtomicUsize,
    /// Answers of which a piece was handed over that the client has not taken yet.
    owing: AtomicUsize,
    /// How often a client took a piece.
    taken: AtomicU64,
    upgrade: AtomicU8,
    /// The number of the request that asked to upgrade.
    held: AtomicU64,
    waker: AtomicWaker,
    /// Queries that hyper does not take, by the numbers of their requests; and how many.
    queries: Mutex<Vec<(u64, Box<[u8]>)>>,
    kept: AtomicUsize,
    /// What heads of all connections may hold while they are unfinished.
    pub(super) heads: Arc<UnfinishedHeads>,
    /// The connection's place, kept for as long as the guard lives: an upgraded connection is one still.
    _slot: Option<Slot>,
}

/// The default, 0, is that nobody asked.
const HELD: u8 = 1;
const DECLINED: u8 = 2;
const UPGRADED: u8 = 3;

/// An answer that is under way; dropped when its last byte is handed over.
pub(crate) struct InFlight {
    link: Arc<Link>,
    number: u64,
    owes: bool,
}

impl Link {
    /// Of a connection that takes this place.
    pub(crate) fn holding(slot: Slot, heads: Arc<UnfinishedHeads>) -> Self {
        Self {
            heads,
            _slot: Some(slot),
            ..Self::default()
        }
    }

    /// Keeps the query of the head that passes next.
    pub(super) fn keep_query(&self, query: &[u8]) {
        let number = self.passed.load(Ordering::Relaxed);
        let mut queries = self.queries.lock().unwrap_or_else(PoisonError::into_inner);
        queries.push((number, query.into()));
        self.kept.store(queries.len(), Ordering::Release);
    }

    fn take_query(&self, number: u64) -> Option<Box<[u8]>> {
        // Hardly any request has one.
        if self.kept.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut queries = self.queries.lock().unwrap_or_else(PoisonError::into_inner);
        let at = queries.iter().position(|(of, _)| *of == number)?;
        let (_, query) = queries.swap_remove(at);
        self.kept.store(queries.len(), Ordering::Release);
        Some(query)
    }

    pub(super) fn head_passed(&self) {
        self.passed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn shut(&self, fault: Fault, target: Option<&str>) {
        if let Some(target) = target {
            let _ = self.target.set(target.into());
        }
        // Only the first fault counts; the guard shuts once.
        let _ = self.fault.set((self.passed.load(Ordering::Relaxed), fault));
    }

    /// The head that passed last asks to upgrade.
    pub(super) fn hold(&self) {
        self.held
            .store(self.passed.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
        self.upgrade.store(HELD, Ordering::Release);
    }

    pub(super) fn verdict(&self) -> Option<bool> {
        match self.upgrade.load(Ordering::Acquire) {
            HELD => None,
            UPGRADED => Some(true),
            _ => Some(false),
        }
    }

    /// Whether everything passes because a request to upgrade was answered with 101.
    pub(super) fn is_upgraded(&self) -> bool {
        self.verdict() == Some(true)
    }

    pub(super) fn poll_verdict(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.waker.register(cx.waker());
        if self.verdict().is_some() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// The target of the faulty request, when it is short and could be read.
    pub(crate) fn faulty_target(&self) -> &str {
        self.target.get().map_or("", |target| target)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }

    /// How many answers are under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// How often a client took a piece of an answer; none while no client has a piece to take.
    pub(crate) fn awaited(&self) -> Option<u64> {
        (self.owing.load(Ordering::Relaxed) > 0).then(|| self.taken.load(Ordering::Relaxed))
    }

    /// Called by the service at each request: the fault that it stands for, if it is the last one.
    pub(crate) fn serve(self: &Arc<Self>) -> (InFlight, Option<Fault>) {
        self.busy.fetch_add(1, Ordering::Relaxed);
        let number = self.served.fetch_add(1, Ordering::Relaxed);
        let fault = self
            .fault
            .get()
            .filter(|(at, _)| *at == number)
            .map(|(_, fault)| *fault);
        (
            InFlight {
                link: Arc::clone(self),
                number,
                owes: false,
            },
            fault,
        )
    }
}

impl InFlight {
    /// The query of this request, when hyper was given another in its place.
    pub(crate) fn take_query(&self) -> Option<Box<[u8]>> {
        self.link.take_query(self.number)
    }

    /// Called when a piece of the answer is handed over.
    pub(crate) fn handed_over(&mut self) {
        if !self.owes {
            self.owes = true;
            self.link.owing.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Called when the next piece is asked for: the last was taken.
    pub(crate) fn taken(&mut self) {
        if self.owes {
            self.owes = false;
            self.link.owing.fetch_sub(1, Ordering::Relaxed);
            self.link.taken.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Called when this request is answered with 101: everything passes from now on.
    pub(crate) fn upgraded(&self) {
        self.answer_upgrade(UPGRADED);
    }

    fn answer_upgrade(&self, verdict: u8) {
        let link = &self.link;
        if link.upgrade.load(Ordering::Acquire) == HELD && link.held.load(Ordering::Relaxed) == self.number {
            link.upgrade.store(verdict, Ordering::Release);
            link.waker.wake();
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.taken();
        // An upgrade that was not answered with 101 is declined: the next request may come.
        self.answer_upgrade(DECLINED);
        self.link.busy.fetch_sub(1, Ordering::Relaxed);
    }
}
