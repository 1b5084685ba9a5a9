//! `PATCH /v1/keys/{id}`

use crate::answer::tagged;
use crate::api::Answer;
use crate::app::App;
use crate::body::{Body, Target};
use crate::caller::Caller;
use crate::fields::{Decode, Fields};
use crate::wire::{AddressesChoice, KeyWire, LimitChoice, SitesChoice};
use axum::extract::State;
use http::StatusCode;
use keyward_engine::{ADDRESSES, KeyEdit, LIMIT, LimitDraft, RestrictionDraft, SITES};
use utoipa::ToSchema;

/// A change of a key; absent fields stay as they are. Use case and expiry cannot be modified.
#[derive(ToSchema)]
#[schema(example = json!({ "name": "Billing, new", "sites": { "only": ["123", "456"] }, "addresses": { "any": true }, "limit": { "per_minute": 120 } }))]
pub(crate) struct KeyChange {
    /// Name: 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    name: Option<String>,
    /// Description: up to 500 characters.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// Sites that the key reaches.
    #[schema(value_type = Option<SitesChoice>)]
    sites: Option<RestrictionDraft>,
    /// Addresses and networks that may use the key.
    #[schema(value_type = Option<AddressesChoice>)]
    addresses: Option<RestrictionDraft>,
    /// Requests a minute.
    #[schema(value_type = Option<LimitChoice>)]
    limit: Option<LimitDraft>,
}

impl Decode for KeyChange {
    const IMMUTABLE: &[&str] = &[
        "use_case",
        "expires_at",
        "id",
        "created_at",
        "updated_at",
        "deleted_at",
        "last_used",
        "fingerprint",
        "hint",
        "secret",
        "owner",
        "owner_id",
        "status",
        "revision",
    ];

    fn decode(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name"),
            description: fields.text("description"),
            sites: fields.choice(&SITES),
            addresses: fields.choice(&ADDRESSES),
            limit: fields.choice(&LIMIT),
        }
    }
}

impl From<KeyChange> for KeyEdit {
    fn from(change: KeyChange) -> Self {
        Self {
            name: change.name,
            description: change.description,
            sites: change.sites,
            addresses: change.addresses,
            limit: change.limit,
            misread: Vec::new(),
        }
    }
}

/// Edit a key
///
/// Absent fields stay as they are. A restriction is taken away in words: `{"any": true}`, the limit by `{"unlimited": true}`.
#[utoipa::path(patch, path = "/v1/keys/{id}", tag = "keys", request_body = KeyChange,
    params(("id" = String, Path, description = "The key's id"), ("If-Match" = Option<String>, Header, description = "The ETag that was seen: the change is made only if it is still that of the thing")),
    responses((status = 200, body = KeyWire)))]
pub(crate) async fn update_key(
    State(app): State<App>,
    Caller(actor): Caller,
    Target(id, seen): Target,
    Body(change): Body<KeyChange>,
) -> Answer {
    let (edit, report) = change.into_draft::<KeyEdit>();
    let view = app.engine.edit_key(&actor, &id, &edit, seen).await;
    let view = view.map_err(|error| report.problem(error))?;
    Ok(tagged(StatusCode::OK, view.key.revision, &KeyWire::from(&view)))
}
