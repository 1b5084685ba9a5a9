//! What a node knows of a key's window in Redis: what it holds of it, what was left, and until when.
//!
//! One word a key, changed by compare-and-swap, so the common way takes no lock. Time is the milliseconds of a clock that
//! cannot be set. A lease ends no later than its window: it counts from before the question was sent.

#[cfg(test)]
mod tests;

use super::script::Reply;
use foldhash::fast::RandomState;
use keyward_domain::{KeyId, RateLimit};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// The word: until when, what was left in Redis, what is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Word {
    /// In units of 64 ms, rounded down. 31 bits: four years; past them, nothing is known of any window.
    until: u64,
    /// 20 bits: a limit is at most 1,000,000.
    rest: u32,
    /// 13 bits: at most one in a hundred of a limit, shared by two.
    held: u32,
}

const HELD_BITS: u32 = 13;
const REST_BITS: u32 = 20;
const MOST_HELD: u32 = (1 << HELD_BITS) - 1;
const MOST_REST: u32 = (1 << REST_BITS) - 1;
const UNIT_BITS: u32 = 6;
/// Ends that differ by less are those of one window: what they differ by is how long answers took.
const ONE_WINDOW: u64 = 30_000 >> UNIT_BITS;
/// Whoever gets an answer later than that was frozen, and cannot tell any more which window it is about.
const TOO_LATE: u64 = 10_000;
/// How long a full window is not asked about again: one second.
const LOOK_AGAIN: u32 = 1000 >> UNIT_BITS;

/// One key's.
pub(super) struct Lease {
    word: AtomicU64,
    /// The limit for which the word holds; 0 is none.
    limit: AtomicU32,
    /// When Redis was asked last, in units.
    asked: AtomicU32,
    /// Whether a block is on its way.
    filling: AtomicBool,
}

/// What is known without asking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Known {
    /// So many are left, and one was taken of what this node holds, if that was asked.
    Left { left: u32, until: u64 },
    /// The window is full.
    Full { until: u64 },
    /// Redis has to be asked.
    Nothing,
}

/// When a question was sent, and what was known then.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    sent: u64,
    before: Word,
}

impl Word {
    fn pack(self) -> u64 {
        let (rest, held) = (self.rest.min(MOST_REST), self.held.min(MOST_HELD));
        self.until << (REST_BITS + HELD_BITS) | u64::from(rest) << HELD_BITS | u64::from(held)
    }

    fn unpack(word: u64) -> Self {
        Self {
            until: word >> (REST_BITS + HELD_BITS),
            rest: (word >> HELD_BITS) as u32 & MOST_REST,
            held: word as u32 & MOST_HELD,
        }
    }

    fn is_over(self, now: u64) -> bool {
        now >> UNIT_BITS >= self.until
    }

    /// Nothing that is known is of no window, though soon after the start its end, 0, is as near as that of one.
    fn is_of_the_window_of(self, other: Self) -> bool {
        self.until > 0 && self.until.abs_diff(other.until) < ONE_WINDOW
    }
}

