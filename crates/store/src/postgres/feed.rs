//! What replicas read: everything as of one instant, and what changed since another.

use super::connection::Connection;
use super::copied;
use super::fault::{STANDBY, damaged, is_over, reading, silent};
use super::lent::{ANSWER, Lent};
use crate::rows::{
    KeyRow, PositionRow, SiteRow, UserRow, change, key_change, key_state_columns, site_columns, user_columns,
};
use crate::{Change, Feed, ImportId, Position, PublishedImport, StoreError};
use futures_util::{TryStream, TryStreamExt};
use keyward_domain::Revision;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row};
use tokio::time::timeout;

pub(super) async fn revision(connection: &mut Connection) -> Result<Revision, StoreError> {
    let row = sqlx::query("SELECT revision FROM meta")
        .fetch_optional(connection)
        .await
        .map_err(reading)?
        .ok_or_else(|| damaged("the table meta has no row".to_owned()))?;
    let revision: i64 = row.try_get(0).map_err(reading)?;
    Ok(Revision(revision.unsigned_abs()))
}

/// The position, from a server that has the last word on it: a standby may be behind by any time. One message, so it needs no
/// transaction; in a session of its own, a statement that the server need not read and plan each second.
pub(super) async fn position(connection: &mut Connection) -> Result<Position, StoreError> {
    let sql = "SELECT revision, (SELECT mark FROM marks WHERE marks.revision = meta.revision), pg_is_in_recovery() FROM meta";
    let row = match connection.has_own_session() {
        true => sqlx::query(sql).fetch_optional(connection).await,
        false => sqlx::raw_sql(sql).fetch_optional(connection).await,
    };
    let row = row
        .map_err(reading)?
        .ok_or_else(|| damaged("the table meta has no row".to_owned()))?;
    if row.try_get(2).map_err(reading)? {
        return Err(StoreError::Unavailable(STANDBY.to_owned()));
    }
    let revision: i64 = row.try_get(0).map_err(reading)?;
    let mark: Option<Vec<u8>> = row.try_get(1).map_err(reading)?;
    let mark = mark.map(|bytes| {
        bytes
            .try_into()
            .map_err(|_| damaged("a mark has not 16 bytes".to_owned()))
    });
    Ok(Position {
        revision: Revision(revision.unsigned_abs()),
        mark: mark.transpose()?,
    })
}

/// The position at the instant that this first read of a transaction fixes for those after it.
pub(super) async fn instant(snapshot: &mut Connection) -> Result<Position, StoreError> {
    timeout(ANSWER, position(snapshot))
        .await
        .unwrap_or_else(|_| Err(silent()))
}

/// The mark that a revision has here.
pub(super) async fn mark_of(
    connection: &mut Connection,
    revision: i64,
) -> Result<Option<[u8; 16]>, StoreError> {
    let sql = "SELECT revision, (SELECT mark FROM marks WHERE revision = $1) FROM meta";
    let query = sqlx::query(sql).bind(revision);
    let row = timeout(ANSWER, query.fetch_one(connection))
        .await
        .map_err(|_| silent())?
        .map_err(reading)?;
    Position::try_from(PositionRow(&row)).map(|position| position.mark)
}

/// Ends a transaction that has only read.
pub(super) async fn end<T>(mut snapshot: Lent, done: Result<T, StoreError>) -> Result<T, StoreError> {
    if is_over(&done) {
        return done;
    }
    let ended = timeout(ANSWER, sqlx::raw_sql("COMMIT").execute(snapshot.connection())).await;
    let ended = ended.map(|ended| ended.map(drop).map_err(reading));
    snapshot.finish(ended).await?;
    done
}

pub(super) async fn load(
    mut snapshot: Lent,
    visit: &mut (dyn FnMut(Change) + Send),
) -> Result<Position, StoreError> {
    let done = load_in(snapshot.connection(), visit).await;
    end(snapshot, done).await
}

