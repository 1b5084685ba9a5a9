//! Nodes.

use keyward_engine::NodeView;
use serde::Serialize;
use utoipa::ToSchema;

/// A node.
#[derive(Serialize, ToSchema)]
#[schema(as = Node)]
pub(crate) struct NodeWire {
    /// Id, of this run of it.
    #[schema(format = "uuid")]
    pub(crate) id: String,
    /// The name of its machine.
    pub(crate) host: String,
    /// Where its gateway listens.
    pub(crate) address: String,
    /// The version of the program.
    pub(crate) version: String,
    /// The revision that it decided from when it was seen.
    pub(crate) revision: u64,
    /// When it started.
    #[schema(format = DateTime)]
    pub(crate) started_at: String,
    /// How many seconds ago it was seen.
    pub(crate) seen_seconds_ago: u64,
    /// Whether that is so long that it must be gone, or cut off, or its process is known to have ended.
    pub(crate) away: bool,
    /// Whether it is the one that answers.
    pub(crate) this: bool,
}

impl From<&NodeView> for NodeWire {
    fn from(node: &NodeView) -> Self {
        Self {
            id: node.id.to_string(),
            host: node.host.clone(),
            address: node.address.clone(),
            version: node.version.clone(),
            revision: node.revision.0,
            started_at: node.started_at.to_string(),
            seen_seconds_ago: node.seen_ago.as_secs(),
            away: node.is_away,
            this: node.is_this,
        }
    }
}
