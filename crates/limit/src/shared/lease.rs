//! What a node knows of a key's window in Redis: which one it is, what the node holds of it, what was left, and until when.
//!
//! One word a key, changed by compare-and-swap, so the common way takes no lock. Time is the milliseconds of a clock that
//! cannot be set. A lease ends no later than its window: it counts from before the question was sent. Which window an answer is
//! about is told by its minute, and not by its end: Redis's clock may be set.
//!
//! What a node takes beforehand is lost when it ends, when it is asked no more, or when the answer is. So Redis keeps account of what
//! is lent of a window, and lends no more than one in a hundred of the limit, whoever asks and however often.

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
mod word;

use super::script::Reply;
use foldhash::fast::RandomState;
use keyward_domain::{KeyId, RateLimit};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use word::{MAX_HELD, Word, units};

/// Whoever gets an answer later than that was frozen, and its block may be another's by now.
const TOO_LATE: u64 = 10_000;
/// How long a full window is not asked about again, and Redis not for a block when it has none to lend: one second.
const LOOK_AGAIN: u32 = units(1000);

/// One key's.
pub(super) struct Lease {
    word: AtomicU64,
    /// The limit for which the word holds; 0 is none.
    limit: AtomicU32,
    /// When Redis was asked last, in units.
    asked: AtomicU32,
    /// Whether a block is on its way. Whoever has set it is the only one to change the next three.
    filling: AtomicBool,
    /// What Redis believes that this node holds, and of which minute's window.
    lent: AtomicU32,
    lent_of: AtomicU32,
    /// When Redis had no block to lend, in units.
    denied: AtomicU32,
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

/// What is asked of Redis.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Wanted {
    /// Requests that are waiting for the answer: one, or none.
    pub(super) once: u32,
    /// Requests to hold beforehand. Whoever asks for some ends the fill: [`Lease::end_fill`].
    pub(super) block: u32,
}

/// What Redis is told of the blocks that it has lent before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Spent {
    /// The window's minute.
    pub(super) window: u32,
    /// How many of them were used since Redis was told last.
    pub(super) count: u32,
}

/// A question that is sent, and what was known then.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    sent: u64,
    before: Word,
    pub(super) wanted: Wanted,
    pub(super) spent: Spent,
}

/// What one node may hold of a window that it has not used, so that all of them together hold no more than one in a hundred; one node
/// more than there is takes the place of one that is just starting.
pub(super) fn max_held(limit: RateLimit, nodes: u32) -> u32 {
    limit.per_minute() / nodes.saturating_add(1).saturating_mul(100)
}

impl Lease {
    pub(super) fn new() -> Self {
        Self {
            word: AtomicU64::new(Word::NOTHING.pack()),
            limit: AtomicU32::new(0),
            asked: AtomicU32::new(0),
            filling: AtomicBool::new(false),
            lent: AtomicU32::new(0),
            lent_of: AtomicU32::new(0),
            denied: AtomicU32::new(u32::MAX / 2),
        }
    }

