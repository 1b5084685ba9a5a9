//! Slows guessers down, and nobody else.
//!
//! Failures are counted in memory. After some, each further try has to wait, twice as long each time, for a minute at
//! most. A try counts as a failure from its beginning, so that many at once gain nothing; a success takes it back.

use keyward_domain::{Fingerprint, SessionId, Timestamp};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The longest wait.
const LONGEST_SECS: u64 = 60;
/// Failures are forgotten after so long without another one.
const KEPT_MILLIS: i64 = 3_600_000;
/// So many counters are kept at most.
const MOST_COUNTERS: usize = 100_000;

/// Whose failures are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Counter {
    /// Those at an account from one network (an IPv4 /24, an IPv6 /64, or wherever is unknown).
    Network(u64, Option<IpAddr>),
    /// Those at an account from everywhere, known devices apart.
    Anywhere(u64),
    /// Those at an account from a device that has been let in before: nobody else can slow it down.
    Device(u64, Fingerprint),
    /// Those of a session that asks for its password or a code again.
    Session(SessionId),
    /// Those of whom a provider of identities vouches for.
    Identity(u64),
    /// Those at the code of an account, from whom a provider vouches for: who guesses passwords does not slow them down.
    IdentityCode(u64),
    /// Answers of a provider that came from a network and were not good.
    Exchange(Option<IpAddr>),
    /// The same from a device that has been let in before.
    ExchangeOf(Fingerprint),
}

impl Counter {
    /// The failures that cost nothing.
    const fn free(self) -> u32 {
        match self {
            Self::Network(..)
            | Self::Device(..)
            | Self::Session(_)
            | Self::Identity(_)
            | Self::IdentityCode(_) => 5,
            // Many people can be behind one address.
            Self::Anywhere(_) | Self::Exchange(_) | Self::ExchangeOf(_) => 20,
        }
    }
}

/// The network that a client is in.
pub(super) fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & !0xff).into(),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => network_of(address.into()),
            None => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        },
    }
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Timestamp,
}

impl Failures {
    /// The milliseconds until another try is looked at.
    fn wait_millis(self, free: u32, now: Timestamp) -> i64 {
        let Some(beyond) = self.count.checked_sub(free) else {
            return 0;
        };
        let secs = 1_u64
            .checked_shl(beyond)
            .unwrap_or(LONGEST_SECS)
            .min(LONGEST_SECS);
        let since = now.millis().saturating_sub(self.last.millis());
        (secs.cast_signed() * 1000).saturating_sub(since)
    }

    fn is_forgotten(self, now: Timestamp) -> bool {
        now.millis().saturating_sub(self.last.millis()) >= KEPT_MILLIS
    }
}

/// The counters.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<HashMap<Counter, Failures>>);

impl Throttle {
    /// Begins a try: counted as a failure until it is taken back. Or the seconds until there can be one.
    pub(super) fn begin(&self, counters: &[Counter], now: Timestamp) -> Result<(), u64> {
        let mut kept = self.lock();
        let mut wait = 0;
        for counter in counters {
            if let Some(failures) = kept.get_mut(counter) {
                // A clock that was set back must not make anybody wait for longer.
                failures.last = failures.last.min(now);
                wait = wait.max(failures.wait_millis(counter.free(), now));
            }
        }
        if wait > 0 {
            return Err(wait.cast_unsigned().div_ceil(1000));
        }
        if kept.len() + counters.len() > MOST_COUNTERS {
            make_room(&mut kept, now);
        }
        for counter in counters {
            let failures = kept.entry(*counter).or_insert(Failures { count: 0, last: now });
            if failures.is_forgotten(now) {
                failures.count = 0;
            }
            failures.count = failures.count.saturating_add(1);
            failures.last = now;
        }
        Ok(())
    }

    /// The try did not fail, or never got as far: it does not count.
    pub(super) fn take_back(&self, counters: &[Counter]) {
        let mut kept = self.lock();
        for counter in counters {
            if let Some(failures) = kept.get_mut(counter) {
                failures.count = failures.count.saturating_sub(1);
                if failures.count == 0 {
                    kept.remove(counter);
                }
            }
        }
    }

    /// Somebody was let in: what their own side has failed before is forgotten, what others have is not.
    pub(super) fn succeed(&self, counters: &[Counter]) {
        let is_shared = |counter: &&Counter| matches!(counter, Counter::Anywhere(_));
        let shared: Vec<Counter> = counters.iter().filter(is_shared).copied().collect();
        self.take_back(&shared);
        let mut kept = self.lock();
        for counter in counters.iter().filter(|counter| !is_shared(counter)) {
            kept.remove(counter);
        }
    }

    /// Drops what is old enough to be forgotten.
    pub(crate) fn sweep(&self, now: Timestamp) {
        self.lock().retain(|_, failures| !failures.is_forgotten(now));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Counter, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops what is forgotten, then what makes nobody wait yet, then everything: memory is bounded, whatever comes.
fn make_room(kept: &mut HashMap<Counter, Failures>, now: Timestamp) {
    /// So much must become free, or making room would be all that is done.
    const ENOUGH: usize = MOST_COUNTERS - MOST_COUNTERS / 10;
    kept.retain(|_, failures| !failures.is_forgotten(now));
    if kept.len() > ENOUGH {
        kept.retain(|counter, failures| failures.count >= counter.free());
    }
    if kept.len() > ENOUGH {
        tracing::warn!("more accounts are guessed at than can be counted: the counts begin anew");
        kept.clear();
    }
}

#[cfg(test)]
mod tests;
