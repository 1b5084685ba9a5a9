//! Numbers of the counters that nodes share. Without a Redis they stay at 0.

use keyward_engine::RedisStatus;
use prometheus::core::{Collector, GenericCounter};
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts};

/// All of them.
pub(super) struct RedisNumbers {
    up: IntGauge,
    nodes: IntGauge,
    calls: IntCounter,
    failures: IntCounter,
    without: IntCounterVec,
    lost: IntCounterVec,
}

impl RedisNumbers {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let without = Opts::new(
            "keyward_limiter_without_redis_total",
            "Requests whose limit was decided without Redis, by what holds then.",
        );
        let lost = Opts::new(
            "keyward_limiter_counters_lost_total",
            "Times that counters in Redis were found to have gone back: of one key, or of all.",
        );
        Ok(Self {
            up: IntGauge::new("keyward_limiter_redis_up", "1 while Redis counts.")?,
            nodes: IntGauge::new("keyward_limiter_nodes", "Nodes that count in the same Redis.")?,
            calls: IntCounter::new("keyward_limiter_calls_total", "Questions to Redis.")?,
            failures: IntCounter::new(
                "keyward_limiter_failures_total",
                "Times that Redis was found not to count.",
            )?,
            without: IntCounterVec::new(without, &["mode"])?,
            lost: IntCounterVec::new(lost, &["of"])?,
        })
    }

    pub(super) fn all(&self) -> [&dyn Collector; 6] {
        [
            &self.up,
            &self.nodes,
            &self.calls,
            &self.failures,
            &self.without,
            &self.lost,
        ]
    }

    pub(super) fn read(&self, status: &RedisStatus) {
        self.up.set(i64::from(status.up));
        self.nodes.set(i64::from(status.nodes));
        set(&self.calls, status.calls);
        set(&self.failures, status.failures);
        set(
            &self.without.with_label_values(&[status.on_failure.word()]),
            status.without,
        );
        set(&self.lost.with_label_values(&["key"]), status.lost_windows);
        set(&self.lost.with_label_values(&["all"]), status.lost_all);
    }
}

fn set(counter: &GenericCounter<prometheus::core::AtomicU64>, count: u64) {
    counter.reset();
    counter.inc_by(count);
}
