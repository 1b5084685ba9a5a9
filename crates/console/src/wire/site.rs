//! Sites.

use keyward_domain::SiteStatus;
use keyward_engine::SiteView;
use serde::Serialize;
use utoipa::ToSchema;

/// A site.
#[derive(Serialize, ToSchema)]
#[schema(as = Site)]
pub struct SiteWire {
    /// Number, kept for life.
    pub id: u32,
    /// Name, as it stands in requests.
    pub name: String,
    /// Whether it is open.
    pub active: bool,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// The revision of its last change; the ETag.
    pub revision: u64,
}

impl From<&SiteView> for SiteWire {
    fn from(site: &SiteView) -> Self {
        Self {
            id: site.id.0,
            name: site.name.to_string(),
            active: site.status == SiteStatus::Active,
            created_at: site.created_at.to_string(),
            revision: site.revision.0,
        }
    }
}
