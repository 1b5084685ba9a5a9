//! Sites.

use super::fault::{reading, writing};
use super::once::{self, Claimed};
use super::write::Write;
use crate::rows::{SiteRow, site_columns, site_status_text};
use crate::{AuditEvent, IdempotencyClaim, Inserted, StoreError};
use keyward_domain::{Revision, Site, SiteName};
use sqlx::SqliteConnection;

pub(super) async fn list(connection: &mut SqliteConnection) -> Result<Vec<Site>, StoreError> {
    let rows = sqlx::query(concat!("SELECT ", site_columns!(), " FROM sites ORDER BY name"))
        .fetch_all(connection)
        .await
        .map_err(reading)?;
    rows.iter().map(|row| Site::try_from(SiteRow(row))).collect()
}

pub(super) async fn find(
    connection: &mut SqliteConnection,
    name: &SiteName,
) -> Result<Option<Site>, StoreError> {
    let row = sqlx::query(concat!("SELECT ", site_columns!(), " FROM sites WHERE name = ?"))
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
    if let Claimed::Before(replay) = once::claim(write, once, site.name.as_str()).await? {
        return Ok(replay);
    }
    let revision = write.raise().await?;
    // Sites are never removed, so the next number has never been another site's.
    sqlx::query("INSERT INTO sites (name, status, created_at, revision) VALUES (?, ?, ?, ?)")
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

pub(super) async fn update(
    write: &mut Write<'_>,
    site: &Site,
    expected: Revision,
    audit: &AuditEvent,
) -> Result<Revision, StoreError> {
    let revision = write.raise().await?;
    let done =
        sqlx::query("UPDATE sites SET name = ?, status = ?, revision = ? WHERE id = ? AND revision = ?")
            .bind(site.name.as_str())
            .bind(site_status_text(site.status))
            .bind(revision.0.cast_signed())
            .bind(i64::from(site.id.0))
            .bind(expected.0.cast_signed())
            .execute(write.connection())
            .await
            .map_err(writing)?;
    if done.rows_affected() == 0 {
        let row = sqlx::query("SELECT 1 FROM sites WHERE id = ?")
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
    write.audit(audit).await?;
    Ok(revision)
}
