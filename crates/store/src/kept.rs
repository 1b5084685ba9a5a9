//! How long what is pruned is kept.

use crate::Period;

/// Days for which counts are kept.
pub(crate) const KEPT: [(Period, i64); 3] = [(Period::Minute, 2), (Period::Hour, 62), (Period::Day, 800)];

/// Days after which a device is forgotten that nobody has signed in from.
pub(crate) const DEVICE_DAYS: i64 = 400;

/// Days after which a node is forgotten that has not been seen.
pub(crate) const NODE_DAYS: i64 = 1;

/// Days after which a node that has stored no usage is not expected to send an old batch again.
pub(crate) const FLUSH_DAYS: i64 = 60;
