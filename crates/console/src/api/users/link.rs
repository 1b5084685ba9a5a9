//! `POST /v1/users/{id}/link`

use crate::answer::answer;
use crate::api::Answer;
use crate::app::App;
use crate::body::Target;
use crate::caller::Caller;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// A link by which a user chooses a password for the console.
#[derive(Serialize, ToSchema)]
#[schema(as = Link)]
pub(crate) struct LinkWire {
    /// Its path on this host; displayed ONLY ONCE.
    path: String,
    /// First instant at which it is worth nothing.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Make a one-time link
///
/// Whoever opens it chooses the user's password for the console: once, within 24 hours. Earlier links of the user are worth
/// nothing from then on. Admins only.
#[utoipa::path(post, path = "/v1/users/{id}/link", tag = "users",
    params(("id" = String, Path, description = "The user's id or e-mail address"), ("If-Match" = Option<String>, Header, description = "The ETag that was seen: the link is made only if it is still that of the user")),
    responses((status = 201, body = LinkWire)))]
pub(crate) async fn create_user_link(
    State(app): State<App>,
    Caller(actor): Caller,
    Target(id, seen): Target,
) -> Answer {
    let (token, until) = app.engine.issue_reset_link(&actor, &id, seen).await?;
    let body = LinkWire {
        path: format!("/link/{}", token.reveal()),
        expires_at: until.to_string(),
    };
    Ok(answer(StatusCode::CREATED, &body))
}
