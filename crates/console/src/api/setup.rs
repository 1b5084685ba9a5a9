//! `POST /v1/setup`

use crate::answer::{answer, created};
use crate::api::Answer;
use crate::app::App;
use crate::body::Body;
use crate::caller::Client;
use crate::fields::{Decode, Fields};
use crate::wire::{CreatedKeyWire, KeyWire, UserWire};
use axum::Extension;
use axum::extract::State;
use http::StatusCode;
use keyward_engine::SetupDraft;
use serde::Serialize;
use utoipa::ToSchema;

/// The first administrator to be made.
#[derive(ToSchema)]
#[schema(example = json!({ "token": "setup_…", "email": "ada@example.com", "name": "Ada" }))]
pub(crate) struct NewAdministrator {
    /// The one-time set-up token.
    #[schema(max_length = 256)]
    token: String,
    /// E-mail address.
    #[schema(format = Email, min_length = 3, max_length = 254)]
    email: String,
    /// Name: 1 to 64 characters; absent is the e-mail address up to the `@`.
    #[schema(min_length = 1, max_length = 64)]
    name: Option<String>,
}

impl Decode for NewAdministrator {
    fn decode(fields: &mut Fields) -> Self {
        Self {
            token: fields.required_text("token"),
            email: fields.required_text("email"),
            name: fields.text("name"),
        }
    }
}

impl From<NewAdministrator> for SetupDraft {
    fn from(new: NewAdministrator) -> Self {
        Self {
            token: new.token,
            email: new.email,
            name: new.name,
            misread: Vec::new(),
        }
    }
}

/// The first administrator.
#[derive(Serialize, ToSchema)]
#[schema(as = Administrator)]
pub(crate) struct AdministratorWire<'a> {
    user: UserWire,
    /// Their management key, with its secret.
    key: CreatedKeyWire<'a>,
}

/// Make the first administrator
///
/// Needs no key, but the set-up token, which works once, for an hour.
#[utoipa::path(post, path = "/v1/setup", tag = "setup", request_body = NewAdministrator, security(()),
    responses((status = 201, body = AdministratorWire)))]
pub(crate) async fn create_setup(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Body(asked): Body<NewAdministrator>,
) -> Answer {
    let (draft, report) = asked.into_draft::<SetupDraft>();
    let made = app.engine.redeem_setup_token(&draft, client.0).await;
    let made = made.map_err(|error| report.problem(error))?;
    let location = format!("/v1/users/{}", made.user.user.id);
    let body = AdministratorWire {
        user: UserWire::from(&made.user),
        key: CreatedKeyWire {
            key: KeyWire::from(&made.key.view),
            secret: made.key.secret.reveal(),
        },
    };
    Ok(created(answer(StatusCode::CREATED, &body), false, &location))
}
