//! Lists of keys: what passes the filters, in one of the orders, and how many they are.
//!
//! Who adds an order or a mark looks at its plan with 100,000 keys: an index has to serve it.

use super::fault::reading;
use super::keys::fetch;
use super::search;
use crate::rows::key_columns;
use crate::{Direction, KeyMark, KeyOrder, KeyQuery, KeyStatusFilter, StoreError};
use keyward_domain::{Key, Timestamp};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

/// The expiry, with "never" as the latest of all; spelt as the index `keys_expiry` has it.
macro_rules! expiry {
    () => {
        "coalesce(expires_at, 9223372036854775807)"
    };
}

pub(super) async fn list(
    connection: &mut SqliteConnection,
    query: &KeyQuery,
) -> Result<Vec<Key>, StoreError> {
    match query.order {
        KeyOrder::LastUsed(direction) => by_last_use(connection, query, direction).await,
        _ => fetch(connection, &mut statement(query)).await,
    }
}

/// Keys that were used come in the order of the index on their last uses, and those that never were in the order of ids: two lists, one
/// behind the other.
async fn by_last_use(
    connection: &mut SqliteConnection,
    query: &KeyQuery,
    direction: Direction,
) -> Result<Vec<Key>, StoreError> {
    let (first, second) = match direction {
        Direction::Ascending => (Use::Never, Use::Once),
        Direction::Descending => (Use::Once, Use::Never),
    };
    let most = i64::from(query.most);
    let skip = i64::try_from(query.skip).unwrap_or(i64::MAX);
    let mut keys = fetch(connection, &mut by_use(query, first, direction, (skip, most))).await?;
    let left = most.saturating_sub_unsigned(u64::try_from(keys.len()).unwrap_or(u64::MAX));
    if left <= 0 {
        return Ok(keys);
    }
    let skip = match keys.is_empty() && skip > 0 {
        true => skip.saturating_sub(count_by_use(connection, query, first).await?),
        false => 0,
    };
    keys.extend(fetch(connection, &mut by_use(query, second, direction, (skip, left))).await?);
    Ok(keys)
}

/// Whether keys were used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Never,
    Once,
}

/// What a list of keys of one kind is read from, and its filters.
fn from_use(sql: &mut QueryBuilder<Sqlite>, query: &KeyQuery, kind: Use) {
    sql.push(match kind {
        Use::Never => {
            " FROM visible_keys AS keys WHERE NOT EXISTS (SELECT 1 FROM last_used WHERE key_id = keys.id)"
        }
        Use::Once => " FROM last_used JOIN visible_keys AS keys ON keys.id = last_used.key_id WHERE TRUE",
    });
    match (query.mark, kind) {
        (Some(KeyMark::NeverUsed), Use::Once) | (Some(KeyMark::UnusedSince(_)), Use::Never) => {
            sql.push(" AND FALSE");
        }
        _ => {}
    }
    if let (Some(KeyMark::UnusedSince(instant)), Use::Once) = (query.mark, kind) {
        sql.push(" AND last_used.at < ").push_bind(instant.millis());
    }
    let is_told = matches!(query.mark, Some(KeyMark::NeverUsed | KeyMark::UnusedSince(_)));
    let mark = query.mark.filter(|_| !is_told);
    filter(
        sql,
        &KeyQuery {
            mark,
            ..query.clone()
        },
    );
}

fn by_use(
    query: &KeyQuery,
    kind: Use,
    direction: Direction,
    (skip, most): (i64, i64),
) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(concat!("SELECT ", key_columns!()));
    from_use(&mut sql, query, kind);
    sql.push(match (kind, direction) {
        (Use::Never, Direction::Ascending) => " ORDER BY id",
        (Use::Never, Direction::Descending) => " ORDER BY id DESC",
        (Use::Once, Direction::Ascending) => " ORDER BY last_used.at, last_used.key_id",
        (Use::Once, Direction::Descending) => " ORDER BY last_used.at DESC, last_used.key_id DESC",
    });
    sql.push(" LIMIT ").push_bind(most);
    sql.push(" OFFSET ").push_bind(skip);
    sql
}

