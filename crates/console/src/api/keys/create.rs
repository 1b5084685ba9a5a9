//! `POST /v1/keys`

use crate::answer::{created, tagged};
use crate::api::Answer;
use crate::app::App;
use crate::body::OnceBody;
use crate::caller::Caller;
use crate::fields::{Decode, Fields};
use crate::wire::{CreatedKeyWire, KeyWire};
use axum::extract::State;
use http::StatusCode;
use keyward_engine::{Created, KeyDraft};
use utoipa::ToSchema;

/// A key to be made.
#[derive(ToSchema)]
#[schema(example = json!({
    "name": "Billing", "owner": "ada@example.com", "use_case": "rest-api", "expires_at": "2027-12-31T00:00:00Z",
    "sites": ["123"], "addresses": ["192.0.2.0/24", "2001:db8::7"], "limit": 60
}))]
pub(crate) struct NewKey {
    /// Name: 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// Description: up to 500 characters.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// The owner's id or e-mail address; absent is the caller.
    owner: Option<String>,
    /// Use case; absent is the first configured. Cannot be modified.
    use_case: Option<String>,
    /// RFC 3339 instant from which the key is refused; absent is never. Cannot be modified.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Site names; absent or null is every site, an empty list none.
    sites: Option<Vec<String>>,
    /// Addresses and networks; absent or null is every address, an empty list none.
    addresses: Option<Vec<String>>,
    /// Requests a minute, 1 to 1,000,000; absent or null is no limit.
    #[schema(minimum = 1, maximum = 1_000_000)]
    limit: Option<u64>,
}

impl Decode for NewKey {
    fn decode(fields: &mut Fields) -> Self {
        Self {
            name: fields.required_text("name"),
            description: fields.text("description"),
            owner: fields.text("owner"),
            use_case: fields.text("use_case"),
            expires_at: fields.text("expires_at"),
            sites: fields.nullable_texts("sites").flatten(),
            addresses: fields.nullable_texts("addresses").flatten(),
            limit: fields.nullable_number("limit").flatten(),
        }
    }
}

impl From<NewKey> for KeyDraft {
    fn from(key: NewKey) -> Self {
        Self {
            owner: key.owner,
            name: key.name,
            description: key.description,
            use_case: key.use_case,
            expires_at: key.expires_at,
            sites: key.sites,
            addresses: key.addresses,
            limit: key.limit,
        }
    }
}

/// Make a key
///
/// Its secret is in this answer and nowhere else. With an `Idempotency-Key`, a repetition answers 200 with
/// `Idempotency-Replayed: true`, without the secret.
#[utoipa::path(post, path = "/v1/keys", tag = "keys", request_body = NewKey,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters of your choice: a repetition within 24 hours makes nothing")),
    responses((status = 201, body = CreatedKeyWire), (status = 200, body = KeyWire, description = "A repetition")))]
pub(crate) async fn create_key(
    State(app): State<App>,
    Caller(actor): Caller,
    OnceBody(key, once): OnceBody<NewKey>,
) -> Answer {
    let made = app.engine.create_key(&actor, &key.into(), once.as_ref()).await?;
    Ok(match made {
        Created::New(issued) => {
            let location = format!("/v1/keys/{}", issued.view.key.id);
            let body = CreatedKeyWire {
                key: KeyWire::from(&issued.view),
                secret: issued.secret.reveal(),
            };
            let response = tagged(StatusCode::CREATED, issued.view.key.revision, &body);
            created(response, false, &location)
        }
        Created::Replay(view) => {
            let response = tagged(StatusCode::OK, view.key.revision, &KeyWire::from(&view));
            created(response, true, "")
        }
    })
}
