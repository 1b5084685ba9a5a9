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
use keyward_domain::{Email, Name};
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
            email: fields
                .required_parsed("email", |text| Email::new(text).map(|_| text.to_owned()))
                .unwrap_or_default(),
            name: fields.parsed("name", |text| Name::new(text).map(|_| text.to_owned())),
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
    let asked = asked.whole()?;
    let name = asked.name.as_deref();
    let made = app
        .engine
        .redeem_setup_token(&asked.token, &asked.email, name, client.0)
        .await?;
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