async fn count_by_use(
    connection: &mut SqliteConnection,
    query: &KeyQuery,
    kind: Use,
) -> Result<i64, StoreError> {
    let mut sql = QueryBuilder::new("SELECT count(*)");
    from_use(&mut sql, query, kind);
    let row = sql.build().fetch_one(connection).await.map_err(reading)?;
    row.try_get(0).map_err(reading)
}

fn statement(query: &KeyQuery) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(concat!(
        "SELECT ",
        key_columns!(),
        " FROM visible_keys AS keys WHERE TRUE"
    ));
    filter(&mut sql, query);
    match (query.after, query.order) {
        (Some(after), KeyOrder::Created(Direction::Descending)) => {
            sql.push(" AND id < ").push_bind(after.as_bytes().to_vec());
        }
        (Some(after), KeyOrder::Created(Direction::Ascending)) => {
            sql.push(" AND id > ").push_bind(after.as_bytes().to_vec());
        }
        _ => {}
    }
    sql.push(order(query.order));
    sql.push(" LIMIT ").push_bind(i64::from(query.most));
    sql.push(" OFFSET ")
        .push_bind(i64::try_from(query.skip).unwrap_or(i64::MAX));
    sql
}

pub(super) async fn count(connection: &mut SqliteConnection, query: &KeyQuery) -> Result<u64, StoreError> {
    let mut sql = QueryBuilder::new("SELECT count(*) FROM visible_keys AS keys WHERE TRUE");
    filter(&mut sql, query);
    let row = sql.build().fetch_one(connection).await.map_err(reading)?;
    let count: i64 = row.try_get(0).map_err(reading)?;
    Ok(count.unsigned_abs())
}

fn order(order: KeyOrder) -> &'static str {
    use Direction::{Ascending, Descending};
    match order {
        KeyOrder::Created(Ascending) => " ORDER BY id",
        KeyOrder::Created(Descending) => " ORDER BY id DESC",
        KeyOrder::Name(Ascending) => " ORDER BY name COLLATE NOCASE, id",
        KeyOrder::Name(Descending) => " ORDER BY name COLLATE NOCASE DESC, id DESC",
        KeyOrder::Expires(Ascending) => concat!(" ORDER BY ", expiry!(), ", id"),
        KeyOrder::Expires(Descending) => concat!(" ORDER BY ", expiry!(), " DESC, id DESC"),
        // In two lists: see `by_last_use`.
        KeyOrder::LastUsed(_) => "",
    }
}

fn filter(sql: &mut QueryBuilder<Sqlite>, query: &KeyQuery) {
    if let Some(owner) = query.owner {
        sql.push(" AND owner = ").push_bind(owner.as_bytes().to_vec());
    }
    if let Some(text) = &query.owner_text {
        filter_owner(sql, text);
    }
    filter_status(sql, query.status);
    if let Some(site) = query.site {
        // Reading JSON takes several times as long as finding out that the number stands nowhere in it.
        sql.push(" AND instr(sites, ")
            .push_bind(site.0.to_string())
            .push(") > 0");
        sql.push(" AND EXISTS (SELECT 1 FROM json_each(keys.sites) AS entry WHERE entry.value = ")
            .push_bind(i64::from(site.0))
            .push(")");
    }
    if let Some(use_case) = &query.use_case {
        sql.push(" AND use_case = ")
            .push_bind(use_case.as_str().to_owned());
    }
    if let Some(text) = &query.text {
        filter_text(sql, text, query.text_in_owner);
    }
    if let Some(mark) = query.mark {
        filter_mark(sql, mark);
    }
}

