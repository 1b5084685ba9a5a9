//! Rows about nodes.

use super::{Cells, Raw};
use crate::{NodeRecord, SeenNode, StoreError};
use keyward_domain::NodeId;
use std::time::Duration;

macro_rules! node_columns {
    () => {
        "id, host, address, version, revision, started_at"
    };
}
pub(crate) use node_columns;

/// A row of [`node_columns`], and how many milliseconds ago it was seen.
pub(crate) struct NodeRow<'r>(pub(crate) &'r dyn Raw);

impl TryFrom<NodeRow<'_>> for SeenNode {
    type Error = StoreError;

    fn try_from(NodeRow(row): NodeRow<'_>) -> Result<Self, StoreError> {
        let cells = Cells { table: "nodes", row };
        let node = NodeRecord {
            id: NodeId::from_bytes(cells.id(0, "id")?),
            host: cells.get(1, "host")?,
            address: cells.get(2, "address")?,
            version: cells.get(3, "version")?,
            revision: cells.revision(4)?,
            started_at: cells.instant(5, "started_at")?,
        };
        // A clock that was set back shows an instant to come: it was seen just now.
        let ago = u64::try_from(cells.get::<i64>(6, "seen_at")?).unwrap_or(0);
        Ok(Self {
            node,
            ago: Duration::from_millis(ago),
            has_ended: false,
        })
    }
}
