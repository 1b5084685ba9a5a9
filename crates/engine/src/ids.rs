//! What new ids are made of: within one run of a node, each sorts after all that were made before it.
//!
//! Lists are in the order of their ids, and a thousand lines of the audit log fit into one millisecond, so the time alone
//! does not order them (RFC 9562, section 6.2, method 2: a random start for each millisecond, a random step after it).

use std::sync::{Mutex, PoisonError};

/// The bits of a version 7 id below its time.
const BELOW_TIME: u32 = 12 + LOWER;
/// The part of them that stands below the variant.
const LOWER: u32 = 62;

/// The time (Unix milliseconds) and what is below it, of the id that was made last.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    last: Mutex<(u64, u128)>,
}

impl Ids {
    /// The time and the ten bytes below it for a new id, from the time (Unix milliseconds) and fresh random bytes.
    /// A clock that went back does not turn the order round: the time of the last id is kept then.
    pub(crate) fn next(&self, millis: u64, random: [u8; 16]) -> (u64, [u8; 10]) {
        let random = u128::from_be_bytes(random);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = match *last {
            // Half of the room is left for the steps: 2^41 of them at the least.
            (at, _) if at < millis => (millis, random >> (128 - (BELOW_TIME - 1))),
            (at, below) => (at, below + 1 + (random >> (128 - 32))),
        };
        (last.0, around_variant(last.1))
    }
}

/// The bits in the places that version and variant leave free: 12 after the four of the version, 62 after two of the variant.
fn around_variant(below: u128) -> [u8; 10] {
    let upper = below >> LOWER;
    let lower = below & ((1 << LOWER) - 1);
    let placed = (upper << 64 | lower).to_be_bytes();
    std::array::from_fn(|byte| placed[placed.len() - 10 + byte])
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyward_domain::AuditId;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_id_sorts_after_the_one_before_whatever_the_clock_does(
            steps in prop::collection::vec((0u64..3, any::<[u8; 16]>()), 1..100),
        ) {
            let ids = Ids::default();
            let made: Vec<AuditId> = steps
                .into_iter()
                .map(|(millis, random)| ids.next(1_700_000_000_000 + millis, random))
                .map(|(millis, below)| AuditId::v7(millis, &below))
                .collect();
            prop_assert!(made.is_sorted_by(|earlier, later| earlier < later), "{made:?}");
        }
    }

    #[test]
    fn the_smallest_and_the_largest_numbers_keep_the_order() {
        let ids = Ids::default();
        let made = [
            (5, [255; 16]),
            (5, [255; 16]),
            (4, [0; 16]),
            (6, [0; 16]),
            (6, [0; 16]),
        ]
        .map(|(millis, random)| ids.next(millis, random))
        .map(|(millis, below)| AuditId::v7(millis, &below));
        assert!(made.is_sorted_by(|earlier, later| earlier < later), "{made:?}");
    }
}
