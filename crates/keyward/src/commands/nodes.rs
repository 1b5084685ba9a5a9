//! What a command that changes something does at its end: it waits until the nodes that serve from the database decide by it.

use crate::cli::Command;
use crate::logs::escape;
use crate::output::note;
use keyward_engine::{Engine, NodeView};
use std::time::Duration;

/// How long a command waits for the nodes. They look at the database each second, if nothing tells them to.
const WITHIN: Duration = Duration::from_secs(5);
/// The same after an import, of which they may take over millions of keys.
const IMPORT_WITHIN: Duration = Duration::from_secs(60);

/// Waits until every node that is there has what the database holds, and says which has not. What refuses a change speaks of
/// what is there too, so it waits as well; but it is told for itself.
pub(super) async fn wait(engine: &Engine, command: &Command, is_done: bool) {
    let within = match command {
        Command::Import(_) if is_done => IMPORT_WITHIN,
        _ => WITHIN,
    };
    match engine.wait_for_nodes(within).await {
        Ok(behind) => behind.iter().for_each(|node| note(&escape(&late(node, within)))),
        Err(error) if is_done => note(&format!(
            "warning: it is stored; whether the running nodes have it cannot be told: {error}"
        )),
        Err(_) => {}
    }
}

fn late(node: &NodeView, within: Duration) -> String {
    format!(
        "warning: the node {} at {} has not said within {} s that it has all that is stored, and may decide without a part of it; it was last \
         seen {} s ago. One that has ended without a word is forgotten by itself; else look at its log.",
        node.host,
        node.address,
        within.as_secs(),
        node.seen_ago.as_secs()
    )
}
