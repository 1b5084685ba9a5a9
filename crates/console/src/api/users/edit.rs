//! `PATCH /v1/users/{id}`

use crate::answer::tagged;
use crate::api::Answer;
use crate::app::App;
use crate::body::{Body, Target};
use crate::caller::Caller;
use crate::fields::{Decode, Fields};
use crate::wire::{RoleWord, SitesChoice, UserWire};
use axum::extract::State;
use http::StatusCode;
use keyward_engine::{RestrictionDraft, SITES, UserEdit};
use utoipa::ToSchema;

/// A change of a user; absent fields stay as they are.
#[derive(ToSchema)]
#[schema(example = json!({ "role": "admin", "sites": { "any": true } }))]
pub(crate) struct UserChange {
    /// Name: 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    name: Option<String>,
    /// `admin` or `member`.
    #[schema(value_type = Option<RoleWord>)]
    role: Option<String>,
    /// Sites that the user's keys reach at most.
    #[schema(value_type = Option<SitesChoice>)]
    sites: Option<RestrictionDraft>,
}

impl Decode for UserChange {
    const IMMUTABLE: &[&str] = &["id", "email", "created_at", "deleted_at", "status", "revision"];

    fn decode(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name"),
            role: fields.text("role"),
            sites: fields.choice(&SITES),
        }
    }
}

impl From<UserChange> for UserEdit {
    fn from(change: UserChange) -> Self {
        Self {
            name: change.name,
            role: change.role,
            sites: change.sites,
            misread: Vec::new(),
        }
    }
}

/// Edit a user
///
/// Admins only.
#[utoipa::path(patch, path = "/v1/users/{id}", tag = "users", request_body = UserChange,
    params(("id" = String, Path, description = "The user's id or e-mail address"), ("If-Match" = Option<String>, Header, description = "The ETag that was seen: the change is made only if it is still that of the thing")),
    responses((status = 200, body = UserWire)))]
pub(crate) async fn update_user(
    State(app): State<App>,
    Caller(actor): Caller,
    Target(id, seen): Target,
    Body(change): Body<UserChange>,
) -> Answer {
    let (edit, report) = change.into_draft::<UserEdit>();
    let view = app.engine.edit_user(&actor, &id, &edit, seen).await;
    let view = view.map_err(|error| report.problem(error))?;
    Ok(tagged(StatusCode::OK, view.user.revision, &UserWire::from(&view)))
}
