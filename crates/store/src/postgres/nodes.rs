//! The nodes, and their batches of usage.

use super::clock::now;
use super::connection::{Begin, Connection};
use super::fault::{reading, writing};
use super::lent::{ANSWER, Lent};
use super::pool::{Lane, Pool};
use super::write::Write;
use crate::rows::{NodeRow, node_columns};
use crate::{FlushId, NodeRecord, SeenNode, StoreError};
use keyward_domain::NodeId;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a connection that is open may take over a node's word of itself before another one is used.
const DOUBT_TIMEOUT: Duration = Duration::from_secs(1);

/// Puts it by one statement. It may be put twice, so a connection that is open is not asked beforehand whether it still answers.
pub(super) async fn put(pool: &Arc<Pool>, node: &NodeRecord) -> Result<(), StoreError> {
    let by_an_open_one = async {
        match Lent::unasked(pool, Lane::Write, Begin::Read).await {
            Ok(Some(open)) => put_by(open, node).await.is_ok(),
            _ => false,
        }
    };
    if timeout(DOUBT_TIMEOUT, by_an_open_one).await == Ok(true) {
        return Ok(());
    }
    put_by(Lent::begun(pool, Lane::Write, Begin::Read).await?, node).await
}

async fn put_by(mut lent: Lent, node: &NodeRecord) -> Result<(), StoreError> {
    let done = timeout(ANSWER, put_on(lent.connection(), node)).await;
    lent.finish_written(done).await
}

async fn put_on(connection: &mut Connection, node: &NodeRecord) -> Result<(), StoreError> {
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
    .execute(connection)
    .await
    .map_err(writing)?;
    Ok(())
}

pub(super) async fn list(connection: &mut Connection) -> Result<Vec<SeenNode>, StoreError> {
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

/// Whether a batch is counted for the first time. One that was sent before and may be under way still is waited for.
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
