//! What the console counts: its answers, those of the management API, and how long changes take.

use axum::extract::MatchedPath;
use http::{Method, StatusCode};
use prometheus::core::Collector;
use prometheus::{Error, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};
use std::time::Duration;

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
const OUTCOMES: [&str; 3] = ["done", "refused", "failed"];
/// What is asked by POST and changes no key, user or site: a question, sessions, and how a page looks.
const NO_CHANGES: [&str; 4] = ["/v1/verify", "/sign-", "/preferences", "/account/preferences"];
/// What takes as long as its file is large.
const IMPORT: &str = "/v1/keys/import";

/// The handles of all of it, made at the start.
#[derive(Clone)]
pub(crate) struct Metrics {
    families: [IntCounterVec; 3],
    seconds: HistogramVec,
    management: [IntCounter; 5],
    pages: [IntCounter; 5],
    imports: [IntCounter; 3],
    changes: [Histogram; 3],
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, Error> {
        let counter = |name, help, label| IntCounterVec::new(Opts::new(name, help), &[label]);
        let management = counter(
            "keyward_management_answers_total",
            "Answers of the management API, by class of status.",
            "class",
        )?;
        let pages = counter(
            "keyward_console_answers_total",
            "Answers of the console's pages, by class of status.",
            "class",
        )?;
        let imports = counter(
            "keyward_imports_total",
            "Imports by the management API, by outcome.",
            "outcome",
        )?;
        let seconds = HistogramOpts::new(
            "keyward_change_seconds",
            "Time of a change by the management API or the console to its answer, in seconds, by outcome; imports are left out.",
        );
        let seconds = seconds.buckets(vec![
            0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
        ]);
        let seconds = HistogramVec::new(seconds, &["outcome"])?;
        Ok(Self {
            management: CLASSES.map(|class| management.with_label_values(&[class])),
            pages: CLASSES.map(|class| pages.with_label_values(&[class])),
            imports: OUTCOMES.map(|outcome| imports.with_label_values(&[outcome])),
            changes: OUTCOMES.map(|outcome| seconds.with_label_values(&[outcome])),
            families: [management, pages, imports],
            seconds,
        })
    }

    pub(crate) fn register(&self, registry: &Registry) -> Result<(), Error> {
        for family in &self.families {
            registry.register(Box::new(family.clone()) as Box<dyn Collector>)?;
        }
        registry.register(Box::new(self.seconds.clone()))
    }

    /// Counts an answer. `route` is that of the request, when there is one.
    pub(crate) fn count(
        &self,
        route: Option<&MatchedPath>,
        asked: &Asked,
        status: StatusCode,
        took: Duration,
    ) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        let answers = match asked.is_management {
            true => &self.management,
            false => &self.pages,
        };
        answers[class].inc();
        let outcome = class.saturating_sub(2);
        match route.map(MatchedPath::as_str) {
            None => {}
            Some(_) if !asked.may_change => {}
            Some(IMPORT) => self.imports[outcome].inc(),
            Some(route) if NO_CHANGES.iter().any(|other| route.starts_with(other)) => {}
            Some(_) => self.changes[outcome].observe(took.as_secs_f64()),
        }
    }
}

/// What is counted of a request.
pub(crate) struct Asked {
    /// Whether it is for the management API.
    pub(crate) is_management: bool,
    may_change: bool,
}

impl Asked {
    pub(crate) fn new(method: &Method, path: &str) -> Self {
        Self {
            is_management: path.starts_with("/v1"),
            may_change: !method.is_safe(),
        }
    }
}
