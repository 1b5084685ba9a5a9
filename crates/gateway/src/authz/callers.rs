//! Who may ask, and how often each dialect was answered how.

use super::dialect::Dialect;
use crate::StartFault;
use http::StatusCode;
use ipnet::IpNet;
use keyward_listener::is_trusted;
use prometheus::{IntCounter, IntCounterVec, Opts, Registry};
use std::net::IpAddr;

const CLASSES: [&str; 3] = ["2xx", "4xx", "5xx"];

/// The proxies whose word is taken.
pub(crate) struct Callers {
    proxies: Vec<IpNet>,
    /// By dialect, the last for what is in none; then by class of status.
    answers: Vec<[IntCounter; CLASSES.len()]>,
}

impl Callers {
    /// There must be at least one network: a plane that believed everybody would let everybody say who they are.
    pub(crate) fn new(proxies: Vec<IpNet>, registry: &Registry) -> Result<Self, StartFault> {
        if proxies.is_empty() {
            return Err(StartFault(
                "authz.proxies: there is none: name the addresses of the proxies that may ask".into(),
            ));
        }
        let help = "Answers to proxies, by dialect and by class of the status that the client gets.";
        let made = (|| {
            let opts = Opts::new("keyward_authz_answers_total", help);
            let counters = IntCounterVec::new(opts, &["dialect", "class"])?;
            registry.register(Box::new(counters.clone()))?;
            Ok(counters)
        })();
        let counters = made.map_err(|error: prometheus::Error| StartFault(format!("metrics: {error}")))?;
        let of = |dialect: &str| CLASSES.map(|class| counters.with_label_values(&[dialect, class]));
        let answers = Dialect::ALL.iter().map(|dialect| of(dialect.word()));
        Ok(Self {
            proxies,
            answers: answers.chain([of("none")]).collect(),
        })
    }

    /// Whether a peer is one of them.
    pub(crate) fn list(&self, peer: IpAddr) -> bool {
        is_trusted(peer, &self.proxies)
    }

    /// Counts an answer, by the status that the client is to get.
    pub(crate) fn count(&self, dialect: Option<Dialect>, status: StatusCode) {
        let row = dialect.map_or(self.answers.len() - 1, |dialect| dialect as usize);
        let class = match status.as_u16() {
            ..400 => 0,
            400..500 => 1,
            500.. => 2,
        };
        self.answers[row][class].inc();
    }
}
