//! Nodes: what they tell of themselves, and how long it is kept.

use super::samples::{START, key_id};
use crate::{NodeRecord, Store};
use keyward_domain::{NodeId, Revision, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// Longer than any of this takes.
const LONG: Duration = Duration::from_secs(600);
/// The databases' clocks show an instant between these.
const LONG_AGO: Timestamp = START;
const LATE: Timestamp = Timestamp::from_millis(32_503_680_000_000);

pub(super) fn node(host: &str) -> NodeRecord {
    NodeRecord {
        id: NodeId::from_bytes(*key_id().as_bytes()),
        host: host.to_owned(),
        address: "192.0.2.1:8080".to_owned(),
        version: "1.2.3".to_owned(),
        revision: Revision(7),
        started_at: START,
    }
}

async fn listed(store: &dyn Store) -> Vec<NodeRecord> {
    let seen = store.list_nodes().await.unwrap();
    assert!(seen.iter().all(|seen| seen.ago < LONG), "{seen:?}");
    seen.into_iter().map(|seen| seen.node).collect()
}

pub async fn a_node_is_listed_as_it_told_of_itself_and_forgotten(store: Arc<dyn Store>) {
    assert_eq!(listed(&*store).await, []);
    let (mut a, b) = (node("a"), node("b"));
    for told in [&b, &a] {
        store.put_node(told).await.unwrap();
    }
    assert_eq!(listed(&*store).await, [a.clone(), b.clone()]);
    a.revision = Revision(8);
    store.put_node(&a).await.unwrap();
    assert_eq!(listed(&*store).await, [a.clone(), b.clone()]);
    for _ in 0..2 {
        store.remove_node(b.id).await.unwrap();
        assert_eq!(listed(&*store).await, [a.clone()]);
    }
    // What nodes tell is no change.
    assert_eq!(store.revision().await.unwrap(), Revision(0));
}

pub async fn a_node_that_was_not_seen_for_a_day_is_forgotten(store: Arc<dyn Store>) {
    let node = node("a");
    store.put_node(&node).await.unwrap();
    store.prune(LONG_AGO).await.unwrap();
    assert_eq!(listed(&*store).await, [node]);
    store.prune(LATE).await.unwrap();
    assert_eq!(listed(&*store).await, []);
}
