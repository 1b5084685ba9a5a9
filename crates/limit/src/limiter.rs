//! Where requests are counted: in memory, or in Redis with the memory behind it.

use crate::shared::{OnFailure, RedisOptions, RedisStatus, Shared};
use crate::{Pass, WindowId, Windows};
use keyward_domain::{KeyId, Quota, RateLimit, Timestamp};
use std::sync::Arc;

/// The limiter of a node.
#[derive(Default)]
pub struct Limiter {
    windows: Windows,
    shared: Option<Arc<Shared>>,
}

/// What is asked of it.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Whose window.
    pub key: KeyId,
    /// Where it is in memory.
    pub window: WindowId,
    /// The limit in force.
    pub limit: RateLimit,
    /// Whether it is a request; else only what is left is asked for.
    pub counts: bool,
}

/// What it says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// There is room; a request is counted.
    Pass(Quota),
    /// The window is full; nothing is counted.
    Full(Quota),
    /// Nobody can tell, and what cannot be counted shall be refused.
    Unknown,
}

/// How it is doing.
#[derive(Clone, Debug)]
pub struct LimiterStatus {
    /// How requests are counted now: `memory`, `exact`, `leased`; while Redis is away `local`, `refuse`, `allow`.
    pub mode: &'static str,
    /// Of the shared counters, when there are some.
    pub redis: Option<RedisStatus>,
}

impl Verdict {
    /// What is left, when anybody knows.
    pub fn quota(self) -> Option<Quota> {
        match self {
            Self::Pass(quota) | Self::Full(quota) => Some(quota),
            Self::Unknown => None,
        }
    }
}

impl Limiter {
    /// All modes, for those who tell which is in force.
    pub const MODES: [&'static str; 6] = ["memory", "exact", "leased", "local", "refuse", "allow"];

    /// A limiter that shares its counters with other nodes. It counts there once [`Limiter::watch`] has reached Redis.
    ///
    /// # Errors
    /// A sentence about what the options cannot be.
    pub fn shared(options: &RedisOptions) -> Result<Self, String> {
        Ok(Self {
            windows: Windows::default(),
            shared: Some(Arc::new(Shared::new(options)?)),
        })
    }

    /// A fresh window in memory for a key.
    pub fn allocate(&self) -> WindowId {
        self.windows.allocate()
    }

    /// Takes a window back.
    pub fn release(&self, window: WindowId) {
        self.windows.release(window);
    }

    /// The answer, when it is known without waiting for anybody: always, when counters are in memory.
    pub fn at_once(&self, question: &Question, now: Timestamp) -> Option<Verdict> {
        match &self.shared {
            None => Some(self.in_memory(question, now)),
            Some(shared) => match shared.at_once(question) {
                None if !shared.is_up() => Some(self.without(shared, question, now)),
                known => known,
            },
        }
    }

    /// The answer. Whoever asks waits less than a tenth of a second for it, whatever Redis does.
    pub async fn answer(&self, question: &Question, now: Timestamp) -> Verdict {
        let Some(shared) = &self.shared else {
            return self.in_memory(question, now);
        };
        match shared.ask(question).await {
            Some(verdict) => verdict,
            None => self.without(shared, question, now),
        }
    }

    /// The time by which windows end: that of Redis while it counts, else `now`.
    pub fn time(&self, now: Timestamp) -> Timestamp {
        let shared = self.shared.as_ref().filter(|shared| shared.is_up());
        shared.and_then(|shared| shared.time()).unwrap_or(now)
    }

    /// Looks after the shared counters: reaches Redis, notices when it is away, and when it is back. Never ends when there
    /// are some, and is to be run beside the requests.
    pub async fn watch(&self) {
        if let Some(shared) = &self.shared {
            shared.watch().await;
        }
    }

    /// Tries to reach Redis once, so that a start knows how it stands.
    pub async fn reach(&self) {
        if let Some(shared) = &self.shared {
            shared.reach().await;
        }
    }

    /// How it is doing.
    pub fn status(&self) -> LimiterStatus {
        let redis = self.shared.as_ref().map(|shared| shared.status());
        let mode = match &redis {
            None => "memory",
            Some(redis) if redis.up => redis.mode.word(),
            Some(redis) => redis.on_failure.word(),
        };
        LimiterStatus { mode, redis }
    }

    fn in_memory(&self, question: &Question, now: Timestamp) -> Verdict {
        let Question { window, limit, .. } = *question;
        if !question.counts {
            let quota = self.windows.peek(window, now, limit);
            return if quota.remaining == 0 {
                Verdict::Full(quota)
            } else {
                Verdict::Pass(quota)
            };
        }
        match self.windows.take(window, now, limit) {
            Pass::Yes(quota) => Verdict::Pass(quota),
            Pass::No(quota) => Verdict::Full(quota),
        }
    }

    /// The answer while Redis is away.
    fn without(&self, shared: &Shared, question: &Question, now: Timestamp) -> Verdict {
        if question.counts {
            shared.note_without();
        }
        match shared.on_failure() {
            OnFailure::Local => self.in_memory(question, now),
            OnFailure::Refuse => Verdict::Unknown,
            OnFailure::Allow => match self.in_memory(question, now) {
                Verdict::Full(quota) => Verdict::Pass(quota),
                other => other,
            },
        }
    }
}
