//! `GET /keyward/self`: what a client may learn about its own key.

use crate::answer::{self, AnswerBody, X_REQUEST_ID};
use crate::outcome::Outcome;
use crate::request_id::RequestId;
use crate::rules::Compiled;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, Response};
use keyward_domain::{ClientAddress, Quota};
use keyward_engine::{Engine, ExpiryDraft, LimitDraft, OwnKey, RestrictionDraft};
use keyward_tower::wire::{Refusal, credential, rate_limit_headers, rate_limit_headers_ietf};
use serde_json::json;

/// Where it is asked.
pub(crate) const PATH: &str = "/keyward/self";

/// Tells the holder of a key about it; costs nothing of its limit.
pub(crate) async fn answer(
    engine: &Engine,
    rules: &Compiled,
    headers: &HeaderMap,
    client: ClientAddress,
    id: RequestId,
) -> Outcome {
    let tell_ietf = |quota: Option<Quota>, fields: &mut HeaderMap| {
        if let Some(quota) = quota.filter(|_| rules.ietf_rate_limit_headers) {
            rate_limit_headers_ietf(quota, engine.limit_time(), fields);
        }
    };
    match engine.describe_own_key(credential(headers), client).await {
        None => Outcome::new("unavailable", answer::cannot_decide(id)),
        Some(Err(denied)) => {
            let mut answer = answer::refusal(
                Refusal::new(denied.reason, denied.quota),
                &rules.challenge,
                engine.limit_time(),
                id,
            );
            tell_ietf(denied.quota, answer.headers_mut());
            Outcome {
                answer,
                code: denied.reason.code(),
                key: denied.key,
                client: None,
            }
        }
        Some(Ok(own)) => {
            let mut answer = Response::new(AnswerBody::own(describe(&own).to_string()));
            let fields = answer.headers_mut();
            fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            fields.insert(VARY, HeaderValue::from_static("X-API-KEY"));
            fields.insert(X_REQUEST_ID, id.header());
            if let Some(quota) = own.quota {
                rate_limit_headers(quota, fields);
            }
            tell_ietf(own.quota, fields);
            Outcome {
                answer,
                code: "own_key",
                key: Some(own.id),
                client: None,
            }
        }
    }
}

/// As the management API shows a key; what is left of a limit, when it has one and anybody knows.
fn describe(own: &OwnKey) -> serde_json::Value {
    let mut told = json!({
        "id": own.id.to_string(),
        "status": own.status,
        "use_case": own.use_case,
        "expires_at": ExpiryDraft::from(own.expires_at),
        "sites": RestrictionDraft::of_sites(own.sites.as_deref()),
        "limit": LimitDraft::from(own.limit),
    });
    if let Some(quota) = own.quota {
        told["remaining"] = quota.remaining.into();
        told["reset"] = quota.reset.into();
    }
    told
}
