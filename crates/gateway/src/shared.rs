//! What the workers of a port share.

use crate::Settings;
use crate::authz::Callers;
use crate::drain::Drain;
use crate::guard::{Limits, UnfinishedHeads};
use crate::metrics::Metrics;
use crate::rules::Compiled;
use arc_swap::ArcSwap;
use keyward_engine::Engine;
use keyward_listener::{Slots, Tls};
use std::sync::Arc;
use tokio::time::Instant;

/// What a port is for.
pub(crate) enum Plane {
    /// Requests are judged and forwarded.
    Gateway,
    /// Proxies ask what to do with theirs.
    Authz(Callers),
}

/// So many fields more are read of a proxy that asks: those of its dialect, and what it adds to the client's. A client that
/// sends too many is then refused by an answer that the proxy understands.
const ASKING_FIELDS: usize = 32;
/// So many of them may stay beside the client's own: nobody can tell them apart.
const ADDED_FIELDS: usize = 16;

impl Plane {
    /// What logs call it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Authz(_) => "authz",
        }
    }
}

/// What all workers share.
pub(crate) struct Shared {
    pub(crate) plane: Plane,
    pub(crate) engine: Arc<Engine>,
    pub(crate) settings: Settings,
    /// One for all planes: a reload changes it for all.
    pub(crate) rules: Arc<ArcSwap<Compiled>>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) metrics: Metrics,
    pub(crate) drain: Drain,
    pub(crate) slots: Slots,
    /// One for all planes.
    pub(crate) heads: Arc<UnfinishedHeads>,
    /// When what is still under way is cut off; set by the drain.
    pub(crate) deadline: ArcSwap<Option<Instant>>,
}

impl Shared {
    /// The most fields of a request that is judged.
    pub(crate) fn most_fields(&self) -> usize {
        match self.plane {
            Plane::Gateway => self.settings.headers,
            Plane::Authz(_) => self.settings.headers + ADDED_FIELDS,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        let timeouts = &self.settings.timeouts;
        Limits {
            head_bytes: self.settings.head_bytes,
            headers: self.settings.headers
                + match self.plane {
                    Plane::Gateway => 0,
                    Plane::Authz(_) => ASKING_FIELDS,
                },
            head_time: timeouts.request_head,
            idle: timeouts.idle,
            write_stall: timeouts.write_stall,
        }
    }
}
