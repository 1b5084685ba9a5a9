//! The window of a limit: one UTC calendar minute, packed with its count into one word.
//!
//! The word is `minute << 32 | count`. [`take`] is the whole rule; the limiter only makes it atomic.

use crate::{RateLimit, Timestamp};

/// What a client may still do in the current window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quota {
    /// Requests a minute.
    pub limit: u32,
    /// Requests left in this window.
    pub remaining: u32,
    /// Unix seconds at which the window ends; a multiple of 60.
    pub reset: i64,
}

/// The outcome of asking a window for one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken {
    /// The word to store; `None` when the window is full and nothing is counted.
    pub word: Option<u64>,
    /// What is left afterwards.
    pub quota: Quota,
}

/// The UTC calendar minute of an instant, counted from the epoch. Before the epoch it is 0, past what fits the last.
pub fn minute_of(now: Timestamp) -> u32 {
    u32::try_from(now.seconds().max(0) / 60).unwrap_or(u32::MAX)
}

/// Asks the window `word` for one request at `minute`.
///
/// A word that is one minute ahead belongs to a caller that read the clock a moment later: it stays, or two callers
/// at the edge of a minute could reset each other's counts. One further ahead means that the clock was set back: the
/// window starts anew, so that a key is not locked for as long as the clock was wrong.
pub fn take(word: u64, minute: u32, limit: RateLimit) -> Taken {
    let (minute, used) = current(word, minute);
    let limit = limit.per_minute();
    let reset = (i64::from(minute) + 1) * 60;
    if used < limit {
        let word = u64::from(minute) << 32 | u64::from(used + 1);
        Taken {
            word: Some(word),
            quota: Quota {
                limit,
                remaining: limit - used - 1,
                reset,
            },
        }
    } else {
        Taken {
            word: None,
            quota: Quota {
                limit,
                remaining: 0,
                reset,
            },
        }
    }
}

impl Quota {
    /// What is left at `minute`, without taking anything.
    pub fn peek(word: u64, minute: u32, limit: RateLimit) -> Self {
        let (minute, used) = current(word, minute);
        let limit = limit.per_minute();
        Self {
            limit,
            remaining: limit.saturating_sub(used),
            reset: (i64::from(minute) + 1) * 60,
        }
    }
}

fn current(word: u64, minute: u32) -> (u32, u32) {
    let (stored, used) = ((word >> 32) as u32, word as u32);
    if stored == minute || stored == minute.saturating_add(1) {
        (stored, used)
    } else {
        (minute, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limit(number: u32) -> RateLimit {
        RateLimit::new(number).unwrap()
    }

    fn word(minute: u32, used: u32) -> u64 {
        u64::from(minute) << 32 | u64::from(used)
    }

    #[test]
    fn the_window_is_the_calendar_minute() {
        let table = [
            ("empty", 0, 100, Some(word(100, 1)), 2),
            ("same minute", word(100, 1), 100, Some(word(100, 2)), 1),
            ("last one", word(100, 2), 100, Some(word(100, 3)), 0),
            ("full", word(100, 3), 100, None, 0),
            ("next minute", word(100, 3), 101, Some(word(101, 1)), 2),
            ("late reader of the old minute", word(101, 3), 100, None, 0),
            ("clock set back", word(160, 3), 100, Some(word(100, 1)), 2),
            ("count at the edge of its type", word(100, u32::MAX), 100, None, 0),
            ("last minute of the type", word(u32::MAX, 3), u32::MAX, None, 0),
        ];
        for (name, before, minute, after, remaining) in table {
            let taken = take(before, minute, limit(3));
            assert_eq!((taken.word, taken.quota.remaining), (after, remaining), "{name}");
            assert_eq!(taken.quota.reset % 60, 0, "{name}");
        }
    }

    #[test]
    fn l7_a_changed_limit_holds_from_the_next_request() {
        assert_eq!(take(word(9, 50), 9, limit(10)).word, None);
        assert_eq!(Quota::peek(word(9, 50), 9, limit(10)).remaining, 0);
        assert_eq!(take(word(9, 50), 9, limit(51)).quota.remaining, 0);
    }

    #[test]
    fn s12_no_clock_makes_it_panic() {
        for millis in [i64::MIN, -1, 0, 59_999, 60_000, 4_294_967_296_000, i64::MAX] {
            let minute = minute_of(Timestamp::from_millis(millis));
            assert!(take(word(u32::MAX, u32::MAX), minute, limit(1)).quota.reset > 0);
        }
    }

    proptest! {
        #[test]
        fn no_word_and_no_minute_give_more_than_the_limit(start in any::<u64>(), minute in any::<u32>(), n in 1u32..50) {
            let (mut word, mut passed) = (start, 0);
            for _ in 0..100 {
                if let Some(next) = take(word, minute, limit(n)).word {
                    word = next;
                    passed += 1;
                }
            }
            prop_assert!(passed <= n);
        }
    }
}
