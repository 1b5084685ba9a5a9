//! The life of a user: enable, disable, delete.

use crate::answer::tagged;
use crate::api::Answer;
use crate::app::App;
use crate::body::Target;
use crate::caller::Caller;
use crate::wire::UserWire;
use axum::extract::State;
use http::StatusCode;

/// Make a user valid
///
/// Admins only.
#[utoipa::path(post, path = "/v1/users/{id}/enable", tag = "users",
    params(("id" = String, Path, description = "The user's id or e-mail address"), ("If-Match" = Option<String>, Header, description = "The ETag that was seen: the change is made only if it is still that of the thing")),
    responses((status = 200, body = UserWire)))]
pub(crate) async fn enable_user(
    State(app): State<App>,
    Caller(actor): Caller,
    Target(id, seen): Target,
) -> Answer {
    let view = app.engine.enable_user(&actor, &id, seen).await?;
    Ok(tagged(StatusCode::OK, view.user.revision, &UserWire::from(&view)))
}

/// Make a user invalid
///
/// All their keys are refused from the answer on. Admins only.
#[utoipa::path(post, path = "/v1/users/{id}/disable", tag = "users",
    params(("id" = String, Path, description = "The user's id or e-mail address"), ("If-Match" = Option<String>, Header, description = "The ETag that was seen: the change is made only if it is still that of the thing")),
    responses((status = 200, body = UserWire)))]
pub(crate) async fn disable_user(
    State(app): State<App>,
    Caller(actor): Caller,
    Target(id, seen): Target,
) -> Answer {
    let view = app.engine.disable_user(&actor, &id, seen).await?;
    Ok(tagged(StatusCode::OK, view.user.revision, &UserWire::from(&view)))
}

/// Delete a user for good
///
/// All their keys are refused from the answer on. Admins only.
#[utoipa::path(delete, path = "/v1/users/{id}", tag = "users",
    params(("id" = String, Path, description = "The user's id or e-mail address"), ("If-Match" = Option<String>, Header, description = "The ETag that was seen: the change is made only if it is still that of the thing")),
    responses((status = 200, body = UserWire)))]
pub(crate) async fn delete_user(
    State(app): State<App>,
    Caller(actor): Caller,
    Target(id, seen): Target,
) -> Answer {
    let view = app.engine.delete_user(&actor, &id, seen).await?;
    Ok(tagged(StatusCode::OK, view.user.revision, &UserWire::from(&view)))
}
