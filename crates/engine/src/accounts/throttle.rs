//! Slows guessers down, and nobody else.
//!
//! Failures are counted in memory. After some, each further try has to wait, twice as long each time, for a minute at
//! most. A try counts as a failure from its beginning, so that many at once gain nothing; a success takes it back.
//!
//! # Why one guesser cannot lock an owner out
//! An account that is guessed at from many networks has a count of its own, and who stands under it shares one try a minute
//! with everybody else who does. If all did, one client that asks fast enough would take every such minute, and an owner at a
//! browser that is not known would never come in. So:
//!
//! - It delays only networks that have failed twice at this account themselves. A first try from another network, and the one
//!   after a slip, are looked at. Of IPv6 a /48 counts, as one subscriber has all /64 of it.
//! - So that thousands of networks are no way round it, all tries at an account from devices that are not known, wherever they
//!   come from, fill one bucket: it holds [`MOST_STRANGERS`] and loses one a minute. So at most 100 an hour are looked at, against
//!   passwords that are long and not common. While it is full all but known devices share the one try a minute. Who has some
//!   ten networks and keeps asking from them can do this, but nobody with fewer, and to no known device.
//! - While an account is guessed at, asking too early counts as a failure of one's own network: it stays shut for as long as it
//!   is asked at, and the try of a minute goes to those who wait as they were told.
//!
//! # One password at many accounts
//! Failures of one network at all accounts together fill a bucket, too, which loses one every 20 seconds: who tries a common
//! password at everybody's account gets no further than that. Known devices in that network are not slowed by it.

use keyward_domain::{Fingerprint, SessionId, Timestamp};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The longest wait.
const LONGEST_SECS: u64 = 60;
/// Failures are forgotten after so long without another one.
const KEPT_MILLIS: i64 = 3_600_000;
/// Failures of a network at an account from which on it waits for what others fail there.
const FORGIVEN: u32 = 2;
/// The failures at an account from devices that are not known, of which one a minute is forgotten.
const MOST_STRANGERS: u32 = 40;
const STRANGERS_LEAK_MILLIS: i64 = 60_000;
/// The failures of a network at all accounts, of which one every 20 seconds is forgotten. Many people can be behind one address.
const MOST_SPRAYED: u32 = 30;
const SPRAY_LEAK_MILLIS: i64 = 20_000;
/// So many counters are kept at most.
const MOST_COUNTERS: usize = 100_000;

