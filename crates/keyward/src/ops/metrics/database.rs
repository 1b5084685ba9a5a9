//! Numbers of the connections to a database server. Where there is none, they are not there.

use crate::exit::Failure;
use keyward_engine::Engine;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntGauge, IntGaugeVec, Opts};
use std::sync::{Arc, Mutex, PoisonError};

/// All of them.
pub(crate) struct DatabaseNumbers {
    engine: Arc<Engine>,
    /// One scrape at a time: counters are set back and raised to the store's count.
    scrape: Mutex<()>,
    open: IntGaugeVec,
    max: IntGauge,
    waits: IntCounter,
    timeouts: IntCounter,
}

impl DatabaseNumbers {
    pub(crate) fn new(engine: Arc<Engine>) -> Result<Self, Failure> {
        Self::build(engine).map_err(|error| Failure::failed(format!("metrics: {error}")))
    }

    fn build(engine: Arc<Engine>) -> Result<Self, prometheus::Error> {
        let open = Opts::new(
            "keyward_database_connections",
            "Open connections to the database, by what they do; the one that listens is left out.",
        );
        Ok(Self {
            engine,
            scrape: Mutex::new(()),
            open: IntGaugeVec::new(open, &["state"])?,
            max: IntGauge::new(
                "keyward_database_connections_max",
                "How many connections to the database there may be.",
            )?,
            waits: IntCounter::new(
                "keyward_database_connection_waits_total",
                "Times that somebody had to wait for a connection to the database.",
            )?,
            timeouts: IntCounter::new(
                "keyward_database_connection_timeouts_total",
                "Times that waiting for a connection to the database took too long.",
            )?,
        })
    }

    fn all(&self) -> [&dyn Collector; 4] {
        [&self.open, &self.max, &self.waits, &self.timeouts]
    }
}

impl Collector for DatabaseNumbers {
    fn desc(&self) -> Vec<&Desc> {
        self.all().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let _one_at_a_time = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(connections) = self.engine.store().connections() else {
            return Vec::new();
        };
        let gauge = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        for (state, number) in [("in_use", connections.in_use), ("idle", connections.idle)] {
            self.open.with_label_values(&[state]).set(gauge(number));
        }
        self.max.set(gauge(connections.max));
        for (counter, count) in [
            (&self.waits, connections.waits),
            (&self.timeouts, connections.timeouts),
        ] {
            counter.reset();
            counter.inc_by(count);
        }
        self.all().into_iter().flat_map(Collector::collect).collect()
    }
}
