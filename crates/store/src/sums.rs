//! What a batch of usage adds to each bucket.

use crate::rows::GRANTED;
use crate::{Period, UsageBatch};
use keyward_domain::{KeyId, Reason};
use std::collections::BTreeMap;

/// Key, width of the period, start, outcome: the columns that name a row of `usage`.
pub(crate) type Bucket = (KeyId, i64, i64, &'static str);

/// The counts of a batch, added up by bucket, in the order of the buckets.
pub(crate) fn sums(batch: &UsageBatch) -> BTreeMap<Bucket, u64> {
    let mut sums: BTreeMap<Bucket, u64> = BTreeMap::new();
    for count in &batch.counts {
        let outcome = count.refused.map_or(GRANTED, Reason::code);
        for period in [Period::Minute, Period::Hour, Period::Day] {
            let start = period.start_of(count.minute).millis();
            let sum = sums
                .entry((count.key, period.millis(), start, outcome))
                .or_default();
            *sum = sum.saturating_add(count.count);
        }
    }
    sums
}
