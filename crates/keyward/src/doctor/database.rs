//! The database: does it open, may it be written to, is it up to date and whole, and does the clock agree with it?

use super::finding::Finding;
use super::{clients, files, host};
use crate::config::{Checked, Database};
use crate::open::{self, Access};
use keyward_engine::{Actor, Engine, NodeView};
use keyward_store::{AuditQuery, StoreError};
use std::time::Duration;
use tokio::time::timeout;

const CHECK: &str = "database";
/// How long the database may take to open and to be looked through.
const PATIENCE: Duration = Duration::from_secs(8);

pub(super) async fn check(checked: &Checked) -> Vec<Finding> {
    match timeout(PATIENCE, open_and_look(checked)).await {
        Ok(findings) => findings,
        Err(_) => {
            let what = format!("locked, or too slow: no answer within {} s", PATIENCE.as_secs());
            let way_out = match checked.database {
                Database::Sqlite(_) => {
                    "end the program that holds it (`fuser` shows which), and run `keyward doctor` again"
                }
                Database::Postgres(_) => {
                    "look at the server's load and locks, and run `keyward doctor` again"
                }
            };
            vec![Finding::problem(CHECK, &checked.database, what, way_out)]
        }
    }
}

async fn open_and_look(checked: &Checked) -> Vec<Finding> {
    let place = &checked.database;
    match open::pending_migrations(checked, Access::Write).await {
        Ok(pending) if !pending.is_empty() => {
            let what = format!(
                "the schema is older than this program (pending: {})",
                pending.join(", ")
            );
            let way_out = "make a backup, then run `keyward migrate`; `keyward serve` does it too";
            return vec![Finding::problem(CHECK, place, what, way_out)];
        }
        Ok(_) => {}
        Err(error) => return vec![cannot_open(checked, &error)],
    }
    match open::engine(checked, Access::Write).await {
        Ok(engine) => {
            let findings = look_inside(checked, &engine).await;
            engine.store().close().await;
            findings
        }
        Err(error) => vec![cannot_open(checked, &error)],
    }
}

fn cannot_open(checked: &Checked, error: &StoreError) -> Finding {
    let way_out = match error {
        // The adapter's sentence says the way out itself.
        StoreError::Open(_) => "do as it says, and run `keyward doctor` again",
        _ => "end what holds the database, and run `keyward doctor` again",
    };
    Finding::problem(CHECK, &checked.database, error.to_string(), way_out)
}

/// What the manual advises of a server and of the way to it.
async fn check_server(checked: &Checked, engine: &Engine) -> Vec<Finding> {
    let place = &checked.database;
    let remarks = engine.store().server_remarks().await.unwrap_or_default();
    let mut findings: Vec<Finding> = remarks
        .into_iter()
        .map(|remark| Finding::warning(CHECK, place, remark.what, remark.way_out))
        .collect();
    if let Database::Postgres(options) = place
        && options.could_be_another()
    {
        let what = "sslmode asks for less than a proof of the server's name: somebody in between could take its place";
        let way_out = "leave sslmode out of database.url and database.listen_url, or set sslmode=verify-full, with sslrootcert for an authority of your own";
        findings.push(Finding::warning(CHECK, place, what, way_out));
    }
    findings
}

/// The nodes that are there.
async fn check_nodes(checked: &Checked, engine: &Engine) -> Vec<Finding> {
    let Ok(mut nodes) = engine.list_nodes(&Actor::OPERATOR).await else {
        return Vec::new();
    };
    nodes.retain(|node| !node.is_away);
    let mut findings: Vec<Finding> = check_versions(&nodes).into_iter().collect();
    if nodes.len() > 1 {
        findings.extend(check_together(
            nodes.len(),
            checked.limits.is_some(),
            checked.drain_delay.is_some(),
        ));
    }
    findings
}

/// What several nodes need to act as one, and to be restarted one after another.
fn check_together(nodes: usize, counts_together: bool, waits: bool) -> Vec<Finding> {
    let limits = (!counts_together).then(|| {
        let what =
            format!("each of {nodes} nodes counts limits for itself: a limit of N is up to {nodes} times N");
        Finding::warning(
            "nodes",
            "limits.url",
            what,
            "name a Redis or Valkey that they share",
        )
    });
    let drain = (!waits).then(|| {
        let what = "not given: a node that is restarted closes its ports before the balancer sends requests elsewhere";
        let way_out = "set it to more than the balancer needs to notice, such as \"5s\"";
        Finding::warning("nodes", "gateway.timeouts.drain_delay", what, way_out)
    });
    limits.into_iter().chain(drain).collect()
}

/// Nodes that are there at once should be of one version: a newer one may have changed what an older one reads.
fn check_versions(present: &[NodeView]) -> Option<Finding> {
    let own = env!("CARGO_PKG_VERSION");
    if present.iter().all(|node| node.version == own) {
        return None;
    }
    let listed: Vec<String> = present
        .iter()
        .map(|node| format!("{} {} runs {}", node.host, node.address, node.version))
        .collect();
    let what = format!(
        "nodes of other versions than this program's {own}: {}",
        listed.join(", ")
    );
    let way_out = "restart the nodes that run an older version with the newer program";
    Some(Finding::warning("nodes", "versions", what, way_out))
}

async fn look_inside(checked: &Checked, engine: &Engine) -> Vec<Finding> {
    let place = &checked.database;
    let mut findings = vec![match engine.store().check().await {
        Ok(()) => Finding::good(CHECK, place, "opens, may be written to, up to date and whole"),
        Err(error) => {
            let way_out = match &error {
                StoreError::Corrupt { table: "keys", .. } => {
                    "the key is refused: delete it by its id, or restore a backup"
                }
                StoreError::Corrupt { table: "users", .. } => {
                    "the user is not valid: delete them by their id, or restore a backup"
                }
                _ => "stop Keyward and restore a backup",
            };
            Finding::problem(CHECK, place, error.to_string(), way_out)
        }
    }];
    let mode = checked.database.file().and_then(files::mode);
    if mode.is_some_and(|mode| mode & 0o077 != 0) {
        let way_out = format!("run: chmod 600 {place}");
        findings.push(Finding::warning(
            CHECK,
            place,
            "other accounts may open it",
            way_out,
        ));
    }
    findings.extend(check_server(checked, engine).await);
    findings.extend(check_nodes(checked, engine).await);
    let newest = AuditQuery {
        most: 1,
        ..AuditQuery::default()
    };
    if let Ok(events) = engine.store().list_audit(&newest).await {
        let at = events.first().map(|event| event.at);
        findings.extend(at.and_then(|at| host::check_clock_against(engine.clock().now(), at)));
    }
    findings.extend(clients::check(checked, engine).await);
    findings
}

#[cfg(test)]
mod tests {
    use super::check_together;

    #[test]
    fn what_several_nodes_lack_is_told() {
        for (counts, waits, told) in [
            (true, true, 0),
            (false, true, 1),
            (true, false, 1),
            (false, false, 2),
        ] {
            assert_eq!(check_together(3, counts, waits).len(), told);
        }
    }
}
