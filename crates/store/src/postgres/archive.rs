//! Removing lines of the audit log that are archived, and who archives them.

use super::clock::now;
use super::connection::Connection;
use super::fault::{reading, writing};
use super::write::Write;
use crate::rows::{AuditRow, oldest_audit};
use crate::{AuditEvent, StoreError};
use keyward_domain::{AuditId, NodeId};

/// Takes the right to archive, unless another node has it that was seen within three times the interval in which nodes tell of
/// themselves.
pub(super) async fn claim(write: &mut Write<'_>, node: NodeId) -> Result<bool, StoreError> {
    let done = sqlx::query(
        concat!(
            "UPDATE audit_archive SET node = $1 WHERE node IS NULL OR node = $1 OR NOT EXISTS (SELECT 1 FROM nodes \
             WHERE id = audit_archive.node AND seen_at > ",
            now!(),
            " - 15000)"
        ),
    )
    .bind(node.as_bytes().as_slice())
    .execute(write.connection())
    .await
    .map_err(writing)?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn oldest(
    connection: &mut Connection,
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
    let allowed = sqlx::query("UPDATE audit_archive SET through = greatest(through, $1) WHERE node = $2")
        .bind(last.as_bytes().as_slice())
        .bind(node.as_bytes().as_slice())
        .execute(write.connection())
        .await
        .map_err(writing)?;
    if allowed.rows_affected() == 0 {
        return Err(StoreError::Conflict);
    }
    let ids: Vec<&[u8]> = archived.iter().map(|id| id.as_bytes().as_slice()).collect();
    let removed = sqlx::query("DELETE FROM audit WHERE id = ANY($1)")
        .bind(ids)
        .execute(write.connection())
        .await
        .map_err(writing)?;
    if usize::try_from(removed.rows_affected()) != Ok(archived.len()) {
        return Err(StoreError::Conflict);
    }
    write.audit(audit).await
}
