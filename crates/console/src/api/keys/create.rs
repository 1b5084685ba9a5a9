//! `POST /v1/keys`

use crate::answer::{created, tagged};
use crate::api::Answer;
use crate::app::App;
use crate::body::OnceBody;
use crate::caller::Caller;
use crate::fields::{Decode, Fields};
use crate::wire::{AddressesChoice, CreatedKeyWire, ExpiryChoice, KeyWire, LimitChoice, SitesChoice};
use axum::extract::State;
use http::StatusCode;
use keyward_engine::{
    ADDRESSES, Created, EXPIRES_AT, ExpiryDraft, KeyDraft, LIMIT, LimitDraft, RestrictionDraft, SITES,
};
use utoipa::ToSchema;

/// A key to be made.
#[derive(ToSchema)]
#[schema(example = json!({
    "name": "Billing", "owner": "ada@example.com", "use_case": "rest-api", "expires_at": { "at": "2027-12-31T00:00:00Z" },
    "sites": { "only": ["123"] }, "addresses": { "only": ["192.0.2.0/24", "2001:db8::7"] }, "limit": { "per_minute": 60 }
}))]
pub(crate) struct NewKey {
    /// Name: 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// Description: up to 500 characters.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// The owner's id or e-mail address; absent is the caller.
    #[schema(min_length = 1, max_length = 254)]
    owner: Option<String>,
    /// Use case; absent is the first configured. Cannot be modified.
    #[schema(min_length = 1, max_length = 32, pattern = "^[a-z][a-z0-9-]*$")]
    use_case: Option<String>,
    /// From when on the key is refused; absent is never. Cannot be modified.
    #[schema(value_type = Option<ExpiryChoice>)]
    expires_at: Option<ExpiryDraft>,
    /// Sites that the key reaches; absent is every site.
    #[schema(value_type = Option<SitesChoice>)]
    sites: Option<RestrictionDraft>,
    /// Addresses and networks that may use the key; absent is every address.
    #[schema(value_type = Option<AddressesChoice>)]
    addresses: Option<RestrictionDraft>,
    /// Requests a minute; absent is no limit.
    #[schema(value_type = Option<LimitChoice>)]
    limit: Option<LimitDraft>,
}

impl Decode for NewKey {
    fn decode(fields: &mut Fields) -> Self {
        Self {
            name: fields.required_text("name"),
            description: fields.text("description"),
            owner: fields.text("owner"),
            use_case: fields.text("use_case"),
            expires_at: fields.choice(&EXPIRES_AT),
            sites: fields.choice(&SITES),
            addresses: fields.choice(&ADDRESSES),
            limit: fields.choice(&LIMIT),
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
            expires_at: key.expires_at.unwrap_or_default(),
            sites: key.sites.unwrap_or_default(),
            addresses: key.addresses.unwrap_or_default(),
            limit: key.limit.unwrap_or_default(),
            misread: Vec::new(),
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
    let (draft, report) = key.into_draft::<KeyDraft>();
    let made = app.engine.create_key(&actor, &draft, once.as_ref()).await;
    let made = made.map_err(|error| report.problem(error))?;
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
