//! Counters that several nodes share, in Redis or Valkey.
//!
//! [`script`] is the rule as Redis runs it, [`lease`] what a node knows of a window without asking. [`link`] has the
//! connections, one for each thread that asks, so that a worker of the gateway waits for nobody else's thread; [`breaker`]
//! remembers whether Redis is there, and [`watch`] finds out. A request asks Redis at most once, and never for long.

mod breaker;
mod clock;
#[cfg(test)]
mod counter;
mod inspect;
mod lease;
mod link;
mod options;
mod script;
mod sentinel;
#[cfg(test)]
mod tests;
mod watch;

pub use inspect::{Inspection, Unseen, inspect};
pub use options::{Mode, OnFailure, RedisOptions};
pub use script::RIGHTS;

use crate::{Question, Verdict};
use breaker::Breaker;
use clock::RedisClock;
use keyward_domain::{Quota, RateLimit, Timestamp};
use lease::{Asked, Known, Lease, Leases, Spent, Wanted, max_held};
use link::{Fault, Link, Links};
use script::Reply;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long a request may wait for Redis. What is promised is a tenth of a second; the rest is for timers that are late.
const PATIENCE: Duration = Duration::from_millis(80);

/// Shared counters, as one node uses them.
pub(crate) struct Shared {
    mode: Mode,
    on_failure: OnFailure,
    links: Links,
    breaker: Breaker,
    leases: Leases,
    clock: RedisClock,
    /// What this node is called among those that count in the same Redis.
    name: String,
    /// How many there are, this one included.
    nodes: AtomicU32,
    tally: Tally,
}

/// A block is on its way no more when this goes.
struct EndsFill<'a>(&'a Lease);

impl Drop for EndsFill<'_> {
    fn drop(&mut self) {
        self.0.end_fill();
    }
}

#[derive(Default)]
struct Tally {
    calls: AtomicU64,
    without: AtomicU64,
    lost_windows: AtomicU64,
    lost_all: AtomicU64,
    failures: AtomicU64,
}

/// How shared counters are doing.
#[derive(Clone, Debug)]
pub struct RedisStatus {
    /// Where they are, without a password.
    pub place: String,
    /// How they are used.
    pub mode: Mode,
    /// Whether Redis counts at the moment.
    pub up: bool,
    /// What holds while it does not.
    pub on_failure: OnFailure,
    /// Nodes that were seen lately, this one included.
    pub nodes: u32,
    /// Scripts run for requests, since the start.
    pub calls: u64,
    /// Requests that were decided without Redis.
    pub without: u64,
    /// Windows whose count was found to have gone back.
    pub lost_windows: u64,
    /// Times that all counters were found to have gone back.
    pub lost_all: u64,
    /// Times that Redis was found away.
    pub failures: u64,
}

impl Shared {
    pub(crate) fn new(options: &RedisOptions) -> Result<Self, String> {
        Ok(Self {
            mode: options.mode,
            on_failure: options.on_failure,
            links: Links::new(options)?,
            breaker: Breaker::default(),
            leases: Leases::default(),
            clock: RedisClock::default(),
            // A hasher with keys of its own is luck enough for a name.
            name: format!("{:016x}", RandomState::new().hash_one(std::process::id())),
            nodes: AtomicU32::new(1),
            tally: Tally::default(),
        })
    }

    pub(crate) fn is_up(&self) -> bool {
        self.breaker.is_up()
    }

    pub(crate) fn on_failure(&self) -> OnFailure {
        self.on_failure
    }

    pub(crate) fn note_without(&self) {
        self.tally.without.fetch_add(1, Ordering::Relaxed);
    }

