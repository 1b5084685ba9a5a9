//! What replicas read: everything as of one instant, and what changed since another.

use super::fault::{damaged, reading};
use super::packed;
use crate::rows::{
    KeyRow, PositionRow, SiteRow, UserRow, change, key_change, key_state_columns, site_columns, user_columns,
};
use crate::{Change, Feed, ImportId, Position, PublishedImport, StoreError};
use futures_util::TryStreamExt;
use keyward_domain::Revision;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite, SqliteConnection, SqlitePool};

pub(super) async fn revision(connection: &mut SqliteConnection) -> Result<Revision, StoreError> {
    let row = sqlx::query("SELECT revision FROM meta")
        .fetch_optional(connection)
        .await
        .map_err(reading)?
        .ok_or_else(|| damaged("the table meta has no row".to_owned()))?;
    let revision: i64 = row.try_get(0).map_err(reading)?;
    Ok(Revision(revision.unsigned_abs()))
}

pub(super) async fn position(connection: &mut SqliteConnection) -> Result<Position, StoreError> {
    let sql = "SELECT revision, (SELECT mark FROM marks WHERE marks.revision = meta.revision) FROM meta";
    let row = sqlx::query(sql)
        .fetch_optional(connection)
        .await
        .map_err(reading)?
        .ok_or_else(|| damaged("the table meta has no row".to_owned()))?;
    PositionRow(&row).try_into()
}

/// The mark that a revision has here.
pub(super) async fn mark_of(
    connection: &mut SqliteConnection,
    revision: i64,
) -> Result<Option<[u8; 16]>, StoreError> {
    let sql = "SELECT revision, (SELECT mark FROM marks WHERE revision = ?) FROM meta";
    let query = sqlx::query(sql).bind(revision);
    let row = query.fetch_one(connection).await.map_err(reading)?;
    Position::try_from(PositionRow(&row)).map(|position| position.mark)
}

pub(super) async fn load(
    readers: &SqlitePool,
    visit: &mut (dyn FnMut(Change) + Send),
) -> Result<Position, StoreError> {
    // The first read of a transaction fixes the instant for those after it.
    let mut snapshot = readers.begin().await.map_err(reading)?;
    let position = position(&mut snapshot).await?;
    let users = sqlx::query(concat!("SELECT ", user_columns!(), " FROM users"));
    each(&mut snapshot, users, user, visit).await?;
    let sites = sqlx::query(concat!("SELECT ", site_columns!(), " FROM sites"));
    each(&mut snapshot, sites, site, visit).await?;
    load_keys(&mut snapshot, visit).await?;
    snapshot.commit().await.map_err(reading)?;
    Ok(position)
}

async fn load_keys(
    connection: &mut SqliteConnection,
    visit: &mut (dyn FnMut(Change) + Send),
) -> Result<(), StoreError> {
    let mut after = i64::MIN;
    while let Some(chunk) = packed::chunk(connection, after).await? {
        if let Some(keys) = chunk.unpack() {
            keys.into_iter().for_each(|key| visit(Change::Key(key)));
        } else {
            let rows = sqlx::query(concat!(
                "SELECT ",
                key_state_columns!(),
                " FROM visible_keys WHERE place > ? AND place <= ? AND status <> 'deleted'"
            ));
            each(connection, rows.bind(chunk.after).bind(chunk.last), key, visit).await?;
        }
        after = chunk.last;
    }
    Ok(())
}

pub(super) async fn changes_since(readers: &SqlitePool, after: Revision) -> Result<Feed, StoreError> {
    let mut snapshot = readers.begin().await.map_err(reading)?;
    let position = position(&mut snapshot).await?;
    let is_newer = position.revision > after;
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    let mark_before = mark_of(&mut snapshot, after).await?;
    let (mut changes, mut imports) = (Vec::new(), Vec::new());
    if is_newer {
        let mut visit = |change| changes.push(change);
        let users = sqlx::query(concat!(
            "SELECT ",
            user_columns!(),
            " FROM users WHERE revision > ? ORDER BY revision"
        ));
        each(&mut snapshot, users.bind(after), user, &mut visit).await?;
        let sites = sqlx::query(concat!(
            "SELECT ",
            site_columns!(),
            " FROM sites WHERE revision > ? ORDER BY revision"
        ));
        each(&mut snapshot, sites.bind(after), site, &mut visit).await?;
        let keys = sqlx::query(concat!(
            "SELECT ",
            key_state_columns!(),
            // What an import brought and nothing has changed since is at 0; what nobody sees yet, too.
            " FROM keys WHERE revision > ? ORDER BY revision"
        ));
        each(&mut snapshot, keys.bind(after), key, &mut visit).await?;
        let rows = sqlx::query("SELECT id, revision FROM imports WHERE revision > ? ORDER BY revision")
            .bind(after)
            .fetch_all(&mut *snapshot)
            .await
            .map_err(reading)?;
        for row in &rows {
            imports.push(import(row)?);
        }
    }
    snapshot.commit().await.map_err(reading)?;
    Ok(Feed {
        position,
        mark_before,
        changes,
        imports,
    })
}

async fn each(
    connection: &mut SqliteConnection,
    query: Query<'_, Sqlite, SqliteArguments>,
    read: fn(&SqliteRow) -> Option<Change>,
    visit: &mut (dyn FnMut(Change) + Send),
) -> Result<(), StoreError> {
    let mut rows = query.fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(reading)? {
        if let Some(change) = read(&row) {
            visit(change);
        }
    }
    Ok(())
}

fn user(row: &SqliteRow) -> Option<Change> {
    change(UserRow(row).user(), Change::User)
}

fn site(row: &SqliteRow) -> Option<Change> {
    change(SiteRow(row).site(), Change::Site)
}

fn key(row: &SqliteRow) -> Option<Change> {
    key_change(KeyRow(row).state())
}

fn import(row: &SqliteRow) -> Result<PublishedImport, StoreError> {
    let revision: i64 = row.try_get(1).map_err(reading)?;
    Ok(PublishedImport {
        id: ImportId(row.try_get(0).map_err(reading)?),
        revision: Revision(revision.unsigned_abs()),
    })
}
