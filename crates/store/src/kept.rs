//! How long what is pruned is kept.

use keyward_domain::Timestamp;

/// Days after which a node is forgotten that has not been seen.
const NODE_DAYS: i64 = 1;

/// Days after which a device is forgotten that nobody has signed in from.
const DEVICE_DAYS: i64 = 400;

/// Days after which a node that has stored no usage is not expected to send an old batch again.
const FLUSH_DAYS: i64 = 60;

/// Rows of each kind that one transaction drops: few enough that no change waits long for it, however many have gathered.
pub(crate) const ROWS: i64 = 20_000;

/// Rows that have outlived their use.
pub(crate) struct Outlived {
    /// Where they are.
    pub(crate) table: &'static str,
    /// The columns of its primary key.
    pub(crate) id: &'static str,
    /// What is true of them, up to the instant of [`Outlived::before`] in Unix milliseconds.
    pub(crate) when: &'static str,
    days: i64,
}

impl Outlived {
    /// The instant that ends [`Outlived::when`].
    pub(crate) fn before(&self, now: Timestamp) -> Timestamp {
        now.plus_days(-self.days)
    }
}

const fn outlived(table: &'static str, id: &'static str, when: &'static str, days: i64) -> Outlived {
    Outlived {
        table,
        id,
        when,
        days,
    }
}

/// All that is pruned.
pub(crate) const OUTLIVED: [Outlived; 11] = [
    outlived("usage", USAGE, "period = 60000 AND start <", 2),
    outlived("usage", USAGE, "period = 3600000 AND start <", 62),
    outlived("usage", USAGE, "period = 86400000 AND start <", 800),
    outlived("idempotency", "actor, token", "at <", 1),
    outlived("setup_token", "one", "expires_at <=", 0),
    outlived("sessions", "id", "ends_at <=", 0),
    outlived("links", "hash", "expires_at <=", 0),
    outlived("pending_sign_ins", "hash", "expires_at <=", 0),
    outlived("devices", "hash", "seen_at <", DEVICE_DAYS),
    outlived("nodes", "id", "seen_at <", NODE_DAYS),
    outlived("usage_flushes", "node", "at <", FLUSH_DAYS),
];

const USAGE: &str = "key_id, period, start, outcome";
