//! Whether Redis counts. While it does not, nobody waits for it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use tokio::sync::Notify;

/// For so many milliseconds Redis may say nothing to anybody before it is away. One answer that is late is none: a busy
/// machine has such too.
const SILENCE: u64 = 250;

/// Odd while Redis counts: each change of state is a step, so whoever saw a failure of an earlier state changes nothing.
#[derive(Default)]
pub(super) struct Breaker {
    epoch: AtomicU64,
    silence: Silence,
    suspected: Notify,
}

/// How long somebody has said nothing.
#[derive(Default)]
pub(super) struct Silence {
    /// When the last answer came, in milliseconds since the start.
    answered: AtomicU64,
    /// Answers that did not come in time since then.
    late: AtomicU32,
}

impl Silence {
    /// An answer has come.
    pub(super) fn answered(&self, now: u64) {
        self.answered.fetch_max(now, Ordering::Relaxed);
        self.late.store(0, Ordering::Relaxed);
    }

    /// An answer did not come in time. Whether it is none of them that is late.
    pub(super) fn is_too_long(&self, now: u64) -> bool {
        let is_first = self.late.fetch_add(1, Ordering::Relaxed) == 0;
        let silence = now.saturating_sub(self.answered.load(Ordering::Relaxed));
        !is_first && silence >= SILENCE
    }
}

impl Breaker {
    pub(super) fn is_up(&self) -> bool {
        self.epoch_if_up().is_some()
    }

    /// The state's number, while Redis counts.
    pub(super) fn epoch_if_up(&self) -> Option<u64> {
        Some(self.epoch.load(Ordering::Acquire)).filter(|epoch| epoch % 2 == 1)
    }

    /// The state's number.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Redis has failed somebody in the state of this number. Whether that is news.
    pub(super) fn open(&self, epoch: u64) -> bool {
        let is_news = epoch % 2 == 1 && self.step(epoch);
        if is_news {
            self.suspected.notify_one();
        }
        is_news
    }

    /// Redis has answered somebody.
    pub(super) fn answered(&self, now: u64) {
        self.silence.answered(now);
    }

    /// An answer did not come in time. Whether Redis is away, then; if that cannot be said yet, it is looked at.
    pub(super) fn is_silent(&self, now: u64) -> bool {
        let is_away = self.silence.is_too_long(now);
        if !is_away {
            self.suspected.notify_one();
        }
        is_away
    }

    /// Redis has answered in the state of this number. Whether that is news.
    pub(super) fn close(&self, epoch: u64) -> bool {
        epoch.is_multiple_of(2) && self.step(epoch)
    }

    /// Waits until Redis has failed somebody.
    pub(super) async fn suspected(&self) {
        self.suspected.notified().await;
    }

    fn step(&self, epoch: u64) -> bool {
        self.epoch
            .compare_exchange(epoch, epoch + 1, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_late_answer_is_no_silence() {
        let breaker = Breaker::default();
        breaker.answered(1000);
        assert!(
            !breaker.is_silent(9000),
            "the first one, after a time in which nobody asked"
        );
        assert!(breaker.is_silent(9001), "another one, and none has come since");
        breaker.answered(9100);
        for now in [9200, 9250, 9349] {
            assert!(!breaker.is_silent(now), "many who asked at one moment");
        }
        assert!(breaker.is_silent(9350));
    }

    #[test]
    fn a_failure_of_an_earlier_state_is_no_news() {
        let breaker = Breaker::default();
        assert!(!breaker.is_up());
        assert!(!breaker.open(breaker.epoch()), "it is open");
        assert!(breaker.close(breaker.epoch()));
        let first = breaker.epoch_if_up().unwrap();
        assert!(breaker.open(first));
        assert!(!breaker.open(first), "known");
        assert!(breaker.close(breaker.epoch()));
        assert!(
            !breaker.open(first),
            "another request of the first state comes late"
        );
        assert!(breaker.is_up());
    }
}
