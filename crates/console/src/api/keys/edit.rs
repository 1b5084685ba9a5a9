//! `PATCH /v1/keys/{id}`

use crate::answer::tagged;
use crate::api::Answer;
use crate::app::App;
use crate::body::{Body, Target};
use crate::caller::Caller;
use crate::fields::{Decode, Fields};
use crate::wire::KeyWire;
use axum::extract::State;
use http::StatusCode;
use keyward_engine::KeyEdit;
use utoipa::ToSchema;

/// A change of a key; absent fields stay as they are. Use case and expiry cannot be modified.
#[derive(ToSchema)]
#[schema(example = json!({ "name": "Billing, new", "sites": ["123", "456"], "addresses": null, "limit": 120 }))]
pub(crate) struct KeyChange {
    /// Name: 1 to 64 characters.
    #[schema(nullable = false, min_length = 1, max_length = 64)]
    name: Option<String>,
    /// Description: up to 500 characters.
    #[schema(nullable = false, max_length = 500)]
    description: Option<String>,
    /// Site names; null is every site, an empty list none.
    #[schema(value_type = Option<Vec<String>>)]
    sites: Option<Option<Vec<String>>>,
    /// Addresses and networks; null is every address, an empty list none.
    #[schema(value_type = Option<Vec<String>>)]
    addresses: Option<Option<Vec<String>>>,
    /// Requests a minute, 1 to 1,000,000; null is no limit.
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 1_000_000)]
    limit: Option<Option<u64>>,
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
            name: fields.edited_text("name"),
            description: fields.edited_text("description"),
            sites: fields.nullable_texts("sites"),
            addresses: fields.nullable_texts("addresses"),
            limit: fields.nullable_number("limit"),
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
        }
    }
}

/// Edit a key
///
/// Absent fields stay as they are; null takes a restriction or the limit away.
#[utoipa::path(patch, path = "/v1/keys/{id}", tag = "keys", request_body = KeyChange,
    params(("id" = String, Path, description = "The key's id"), ("If-Match" = Option<String>, Header, description = "The ETag that was seen: the change is made only if it is still that of the thing")),
    responses((status = 200, body = KeyWire)))]
pub(crate) async fn update_key(
    State(app): State<App>,
    Caller(actor): Caller,
    Target(id, seen): Target,
    Body(change): Body<KeyChange>,
) -> Answer {
    let view = app.engine.edit_key(&actor, &id, &change.into(), seen).await?;
    Ok(tagged(StatusCode::OK, view.key.revision, &KeyWire::from(&view)))
}
