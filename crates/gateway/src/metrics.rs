//! What the gateway counts. All handles are made at the start: a request only adds to them.

use crate::StartFault;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The gateway's metrics.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// Connections that are open.
    pub(crate) connections: IntGauge,
    /// Connections closed at once, for want of a place.
    pub(crate) connections_shed: IntCounter,
    /// Answers by status class.
    pub(crate) answers: [IntCounter; 5],
    /// How long decisions take; one in [`SAMPLE`] is measured.
    pub(crate) decide: Histogram,
    /// From the forwarded request to the head of the upstream's answer.
    pub(crate) upstream: Histogram,
    /// Failed exchanges with upstreams, by fault.
    pub(crate) upstream_faults: IntCounterVec,
    /// Connections that were upgraded and are still open.
    pub(crate) tunnels: IntGauge,
}

/// A gauge that is one higher while this lives, however what it counts ends.
pub(crate) struct Raised<'a>(&'a IntGauge);

impl<'a> Raised<'a> {
    pub(crate) fn new(gauge: &'a IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// How exchanges with an upstream, and the bodies of its answers, can fail. All are there from the start, so that the first of a
/// kind is a rise.
const FAULTS: [&str; 8] = [
    "unreachable",
    "timeout",
    "bad_answer",
    "client_body",
    "client_body_timeout",
    "stalled",
    "broken_off",
    "malformed_body",
];

/// One decision in so many is timed, so that reading the clock costs nothing to speak of.
pub(crate) const SAMPLE: u64 = 64;

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, StartFault> {
        let answers = IntCounterVec::new(
            Opts::new(
                "keyward_gateway_answers_total",
                "Answers of the gateway, by class of status.",
            ),
            &["class"],
        );
        let faults = IntCounterVec::new(
            Opts::new(
                "keyward_upstream_faults_total",
                "Failed exchanges with upstreams, by fault.",
            ),
            &["fault"],
        );
        let decide = HistogramOpts::new(
            "keyward_decide_seconds",
            "Time of a decision, in seconds; one in 64 is measured.",
        )
        .buckets(vec![
            1e-7, 2e-7, 3e-7, 5e-7, 7.5e-7, 1e-6, 2e-6, 5e-6, 1e-5, 5e-5, 1e-3, 5e-3, 2e-2, 1e-1,
        ]);
        let upstream = HistogramOpts::new(
            "keyward_upstream_seconds",
            "Time from a forwarded request to the head of the upstream's answer, in seconds.",
        )
        .buckets(vec![
            0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
        ]);
        let gauge = |name: &str, help: &str| IntGauge::new(name, help);
        let made = (|| {
            let answers = answers?;
            registry.register(Box::new(answers.clone()))?;
            let metrics = Self {
                connections: gauge("keyward_connections", "Open connections of clients.")?,
                connections_shed: IntCounter::new(
                    "keyward_connections_shed_total",
                    "Connections closed at once because max_connections was reached, or for want of descriptors.",
                )?,
                answers: ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|class| answers.with_label_values(&[class])),
                decide: Histogram::with_opts(decide)?,
                upstream: Histogram::with_opts(upstream)?,
                upstream_faults: faults.inspect(|faults| {
                    for fault in FAULTS {
                        faults.with_label_values(&[fault]);
                    }
                })?,
                tunnels: gauge("keyward_tunnels", "Open upgraded connections (WebSocket).")?,
            };
            registry.register(Box::new(metrics.connections.clone()))?;
            registry.register(Box::new(metrics.connections_shed.clone()))?;
            registry.register(Box::new(metrics.decide.clone()))?;
            registry.register(Box::new(metrics.upstream.clone()))?;
            registry.register(Box::new(metrics.upstream_faults.clone()))?;
            registry.register(Box::new(metrics.tunnels.clone()))?;
            Ok(metrics)
        })();
        made.map_err(|error: prometheus::Error| StartFault(format!("metrics: {error}")))
    }

    /// The same numbers, with connections of the authz plane's own.
    pub(crate) fn for_authz(&self, registry: &Registry) -> Result<Self, StartFault> {
        let made = (|| {
            let metrics = Self {
                connections: IntGauge::new("keyward_authz_connections", "Open connections of proxies.")?,
                connections_shed: IntCounter::new(
                    "keyward_authz_connections_shed_total",
                    "Connections of proxies closed at once because authz.max_connections was reached, or for want of descriptors.",
                )?,
                ..self.clone()
            };
            registry.register(Box::new(metrics.connections.clone()))?;
            registry.register(Box::new(metrics.connections_shed.clone()))?;
            Ok(metrics)
        })();
        made.map_err(|error: prometheus::Error| StartFault(format!("metrics: {error}")))
    }

    pub(crate) fn count_answer(&self, status: http::StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.answers[class].inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_gauge_is_lowered_when_what_it_counts_panics_or_is_let_go() {
        let gauge = IntGauge::new("open", "Open.").unwrap();
        let count = |ends: bool| {
            let gauge = gauge.clone();
            async move {
                let _raised = Raised::new(&gauge);
                assert!(!ends, "of no matter");
                std::future::pending::<()>().await;
            }
        };
        assert!(tokio::spawn(count(true)).await.unwrap_err().is_panic());
        assert_eq!(gauge.get(), 0);
        let kept = tokio::spawn(count(false));
        tokio::task::yield_now().await;
        assert_eq!(gauge.get(), 1);
        kept.abort();
        assert!(kept.await.unwrap_err().is_cancelled());
        assert_eq!(gauge.get(), 0);
    }
}