    fn word(&self) -> Word {
        Word::unpack(self.word.load(Ordering::Relaxed))
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
                        until: next.ends_at(now),
                    };
                }
                Err(now_there) => seen = now_there,
            }
        }
    }

    /// Takes nothing; only that a window is full is known without asking.
    pub(super) fn look(&self, now: u64, limit: RateLimit) -> Known {
        self.look_at(self.word(), now, limit)
    }

    fn look_at(&self, word: Word, now: u64, limit: RateLimit) -> Known {
        let is_full = word.rest == 0 && word.held == 0 && !word.is_over(now) && self.is_for(limit);
        if is_full {
            Known::Full {
                until: word.ends_at(now),
            }
        } else {
            Known::Nothing
        }
    }

    /// Before a question about a limit: what was known for another limit holds no more.
    pub(super) fn begin(&self, limit: RateLimit) {
        if self.limit.swap(limit.per_minute(), Ordering::AcqRel) != limit.per_minute() {
            self.word.store(Word::NOTHING.pack(), Ordering::Release);
            // What was held is lost, and stays lent.
            self.lent.store(0, Ordering::Release);
        }
    }

    /// What is left in Redis and here, while that is known.
    pub(super) fn left(&self, now: u64, limit: RateLimit) -> Option<u32> {
        let word = self.word();
        (!word.is_over(now) && self.is_for(limit)).then(|| word.rest + word.held)
    }

    /// What to ask for one request: the first one who asks in a window takes a block with it, when there are to be blocks.
    pub(super) fn want_one(&self, now: u64, most: u32) -> Wanted {
        let is_first = most > 1 && self.word().is_over(now) && !self.filling.swap(true, Ordering::AcqRel);
        Wanted {
            once: 1,
            block: if is_first { most.min(MAX_HELD) } else { 0 },
        }
    }

    /// What to take beforehand, when few are held and no block is on its way.
    pub(super) fn want_block(&self, now: u64, most: u32, nodes: u32) -> Option<Wanted> {
        let word = self.word();
        let denied_for = units(now).wrapping_sub(self.denied.load(Ordering::Relaxed));
        if word.is_over(now) || word.held > most / 2 || denied_for < LOOK_AGAIN {
            return None;
        }
        // Towards the end, blocks get small, so that no node keeps what another one needs.
        let share = word.rest / nodes.max(1).saturating_mul(2);
        let block = most.min(MAX_HELD).saturating_sub(word.held).min(share);
        // A block of one would save nobody a question.
        let begins = block > 1 && !self.filling.swap(true, Ordering::AcqRel);
        begins.then_some(Wanted { once: 0, block })
    }

    /// To be kept with a question that is sent now.
    pub(super) fn ask(&self, now: u64, wanted: Wanted) -> Asked {
        let word = self.word();
        Asked {
            sent: now,
            before: if word.is_stale(now) { Word::NOTHING } else { word },
            wanted,
            spent: if wanted.block > 0 {
                self.spent(word)
            } else {
                Spent::default()
            },
        }
    }

    /// What was used since Redis was told last. It is told once: when that is lost, Redis lends less than it might.
    fn spent(&self, word: Word) -> Spent {
        let (window, lent) = (
            self.lent_of.load(Ordering::Acquire),
            self.lent.load(Ordering::Acquire),
        );
        if !word.is_of(window) {
            return Spent::default();
        }
        self.lent.store(lent.min(word.held), Ordering::Release);
        Spent {
            window,
            count: lent.saturating_sub(word.held),
        }
    }

    pub(super) fn end_fill(&self) {
        self.filling.store(false, Ordering::Release);
    }

    /// Whether nobody has asked for a while; who is told so, asks.
    pub(super) fn is_due(&self, now: u64) -> bool {
        let now = units(now);
        let asked = self.asked.load(Ordering::Relaxed);
        now.wrapping_sub(asked) >= LOOK_AGAIN
            && self
                .asked
                .compare_exchange(asked, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Puts in what Redis has told, now, and keeps what was taken and nobody waits for. Whether the counter has gone back since the
    /// question was sent.
    pub(super) fn put(&self, reply: &Reply, limit: RateLimit, asked: &Asked, now: u64) -> bool {
        self.asked.store(units(asked.sent), Ordering::Relaxed);
        if !self.is_for(limit) || now.saturating_sub(asked.sent) > TOO_LATE {
            return false;
        }
        let kept = reply.taken.saturating_sub(asked.wanted.once);
        let told = Word::told(reply, limit, asked.sent, kept);
        let rest_before = told.rest.saturating_add(reply.taken).min(limit.per_minute());
        let went_back = asked.before.is_same_window(told) && asked.before.rest < rest_before;
        let mut seen = self.word.load(Ordering::Relaxed);
        let lost = loop {
            let word = Word::unpack(seen);
            // Of many who find a counter gone back, the first one raises what is left.
            let lost = went_back && word.is_same_window(told) && word.rest <= asked.before.rest;
            let Some(next) = word.after(told, asked.before, now, lost) else {
                return false;
            };
            match self.swap(seen, next) {
                Ok(()) => break lost,
                Err(now_there) => seen = now_there,
            }
        };
        if asked.wanted.block > 0 {
            self.note_block(reply.window, kept, now);
        }
        lost
    }

    fn note_block(&self, window: u32, kept: u32, now: u64) {
        if self.lent_of.swap(window, Ordering::AcqRel) != window {
            self.lent.store(0, Ordering::Release);
        }
        self.lent.fetch_add(kept, Ordering::AcqRel);
        if kept == 0 {
            self.denied.store(units(now), Ordering::Relaxed);
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
        self.word().is_stale(now) && !self.filling.load(Ordering::Acquire)
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
