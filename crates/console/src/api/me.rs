//! `GET /v1/me`

use crate::answer::answer;
use crate::api::Answer;
use crate::app::App;
use crate::body::NoQuery;
use crate::caller::Caller;
use crate::wire::UserWire;
use axum::extract::State;
use http::StatusCode;
use keyward_engine::{EngineError, Who};
use serde::Serialize;
use utoipa::ToSchema;

/// Who calls.
#[derive(Serialize, ToSchema)]
#[schema(as = Me)]
pub(crate) struct MeWire {
    /// The user.
    user: UserWire,
    /// The management key that speaks for the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    key_id: Option<String>,
}

/// Show who calls
#[utoipa::path(get, path = "/v1/me", tag = "me", responses((status = 200, body = MeWire)))]
pub(crate) async fn get_me(State(app): State<App>, Caller(actor): Caller, _: NoQuery) -> Answer {
    let Who::User { id, key, .. } = actor.who else {
        return Err(EngineError::NotFound("user").into());
    };
    let view = app.engine.get_user(&actor, &id.to_string()).await?;
    let me = MeWire {
        user: UserWire::from(&view),
        key_id: key.map(|key| key.to_string()),
    };
    Ok(answer(StatusCode::OK, &me))
}
