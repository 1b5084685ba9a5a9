//! The engine's numbers for Prometheus, read when they are asked for. Labels are of fixed sets: reasons, the limiter's
//! mode. Who adds a number adds a field, its description, and its value in `collect`.

mod certificates;
mod database;
mod process;
mod redis;

use crate::exit::Failure;
use crate::logs;
pub(crate) use certificates::CertificateNumbers;
pub(super) use database::DatabaseNumbers;
use keyward_engine::{Engine, EngineStatus, Limiter};
pub(super) use process::{ProcessNumbers, build_info};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};
use redis::RedisNumbers;
use std::sync::{Arc, Mutex, PoisonError};

/// All of them.
pub(super) struct EngineNumbers {
    engine: Arc<Engine>,
    /// One scrape at a time: counters are set back and raised to the engine's count.
    scrape: Mutex<()>,
    decisions: IntCounterVec,
    revision: IntGauge,
    age: Gauge,
    stale: IntGauge,
    from_snapshot: IntGauge,
    listen: IntGauge,
    snapshot_revision: IntGauge,
    snapshot_age: Gauge,
    keys: IntGauge,
    limiter: IntGaugeVec,
    redis: RedisNumbers,
    went_back: IntCounter,
    usage_pending: IntGauge,
    usage_lost: IntCounter,
    last_done: IntGaugeVec,
    log_lines_dropped: IntCounter,
}

impl EngineNumbers {
    /// The numbers of an engine.
    pub(super) fn new(engine: Arc<Engine>) -> Result<Self, Failure> {
        Self::build(engine).map_err(|error| Failure::failed(format!("metrics: {error}")))
    }

    fn build(engine: Arc<Engine>) -> Result<Self, prometheus::Error> {
        let limiter = Opts::new(
            "keyward_limiter_mode",
            "How requests are counted: 1 at the mode in force.",
        );
        let decisions = Opts::new(
            "keyward_decisions_total",
            "Decisions since the start, by outcome.",
        );
        let last_done = Opts::new(
            "keyward_task_last_success_timestamp_seconds",
            "When a background task last had nothing left to do, or began, Unix seconds.",
        );
        Ok(Self {
            engine,
            scrape: Mutex::new(()),
            decisions: IntCounterVec::new(decisions, &["outcome"])?,
            revision: IntGauge::new("keyward_replica_revision", "Revision of the replica.")?,
            age: Gauge::new(
                "keyward_replica_age_seconds",
                "Time since the store confirmed the replica.",
            )?,
            stale: IntGauge::new("keyward_stale", "1 when the replica is older than allowed.")?,
            from_snapshot: IntGauge::new(
                "keyward_replica_from_snapshot",
                "1 while the replica comes from the snapshot on disk.",
            )?,
            listen: IntGauge::new(
                "keyward_listen_up",
                "1 while the database tells this node of changes at once.",
            )?,
            snapshot_revision: IntGauge::new(
                "keyward_snapshot_revision",
                "Revision of the snapshot on disk; 0 without one.",
            )?,
            snapshot_age: Gauge::new(
                "keyward_snapshot_age_seconds",
                "How old the snapshot on disk is; since the start when none was written yet.",
            )?,
            keys: IntGauge::new("keyward_keys", "Keys in memory.")?,
            limiter: IntGaugeVec::new(limiter, &["mode"])?,
            redis: RedisNumbers::new()?,
            went_back: IntCounter::new(
                "keyward_database_went_back_total",
                "Times that the database was found to hold another history than the one that was followed.",
            )?,
            usage_pending: IntGauge::new("keyward_usage_pending", "Usage counts that wait to be stored.")?,
            usage_lost: IntCounter::new("keyward_usage_lost_total", "Requests whose usage was dropped.")?,
            last_done: IntGaugeVec::new(last_done, &["task"])?,
            log_lines_dropped: IntCounter::new(
                "keyward_log_lines_dropped_total",
                "Lines of the log that were lost: nobody read those before them, or they could not be written.",
            )?,
        })
    }

    fn all(&self) -> Vec<&dyn Collector> {
        let mut all: Vec<&dyn Collector> = vec![
            &self.decisions,
            &self.revision,
            &self.age,
            &self.stale,
            &self.from_snapshot,
            &self.snapshot_revision,
            &self.snapshot_age,
            &self.keys,
            &self.limiter,
            &self.went_back,
            &self.usage_pending,
            &self.usage_lost,
            &self.last_done,
            &self.log_lines_dropped,
        ];
        // Nothing is listened to where each process looks for itself.
        if self.engine.store().is_listening().is_some() {
            all.push(&self.listen);
        }
        all.extend(self.redis.all());
        all
    }

    fn read(&self, status: &EngineStatus) {
        let outcomes = status
            .denied
            .iter()
            .map(|(reason, count)| (reason.code(), *count));
        for (outcome, count) in outcomes.chain([("granted", status.granted)]) {
            let counter = self.decisions.with_label_values(&[outcome]);
            counter.reset();
            counter.inc_by(count);
        }
        self.revision.set(gauge(status.revision.0));
        self.age.set(status.age.as_secs_f64());
        self.stale.set(i64::from(status.stale));
        self.from_snapshot.set(i64::from(status.from_snapshot));
        let is_listening = self.engine.store().is_listening() == Some(true);
        self.listen.set(i64::from(is_listening));
        let revision = status.snapshot.map_or(0, |snapshot| snapshot.revision.0);
        self.snapshot_revision.set(gauge(revision));
        let age = status.snapshot_age.unwrap_or_default();
        self.snapshot_age.set(age.as_secs_f64());
        self.keys.set(gauge(status.keys));
        for mode in Limiter::MODES {
            let is_in_force = i64::from(mode == status.limiter.mode);
            self.limiter.with_label_values(&[mode]).set(is_in_force);
        }
        if let Some(redis) = &status.limiter.redis {
            self.redis.read(redis);
        }
        self.went_back.reset();
        self.went_back.inc_by(status.went_back);
        self.usage_pending.set(gauge(status.usage_pending));
        self.usage_lost.reset();
        self.usage_lost.inc_by(status.usage_lost);
        for (job, at) in &status.last_done {
            self.last_done.with_label_values(&[job.name()]).set(at.seconds());
        }
        self.log_lines_dropped.reset();
        self.log_lines_dropped.inc_by(logs::dropped());
    }
}

impl Collector for EngineNumbers {
    fn desc(&self) -> Vec<&Desc> {
        self.all().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let _one_at_a_time = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        self.read(&self.engine.status());
        self.all().into_iter().flat_map(Collector::collect).collect()
    }
}

fn gauge<T: TryInto<i64>>(number: T) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
