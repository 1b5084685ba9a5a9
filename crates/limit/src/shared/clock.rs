//! The time of Redis, as far as its answers tell it.

use super::script::Reply;
use keyward_domain::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

const UNKNOWN: i64 = i64::MIN;
const MINUTE: i64 = 60_000;

/// A clock of this process that cannot be set, and how far Redis's is from it.
pub(super) struct RedisClock {
    started: Instant,
    ahead: AtomicI64,
}

impl Default for RedisClock {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            ahead: AtomicI64::new(UNKNOWN),
        }
    }
}

impl RedisClock {
    /// Milliseconds since the start, by the clock that cannot be set.
    pub(super) fn elapsed(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Learns from an answer that has just come. Redis read its clock before, so what is learnt is never ahead of it.
    pub(super) fn learn(&self, reply: &Reply) {
        let ahead = reply.at().saturating_sub(signed(self.elapsed()));
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Option<Timestamp> {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let now = signed(self.elapsed()).saturating_add(ahead);
        (ahead != UNKNOWN).then(|| Timestamp::from_millis(now))
    }

    /// Unix seconds of the end of a window that ends at about this instant of [`RedisClock::elapsed`].
    pub(super) fn end_of_window(&self, until: u64) -> i64 {
        let end = signed(until).saturating_add(self.ahead.load(Ordering::Relaxed));
        // Both are known to within the time that an answer takes: much less than half a minute.
        end.saturating_add(MINUTE / 2).div_euclid(MINUTE) * 60
    }
}

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}
