//! Windows in memory: one atomic word per key ([`keyward_domain::take`] is the rule), exact under any concurrency, nothing
//! allocated by a request.

use keyward_domain::{Quota, RateLimit, Timestamp, minute_of, take};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

const CHUNK: usize = 1 << 14;
const CHUNKS: usize = 1 << 14;

/// The counters of all keys. A key's window outlives edits of the key, so a changed limit counts on.
pub struct Windows {
    chunks: Box<[OnceLock<Box<[AtomicU64]>>]>,
    places: Mutex<Places>,
}

struct Places {
    next: u32,
    free: Vec<u32>,
}

/// The place of one key's window. Given out by [`Windows::allocate`]; one owner at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WindowId(u32);

/// Whether a window let a request pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pass {
    /// Counted.
    Yes(Quota),
    /// The window is full; nothing was counted.
    No(Quota),
}

impl Default for Windows {
    fn default() -> Self {
        let chunks = std::iter::repeat_with(OnceLock::new).take(CHUNKS).collect();
        Self {
            chunks,
            places: Mutex::new(Places {
                next: 0,
                free: Vec::new(),
            }),
        }
    }
}

impl Windows {
    /// A fresh window for a key. Past 268 million keys, windows are shared.
    pub fn allocate(&self) -> WindowId {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.free.pop().unwrap_or_else(|| {
            let place = places.next;
            places.next = places.next.wrapping_add(1);
            place
        });
        self.word(WindowId(place)).store(0, Ordering::Relaxed);
        WindowId(place)
    }

    /// Takes a window back, to be given to another key.
    pub fn release(&self, window: WindowId) {
        self.places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .free
            .push(window.0);
    }

    /// Counts one request, if the limit leaves room for it.
    pub fn take(&self, window: WindowId, now: Timestamp, limit: RateLimit) -> Pass {
        let word = self.word(window);
        let minute = minute_of(now);
        let mut seen = word.load(Ordering::Relaxed);
        loop {
            let taken = take(seen, minute, limit);
            let Some(next) = taken.word else {
                return Pass::No(taken.quota);
            };
            match word.compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Pass::Yes(taken.quota),
                Err(now_there) => seen = now_there,
            }
        }
    }

    /// What is left, without counting.
    pub fn peek(&self, window: WindowId, now: Timestamp, limit: RateLimit) -> Quota {
        Quota::peek(self.word(window).load(Ordering::Relaxed), minute_of(now), limit)
    }

    fn word(&self, window: WindowId) -> &AtomicU64 {
        let place = window.0 as usize;
        let chunk = self.chunks[place / CHUNK % CHUNKS]
            .get_or_init(|| std::iter::repeat_with(AtomicU64::default).take(CHUNK).collect());
        &chunk[place % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn l1_exactly_the_limit_passes_of_200_at_once_in_each_of_100_rounds() {
        let windows = Windows::default();
        let window = windows.allocate();
        let limit = RateLimit::new(60).unwrap();
        for round in 0..100 {
            let start = Barrier::new(20);
            let pass_of_thread = || {
                start.wait();
                (0..10)
                    .filter(|_| matches!(windows.take(window, at(round * 60), limit), Pass::Yes(_)))
                    .count()
            };
            let passed: usize = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..20).map(|_| scope.spawn(pass_of_thread)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).sum()
            });
            assert_eq!(passed, 60, "round {round}");
        }
    }

    #[test]
    fn callers_on_both_sides_of_a_minute_do_not_reset_each_other() {
        let windows = Windows::default();
        let window = windows.allocate();
        let limit = RateLimit::new(10).unwrap();
        let passed = (0..1000)
            .filter(|i| matches!(windows.take(window, at(59 + i % 2), limit), Pass::Yes(_)))
            .count();
        assert!(passed <= 20, "{passed}");
    }

    #[test]
    fn a_released_window_starts_empty_for_its_next_owner() {
        let windows = Windows::default();
        let limit = RateLimit::new(1).unwrap();
        let first = windows.allocate();
        assert!(matches!(windows.take(first, at(0), limit), Pass::Yes(_)));
        assert!(matches!(windows.take(first, at(0), limit), Pass::No(_)));
        windows.release(first);
        let second = windows.allocate();
        assert_eq!(first, second);
        assert_eq!(windows.peek(second, at(0), limit).remaining, 1);
    }

    #[test]
    fn every_key_has_its_own_window() {
        let windows = Windows::default();
        let limit = RateLimit::new(1).unwrap();
        let all: Vec<_> = (0..CHUNK + 10).map(|_| windows.allocate()).collect();
        assert!(
            all.iter()
                .all(|window| matches!(windows.take(*window, at(0), limit), Pass::Yes(_)))
        );
    }
}
