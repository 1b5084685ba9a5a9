//! The nodes that serve from one database: each tells of itself, and administrators see them all.
//!
//! A node tells of itself when its revision has moved, and from time to time, so that another process that has changed
//! something can wait until all nodes have it ([`Engine::wait_for_nodes`]). It writes its row by a task of its own, so that a write that waits never holds up the following of changes. The row of
//! a node that ends cleanly is taken away; that of one that is gone fades, and is dropped after a day.

use crate::{Actor, Engine, EngineError, Page, PageAsk};
use keyward_domain::{NodeId, Revision, Timestamp};
use keyward_store::{NodeRecord, SeenNode, StoreError};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// How often who waits for nodes looks at what they say.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// After so many intervals without a word a node is shown as away.
const AWAY_INTERVALS: u32 = 3;

/// What a node tells of itself.
#[derive(Clone, Debug)]
pub struct NodeAbout {
    /// The name of its machine.
    pub host: String,
    /// Where its gateway listens.
    pub address: String,
    /// The version of the program.
    pub version: String,
}

/// A node, as administrators see it.
#[derive(Clone, Debug)]
pub struct NodeView {
    /// Id, of this run of it.
    pub id: NodeId,
    /// The name of its machine.
    pub host: String,
    /// Where its gateway listens.
    pub address: String,
    /// The version of the program.
    pub version: String,
    /// The revision that it decided from when it was seen.
    pub revision: Revision,
    /// When it started.
    pub started_at: Timestamp,
    /// How long ago it was seen.
    pub seen_ago: Duration,
    /// Whether that is so long that it must be gone, or cut off, or its process is known to have ended.
    pub is_away: bool,
    /// Whether it is the one that was asked.
    pub is_this: bool,
}

/// This node, once it has said what it is.
pub(crate) struct ThisNode {
    about: NodeAbout,
    started_at: Timestamp,
}

impl ThisNode {
    pub(crate) fn host(&self) -> &str {
        &self.about.host
    }
}

impl Engine {
    /// Says what this node is; from then on the others are told of it. The first word holds.
    pub fn name_node(&self, about: NodeAbout) {
        let started_at = self.clock.now();
        self.this_node.get_or_init(|| ThisNode { about, started_at });
    }

    /// The id of this run; none as long as the operating system gives no random numbers.
    pub(crate) fn node_id(&self) -> Option<NodeId> {
        if let Some(id) = self.node_id.get() {
            return Some(*id);
        }
        let (millis, random) = self.id_parts().ok()?;
        Some(*self.node_id.get_or_init(|| NodeId::v7(millis, &random)))
    }

    fn node_record(&self) -> Option<NodeRecord> {
        let this = self.this_node.get()?;
        Some(NodeRecord {
            id: self.node_id()?,
            host: this.about.host.clone(),
            address: this.about.address.clone(),
            version: this.about.version.clone(),
            revision: self.replica.revision(),
            started_at: this.started_at,
        })
    }

    /// Tells the other nodes that this one is there.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn tell_node(&self) -> Result<(), StoreError> {
        match self.node_record() {
            Some(record) => self.store.put_node(&record).await,
            None => Ok(()),
        }
    }

    /// Tells of this node and then looks for changes: one that was made before anybody could see this node is in force here by
    /// then, and who changes something later waits for it.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn join_nodes(&self) -> Result<(), StoreError> {
        self.tell_node().await?;
        self.follow().await
    }

    /// Takes this node out of the list.
    ///
    /// # Errors
    /// Whatever the store says; then it fades there.
    pub async fn forget_node(&self) -> Result<(), StoreError> {
        match self.node_record() {
            Some(record) => self.store.remove_node(record.id).await,
            None => Ok(()),
        }
    }

    /// Lists the nodes that were seen within a day, by host and address. Admins only.
    ///
    /// # Errors
    /// `Forbidden` to members.
    pub async fn list_nodes(&self, actor: &Actor) -> Result<Vec<NodeView>, EngineError> {
        if !actor.is_admin() {
            return Err(EngineError::Forbidden("only an administrator may see the nodes"));
        }
        let mut seen = self.store.list_nodes().await?;
        let this = self.node_record();
        if let Some(this) = &this {
            // Of itself a node knows better than the store does.
            seen.retain(|seen| seen.node.id != this.id);
            seen.push(SeenNode {
                node: this.clone(),
                ago: Duration::ZERO,
                has_ended: false,
            });
            seen.sort_by(|a, b| {
                let key = |seen: &SeenNode| (seen.node.host.clone(), seen.node.address.clone(), seen.node.id);
                key(a).cmp(&key(b))
            });
        }
        let patience = self.store.node_interval() * AWAY_INTERVALS;
        let view = |SeenNode { node, ago, has_ended }| NodeView {
            is_this: this.as_ref().is_some_and(|this| this.id == node.id),
            is_away: has_ended || ago > patience,
            id: node.id,
            host: node.host,
            address: node.address,
            version: node.version,
            revision: node.revision,
            started_at: node.started_at,
            seen_ago: ago,
        };
        let mut nodes: Vec<NodeView> = seen.into_iter().map(view).collect();
        let place = |node: &NodeView| (node.host.clone(), node.address.clone());
        let present: HashSet<_> = nodes.iter().filter(|node| !node.is_away).map(place).collect();
        // An earlier run of one that was started again after it was killed.
        nodes.retain(|node| !node.is_away || !present.contains(&place(node)));
        Ok(nodes)
    }

    /// Waits until all nodes that are there decide by all that the store holds at the call. Gives those that have not said so
    /// in time. For a process that is no node itself.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn wait_for_nodes(&self, within: Duration) -> Result<Vec<NodeView>, EngineError> {
        let began = Instant::now();
        let revision = self.store.revision().await?;
        loop {
            let mut behind = self.list_nodes(&Actor::OPERATOR).await?;
            let mut latest = HashMap::new();
            for (place, at) in behind.iter().map(started) {
                let known = latest.entry(place).or_insert(at);
                *known = at.max(*known);
            }
            behind.retain(|node| {
                let (place, at) = started(node);
                // Of several runs at one place the latest alone is there.
                !node.is_away && node.revision < revision && latest.get(&place) == Some(&at)
            });
            if behind.is_empty() || began.elapsed() >= within {
                return Ok(behind);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Lists them, a page of them. Admins only.
    ///
    /// # Errors
    /// `Forbidden` to members; `Invalid` for a page that there cannot be.
    pub async fn list_nodes_page(&self, actor: &Actor, ask: &PageAsk) -> Result<Page<NodeView>, EngineError> {
        let mut nodes = self.list_nodes(actor).await?;
        nodes.sort_by_cached_key(cursor_of);
        let starts = |nodes: &[NodeView], cursor: &str| {
            let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            let is_one = cursor.bytes().all(is_hex);
            is_one.then(|| nodes.partition_point(|node| cursor_of(node).as_str() <= cursor))
        };
        Page::of_whole(nodes, ask, starts, cursor_of)
    }
}

/// Where a node is, and since when.
fn started(node: &NodeView) -> ((String, String), Timestamp) {
    ((node.host.clone(), node.address.clone()), node.started_at)
}

/// A node's place in the list, by host and address, in hexadecimal: a node that has gone meanwhile has one too.
fn cursor_of(node: &NodeView) -> String {
    let place = format!("{}\n{}\n{}", node.host, node.address, node.id);
    place.bytes().map(|byte| format!("{byte:02x}")).collect()
}
