//! Removing lines of the audit log that are archived, and who archives them.

use super::clock::now;
use super::fault::{reading, writing};
use super::write::Write;
use crate::rows::{AuditRow, oldest_audit};
use crate::{AuditEvent, StoreError};
use keyward_domain::{AuditId, NodeId};
use sqlx::{Row, SqliteConnection};

/// Takes the right to archive, unless another node has it that has not ended and was seen within three times the interval in which
/// nodes tell of themselves.
pub(super) async fn claim(
    write: &mut Write<'_>,
    node: NodeId,
    has_ended: impl Fn(NodeId) -> bool + Send,
) -> Result<bool, StoreError> {
    let other = sqlx::query(concat!(
        "SELECT node FROM audit_archive WHERE node <> $1 AND EXISTS (SELECT 1 FROM nodes \
             WHERE id = audit_archive.node AND seen_at > ",
        now!(),
        " - 180000)"
    ))
    .bind(node.as_bytes().as_slice())
    .fetch_optional(write.connection())
    .await
    .map_err(reading)?;
    if let Some(row) = other {
        let id: Vec<u8> = row.try_get(0).map_err(reading)?;
        let is_there = <[u8; 16]>::try_from(id).is_ok_and(|id| !has_ended(NodeId::from_bytes(id)));
        if is_there {
            return Ok(false);
        }
    }
    sqlx::query("UPDATE audit_archive SET node = $1 WHERE node IS NOT $1")
        .bind(node.as_bytes().as_slice())
        .execute(write.connection())
        .await
        .map_err(writing)?;
    Ok(true)
}

pub(super) async fn oldest(
    connection: &mut SqliteConnection,
    before: AuditId,
    most: u32,
) -> Result<Vec<AuditEvent>, StoreError> {
    let rows = sqlx::query(oldest_audit!())
        .bind(before.as_bytes().as_slice())
        .bind(i64::from(most))
        .fetch_all(connection)
        .await
        .map_err(reading)?;
    rows.iter()
        .map(|row| AuditEvent::try_from(AuditRow(row)))
        .collect()
}

pub(super) async fn remove(
    write: &mut Write<'_>,
    node: NodeId,
    archived: &[AuditId],
    audit: &AuditEvent,
) -> Result<(), StoreError> {
    let Some(last) = archived.iter().max() else {
        return Ok(());
    };
    let allowed =
        sqlx::query("UPDATE audit_archive SET through = max(coalesce(through, $1), $1) WHERE node = $2")
            .bind(last.as_bytes().as_slice())
            .bind(node.as_bytes().as_slice())
            .execute(write.connection())
            .await
            .map_err(writing)?;
    if allowed.rows_affected() == 0 {
        return Err(StoreError::Conflict);
    }
    let ids: serde_json::Value = archived
        .iter()
        .map(|id| id.to_string().replace('-', ""))
        .collect();
    let removed = sqlx::query("DELETE FROM audit WHERE id IN (SELECT unhex(value) FROM json_each($1))")
        .bind(ids.to_string())
        .execute(write.connection())
        .await
        .map_err(writing)?;
    if usize::try_from(removed.rows_affected()) != Ok(archived.len()) {
        return Err(StoreError::Conflict);
    }
    write.audit(audit).await
}
