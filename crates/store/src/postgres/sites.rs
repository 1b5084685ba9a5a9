//! Sites.

use super::connection::Connection;
use super::fault::{reading, writing};
use super::once::{self, Claimed};
use super::write::Write;
use crate::rows::{SiteRow, site_columns, site_status_text};
use crate::{AuditEvent, IdempotencyClaim, Inserted, StoreError};
use keyward_domain::{Revision, Site, SiteName};
use sqlx::Row;

pub(super) async fn list(connection: &mut Connection) -> Result<Vec<Site>, StoreError> {
    let rows = sqlx::query(concat!("SELECT ", site_columns!(), " FROM sites ORDER BY name"))
        .fetch_all(connection)
        .await
        .map_err(reading)?;
    rows.iter().map(|row| Site::try_from(SiteRow(row))).collect()
}

pub(super) async fn find(connection: &mut Connection, name: &SiteName) -> Result<Option<Site>, StoreError> {
    let row = sqlx::query(concat!("SELECT ", site_columns!(), " FROM sites WHERE name = $1"))
        .bind(name.as_str())
        .fetch_optional(connection)
        .await
        .map_err(reading)?;
    row.map(|row| Site::try_from(SiteRow(&row))).transpose()
}

pub(super) async fn insert(
    write: &mut Write<'_>,
    site: &Site,
    audit: &AuditEvent,
    once: Option<&IdempotencyClaim>,
) -> Result<Inserted, StoreError> {
    let number = next_number(write).await?;
    if let Claimed::Before(replay) = once::claim(write, once, &number.to_string()).await? {
        return Ok(replay);
    }
    let revision = write.raise().await?;
    sqlx::query("INSERT INTO sites (id, name, status, created_at, revision) VALUES ($1, $2, $3, $4, $5)")
        .bind(number)
        .bind(site.name.as_str())
        .bind(site_status_text(site.status))
        .bind(site.created_at.millis())
        .bind(revision.0.cast_signed())
        .execute(write.connection())
        .await
        .map_err(writing)?;
    write.audit(audit).await?;
    Ok(Inserted::New(revision))
}

/// Sites are never removed and changes take turns, so this has never been another site's.
async fn next_number(write: &mut Write<'_>) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT coalesce(max(id), 0) + 1 FROM sites")
        .fetch_one(write.connection())
        .await
        .map_err(writing)?;
    row.try_get(0).map_err(writing)
}

pub(super) async fn update(
    write: &mut Write<'_>,
    site: &Site,
    expected: Revision,
    audit: &[AuditEvent],
) -> Result<Revision, StoreError> {
    let revision = write.raise().await?;
    let done =
        sqlx::query("UPDATE sites SET name = $1, status = $2, revision = $3 WHERE id = $4 AND revision = $5")
            .bind(site.name.as_str())
            .bind(site_status_text(site.status))
            .bind(revision.0.cast_signed())
            .bind(i64::from(site.id.0))
            .bind(expected.0.cast_signed())
            .execute(write.connection())
            .await
            .map_err(writing)?;
    if done.rows_affected() == 0 {
        let row = sqlx::query("SELECT 1 FROM sites WHERE id = $1")
            .bind(i64::from(site.id.0))
            .fetch_optional(write.connection())
            .await
            .map_err(writing)?;
        return Err(if row.is_some() {
            StoreError::Conflict
        } else {
            StoreError::NotFound
        });
    }
    for event in audit {
        write.audit(event).await?;
    }
    Ok(revision)
}
