//! `POST /v1/users`

use crate::answer::{created, tagged};
use crate::api::Answer;
use crate::app::App;
use crate::body::OnceBody;
use crate::caller::Caller;
use crate::fields::{Decode, Fields};
use crate::wire::{RoleWord, SitesChoice, UserWire};
use axum::extract::State;
use http::StatusCode;
use keyward_engine::{Created, RestrictionDraft, SITES, UserDraft};
use utoipa::ToSchema;

/// A user to be made.
#[derive(ToSchema)]
#[schema(example = json!({ "email": "ada@example.com", "name": "Ada", "role": "member", "sites": { "only": ["123"] } }))]
pub(crate) struct NewUser {
    /// E-mail address.
    #[schema(format = Email, min_length = 3, max_length = 254)]
    email: String,
    /// Name: 1 to 64 characters; absent is the e-mail address up to the `@`.
    #[schema(min_length = 1, max_length = 64)]
    name: Option<String>,
    /// `admin` or `member` (if absent).
    #[schema(value_type = Option<RoleWord>)]
    role: Option<String>,
    /// Sites that the user's keys reach at most; absent is every site.
    #[schema(value_type = Option<SitesChoice>)]
    sites: Option<RestrictionDraft>,
}

impl Decode for NewUser {
    fn decode(fields: &mut Fields) -> Self {
        Self {
            email: fields.required_text("email"),
            name: fields.text("name"),
            role: fields.text("role"),
            sites: fields.choice(&SITES),
        }
    }
}

impl From<NewUser> for UserDraft {
    fn from(user: NewUser) -> Self {
        Self {
            email: user.email,
            name: user.name,
            role: user.role,
            sites: user.sites.unwrap_or_default(),
            misread: Vec::new(),
        }
    }
}

/// Make a user
///
/// Admins only.
#[utoipa::path(post, path = "/v1/users", tag = "users", request_body = NewUser,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters of your choice: a repetition within 24 hours makes nothing")),
    responses((status = 201, body = UserWire), (status = 200, body = UserWire, description = "A repetition")))]
pub(crate) async fn create_user(
    State(app): State<App>,
    Caller(actor): Caller,
    OnceBody(user, once): OnceBody<NewUser>,
) -> Answer {
    let (draft, report) = user.into_draft::<UserDraft>();
    let made = app.engine.create_user(&actor, &draft, once.as_ref()).await;
    let made = made.map_err(|error| report.problem(error))?;
    let (view, replayed, status) = match made {
        Created::New(view) => (view, false, StatusCode::CREATED),
        Created::Replay(view) => (view, true, StatusCode::OK),
    };
    let location = format!("/v1/users/{}", view.user.id);
    let response = tagged(status, view.user.revision, &UserWire::from(&view));
    Ok(created(response, replayed, &location))
}
