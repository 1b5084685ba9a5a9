//! Uses of keys: recorded in a few nanoseconds on the hot path, summed and stored off it.
//!
//! Each thread has a buffer (more or less: threads share a fixed number of them). A full buffer is summed up in place,
//! so nothing is lost; [`Engine::flush_usage`] empties them all in one batch.

use crate::actor::Actor;
use crate::{Engine, EngineError};
use keyward_domain::{ClientAddress, KeyId, Reason, Timestamp};
use keyward_store::{LastUsed, Period, StoreError, UsageBatch, UsageBucket, UsageCount};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

const BUFFERS: usize = 16;
const BUFFER_EVENTS: usize = 8192;
/// How many sums wait at most for a store that is away.
const MOST_PENDING: usize = 500_000;

pub(crate) struct Usage {
    buffers: [Mutex<Vec<Event>>; BUFFERS],
    pending: Mutex<Pending>,
    lost: AtomicU64,
}

#[derive(Clone, Copy)]
struct Event {
    key: KeyId,
    at: Timestamp,
    refused: Option<Reason>,
    client: ClientAddress,
    count: u64,
}

impl Event {
    fn last_used(&self) -> LastUsed {
        let address = match self.client {
            ClientAddress::Known(address) => Some(address),
            ClientAddress::Unknown => None,
        };
        LastUsed {
            key: self.key,
            at: self.at,
            address,
        }
    }
}

#[derive(Default)]
struct Pending {
    counts: HashMap<(KeyId, Timestamp, Option<Reason>), u64>,
    last_used: HashMap<KeyId, LastUsed>,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            buffers: std::array::from_fn(|_| Mutex::new(Vec::with_capacity(BUFFER_EVENTS))),
            pending: Mutex::default(),
            lost: AtomicU64::new(0),
        }
    }
}

impl Usage {
    pub(crate) fn record(&self, key: KeyId, at: Timestamp, refused: Option<Reason>, client: ClientAddress) {
        let mut events = self.buffers[buffer_of_thread()]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if events.len() == events.capacity() {
            sum_up(&mut events);
            if events.len() > events.capacity() / 2 {
                let more = events.capacity();
                events.reserve(more);
            }
        }
        events.push(Event {
            key,
            at,
            refused,
            client,
            count: 1,
        });
    }

    pub(crate) fn pending(&self) -> usize {
        self.lock_pending().counts.len()
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Moves everything recorded so far into the pending sums.
    fn collect(&self) {
        for buffer in &self.buffers {
            let mut events = buffer.lock().unwrap_or_else(PoisonError::into_inner);
            if events.is_empty() {
                continue;
            }
            let taken = std::mem::replace(&mut *events, Vec::with_capacity(BUFFER_EVENTS));
            drop(events);
            let mut pending = self.lock_pending();
            for event in taken {
                let minute = Period::Minute.start_of(event.at);
                let lost = pending.add_count(event.key, minute, event.refused, event.count);
                self.lost.fetch_add(lost, Ordering::Relaxed);
                if event.refused.is_none() {
                    pending.add_last_used(event.last_used());
                }
            }
        }
    }

    fn lock_pending(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    /// Adds a count, and says how many requests were lost for want of room.
    fn add_count(&mut self, key: KeyId, minute: Timestamp, refused: Option<Reason>, count: u64) -> u64 {
        let full = self.counts.len() >= MOST_PENDING;
        match self.counts.get_mut(&(key, minute, refused)) {
            Some(sum) => *sum += count,
            None if full => return count,
            None => drop(self.counts.insert((key, minute, refused), count)),
        }
        0
    }

    /// Moves a last use forward.
    fn add_last_used(&mut self, used: LastUsed) {
        let last = self.last_used.entry(used.key).or_insert(used);
        if last.at <= used.at {
            *last = used;
        }
    }

    fn batch(&self) -> UsageBatch {
        let counts = self.counts.iter();
        UsageBatch {
            counts: counts
                .map(|((key, minute, refused), count)| UsageCount {
                    key: *key,
                    minute: *minute,
                    refused: *refused,
                    count: *count,
                })
                .collect(),
            last_used: self.last_used.values().copied().collect(),
        }
    }
}

fn buffer_of_thread() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static BUFFER: usize = THREADS.fetch_add(1, Ordering::Relaxed) % BUFFERS);
    BUFFER.with(|buffer| *buffer)
}