async fn load_in(
    snapshot: &mut Connection,
    visit: &mut (dyn FnMut(Change) + Send),
) -> Result<Position, StoreError> {
    let position = instant(snapshot).await?;
    let users = sqlx::query(concat!("SELECT ", user_columns!(), " FROM users"));
    each(snapshot, users, user, visit).await?;
    let sites = sqlx::query(concat!("SELECT ", site_columns!(), " FROM sites"));
    each(snapshot, sites, site, visit).await?;
    copied::load_keys(snapshot, visit).await?;
    Ok(position)
}

pub(super) async fn changes_since(mut snapshot: Lent, after: Revision) -> Result<Feed, StoreError> {
    let done = changes_in(snapshot.connection(), after).await;
    end(snapshot, done).await
}

async fn changes_in(snapshot: &mut Connection, after: Revision) -> Result<Feed, StoreError> {
    let position = instant(snapshot).await?;
    let is_newer = position.revision > after;
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    let mark_before = mark_of(snapshot, after).await?;
    let (mut changes, mut imports) = (Vec::new(), Vec::new());
    if is_newer {
        let mut visit = |change| changes.push(change);
        let users = sqlx::query(concat!(
            "SELECT ",
            user_columns!(),
            " FROM users WHERE revision > $1 ORDER BY revision"
        ));
        each(snapshot, users.bind(after), user, &mut visit).await?;
        let sites = sqlx::query(concat!(
            "SELECT ",
            site_columns!(),
            " FROM sites WHERE revision > $1 ORDER BY revision"
        ));
        each(snapshot, sites.bind(after), site, &mut visit).await?;
        let keys = sqlx::query(concat!(
            "SELECT ",
            key_state_columns!(),
            // What an import brought and nothing has changed since is at 0; what nobody sees yet, too.
            " FROM keys WHERE revision > $1 ORDER BY revision"
        ));
        each(snapshot, keys.bind(after), key, &mut visit).await?;
        let rows = sqlx::query("SELECT id, revision FROM imports WHERE revision > $1 ORDER BY revision")
            .bind(after)
            .fetch_all(&mut *snapshot);
        let rows = timeout(ANSWER, rows)
            .await
            .map_err(|_| silent())?
            .map_err(reading)?;
        for row in &rows {
            imports.push(import(row)?);
        }
    }
    Ok(Feed {
        position,
        mark_before,
        changes,
        imports,
    })
}

async fn each(
    connection: &mut Connection,
    query: Query<'_, Postgres, PgArguments>,
    read: fn(&PgRow) -> Option<Change>,
    visit: &mut (dyn FnMut(Change) + Send),
) -> Result<(), StoreError> {
    let mut rows = query.fetch(connection);
    while let Some(row) = next(&mut rows).await? {
        if let Some(change) = read(&row) {
            visit(change);
        }
    }
    Ok(())
}

/// Waits for the next row, but not forever.
pub(super) async fn next<S>(rows: &mut S) -> Result<Option<PgRow>, StoreError>
where
    S: TryStream<Ok = PgRow, Error = sqlx::Error> + Unpin,
{
    match timeout(ANSWER, rows.try_next()).await {
        Ok(row) => row.map_err(reading),
        Err(_) => Err(silent()),
    }
}

fn user(row: &PgRow) -> Option<Change> {
    change(UserRow(row).user(), Change::User)
}

fn site(row: &PgRow) -> Option<Change> {
    change(SiteRow(row).site(), Change::Site)
}

fn key(row: &PgRow) -> Option<Change> {
    key_change(KeyRow(row).state())
}

fn import(row: &PgRow) -> Result<PublishedImport, StoreError> {
    let revision: i64 = row.try_get(1).map_err(reading)?;
    Ok(PublishedImport {
        id: ImportId(row.try_get(0).map_err(reading)?),
        revision: Revision(revision.unsigned_abs()),
    })
}
