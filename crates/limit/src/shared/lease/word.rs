//! The word of a lease: what is known of one window, in 64 bits.

use super::super::script::Reply;
use keyward_domain::RateLimit;

/// Which window, until when, what was left in Redis, what is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Word {
    /// 5 bits: one more than the window's minute modulo 31; 0 when nothing is known.
    pub(super) window: u32,
    /// In units of 64 ms, rounded down, of which the last 26 bits: after 49 days they begin anew.
    pub(super) until: u32,
    /// 20 bits: a limit is at most 1,000,000.
    pub(super) rest: u32,
    /// 13 bits: at most one in a hundred of a limit, shared by two.
    pub(super) held: u32,
}

const HELD_BITS: u32 = 13;
const REST_BITS: u32 = 20;
const UNTIL_BITS: u32 = 26;
pub(super) const MAX_HELD: u32 = (1 << HELD_BITS) - 1;
const MAX_REST: u32 = (1 << REST_BITS) - 1;
const MAX_UNTIL: u32 = (1 << UNTIL_BITS) - 1;
/// Windows that are told apart by their number.
const WINDOWS: u32 = 31;
const UNIT_BITS: u32 = 6;
/// No window has more left: that of the next minute, when the clock was set back by one.
const MAX_LEFT: u32 = units(121_000);
/// What is over for so long is of no window that anybody asks about.
const STALE: u32 = units(60_000);

/// Milliseconds in units, of which the last 32 bits.
pub(super) const fn units(millis: u64) -> u32 {
    (millis >> UNIT_BITS) as u32
}

impl Word {
    /// Nothing is known.
    pub(super) const NOTHING: Self = Self {
        window: 0,
        until: 0,
        rest: 0,
        held: 0,
    };

    /// What an answer says, of a question that was sent at an instant.
    pub(super) fn told(reply: &Reply, limit: RateLimit, sent: u64, held: u32) -> Self {
        Self {
            window: number_of(reply.window),
            // A unit less: clocks that are being set right run a little faster or slower.
            until: units(sent.saturating_add(reply.left_ms)).wrapping_sub(1) & MAX_UNTIL,
            rest: reply.left(limit),
            held,
        }
    }

    pub(super) fn pack(self) -> u64 {
        let (rest, held) = (self.rest.min(MAX_REST), self.held.min(MAX_HELD));
        let window = u64::from(self.window) << UNTIL_BITS | u64::from(self.until & MAX_UNTIL);
        window << (REST_BITS + HELD_BITS) | u64::from(rest) << HELD_BITS | u64::from(held)
    }

    pub(super) fn unpack(word: u64) -> Self {
        let window = word >> (REST_BITS + HELD_BITS);
        Self {
            window: (window >> UNTIL_BITS) as u32,
            until: window as u32 & MAX_UNTIL,
            rest: (word >> HELD_BITS) as u32 & MAX_REST,
            held: word as u32 & MAX_HELD,
        }
    }

    pub(super) fn is_over(self, now: u64) -> bool {
        self.window == 0 || !(1..=MAX_LEFT).contains(&self.units_left(now))
    }

    /// Whether it is nothing, or over for a minute and more.
    pub(super) fn is_stale(self, now: u64) -> bool {
        let over_for = 0_u32.wrapping_sub(self.units_left(now)) & MAX_UNTIL;
        self.is_over(now) && (self.window == 0 || over_for > STALE)
    }

    fn units_left(self, now: u64) -> u32 {
        self.until.wrapping_sub(units(now)) & MAX_UNTIL
    }

    /// The end, in milliseconds, of one that is not over.
    pub(super) fn ends_at(self, now: u64) -> u64 {
        ((now >> UNIT_BITS) + u64::from(self.units_left(now))) << UNIT_BITS
    }

    /// Whether it is of a minute's window.
    pub(super) fn is_of(self, minute: u32) -> bool {
        self.window == number_of(minute)
    }

    pub(super) fn is_same_window(self, other: Self) -> bool {
        self.window > 0 && self.window == other.window
    }

    /// What is known once an answer has come to a question that was sent when one knew what was `before`; nothing new when
    /// that is about a window of earlier. What was held of the same window stays held: Redis has counted it in that one.
    pub(super) fn after(self, told: Self, before: Self, now: u64, lost: bool) -> Option<Self> {
        if self.is_same_window(told) && !self.is_stale(now) {
            let is_known = !self.is_over(now);
            return Some(Self {
                until: match is_known && self.units_left(now) < told.units_left(now) {
                    true => self.until,
                    false => told.until,
                },
                rest: if lost { told.rest } else { self.rest.min(told.rest) },
                held: self.held.saturating_add(told.held).min(MAX_HELD),
                ..told
            });
        }
        // Redis was asked when this window was known, and told of one before: its clock was set back.
        let is_set_back = before.is_same_window(self);
        let is_next = (told.window + WINDOWS - self.window) % WINDOWS <= WINDOWS / 2;
        (self.is_over(now) || is_next || is_set_back).then_some(told)
    }
}

fn number_of(minute: u32) -> u32 {
    minute % WINDOWS + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_word_holds_what_is_put_into_it(
            window in 0..=31_u32, until in 0..1_u32 << 26, rest in 0..=RateLimit::MAX, held in 0..=5000_u32,
        ) {
            let word = Word { window, until, rest, held };
            prop_assert_eq!(Word::unpack(word.pack()), word);
        }

        #[test]
        fn an_end_is_known_however_long_the_process_runs(sent in 0..1_u64 << 45, left_ms in 200..=120_000_u64) {
            let reply = Reply { window: 7, used: 1, taken: 1, left_ms };
            let word = Word::told(&reply, RateLimit::new(10).unwrap(), sent, 0);
            prop_assert!(!word.is_over(sent));
            let end = word.ends_at(sent);
            prop_assert!(end <= sent + left_ms && end + 128 >= sent + left_ms, "{end}");
            prop_assert!(word.is_over(end));
            prop_assert!(!word.is_stale(sent + left_ms + 30_000));
            prop_assert!(word.is_stale(sent + left_ms + 90_000));
        }
    }
}
