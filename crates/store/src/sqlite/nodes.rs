//! The nodes, and their batches of usage.

use super::clock::now;
use super::fault::{reading, writing};
use super::write::Write;
use crate::rows::{NodeRow, node_columns};
use crate::{FlushId, NodeRecord, SeenNode, StoreError};
use keyward_domain::NodeId;
use sqlx::SqliteConnection;

pub(super) async fn put(write: &mut Write<'_>, node: &NodeRecord) -> Result<(), StoreError> {
    sqlx::query(concat!(
        "INSERT INTO nodes (id, host, address, version, revision, started_at, seen_at) \
         VALUES ($1, $2, $3, $4, $5, $6, ",
        now!(),
        ") ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, seen_at = excluded.seen_at"
    ))
    .bind(node.id.as_bytes().as_slice())
    .bind(&node.host)
    .bind(&node.address)
    .bind(&node.version)
    .bind(i64::try_from(node.revision.0).unwrap_or(i64::MAX))
    .bind(node.started_at.millis())
    .execute(write.connection())
    .await
    .map_err(writing)?;
    Ok(())
}

pub(super) async fn list(connection: &mut SqliteConnection) -> Result<Vec<SeenNode>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        node_columns!(),
        ", ",
        now!(),
        " - seen_at FROM nodes ORDER BY host, address, id"
    ))
    .fetch_all(connection)
    .await
    .map_err(reading)?;
    rows.iter().map(|row| SeenNode::try_from(NodeRow(row))).collect()
}

pub(super) async fn remove(write: &mut Write<'_>, id: NodeId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM nodes WHERE id = $1")
        .bind(id.as_bytes().as_slice())
        .execute(write.connection())
        .await
        .map_err(writing)?;
    Ok(())
}

/// Whether a batch is counted for the first time.
pub(super) async fn is_new_flush(write: &mut Write<'_>, flush: FlushId) -> Result<bool, StoreError> {
    let done = sqlx::query(concat!(
        "INSERT INTO usage_flushes (node, number, at) VALUES ($1, $2, ",
        now!(),
        ") ON CONFLICT (node) DO UPDATE SET number = excluded.number, at = excluded.at \
         WHERE usage_flushes.number < excluded.number"
    ))
    .bind(flush.node.as_bytes().as_slice())
    .bind(i64::try_from(flush.number).unwrap_or(i64::MAX))
    .execute(write.connection())
    .await
    .map_err(writing)?;
    Ok(done.rows_affected() > 0)
}
