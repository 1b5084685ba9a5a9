//! `GET /v1/keys/{id}`

use crate::answer::tagged;
use crate::api::Answer;
use crate::app::App;
use crate::body::{Named, NoQuery};
use crate::caller::Caller;
use crate::wire::KeyWire;
use axum::extract::State;
use http::StatusCode;

/// Show a key
#[utoipa::path(get, path = "/v1/keys/{id}", tag = "keys", params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, body = KeyWire)))]
pub(crate) async fn get_key(
    State(app): State<App>,
    Caller(actor): Caller,
    Named(id): Named,
    _: NoQuery,
) -> Answer {
    let view = app.engine.get_key(&actor, &id).await?;
    Ok(tagged(StatusCode::OK, view.key.revision, &KeyWire::from(&view)))
}
