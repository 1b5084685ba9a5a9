//! Uses of keys: counted in a few nanoseconds on the hot path, stored off it.
//!
//! Each thread counts in a table of its own (more or less: threads share a fixed number of them), so that none waits for
//! another. [`Engine::flush_usage`] takes the tables away and stores them in pieces, smaller ones while the store is slow.
//! Nothing is lost but what a crash takes since the last flush, what a store that is away for too long makes too much, and a
//! piece that a store which answers all else has refused for too often: nothing waits for it for ever. Nothing is counted
//! twice: a piece whose answer was lost is sent again as it was, under the same number, by which the store knows it.

use crate::actor::Actor;
use crate::background::Progress;
use crate::draft::Faults;
use crate::{Engine, EngineError, FieldFault};
use foldhash::fast::FixedState;
use keyward_domain::{ClientAddress, KeyId, Reason, Timestamp};
use keyward_store::{
    FlushId, LastUsed, Period, RecentAddress, StoreError, UsageBatch, UsageBucket, UsageCount,
};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const COUNTERS: usize = 16;
/// How many uses a thread collects before it adds them to its table: fetching many places of a large table in one go
/// takes a fraction of the time that fetching them one by one takes.
const COLLECTED: usize = 128;
/// Keys that a table has room for at the beginning; later as many as it held at the last flush.
const TABLE_KEYS: usize = 1024;
/// How many sums wait at most for a store that is away.
const MOST_PENDING: usize = 500_000;
/// Sums of a piece, at least and at most.
const PIECE: [usize; 2] = [250, 10_000];
/// A piece that takes longer than the one is followed by one of half its size; than the other, by one of the same.
const SLOW: [Duration; 2] = [Duration::from_secs(2), Duration::from_millis(500)];
/// How often a piece is sent to a store that answers other questions, before it is given up.
const MOST_TRIES: u32 = 10;

/// A key, a minute (Unix milliseconds at its start), and granted (`None`) or the reason of the refusal.
type Place = (KeyId, i64, Option<Reason>);
type Table = HashMap<Place, Tally, FixedState>;

pub(crate) struct Usage {
    counters: [Mutex<Counter>; COUNTERS],
    pending: Mutex<Table>,
    /// Whoever holds this flushes.
    sending: tokio::sync::Mutex<Sending>,
    /// How many counts the piece has that is on its way.
    unanswered: AtomicUsize,
    flushes: AtomicU64,
    lost: AtomicU64,
}

/// How pieces are sent, one after the other.
struct Sending {
    /// The one that was sent last, until it is known to be stored.
    piece: Option<UsageBatch>,
    /// How often the store has not taken it, though it answered another question then.
    refused: u32,
    /// How many sums the next one has.
    size: usize,
    /// Whether the last try failed.
    has_failed: bool,
}

/// What the threads of one place have counted since the last flush.
struct Counter {
    recent: Vec<(Place, Tally)>,
    sums: Table,
}

/// The uses in one place.
#[derive(Clone, Copy)]
struct Tally {
    count: u64,
    last_at: Timestamp,
    last_client: ClientAddress,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            counters: std::array::from_fn(|_| Mutex::default()),
            pending: Mutex::default(),
            sending: tokio::sync::Mutex::default(),
            unanswered: AtomicUsize::new(0),
            flushes: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }
}

impl Default for Sending {
    fn default() -> Self {
        let [_, size] = PIECE;
        Self {
            piece: None,
            refused: 0,
            size,
            has_failed: false,
        }
    }
}

impl Sending {
    /// After a piece that took so long: the size of the next one.
    fn fit(&mut self, took: Duration) {
        let ([least, most], [slow, unhurried]) = (PIECE, SLOW);
        if took > slow {
            self.size = (self.size / 2).max(least);
        } else if took <= unhurried {
            self.size = (self.size * 2).min(most);
        }
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self {
            recent: Vec::with_capacity(COLLECTED),
            sums: table(TABLE_KEYS),
        }
    }
}

impl Counter {
    fn add(&mut self, place: Place, tally: Tally) {
        self.recent.push((place, tally));
        if self.recent.len() == COLLECTED {
            self.sum_up();
        }
    }