/// Whose failures are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Counter {
    /// Those at an account from one network (an IPv4 /24, an IPv6 /64, or wherever is unknown).
    Network(u64, Option<IpAddr>),
    /// Those at an account from the IPv6 /48 around a network. It makes nobody wait by itself.
    Around(u64, IpAddr),
    /// Those at an account from everywhere, known devices apart.
    Anywhere(u64),
    /// Those at the code of an account from everywhere, known devices apart. Only who has the password gets there, and codes are
    /// short: it delays everybody.
    Codes(u64),
    /// The same as anywhere, but as a bucket: it bounds how many are looked at in an hour.
    Strangers(u64),
    /// Those of a network (an IPv4 /24, an IPv6 /48) at all accounts, known devices apart.
    Spray(Option<IpAddr>),
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
            Self::Anywhere(_) | Self::Codes(_) | Self::Exchange(_) | Self::ExchangeOf(_) => 20,
            Self::Strangers(_) => MOST_STRANGERS,
            Self::Spray(_) => MOST_SPRAYED,
            Self::Around(..) => u32::MAX,
        }
    }

    /// Of a bucket: after how many milliseconds it loses one.
    const fn leak_millis(self) -> Option<i64> {
        match self {
            Self::Strangers(_) => Some(STRANGERS_LEAK_MILLIS),
            Self::Spray(_) => Some(SPRAY_LEAK_MILLIS),
            _ => None,
        }
    }

    /// Whether others than who was let in count there, too.
    const fn is_shared(self) -> bool {
        matches!(
            self,
            Self::Anywhere(_) | Self::Codes(_) | Self::Strangers(_) | Self::Spray(_)
        )
    }

    /// Whether it counts where a try at an account comes from.
    const fn is_of_network(self) -> bool {
        matches!(self, Self::Network(..) | Self::Around(..))
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

/// The IPv6 /48 that a client is in.
pub(super) fn around_of(address: IpAddr) -> Option<IpAddr> {
    match network_of(address) {
        IpAddr::V4(_) => None,
        IpAddr::V6(network) => Some(Ipv6Addr::from_bits(network.to_bits() & (u128::MAX << 80)).into()),
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

    /// Of a bucket: forgets what has leaked.
    fn leak(&mut self, every: i64, now: Timestamp) {
        let leaked = now.millis().saturating_sub(self.last.millis()) / every;
        self.count = self
            .count
            .saturating_sub(u32::try_from(leaked).unwrap_or(u32::MAX));
        self.last = if self.count == 0 {
            now
        } else {
            self.last.plus_millis(leaked.saturating_mul(every))
        };
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
        if kept.len() + counters.len() >= MOST_COUNTERS {
            make_room(&mut kept, now);
        }
        let mut anywhere = counters
            .iter()
            .filter(|counter| matches!(counter, Counter::Anywhere(_)));
        let guessed_at = anywhere.any(|counter| wait_under(&mut kept, *counter, now) > 0);
        let is_let_through = guessed_at && let_through(&kept, counters, now);
        if guessed_at && !is_let_through {
            count_early(&mut kept, counters, now);
        }
        let waits = counters
            .iter()
            .filter(|counter| !(is_let_through && matches!(counter, Counter::Anywhere(_))))
            .map(|counter| wait_under(&mut kept, *counter, now));
        let wait = waits.max().unwrap_or(0);
        if wait > 0 {
            return Err(wait.cast_unsigned().div_ceil(1000));
        }
        for counter in counters {
            let failures = kept.entry(*counter).or_insert(Failures { count: 0, last: now });
            if failures.is_forgotten(now) {
                failures.count = 0;
            }
            failures.count = failures.count.saturating_add(1);
            // A bucket goes on leaking as before.
            if counter.leak_millis().is_none() {
                failures.last = now;
            }
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
        let is_shared = |counter: &&Counter| counter.is_shared();
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

/// The milliseconds that one counter makes a try wait.
fn wait_under(kept: &mut HashMap<Counter, Failures>, counter: Counter, now: Timestamp) -> i64 {
    let Some(failures) = kept.get_mut(&counter) else {
        return 0;
    };
    // A clock that was set back must not make anybody wait for longer.
    failures.last = failures.last.min(now);
    match counter.leak_millis() {
        Some(every) => {
            failures.leak(every, now);
            let is_full = failures.count >= counter.free();
            if is_full {
                every - (now.millis() - failures.last.millis())
            } else {
                0
            }
        }
        None => failures.wait_millis(counter.free(), now),
    }
}

/// Whether a try is looked at although its account is guessed at: its network has hardly failed there.
fn let_through(kept: &HashMap<Counter, Failures>, counters: &[Counter], now: Timestamp) -> bool {
    let of_network = counters.iter().filter(|counter| counter.is_of_network());
    let failures = of_network.filter_map(|counter| kept.get(counter));
    let mut living = failures.filter(|failures| !failures.is_forgotten(now));
    living.all(|failures| failures.count < FORGIVEN)
}

/// Who asks too early at an account that is guessed at has failed once more.
fn count_early(kept: &mut HashMap<Counter, Failures>, counters: &[Counter], now: Timestamp) {
    for counter in counters.iter().filter(|counter| counter.is_of_network()) {
        if let Some(failures) = kept.get_mut(counter) {
            failures.count = failures.count.saturating_add(1);
            failures.last = now;
        }
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