    /// Redis's time, when it is known. Never ahead of it, so that who is told to wait does not come too early.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        self.clock.now()
    }

    pub(crate) fn status(&self) -> RedisStatus {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        RedisStatus {
            place: self.links.place().to_owned(),
            mode: self.mode,
            up: self.is_up(),
            on_failure: self.on_failure,
            nodes: self.nodes.load(Ordering::Relaxed),
            calls: of(&self.tally.calls),
            without: of(&self.tally.without),
            lost_windows: of(&self.tally.lost_windows),
            lost_all: of(&self.tally.lost_all),
            failures: of(&self.tally.failures),
        }
    }

    /// The answer, as far as this node knows it: it holds a part of the window, or knows that the window is full.
    pub(crate) fn at_once(self: &Arc<Self>, question: &Question) -> Option<Verdict> {
        let now = self.clock.elapsed();
        self.leases.with(question.key, |lease| {
            let known = if question.counts {
                lease.take(now, question.limit)
            } else {
                lease.look(now, question.limit)
            };
            match known {
                Known::Left { left, until } => {
                    self.fill(question, lease, now);
                    Some(Verdict::Pass(self.quota(question.limit, left, until)))
                }
                Known::Full { until } => {
                    self.look_again(question, lease, now);
                    Some(Verdict::Full(self.quota(question.limit, 0, until)))
                }
                Known::Nothing => None,
            }
        })?
    }

    /// Asks Redis. `None` when it does not answer.
    pub(crate) async fn ask(self: &Arc<Self>, question: &Question) -> Option<Verdict> {
        let lease = self.leases.get(question.key);
        lease.begin(question.limit);
        let reply = self.ask_for(question, &lease).await?;
        let now = self.clock.elapsed();
        let known = lease.left(now, question.limit);
        self.fill(question, &lease, now);
        let quota = Quota {
            limit: question.limit.per_minute(),
            // Answers of several connections come in any order: what is told must not rise again.
            remaining: known.unwrap_or_else(|| reply.left(question.limit)),
            reset: reply.reset(),
        };
        if question.counts && reply.taken == 0 {
            // A block may have come meanwhile.
            let held = self.held(question, &lease, now);
            return Some(held.unwrap_or(Verdict::Full(Quota {
                remaining: 0,
                ..quota
            })));
        }
        Some(if question.counts || quota.remaining > 0 {
            Verdict::Pass(quota)
        } else {
            Verdict::Full(quota)
        })
    }

    /// Asks for one request; the first one who asks in a window takes a block with it.
    async fn ask_for(self: &Arc<Self>, question: &Question, lease: &Arc<Lease>) -> Option<Reply> {
        let wanted = if question.counts {
            lease.want_one(self.clock.elapsed(), self.max_held(question.limit))
        } else {
            Wanted::default()
        };
        // Whoever asked may give up meanwhile.
        let _ends = (wanted.block > 0).then(|| EndsFill(lease));
        self.call(question, lease, wanted).await
    }

    /// Takes one of what this node holds.
    fn held(&self, question: &Question, lease: &Lease, now: u64) -> Option<Verdict> {
        match lease.take(now, question.limit) {
            Known::Left { left, until } => Some(Verdict::Pass(self.quota(question.limit, left, until))),
            Known::Full { .. } | Known::Nothing => None,
        }
    }

    /// What this node may hold of a window that it has not used.
    fn max_held(&self, limit: RateLimit) -> u32 {
        match self.mode {
            Mode::Exact => 0,
            Mode::Leased => max_held(limit, self.nodes.load(Ordering::Relaxed)),
        }
    }

    /// Takes a block of requests beforehand, beside those who ask, when little is held.
    fn fill(self: &Arc<Self>, question: &Question, lease: &Arc<Lease>, now: u64) {
        let most = self.max_held(question.limit);
        if most < 2 || !self.is_up() {
            return;
        }
        let nodes = self.nodes.load(Ordering::Relaxed);
        let Some(wanted) = lease.want_block(now, most, nodes) else {
            return;
        };
        let (shared, lease, question) = (Arc::clone(self), Arc::clone(lease), *question);
        tokio::spawn(async move {
            let _ends = EndsFill(&lease);
            // Its value is in the lease.
            let _reply = shared.call(&question, &lease, wanted).await;
        });
    }

    /// A full window is looked at again now and then, beside those who are refused: its counter may have been lost.
    fn look_again(self: &Arc<Self>, question: &Question, lease: &Arc<Lease>, now: u64) {
        if !self.is_up() || !lease.is_due(now) {
            return;
        }
        let (shared, lease, question) = (Arc::clone(self), Arc::clone(lease), *question);
        tokio::spawn(async move {
            let _reply = shared.call(&question, &lease, Wanted::default()).await;
        });
    }

    /// Runs the script, and puts what it tells into the lease, with what was taken and nobody waits for.
    async fn call(self: &Arc<Self>, question: &Question, lease: &Lease, wanted: Wanted) -> Option<Reply> {
        let epoch = self.breaker.epoch_if_up()?;
        let deadline = Instant::now() + PATIENCE;
        // A connection that is still being made is no failure yet: whoever makes it tells when it fails.
        let made = timeout_at(deadline, self.link(epoch)).await.ok()?;
        let asked = lease.ask(self.clock.elapsed(), wanted);
        let reply = match made {
            Ok(link) => self.run_in_time(link, epoch, question, &asked, deadline).await,
            Err(fault) => Err(fault),
        };
        let reply = match reply {
            Ok(reply) => reply,
            Err(fault) => return self.away(epoch, &fault),
        };
        self.tally.calls.fetch_add(1, Ordering::Relaxed);
        self.clock.learn(&reply);
        let now = self.clock.elapsed();
        self.breaker.answered(now);
        if lease.put(&reply, question.limit, &asked, now) {
            self.tally.lost_windows.fetch_add(1, Ordering::Relaxed);
        }
        Some(reply)
    }

    /// Runs the script on a connection of this thread. One that stays silent while others are answered is not asked again: a
    /// network that has forgotten it tells nobody.
    async fn run_in_time(
        self: &Arc<Self>,
        link: Link,
        epoch: u64,
        question: &Question,
        asked: &Asked,
        deadline: Instant,
    ) -> Result<Reply, Fault> {
        let (silence, made) = (Arc::clone(&link.silence), link.made);
        let reply = timeout_at(deadline, self.run(link, epoch, question, asked)).await;
        let now = self.clock.elapsed();
        match &reply {
            Ok(Ok(_)) => silence.answered(now),
            Err(_) if silence.is_too_long(now) => Links::forget(made),
            _ => {}
        }
        reply.unwrap_or(Err(Fault::Slow(PATIENCE)))
    }

    async fn run(
        self: &Arc<Self>,
        mut link: Link,
        epoch: u64,
        question: &Question,
        asked: &Asked,
    ) -> Result<Reply, Fault> {
        let Question { key, limit, .. } = *question;
        match script::take(&mut link.connection, key, limit, asked.wanted, asked.spent).await {
            // Redis closes connections that were idle for long. What it has counted and not told is lost, and what it was told
            // is not told twice.
            Err(Fault::Dropped(_)) => {
                Links::forget(link.made);
                let mut link = self.link(epoch).await?;
                script::take(&mut link.connection, key, limit, asked.wanted, Spent::default()).await
            }
            other => other,
        }
    }

    fn quota(&self, limit: RateLimit, remaining: u32, until: u64) -> Quota {
        Quota {
            limit: limit.per_minute(),
            remaining,
            reset: self.clock.end_of_window(until),
        }
    }

    /// Notes that Redis is away, unless that is known, or cannot be said yet.
    fn away<T>(&self, epoch: u64, fault: &Fault) -> Option<T> {
        if matches!(fault, Fault::Unmade) {
            return None;
        }
        let is_late = matches!(fault, Fault::Slow(_));
        if is_late && !self.breaker.is_silent(self.clock.elapsed()) {
            return None;
        }
        if self.breaker.open(epoch) {
            self.tally.failures.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                redis = self.links.place(), %fault, on_limiter_failure = self.on_failure.word(),
                "limits are not shared: Redis does not count"
            );
        }
        None
    }
}
