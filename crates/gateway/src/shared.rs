//! What the workers of a gateway share.

use crate::Settings;
use crate::drain::Drain;
use crate::guard::Limits;
use crate::metrics::Metrics;
use crate::rules::Compiled;
use arc_swap::ArcSwap;
use keyward_engine::Engine;
use keyward_listener::{Slots, Tls};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::time::Instant;

/// What all workers share.
pub(crate) struct Shared {
    pub(crate) engine: Arc<Engine>,
    pub(crate) settings: Settings,
    pub(crate) rules: ArcSwap<Compiled>,
    pub(crate) tls: Option<Tls>,
    pub(crate) metrics: Metrics,
    pub(crate) drain: Drain,
    pub(crate) served: AtomicU64,
    pub(crate) slots: Slots,
    /// When what is still under way is cut off; set by the drain.
    pub(crate) deadline: ArcSwap<Option<Instant>>,
}

impl Shared {
    pub(crate) fn limits(&self) -> Limits {
        let timeouts = &self.settings.timeouts;
        Limits {
            head_bytes: self.settings.head_bytes,
            headers: self.settings.headers,
            head_time: timeouts.request_head,
            idle: timeouts.idle,
            write_stall: timeouts.write_stall,
        }
    }
}