impl Lease {
    fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            limit: AtomicU32::new(0),
            asked: AtomicU32::new(0),
            filling: AtomicBool::new(false),
        }
    }

    /// Takes one of what is held.
    pub(super) fn take(&self, now: u64, limit: RateLimit) -> Known {
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            let word = Word::unpack(seen);
            if word.held == 0 || word.is_over(now) || !self.is_for(limit) {
                return self.look_at(word, now, limit);
            }
            let next = Word {
                held: word.held - 1,
                ..word
            };
            match self.swap(seen, next) {
                Ok(()) => {
                    return Known::Left {
                        left: next.rest + next.held,
                        until: next.until << UNIT_BITS,
                    };
                }
                Err(now_there) => seen = now_there,
            }
        }
    }

    /// Takes nothing; only that a window is full is known without asking.
    pub(super) fn look(&self, now: u64, limit: RateLimit) -> Known {
        self.look_at(Word::unpack(self.word.load(Ordering::Relaxed)), now, limit)
    }

    fn look_at(&self, word: Word, now: u64, limit: RateLimit) -> Known {
        let is_full = word.rest == 0 && word.held == 0 && !word.is_over(now) && self.is_for(limit);
        if is_full {
            Known::Full {
                until: word.until << UNIT_BITS,
            }
        } else {
            Known::Nothing
        }
    }

    /// Before a question about a limit: what was known for another limit holds no more.
    pub(super) fn begin(&self, limit: RateLimit) {
        if self.limit.swap(limit.per_minute(), Ordering::AcqRel) != limit.per_minute() {
            self.word.store(0, Ordering::Release);
        }
    }

    /// What is left in Redis and here, while that is known.
    pub(super) fn left(&self, now: u64, limit: RateLimit) -> Option<u32> {
        let word = Word::unpack(self.word.load(Ordering::Relaxed));
        (!word.is_over(now) && self.is_for(limit)).then(|| word.rest + word.held)
    }

    /// To be kept with a question that is sent now.
    pub(super) fn ask(&self, now: u64) -> Asked {
        Asked {
            sent: now,
            before: Word::unpack(self.word.load(Ordering::Relaxed)),
        }
    }

    /// How many to take beforehand, when few are held and no block is on its way: then that is begun, and
    /// [`Lease::end_fill`] ends it.
    pub(super) fn wanted(&self, now: u64, most: u32, nodes: u32) -> Option<u32> {
        let word = Word::unpack(self.word.load(Ordering::Relaxed));
        if word.is_over(now) || word.held > most / 2 {
            return None;
        }
        // Towards the end, blocks get small, so that no node keeps what another one needs.
        let share = word.rest / nodes.max(1).saturating_mul(2);
        let block = most.min(MOST_HELD).saturating_sub(word.held).min(share);
        let begins = block > 1 && !self.filling.swap(true, Ordering::AcqRel);
        begins.then_some(block)
    }

    /// Whether whoever asks now shall take a block as well: nothing is known of the window, and nobody else does so. Then
    /// that is begun, too.
    pub(super) fn is_first(&self, now: u64) -> bool {
        let word = Word::unpack(self.word.load(Ordering::Relaxed));
        word.is_over(now) && !self.filling.swap(true, Ordering::AcqRel)
    }

    pub(super) fn end_fill(&self) {
        self.filling.store(false, Ordering::Release);
    }

    /// Whether nobody has asked for a while; who is told so, asks.
    pub(super) fn is_due(&self, now: u64) -> bool {
        let now = (now >> UNIT_BITS) as u32;
        let asked = self.asked.load(Ordering::Relaxed);
        now.wrapping_sub(asked) >= LOOK_AGAIN
            && self
                .asked
                .compare_exchange(asked, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Puts in what Redis has told, now, and what is kept of what was taken. Whether the counter has gone back since the
    /// question was sent.
    pub(super) fn put(&self, reply: &Reply, limit: RateLimit, asked: Asked, now: u64, kept: u32) -> bool {
        let Asked { sent, before } = asked;
        self.asked.store((sent >> UNIT_BITS) as u32, Ordering::Relaxed);
        if !self.is_for(limit) || now.saturating_sub(sent) > TOO_LATE {
            return false;
        }
        let told = Word {
            // A unit less: clocks that are being set right run a little faster or slower.
            until: (sent.saturating_add(reply.left_ms) >> UNIT_BITS)
                .saturating_sub(1)
                .min(u64::from(u32::MAX >> 1)),
            rest: reply.left(limit),
            held: kept,
        };
        let rest_before = told.rest.saturating_add(reply.taken).min(limit.per_minute());
        let went_back = before.is_of_the_window_of(told) && before.rest < rest_before;
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            let word = Word::unpack(seen);
            let (next, lost) = if word.is_of_the_window_of(told) {
                // Of many who find a counter gone back, the first one raises what is left.
                let lost = went_back && word.rest <= before.rest;
                let next = Word {
                    until: word.until.min(told.until),
                    rest: if lost { told.rest } else { word.rest.min(told.rest) },
                    held: word.held + told.held,
                };
                (next, lost)
            } else if word.until < told.until {
                (told, false)
            } else {
                // An answer about a window that is over. What was taken of it is not used.
                return false;
            };
            match self.swap(seen, next) {
                Ok(()) => return lost,
                Err(now_there) => seen = now_there,
            }
        }
    }

    fn is_for(&self, limit: RateLimit) -> bool {
        self.limit.load(Ordering::Acquire) == limit.per_minute()
    }

    fn swap(&self, seen: u64, next: Word) -> Result<(), u64> {
        self.word
            .compare_exchange_weak(seen, next.pack(), Ordering::AcqRel, Ordering::Relaxed)
            .map(|_| ())
    }

    /// Whether nothing of it has mattered for a minute.
    fn is_stale(&self, now: u64) -> bool {
        let word = Word::unpack(self.word.load(Ordering::Relaxed));
        now >> UNIT_BITS > word.until + 2 * ONE_WINDOW && !self.filling.load(Ordering::Acquire)
    }
}

/// Those of all keys that were used lately.
#[derive(Default)]
pub(super) struct Leases(papaya::HashMap<KeyId, Arc<Lease>, RandomState>);

impl Leases {
    /// Hands the lease of a key to `read`, when there is one, without sharing it.
    pub(super) fn with<T>(&self, key: KeyId, read: impl FnOnce(&Arc<Lease>) -> T) -> Option<T> {
        self.0.pin().get(&key).map(read)
    }

    pub(super) fn get(&self, key: KeyId) -> Arc<Lease> {
        Arc::clone(self.0.pin().get_or_insert_with(key, || Arc::new(Lease::new())))
    }

    /// Forgets keys that nobody has used for a minute and more.
    pub(super) fn sweep(&self, now: u64) {
        self.0
            .pin()
            .retain(|_, lease| Arc::strong_count(lease) > 1 || !lease.is_stale(now));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