/// Sums events of the same key, minute and outcome into one, in place.
fn sum_up(events: &mut Vec<Event>) {
    let place = |event: &Event| (event.key, Period::Minute.start_of(event.at), event.refused);
    events.sort_unstable_by_key(|event| (place(event), event.at));
    events.dedup_by(|later, kept| {
        let same = place(later) == place(kept);
        if same {
            (kept.count, kept.at, kept.client) = (kept.count + later.count, later.at, later.client);
        }
        same
    });
}

/// Which part of a key's usage to show.
#[derive(Clone, Copy, Debug)]
pub struct UsageWindow {
    /// Width of a bucket.
    pub period: Period,
    /// First instant; absent is 60 minutes, 24 hours or 30 days before `until`.
    pub from: Option<Timestamp>,
    /// Instant after the last; absent is now.
    pub until: Option<Timestamp>,
}

/// A key's usage.
#[derive(Clone, Debug)]
pub struct UsageSeries {
    /// Width of a bucket.
    pub period: Period,
    /// First instant.
    pub from: Timestamp,
    /// Instant after the last.
    pub until: Timestamp,
    /// Buckets that are not empty, by start.
    pub buckets: Vec<UsageBucket>,
    /// When and from where the key was last granted.
    pub last_used: Option<LastUsed>,
}

impl Engine {
    /// Stores what was recorded since the last flush. When the store cannot take it, it waits for the next.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn flush_usage(&self) -> Result<(), StoreError> {
        self.usage.collect();
        let pending = std::mem::take(&mut *self.usage.lock_pending());
        if pending.counts.is_empty() && pending.last_used.is_empty() {
            return Ok(());
        }
        let outcome = self.store.add_usage(&pending.batch()).await;
        if outcome.is_err() {
            self.usage.put_back(pending);
        }
        outcome
    }

    /// A key's usage.
    ///
    /// # Errors
    /// `NotFound` for keys that the actor may not see; `Invalid` for a window over 1500 buckets or turned round.
    pub async fn key_usage(
        &self,
        actor: &Actor,
        id: &str,
        window: UsageWindow,
    ) -> Result<UsageSeries, EngineError> {
        let key = self.get_key_for(actor, id).await?;
        let until = window.until.unwrap_or_else(|| self.clock.now().plus_millis(1));
        let usual = match window.period {
            Period::Minute => 60,
            Period::Hour => 24,
            Period::Day => 30,
        };
        let from = window
            .from
            .unwrap_or_else(|| until.plus_millis(-usual * window.period.millis()));
        if from > until {
            return Err(EngineError::field("from", "must not be after `until`"));
        }
        if (until.millis() - from.millis()) / window.period.millis() > 1500 {
            return Err(EngineError::field(
                "from",
                "at most 1500 buckets: choose a wider `period` or a later `from`",
            ));
        }
        let buckets = self
            .store
            .usage(key.id, window.period, window.period.start_of(from), until)
            .await?;
        let last_used = self.store.last_used(&[key.id]).await?.into_iter().next();
        Ok(UsageSeries {
            period: window.period,
            from,
            until,
            buckets,
            last_used,
        })
    }
}

impl Usage {
    /// Keeps what could not be stored for the next time.
    fn put_back(&self, older: Pending) {
        let mut pending = self.lock_pending();
        for ((key, minute, refused), count) in older.counts {
            let lost = pending.add_count(key, minute, refused, count);
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
        older
            .last_used
            .into_values()
            .for_each(|used| pending.add_last_used(used));
    }
}
