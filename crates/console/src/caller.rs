//! Who calls: the one key of the request, judged before anything else of it is read.

use crate::app::App;
use crate::fault::{cannot_tell, denied, owner_inactive};
use crate::problem::Problem;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use keyward_domain::{KeyId, Quota};
use keyward_engine::{Actor, Decision, Engine, Granted, Who};
use keyward_tower::wire::{credential, rate_limit_headers};
use std::net::IpAddr;

/// Where a request comes from: the other end of the connection, or what a trusted proxy says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) Option<IpAddr>);

/// The key that spoke, for the access log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ActorKey(pub(crate) KeyId);

/// Somebody whose key was good: only the layer below makes one, so that a handler cannot do without it.
#[derive(Clone, Debug)]
pub(crate) struct Caller(pub(crate) Actor);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
                .with_cause("a route that needs a caller lies outside the layer that finds one")
        })
    }
}

/// Lets requests with a good management key pass, and tells what is left of its limit.
pub(crate) async fn require_caller(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let client = *request.extensions().get::<Client>().ok_or_else(|| {
        Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).with_cause("a request from nowhere")
    })?;
    let decision = app
        .engine
        .authenticate_management(credential(request.headers()), client.0.into())
        .await;
    let now = app.engine.limit_time();
    match decision {
        Decision::Unavailable => Err(cannot_tell()),
        Decision::Denied(refusal) => Ok(marked(
            denied(refusal, now).into_response(),
            refusal.key,
            refusal.quota,
        )),
        Decision::Granted(granted) => {
            let (key, quota) = (granted.key, granted.quota);
            let response = match find_caller(&app.engine, &granted, client).await {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                    next.run(request).await
                }
                Err(problem) => problem.into_response(),
            };
            Ok(marked(response, Some(key), quota))
        }
    }
}

async fn find_caller(engine: &Engine, granted: &Granted<'_>, client: Client) -> Result<Caller, Problem> {
    let owner = engine
        .get_user(&Actor::OPERATOR, &granted.owner.to_string())
        .await?;
    if !owner.user.is_valid() {
        return Err(owner_inactive(granted.key, engine.clock().now()));
    }
    Ok(Caller(Actor {
        who: Who::User {
            id: owner.user.id,
            role: owner.user.role,
            key: Some(granted.key),
        },
        address: client.0,
    }))
}

fn marked(mut response: Response, key: Option<KeyId>, quota: Option<Quota>) -> Response {
    if let Some(quota) = quota {
        rate_limit_headers(quota, response.headers_mut());
    }
    if let Some(key) = key {
        response.extensions_mut().insert(ActorKey(key));
    }
    response
}
