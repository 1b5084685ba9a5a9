//! The key of a request, and what the engine says of it.

use super::{Judge, Refused, refuse};
use crate::answer;
use crate::judged::Identity;
use crate::metrics::SAMPLE;
use crate::outcome::Outcome;
use http::request::Parts;
use keyward_engine::{Asked, Counting, Decision};
use keyward_tower::wire::{Refusal, credential};
use std::cell::Cell;
use std::time::Instant;

impl Judge<'_> {
    pub(super) async fn authenticate(&self, parts: &Parts, asked: &Asked<'_>) -> Result<Identity, Refused> {
        let deciding = self
            .engine
            .authenticate(credential(&parts.headers), asked, Counting::Count);
        match self.timed(deciding).await {
            Decision::Granted(granted) => Ok(Identity {
                key: granted.key,
                owner: granted.owner,
                site: asked.site.map(str::to_owned),
                use_case: granted.use_case.name.to_string(),
                quota: granted.quota,
                strip_overrides: granted.use_case.routes.is_some(),
            }),
            Decision::Denied(denied) => {
                let now = self.engine.limit_time();
                let mut answer = answer::refusal(
                    Refusal::new(denied.reason, denied.quota),
                    &self.rules.challenge,
                    now,
                    self.id,
                );
                if let Some(quota) = denied.quota.filter(|_| self.rules.ietf_rate_limit_headers) {
                    keyward_tower::wire::rate_limit_headers_ietf(quota, now, answer.headers_mut());
                }
                Err(Box::new(Outcome {
                    answer,
                    code: denied.reason.code(),
                    key: denied.key,
                    client: None,
                }))
            }
            Decision::Unavailable => refuse("unavailable", answer::cannot_decide(self.id)),
        }
    }

    /// Measures one decision in [`SAMPLE`].
    async fn timed<T>(&self, deciding: impl Future<Output = T>) -> T {
        thread_local!(static COUNT: Cell<u64> = const { Cell::new(0) });
        let count = COUNT.replace(COUNT.get().wrapping_add(1));
        if !count.is_multiple_of(SAMPLE) {
            return deciding.await;
        }
        let began = Instant::now();
        let decision = deciding.await;
        self.metrics.decide.observe(began.elapsed().as_secs_f64());
        decision
    }
}
