//! Lists of keys: what passes the filters, in one of the orders, and how many they are.
//!
//! Who adds an order or a mark looks at its plan with 100,000 keys: an order that no index of `keys` serves must be sorted
//! by ids alone, as [`KeyOrder::LastUsed`] is.

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
macro_rules! last_used {
    () => {
        "(SELECT at FROM last_used WHERE key_id = keys.id)"
    };
}

pub(super) async fn list(
    connection: &mut SqliteConnection,
    query: &KeyQuery,
) -> Result<Vec<Key>, StoreError> {
    fetch(connection, &mut statement(query)).await
}

fn statement(query: &KeyQuery) -> QueryBuilder<Sqlite> {
    let by_ids = matches!(query.order, KeyOrder::LastUsed(_));
    let mut sql = if by_ids {
        // Sorting whole rows takes four times as long as sorting ids and fetching the rows of one page.
        QueryBuilder::new(concat!(
            "SELECT ",
            key_columns!(),
            " FROM visible_keys AS keys WHERE id IN (SELECT id FROM visible_keys AS keys WHERE TRUE"
        ))
    } else {
        QueryBuilder::new(concat!(
            "SELECT ",
            key_columns!(),
            " FROM visible_keys AS keys WHERE TRUE"
        ))
    };
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
    if by_ids {
        sql.push(")").push(order(query.order));
    }
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
        // NULL, of a key that was never used, is less than any instant.
        KeyOrder::LastUsed(Ascending) => concat!(" ORDER BY ", last_used!(), ", id"),
        KeyOrder::LastUsed(Descending) => concat!(" ORDER BY ", last_used!(), " DESC, id DESC"),
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