    fn sum_up(&mut self) {
        for (place, tally) in self.recent.drain(..) {
            self.sums
                .entry(place)
                .and_modify(|sum| sum.add(&tally))
                .or_insert(tally);
        }
    }

    fn take(&mut self) -> Table {
        self.sum_up();
        if self.sums.is_empty() {
            return Table::default();
        }
        let fresh = table(self.sums.len());
        std::mem::replace(&mut self.sums, fresh)
    }
}

fn table(keys: usize) -> Table {
    Table::with_capacity_and_hasher(keys, FixedState::default())
}

impl Usage {
    pub(crate) fn record(&self, key: KeyId, at: Timestamp, refused: Option<Reason>, client: ClientAddress) {
        let place = (key, Period::Minute.start_of(at).millis(), refused);
        let tally = Tally {
            count: 1,
            last_at: at,
            last_client: client,
        };
        lock(&self.counters[counter_of_thread()]).add(place, tally);
    }

    pub(crate) fn pending(&self) -> usize {
        lock(&self.pending).len() + self.unanswered.load(Ordering::Relaxed)
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Gathers what the threads have counted, so that their tables stay small.
    fn gather(&self) {
        let mut pending = lock(&self.pending);
        for counter in &self.counters {
            let counted = lock(counter).take();
            self.merge(&mut pending, counted);
        }
    }

    /// Takes so many of the sums that were gathered.
    fn take(&self, most: usize) -> Table {
        let mut pending = lock(&self.pending);
        if pending.len() <= most {
            return std::mem::take(&mut *pending);
        }
        pending.extract_if(|_, _| true).take(most).collect()
    }

    fn merge(&self, into: &mut Table, from: Table) {
        for (place, tally) in from {
            let full = into.len() + self.unanswered.load(Ordering::Relaxed) >= MOST_PENDING;
            match into.get_mut(&place) {
                Some(sum) => sum.add(&tally),
                None if full => drop(self.lost.fetch_add(tally.count, Ordering::Relaxed)),
                None => drop(into.insert(place, tally)),
            }
        }
    }
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        if other.last_at >= self.last_at {
            (self.last_at, self.last_client) = (other.last_at, other.last_client);
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn counter_of_thread() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static COUNTER: usize = THREADS.fetch_add(1, Ordering::Relaxed) % COUNTERS);
    COUNTER.with(|counter| *counter)
}

fn batch(table: &Table) -> UsageBatch {
    let mut batch = UsageBatch::default();
    let mut last_used: HashMap<KeyId, LastUsed> = HashMap::new();
    let mut addresses: HashMap<(KeyId, IpAddr), Timestamp> = HashMap::new();
    for ((key, minute, refused), tally) in table {
        let minute = Timestamp::from_millis(*minute);
        batch.counts.push(UsageCount {
            key: *key,
            minute,
            refused: *refused,
            count: tally.count,
        });
        if refused.is_none() {
            let address = match tally.last_client {
                ClientAddress::Known(address) => Some(address),
                ClientAddress::Unknown => None,
            };
            if let Some(address) = address {
                let at = addresses.entry((*key, address)).or_insert(tally.last_at);
                *at = tally.last_at.max(*at);
            }
            let used = LastUsed {
                key: *key,
                at: tally.last_at,
                address,
            };
            let last = last_used.entry(*key).or_insert(used);
            if last.at < used.at {
                *last = used;
            }
        }
    }
    batch.last_used = last_used.into_values().collect();
    batch.addresses = addresses
        .into_iter()
        .map(|((key, address), at)| RecentAddress { key, address, at })
        .collect();
    batch
}

/// Which part of a key's usage to show.
#[derive(Clone, Debug)]
pub struct UsageWindow {
    /// Width of a bucket.
    pub period: Period,
    /// First instant; absent is 60 minutes, 24 hours or 30 days before `until`.
    pub from: Option<Timestamp>,
    /// Instant after the last; absent is now.
    pub until: Option<Timestamp>,
    /// Fields that were sent and could not be read: told together with what else is wrong, and nothing is done.
    pub misread: Vec<FieldFault>,
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
    /// Stores what was recorded since the last flush. What the store cannot take waits for the next.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn flush_usage(&self) -> Result<(), StoreError> {
        while self.flush_piece().await? == Progress::More {}
        Ok(())
    }

