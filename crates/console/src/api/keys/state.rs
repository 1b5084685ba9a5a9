//! The life of a key: enable, disable, delete, restore.

use crate::answer::tagged;
use crate::api::Answer;
use crate::app::App;
use crate::body::Target;
use crate::caller::Caller;
use crate::wire::KeyWire;
use axum::extract::State;
use http::StatusCode;

/// Switch a key on
///
/// It is accepted from the answer on.
#[utoipa::path(post, path = "/v1/keys/{id}/enable", tag = "keys",
    params(("id" = String, Path, description = "The key's id"), ("If-Match" = Option<String>, Header, description = "The ETag that was seen: the change is made only if it is still that of the thing")),
    responses((status = 200, body = KeyWire)))]
pub(crate) async fn enable_key(
    State(app): State<App>,
    Caller(actor): Caller,
    Target(id, seen): Target,
) -> Answer {
    let view = app.engine.enable_key(&actor, &id, seen).await?;
    Ok(tagged(StatusCode::OK, view.key.revision, &KeyWire::from(&view)))
}

/// Switch a key off
///
/// It is refused from the answer on.
#[utoipa::path(post, path = "/v1/keys/{id}/disable", tag = "keys",
    params(("id" = String, Path, description = "The key's id"), ("If-Match" = Option<String>, Header, description = "The ETag that was seen: the change is made only if it is still that of the thing")),
    responses((status = 200, body = KeyWire)))]
pub(crate) async fn disable_key(
    State(app): State<App>,
    Caller(actor): Caller,
    Target(id, seen): Target,
) -> Answer {
    let view = app.engine.disable_key(&actor, &id, seen).await?;
    Ok(tagged(StatusCode::OK, view.key.revision, &KeyWire::from(&view)))
}

/// Delete a key
///
/// From the answer on it is refused like one that never was; it can be restored for 30 days.
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "keys",
    params(("id" = String, Path, description = "The key's id"), ("If-Match" = Option<String>, Header, description = "The ETag that was seen: the change is made only if it is still that of the thing")),
    responses((status = 200, body = KeyWire)))]
pub(crate) async fn delete_key(
    State(app): State<App>,
    Caller(actor): Caller,
    Target(id, seen): Target,
) -> Answer {
    let view = app.engine.delete_key(&actor, &id, seen).await?;
    Ok(tagged(StatusCode::OK, view.key.revision, &KeyWire::from(&view)))
}

/// Restore a deleted key
///
/// Within 30 days, to the status before.
#[utoipa::path(post, path = "/v1/keys/{id}/restore", tag = "keys",
    params(("id" = String, Path, description = "The key's id"), ("If-Match" = Option<String>, Header, description = "The ETag that was seen: the change is made only if it is still that of the thing")),
    responses((status = 200, body = KeyWire)))]
pub(crate) async fn restore_key(
    State(app): State<App>,
    Caller(actor): Caller,
    Target(id, seen): Target,
) -> Answer {
    let view = app.engine.restore_key(&actor, &id, seen).await?;
    Ok(tagged(StatusCode::OK, view.key.revision, &KeyWire::from(&view)))
}
