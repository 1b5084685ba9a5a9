//! Users.

use super::choice::SitesChoice;
use super::words::{RoleWord, UserStatusWord};
use keyward_engine::{RestrictionDraft, UserView};
use serde::Serialize;
use utoipa::ToSchema;

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserWire {
    /// Id.
    #[schema(format = "uuid")]
    pub id: String,
    /// E-mail address, in lower case.
    #[schema(format = Email)]
    pub email: String,
    /// Name for people.
    pub name: String,
    /// `admin` or `member`.
    #[schema(value_type = RoleWord)]
    pub role: &'static str,
    /// `active`, `disabled` or `deleted`.
    #[schema(value_type = UserStatusWord)]
    pub status: &'static str,
    /// Sites that the user's keys reach at most.
    #[schema(value_type = SitesChoice)]
    pub sites: RestrictionDraft,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// The revision of its last change; the ETag.
    pub revision: u64,
}

impl From<&UserView> for UserWire {
    fn from(view: &UserView) -> Self {
        let user = &view.user;
        Self {
            id: user.id.to_string(),
            email: user.email.to_string(),
            name: user.name.to_string(),
            role: user.role.as_str(),
            status: user.status.as_str(),
            sites: RestrictionDraft::of_sites(view.sites.as_deref()),
            created_at: user.created_at.to_string(),
            revision: user.revision.0,
        }
    }
}
