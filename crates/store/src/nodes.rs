//! The nodes that serve from one database, as they tell of themselves.

use keyward_domain::{NodeId, Revision, Timestamp};
use std::time::Duration;

/// A running node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    /// Id, of this run of it.
    pub id: NodeId,
    /// The name of its machine.
    pub host: String,
    /// Where its gateway listens.
    pub address: String,
    /// The version of the program.
    pub version: String,
    /// The revision that it decides from.
    pub revision: Revision,
    /// When it started, by its own clock.
    pub started_at: Timestamp,
}

/// A node, and how long ago it was seen, by the database's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenNode {
    /// The node as it was then.
    pub node: NodeRecord,
    /// How long ago.
    pub ago: Duration,
    /// Whether it is known that its process has ended. Otherwise only time tells.
    pub has_ended: bool,
}

/// Names a batch of usage. A batch that is sent again has the same name, and later ones of the node have higher numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlushId {
    /// The node.
    pub node: NodeId,
    /// Its number there, from 1.
    pub number: u64,
}