    /// Stores one piece of it.
    pub(crate) async fn flush_piece(&self) -> Result<Progress, StoreError> {
        let mut sending = self.usage.sending.lock().await;
        // What is counted while pieces are sent is for the next flush, or there would be no end of them under load.
        if sending.has_failed || lock(&self.usage.pending).is_empty() {
            self.usage.gather();
        }
        if sending.piece.is_none() {
            let counted = self.usage.take(sending.size);
            if counted.is_empty() {
                return Ok(Progress::Done);
            }
            let number = self.usage.flushes.fetch_add(1, Ordering::Relaxed) + 1;
            let mut piece = batch(&counted);
            piece.flush = self.node_id().map(|node| FlushId { node, number });
            self.usage.unanswered.store(piece.counts.len(), Ordering::Relaxed);
            sending.piece = Some(piece);
        }
        self.send_piece(&mut sending).await?;
        Ok(match lock(&self.usage.pending).is_empty() {
            true => Progress::Done,
            false => Progress::More,
        })
    }

    /// Sends the piece that was not answered yet. Given up on the way, or without an answer, it is kept and sent again.
    async fn send_piece(&self, sending: &mut Sending) -> Result<(), StoreError> {
        let Some(piece) = &sending.piece else {
            return Ok(());
        };
        let requests: u64 = piece.counts.iter().map(|count| count.count).sum();
        let begun = Instant::now();
        let stored = self.store.add_usage(piece).await;
        sending.fit(begun.elapsed());
        sending.has_failed = stored.is_err();
        if let Err(error) = stored {
            // While the store is away, all of it waits.
            sending.refused += u32::from(self.store.position().await.is_ok());
            if sending.refused < MOST_TRIES {
                return Err(error);
            }
            self.usage.lost.fetch_add(requests, Ordering::Relaxed);
            tracing::error!(%error, requests, "usage is dropped: the database has not taken it in {MOST_TRIES} tries");
        }
        (sending.piece, sending.refused) = (None, 0);
        self.usage.unanswered.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// The addresses that a key was granted from last, latest first: 10 at most. A sample: of the requests of one minute
    /// between two flushes only the last one's address is seen.
    ///
    /// # Errors
    /// `NotFound` for keys that the actor may not see.
    pub async fn recent_addresses(&self, actor: &Actor, id: &str) -> Result<Vec<RecentAddress>, EngineError> {
        let key = self.get_key_for(actor, id).await?;
        Ok(self.store.recent_addresses(key.id).await?)
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
        let mut faults = Faults::of(&window.misread);
        // What stands in for an end that could not be read says nothing of the other.
        let is_read = !["period", "from", "until"]
            .into_iter()
            .any(|field| faults.has(field));
        if is_read && from > until {
            faults.add("from", "must not be after `until`");
        } else if is_read && (until.millis() - from.millis()) / window.period.millis() > 1500 {
            faults.add(
                "from",
                "at most 1500 buckets: choose a wider `period` or a later `from`",
            );
        }
        faults.into_result()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_that_no_store_takes_are_bounded_and_what_is_lost_is_counted() {
        let usage = Usage::default();
        let at = Timestamp::from_millis(0);
        for number in 0..MOST_PENDING as u64 + 10 {
            usage.record(KeyId::v7(number, &[0; 10]), at, None, ClientAddress::Unknown);
        }
        usage.gather();
        assert_eq!((usage.pending(), usage.lost()), (MOST_PENDING, 10));
        // What is there already goes on being added up.
        let (known, _, _) = *lock(&usage.pending).keys().next().unwrap();
        usage.record(known, at, None, ClientAddress::Unknown);
        usage.gather();
        assert_eq!((usage.pending(), usage.lost()), (MOST_PENDING, 10));
    }
}
