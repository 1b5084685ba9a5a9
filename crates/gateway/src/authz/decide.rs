//! The decision about a request that a proxy tells of: the gateway's own.

use super::dialect::Original;
use crate::access_log::{Place, method_word};
use crate::answer::{Answer, AnswerBody};
use crate::cors;
use crate::judge::{Judge, Way};
use crate::judged::Pass;
use crate::outcome::{Outcome, known};
use crate::request_id::RequestId;
use crate::rules::Compiled;
use crate::shared::Shared;
use http::header::{CONNECTION, HeaderName, ORIGIN, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use keyward_domain::{ClientAddress, KeyId};
use keyward_tower::wire::{rate_limit_headers, rate_limit_headers_ietf};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// No origin is longer; one that is gets no permission, so that answers stay small.
const MOST_ORIGIN_BYTES: usize = 512;

/// What decides, for one request.
pub(super) struct Decider {
    pub(super) shared: Arc<Shared>,
    pub(super) rules: Arc<Compiled>,
    pub(super) id: RequestId,
}

/// What was decided, and what the log is told of it.
pub(super) struct Decision {
    /// Why it may pass; none when it must not.
    pub(super) pass: Option<Pass>,
    /// The status that the client is to get; 200 for a pass.
    pub(super) status: StatusCode,
    /// The true answer, until it is spoken in a dialect. That to a pass says who is calling.
    pub(super) answer: Answer,
    pub(super) method: &'static str,
    pub(super) place: Place,
    pub(super) client: Option<IpAddr>,
    pub(super) key: Option<KeyId>,
    pub(super) code: &'static str,
}

impl Decider {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            rules: shared.rules.load_full(),
            id: RequestId::next(),
        }
    }

    /// Judges a request as if it had come to the gateway.
    pub(super) async fn decide(&self, original: &Original) -> Decision {
        let judge = Judge {
            engine: &self.shared.engine,
            rules: &self.rules,
            metrics: &self.shared.metrics,
            peer: &original.peer,
            id: self.id,
            most_fields: self.shared.most_fields(),
            place: self.shared.settings.access_log.then(Mutex::default),
            has_pages: false,
        };
        let ruled = judge.rule(&original.parts).await;
        let mut decision = match ruled {
            Err(outcome) => Decision::refused(*outcome),
            Ok(ruling) => match ruling.way {
                Way::On(pass, ..) => self.passed(pass, ruling.told.client),
                // There are none on this plane; were one added, it would be no reason to pass.
                Way::OwnKey | Way::Swagger(_) => {
                    Decision::refused(Outcome::new("no_route", crate::answer::no_route(self.id)))
                }
            },
        };
        decision.method = method_word(&original.parts.method);
        decision.client = decision.client.or(Some(original.peer.address));
        let place = judge.place.and_then(|place| place.into_inner().ok());
        decision.place = place.unwrap_or_default();
        let origin = original.parts.headers.get(ORIGIN);
        let origin = origin.filter(|origin| origin.len() <= MOST_ORIGIN_BYTES);
        cors::allow(&self.rules, origin, decision.answer.headers_mut());
        decision
    }

    fn passed(&self, pass: Pass, client: ClientAddress) -> Decision {
        let mut answer = Response::new(AnswerBody::own(""));
        *answer.headers_mut() = HeaderMap::with_capacity(16);
        let headers = answer.headers_mut();
        pass.each_field(self.id, |name, value| {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        });
        let (key, code) = match &pass {
            Pass::Key(identity) => {
                headers.insert(VARY, HeaderValue::from_static("X-API-KEY"));
                if let Some(quota) = identity.quota {
                    rate_limit_headers(quota, headers);
                    if self.rules.ietf_rate_limit_headers {
                        rate_limit_headers_ietf(quota, self.shared.engine.limit_time(), headers);
                    }
                }
                (Some(identity.key), "granted")
            }
            Pass::Public => (None, "public"),
            Pass::Preflight => (None, "preflight"),
        };
        Decision {
            pass: Some(pass),
            client: known(client),
            ..Decision::of(answer, code, key)
        }
    }
}

impl Decision {
    fn of(answer: Answer, code: &'static str, key: Option<KeyId>) -> Self {
        Self {
            pass: None,
            status: answer.status(),
            answer,
            method: "(none)",
            place: Place::default(),
            client: None,
            key,
            code,
        }
    }

    /// There is nothing to decide about: this is the answer to whoever asks.
    pub(super) fn not_taken(code: &'static str, answer: Answer) -> (Self, Answer) {
        let status = answer.status();
        let decision = Self {
            status,
            ..Self::of(Response::new(AnswerBody::own("")), code, None)
        };
        (decision, answer)
    }

    /// A call that could not be read.
    #[cfg(feature = "ext-authz")]
    pub(super) fn unread(status: StatusCode) -> Self {
        Self {
            status,
            ..Self::of(Response::new(AnswerBody::own("")), "malformed", None)
        }
    }

    /// It must not pass. That an answer of the gateway's ends its connection is nothing to a proxy's.
    pub(super) fn refused(outcome: Outcome) -> Self {
        let mut answer = outcome.answer;
        answer.headers_mut().remove(CONNECTION);
        Self {
            client: outcome.client,
            ..Self::of(answer, outcome.code, outcome.key)
        }
    }
}
