//! `POST /v1/verify`

use crate::answer::answer;
use crate::api::Answer;
use crate::app::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::fault::cannot_tell;
use crate::fields::{Decode, Fields};
use crate::problem::Problem;
use axum::extract::State;
use http::StatusCode;
use keyward_domain::{ClientAddress, Presented, SiteName, StrictPath};
use keyward_engine::{Asked, Counting, Decision, EngineError};
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
    secret: String,
    /// The site that the request names; absent is none.
    #[schema(value_type = Option<String>)]
    site: Option<SiteName>,
    /// The client's address; absent is unknown, which satisfies no restriction.
    #[schema(value_type = Option<String>)]
    address: Option<IpAddr>,
    /// The method; absent is `GET`.
    #[schema(value_type = Option<String>)]
    method: Option<http::Method>,
    /// The path, without its query, byte for byte as it was sent.
    path: String,
    /// Whether the request counts (the default).
    #[schema(nullable = false)]
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
            path: fields.required_text("path"),
            count: fields.edited_bool("count"),
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
    #[schema(required)]
    reason: Option<&'static str>,
    /// The status to answer with: 200, 401, 403 or 429.
    status: u16,
    /// The key, when the whole secret of one was sent.
    #[schema(required, format = "uuid")]
    key_id: Option<String>,
    /// Its owner, when granted.
    #[schema(required, format = "uuid")]
    owner_id: Option<String>,
    /// The site that was asked for.
    #[schema(required)]
    site: Option<String>,
    /// What the key is for, when granted.
    #[schema(required)]
    use_case: Option<String>,
    /// Requests a minute, when the key has a limit.
    #[schema(required)]
    limit: Option<u32>,
    /// Requests left in this minute.
    #[schema(required)]
    remaining: Option<u32>,
    /// Unix seconds at which the minute ends.
    #[schema(required)]
    reset: Option<i64>,
}

/// Decide about a request of somebody else's
///
/// For callers that are not proxies. Admins only.
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
    let path = StrictPath::parse(request.path.as_bytes())
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
    let decision = app.engine.authenticate(presented, &asked, counting);
    Ok(answer(StatusCode::OK, &decision_wire(&decision, asked.site)?))
}

fn decision_wire(decision: &Decision<'_>, site: Option<&str>) -> Result<DecisionWire, Problem> {
    let (wire, quota) = match decision {
        Decision::Unavailable => return Err(cannot_tell()),
        Decision::Granted(granted) => (
            DecisionWire {
                granted: true,
                status: 200,
                key_id: Some(granted.key.to_string()),
                owner_id: Some(granted.owner.to_string()),
                use_case: Some(granted.use_case.name.to_string()),
                ..DecisionWire::default()
            },
            granted.quota,
        ),
        Decision::Denied(denied) => (
            DecisionWire {
                reason: Some(denied.reason.code()),
                status: denied.reason.status(),
                key_id: denied.key.map(|key| key.to_string()),
                ..DecisionWire::default()
            },
            denied.quota,
        ),
    };
    Ok(DecisionWire {
        site: site.map(str::to_owned),
        limit: quota.map(|quota| quota.limit),
        remaining: quota.map(|quota| quota.remaining),
        reset: quota.map(|quota| quota.reset),
        ..wire
    })
}