fn filter_status(sql: &mut QueryBuilder<Sqlite>, status: Option<KeyStatusFilter>) {
    let mut not_expired = |status: &'static str, now: Timestamp| {
        sql.push(" AND status = ").push_bind(status);
        sql.push(" AND (expires_at IS NULL OR expires_at > ")
            .push_bind(now.millis());
        sql.push(")");
    };
    match status {
        None => {
            sql.push(" AND status <> 'deleted'");
        }
        Some(KeyStatusFilter::Active { now }) => not_expired("active", now),
        Some(KeyStatusFilter::Disabled { now }) => not_expired("disabled", now),
        Some(KeyStatusFilter::Expired { now }) => {
            sql.push(" AND status <> 'deleted' AND expires_at <= ")
                .push_bind(now.millis());
        }
        Some(KeyStatusFilter::Deleted) => {
            sql.push(" AND status = 'deleted'");
        }
        Some(KeyStatusFilter::Any) => {}
    }
}

fn filter_text(sql: &mut QueryBuilder<Sqlite>, text: &str, in_owner: bool) {
    sql.push(" AND (");
    search::push(sql, &["name", "description", "hint"], text);
    if in_owner {
        sql.push(" OR owner IN (SELECT id FROM users WHERE ");
        search::push(sql, &["name", "email"], text);
        sql.push(")");
    }
    sql.push(")");
}

fn filter_owner(sql: &mut QueryBuilder<Sqlite>, text: &str) {
    sql.push(" AND owner IN (SELECT id FROM users WHERE ");
    search::push(sql, &["name", "email"], text);
    sql.push(")");
}

fn filter_mark(sql: &mut QueryBuilder<Sqlite>, mark: KeyMark) {
    match mark {
        // The `+` makes SQLite gather the ids once and then pass over the keys, which takes a fifth of the time that a
        // look-up in `last_used` or `keys` for each of many keys takes.
        KeyMark::NeverUsed => {
            sql.push(" AND id NOT IN (SELECT +key_id FROM last_used)");
        }
        KeyMark::UnusedSince(instant) => {
            sql.push(" AND +id IN (SELECT key_id FROM last_used WHERE at < ")
                .push_bind(instant.millis())
                .push(")");
        }
        KeyMark::NoExpiry => {
            sql.push(" AND expires_at IS NULL");
        }
        KeyMark::NoAddressRestriction => {
            sql.push(" AND addresses IS NULL");
        }
        KeyMark::ExpiresBy(instant) => {
            sql.push(" AND expires_at <= ").push_bind(instant.millis());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::migrate;
    use sqlx::{AssertSqlSafe, Connection};
    use std::path::Path;

    async fn plan(connection: &mut SqliteConnection, query: &KeyQuery) -> String {
        let sql = format!("EXPLAIN QUERY PLAN {}", statement(query).sql().as_str());
        let rows = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(connection)
            .await
            .unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.get(3)).collect();
        steps.join("; ")
    }

    #[tokio::test]
    async fn an_index_serves_every_order_that_could_have_one() {
        let mut connection = SqliteConnection::connect(":memory:").await.unwrap();
        migrate::apply(&mut connection, Path::new(":memory:"), migrate::ALL.len())
            .await
            .unwrap();
        let now = Timestamp::from_millis(0);
        for status in [
            None,
            Some(KeyStatusFilter::Active { now }),
            Some(KeyStatusFilter::Any),
        ] {
            for direction in [Direction::Ascending, Direction::Descending] {
                for order in [KeyOrder::Created, KeyOrder::Name, KeyOrder::Expires] {
                    let query = KeyQuery {
                        order: order(direction),
                        status,
                        ..KeyQuery::default()
                    };
                    let plan = plan(&mut connection, &query).await;
                    assert!(plan.contains("USING INDEX"), "{query:?}: {plan}");
                    assert!(!plan.contains("TEMP B-TREE"), "{query:?}: {plan}");
                }
            }
        }
    }
}
