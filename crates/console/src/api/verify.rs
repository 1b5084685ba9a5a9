//! `POST /v1/verify`

use crate::answer::answer;
use crate::api::Answer;
use crate::app::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::fault::cannot_tell;
use crate::fields::{Decode, Fields};
use crate::problem::Problem;
use crate::wire::{ExpiryChoice, LimitChoice};
use axum::extract::State;
use http::StatusCode;
use keyward_domain::{ClientAddress, Presented, Reason, SiteName, StrictPath, Timestamp};
use keyward_engine::{Asked, Counting, Decision, Denied, EngineError, ExpiryDraft, LimitDraft};
use keyward_tower::wire::retry_after;
use serde::Serialize;
use std::net::IpAddr;
use utoipa::ToSchema;

/// A request to be decided about.
#[derive(ToSchema)]
#[schema(example = json!({
    "secret": "abcdef123456", "site": "123", "address": "192.0.2.7", "method": "GET", "path": "/api/123/resource",
    "count": true
}))]
pub(crate) struct VerifyRequest {
    /// What the client sent in `X-API-KEY`.
    #[schema(max_length = 1_048_576)]
    secret: String,
    /// The site that the request names; absent is none.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    site: Option<SiteName>,
    /// The client's address; absent is unknown, which satisfies no restriction.
    #[schema(value_type = Option<String>, min_length = 2, max_length = 45, pattern = "^[0-9A-Fa-f:.]+$")]
    address: Option<IpAddr>,
    /// The method; absent is `GET`.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64, pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
    method: Option<http::Method>,
    /// The path, without its query, byte for byte as it was sent.
    #[schema(min_length = 1, max_length = 1_048_576, pattern = "^/")]
    path: String,
    /// Whether the request counts (the default).
    count: Option<bool>,
}

impl Decode for VerifyRequest {
    fn decode(fields: &mut Fields) -> Self {
        Self {
            secret: fields.required_text("secret"),
            site: fields.parsed("site", SiteName::new),
            address: fields.parsed("address", |address| {
                str::parse::<IpAddr>(address)
                    .map_err(|_| "must be an IP address such as 192.0.2.7 or 2001:db8::7")
            }),
            method: fields.parsed("method", |method| {
                str::parse::<http::Method>(method).map_err(|_| "must be an HTTP method such as GET")
            }),
            // Where an encoded slash may stand is a matter of routes, of which this knows nothing.
            path: fields
                .required_parsed("path", |path| {
                    StrictPath::parse_with_encoded_slashes(path.as_bytes()).map(|_| path.to_owned())
                })
                .unwrap_or_default(),
            count: fields.bool("count"),
        }
    }
}

/// A decision.
#[derive(Serialize, ToSchema, Default)]
#[schema(as = Decision)]
pub(crate) struct DecisionWire {
    /// Whether the request may pass.
    granted: bool,
    /// Why it may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// The status to answer with: 200, 401, 403 or 429.
    status: u16,
    /// The key, when the whole secret of one was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    key_id: Option<String>,
    /// Its owner, when granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    owner_id: Option<String>,
    /// The site that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    /// What the key is for, when granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    use_case: Option<String>,
    /// Requests a minute, when granted; when refused, if the key has a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<LimitChoice>)]
    limit: Option<LimitDraft>,
    /// Requests left in this minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<u32>,
    /// Unix seconds at which the minute ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    reset: Option<i64>,
    /// Seconds to wait, when the limit is used up: what `Retry-After` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<i64>,
    /// A short title of the refusal, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'static str>,
    /// What happened and the way out, for the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
    /// The revision that was in force when this was decided, or an older one. Whoever keeps an answer must not use it when
    /// `watchChanges` has told of a newer one.
    revision: u64,
    /// When it was decided, by this node's clock.
    #[schema(format = DateTime)]
    decided_at: String,
    /// From when on the key is refused, when granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ExpiryChoice>)]
    expires_at: Option<ExpiryDraft>,
}

/// Decide about a request of somebody else's
///
/// For callers that are not proxies. Admins only. The key is judged: its state, its site, address and use case, and its limit.
/// The gateway's routes, public paths and methods are not: `path` and `method` count for the key's use case alone, an encoded
/// slash may stand anywhere in the path, and `site` is not compared with the path, so the caller says which site it serves.
#[utoipa::path(post, path = "/v1/verify", tag = "verify", request_body = VerifyRequest,
    responses((status = 200, body = DecisionWire)))]
pub(crate) async fn verify_key(
    State(app): State<App>,
    Caller(actor): Caller,
    Body(request): Body<VerifyRequest>,
) -> Answer {
    if !actor.is_admin() {
        return Err(EngineError::Forbidden("only an administrator may verify keys").into());
    }
    let request = request.whole()?;
    let path = StrictPath::parse_with_encoded_slashes(request.path.as_bytes())
        .map_err(|fault| EngineError::field("path", fault.to_string()))?;
    let method = request.method.unwrap_or_default();
    let asked = Asked {
        site: request.site.as_ref().map(SiteName::as_str),
        client: request
            .address
            .map_or(ClientAddress::Unknown, ClientAddress::from),
        method: method.as_str(),
        path,
    };
    let counting = if request.count.unwrap_or(true) {
        Counting::Count
    } else {
        Counting::Peek
    };
    let presented = Presented::parse(request.secret.as_bytes());
    // Before the decision: what comes into force meanwhile may or may not be in it.
    let revision = app.engine.revision();
    let decided_at = app.engine.clock().now();
    let decision = app.engine.authenticate(presented, &asked, counting).await;
    let wire = decision_wire(&decision, app.engine.limit_time())?;
    let wire = DecisionWire {
        site: asked.site.map(str::to_owned),
        revision: revision.0,
        decided_at: decided_at.to_string(),
        ..wire
    };
    Ok(answer(StatusCode::OK, &wire))
}

fn decision_wire(decision: &Decision<'_>, now: Timestamp) -> Result<DecisionWire, Problem> {
    let (wire, quota) = match decision {
        Decision::Unavailable => return Err(cannot_tell()),
        Decision::Granted(granted) => (
            DecisionWire {
                granted: true,
                status: 200,
                key_id: Some(granted.key.to_string()),
                owner_id: Some(granted.owner.to_string()),
                use_case: Some(granted.use_case.name.to_string()),
                expires_at: Some(granted.expiry.at().into()),
                limit: Some(LimitDraft::Unlimited),
                ..DecisionWire::default()
            },
            granted.quota,
        ),
        Decision::Denied(denied) => (
            DecisionWire {
                reason: Some(denied.reason.code()),
                status: denied.reason.status(),
                title: Some(denied.reason.title()),
                detail: Some(denied.reason.detail()),
                retry_after: retry_after_of(denied, now),
                key_id: denied.key.map(|key| key.to_string()),
                ..DecisionWire::default()
            },
            denied.quota,
        ),
    };
    Ok(DecisionWire {
        limit: quota
            .map(|quota| LimitDraft::PerMinute(quota.limit.into()))
            .or(wire.limit),
        remaining: quota.map(|quota| quota.remaining),
        reset: quota.map(|quota| quota.reset),
        ..wire
    })
}

fn retry_after_of(denied: &Denied, now: Timestamp) -> Option<i64> {
    let quota = denied.quota.filter(|_| denied.reason == Reason::RateLimited);
    quota.map(|quota| retry_after(quota, now))
}
