//! How many preflights one client may send: they need no key, so nothing else bounds them.
//!
//! The counters are a table of fixed size, whose place for an address nobody can foresee: clients that share a place by chance
//! share its count, and no flood of addresses takes memory.

use keyward_domain::Timestamp;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The places of the table.
const PLACES: usize = 1 << 14;

/// The preflights of each client in the second that is.
pub(crate) struct Preflights {
    /// How many a second pass; absent is all of them.
    most: Option<NonZeroU32>,
    counts: Arc<Counts>,
}

struct Counts {
    /// Each a second, and how many came in it.
    places: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Preflights {
    /// With the counts so far, when rules are replaced.
    pub(crate) fn new(most: Option<NonZeroU32>, old: Option<&Self>) -> Self {
        let counts = old.map_or_else(|| Arc::new(Counts::new()), |old| Arc::clone(&old.counts));
        Self { most, counts }
    }

    /// Counts one, and says whether it passes.
    pub(crate) fn take(&self, client: IpAddr, now: Timestamp) -> bool {
        let Some(most) = self.most else { return true };
        let Some(place) = self.counts.place(client) else {
            return true;
        };
        let second = now.millis().div_euclid(1000).cast_unsigned() << 32;
        let taken = place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            let is_now = word >> 32 == second >> 32;
            let count = if is_now { word & u64::from(u32::MAX) } else { 0 };
            (count < u64::from(most.get())).then(|| second | (count + 1))
        });
        taken.is_ok()
    }
}

impl Counts {
    fn new() -> Self {
        Self {
            places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
        }
    }

    fn place(&self, client: IpAddr) -> Option<&AtomicU64> {
        let hash = self.hasher.hash_one(network_of(client));
        self.places.get(usize::try_from(hash % PLACES as u64).ok()?)
    }
}

/// The address; of IPv6 its /64, all of which one subscriber has.
fn network_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_471_860_250);

    fn passed(preflights: &Preflights, client: &str, now: Timestamp) -> usize {
        let client = client.parse().unwrap();
        (0..50).filter(|_| preflights.take(client, now)).count()
    }

    #[test]
    fn so_many_a_second_pass_of_each_client() {
        let preflights = Preflights::new(NonZeroU32::new(10), None);
        assert_eq!(passed(&preflights, "192.0.2.1", NOW), 10);
        assert_eq!(passed(&preflights, "::ffff:192.0.2.1", NOW), 0);
        assert_eq!(passed(&preflights, "192.0.2.1", NOW.plus_millis(749)), 0);
        assert_eq!(passed(&preflights, "192.0.2.1", NOW.plus_millis(750)), 10);
        // A clock that was set back keeps nobody out.
        assert_eq!(passed(&preflights, "192.0.2.1", NOW.plus_millis(-3_600_000)), 10);
        assert_eq!(passed(&preflights, "2001:db8::1", NOW), 10);
        assert_eq!(passed(&preflights, "2001:db8::2", NOW), 0, "the same /64");
        let replaced = Preflights::new(NonZeroU32::new(15), Some(&preflights));
        assert_eq!(
            passed(&replaced, "2001:db8::1", NOW),
            5,
            "a reload forgets nothing"
        );
        let off = Preflights::new(None, Some(&preflights));
        assert_eq!(passed(&off, "192.0.2.1", NOW), 50);
    }

    #[test]
    fn others_are_not_kept_out_and_no_flood_of_addresses_takes_memory() {
        let preflights = Preflights::new(NonZeroU32::new(10), None);
        passed(&preflights, "192.0.2.1", NOW);
        let others =
            (0..1000u32).filter(|n| preflights.take(IpAddr::from((0x0a00_0000 + n).to_be_bytes()), NOW));
        assert!(others.count() >= 990, "but those that share its place by chance");
        assert_eq!(preflights.counts.places.len(), PLACES);
    }
}
