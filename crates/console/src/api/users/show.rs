//! `GET /v1/users/{id}`

use crate::answer::tagged;
use crate::api::Answer;
use crate::app::App;
use crate::body::{Named, NoQuery};
use crate::caller::Caller;
use crate::wire::UserWire;
use axum::extract::State;
use http::StatusCode;

/// Show a user
///
/// Members see themselves.
#[utoipa::path(get, path = "/v1/users/{id}", tag = "users", params(("id" = String, Path, description = "The user's id or e-mail address")),
    responses((status = 200, body = UserWire)))]
pub(crate) async fn get_user(
    State(app): State<App>,
    Caller(actor): Caller,
    Named(id): Named,
    _: NoQuery,
) -> Answer {
    let view = app.engine.get_user(&actor, &id).await?;
    Ok(tagged(StatusCode::OK, view.user.revision, &UserWire::from(&view)))
}
