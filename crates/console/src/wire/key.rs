//! Keys.

use super::choice::{AddressesChoice, ExpiryChoice, LimitChoice, SitesChoice};
use super::words::KeyStatusWord;
use keyward_engine::{ExpiryDraft, KeyView, LastUsed, LimitDraft, RestrictionDraft};
use serde::Serialize;
use utoipa::ToSchema;

/// A key. Its secret is in the answer that creates it, and nowhere else.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub struct KeyWire {
    /// Id.
    #[schema(format = "uuid")]
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Description for people.
    pub description: String,
    /// The user that the key is linked to.
    pub owner: OwnerWire,
    /// What the key is for; never changed.
    pub use_case: String,
    /// Prefix and last characters of the secret.
    pub hint: String,
    /// `active`, `disabled`, `expired` or `deleted`.
    #[schema(value_type = KeyStatusWord)]
    pub status: &'static str,
    /// Sites that the key reaches.
    #[schema(value_type = SitesChoice)]
    pub sites: RestrictionDraft,
    /// Addresses and networks that may use the key.
    #[schema(value_type = AddressesChoice)]
    pub addresses: RestrictionDraft,
    /// Requests a minute.
    #[schema(value_type = LimitChoice)]
    pub limit: LimitDraft,
    /// From when on the key is refused. Never changed.
    #[schema(value_type = ExpiryChoice)]
    pub expires_at: ExpiryDraft,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// When and from where it was last granted; absent when it never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used: Option<LastUsedWire>,
    /// The revision of its last change; the ETag.
    pub revision: u64,
}

/// The user that a key is linked to.
#[derive(Serialize, ToSchema)]
#[schema(as = Owner)]
pub struct OwnerWire {
    /// Id.
    #[schema(format = "uuid")]
    pub id: String,
    /// E-mail address.
    #[schema(format = Email)]
    pub email: String,
}

/// A last use.
#[derive(Serialize, ToSchema)]
#[schema(as = LastUsed)]
pub struct LastUsedWire {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// From where, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl From<LastUsed> for LastUsedWire {
    fn from(used: LastUsed) -> Self {
        Self {
            at: used.at.to_string(),
            address: used.address.map(|address| address.to_string()),
        }
    }
}

impl From<&KeyView> for KeyWire {
    fn from(view: &KeyView) -> Self {
        let key = &view.key;
        Self {
            id: key.id.to_string(),
            name: key.name.to_string(),
            description: key.description.to_string(),
            owner: OwnerWire {
                id: key.owner.to_string(),
                email: view.owner_email.to_string(),
            },
            use_case: key.use_case.to_string(),
            hint: key.hint.as_str().to_owned(),
            status: view.state,
            sites: RestrictionDraft::of_sites(view.sites.as_deref()),
            addresses: RestrictionDraft::of_addresses(&key.addresses),
            limit: key.limit.into(),
            expires_at: key.expires_at.into(),
            created_at: key.created_at.to_string(),
            updated_at: key.updated_at.to_string(),
            last_used: view.last_used.map(Into::into),
            revision: key.revision.0,
        }
    }
}

/// A key that was just made, with its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedKey)]
pub struct CreatedKeyWire<'a> {
    /// The key.
    #[serde(flatten)]
    pub key: KeyWire,
    /// The secret: shown this once.
    pub secret: &'a str,
}
