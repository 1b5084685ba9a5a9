//! Uses of keys: what is collected, and what is kept of it.

use crate::FlushId;
use keyward_domain::{KeyId, Reason, Timestamp};
use std::net::IpAddr;

/// Uses of keys, collected off the hot path.
#[derive(Clone, Debug, Default)]
pub struct UsageBatch {
    /// Its name, when it may be sent again because nobody knows whether it was stored.
    pub flush: Option<FlushId>,
    /// Counts.
    pub counts: Vec<UsageCount>,
    /// Last uses.
    pub last_used: Vec<LastUsed>,
    /// Addresses that keys were granted from.
    pub addresses: Vec<RecentAddress>,
}

/// How many addresses of a key are kept.
pub const RECENT_ADDRESSES: usize = 10;

/// An address that a key was granted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentAddress {
    /// The key.
    pub key: KeyId,
    /// The address.
    pub address: IpAddr,
    /// When it was last granted from there.
    pub at: Timestamp,
}

/// How often a key met one outcome in one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageCount {
    /// The key.
    pub key: KeyId,
    /// The start of the minute.
    pub minute: Timestamp,
    /// Granted (`None`) or the reason of the refusal.
    pub refused: Option<Reason>,
    /// How often.
    pub count: u64,
}

/// When and from where a key was last granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastUsed {
    /// The key.
    pub key: KeyId,
    /// When.
    pub at: Timestamp,
    /// From where, when known.
    pub address: Option<IpAddr>,
}

/// The width of a usage bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// 24 hours, from midnight UTC.
    Day,
}

impl Period {
    /// Width in milliseconds.
    pub const fn millis(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    /// The start of the bucket that an instant lies in.
    pub const fn start_of(self, at: Timestamp) -> Timestamp {
        let width = self.millis();
        Timestamp::from_millis(at.millis().div_euclid(width).saturating_mul(width))
    }
}

/// The uses of a key in one bucket, of one outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageBucket {
    /// Start of the bucket.
    pub start: Timestamp,
    /// Granted (`None`) or the reason of the refusals.
    pub refused: Option<Reason>,
    /// How often.
    pub count: u64,
}
