//! Redis's counter, for tests on a clock that they set. `tests/rule.rs` holds it to what `take.lua` does.

use super::lease::{Spent, Wanted};
use super::script::Reply;
use keyward_domain::RateLimit;

const MINUTE: u64 = 60_000;

/// One key's counter.
#[derive(Default, Debug)]
pub(super) struct Counter {
    window: u64,
    used: u32,
    lent: u32,
    /// How many windows it has begun.
    begun: usize,
}

impl Counter {
    /// The window that it counts in at an instant of Redis's clock, by its number, when that has begun.
    pub(super) fn instance(&self, now: u64) -> Option<usize> {
        let minute = now / MINUTE;
        (self.begun > 0 && (self.window == minute || self.window == minute + 1)).then_some(self.begun)
    }

    /// Forgets what was counted, as a server does that is started anew.
    pub(super) fn lose(&mut self) {
        (self.window, self.used, self.lent) = (0, 0, 0);
    }

    pub(super) fn take(&mut self, now: u64, limit: RateLimit, wanted: Wanted, spent: Spent) -> Reply {
        let limit = limit.per_minute();
        let is_begun = self.instance(now).is_some();
        let (window, used, lent) = match is_begun {
            true => (self.window, self.used, self.lent),
            false => (now / MINUTE, 0, 0),
        };
        let spent = if u64::from(spent.window) == window {
            spent.count.min(lent)
        } else {
            0
        };
        let lent = lent - spent;
        let free = limit.saturating_sub(used);
        let taken = wanted.once.min(free);
        let more = wanted
            .block
            .min(free - taken)
            .min((limit / 100).saturating_sub(lent));
        if taken + more + spent > 0 {
            self.begun += usize::from(!is_begun);
            (self.window, self.used, self.lent) = (window, used + taken + more, lent + more);
        }
        Reply {
            window: u32::try_from(window).unwrap(),
            used: used + taken + more,
            taken: taken + more,
            left_ms: (window + 1) * MINUTE - now,
        }
    }
}
