//! Lists of keys: what passes the filters, in one of the orders, and how many they are.
//!
//! Who adds an order or a mark looks at its plan with 100,000 keys: an index has to serve it.

use super::connection::Connection;
use super::fault::reading;
use super::keys::fetch;
use super::search;
use crate::rows::key_columns;
use crate::{Direction, KeyMark, KeyOrder, KeyQuery, KeyStatusFilter, StoreError};
use keyward_domain::{Key, Timestamp};
use sqlx::{Postgres, QueryBuilder, Row};

/// The expiry, with "never" as the latest of all; spelt as the index `keys_expiry` has it.
macro_rules! expiry {
    () => {
        "coalesce(expires_at, 9223372036854775807)"
    };
}

pub(super) async fn list(connection: &mut Connection, query: &KeyQuery) -> Result<Vec<Key>, StoreError> {
    match query.order {
        KeyOrder::LastUsed(direction) => by_last_use(connection, query, direction).await,
        _ => fetch(connection, &mut statement(query)).await,
    }
}

/// Keys that were used come in the order of the index on their last uses, and those that never were in the order of ids: two lists, one
/// behind the other.
async fn by_last_use(
    connection: &mut Connection,
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
fn from_use(sql: &mut QueryBuilder<Postgres>, query: &KeyQuery, kind: Use) {
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
) -> QueryBuilder<Postgres> {
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

async fn count_by_use(connection: &mut Connection, query: &KeyQuery, kind: Use) -> Result<i64, StoreError> {
    let mut sql = QueryBuilder::new("SELECT count(*)");
    from_use(&mut sql, query, kind);
    let row = sql.build().fetch_one(connection).await.map_err(reading)?;
    row.try_get(0).map_err(reading)
}

fn statement(query: &KeyQuery) -> QueryBuilder<Postgres> {
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

pub(super) async fn count(connection: &mut Connection, query: &KeyQuery) -> Result<u64, StoreError> {
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
        KeyOrder::Name(Ascending) => " ORDER BY lower(name), id",
        KeyOrder::Name(Descending) => " ORDER BY lower(name) DESC, id DESC",
        KeyOrder::Expires(Ascending) => concat!(" ORDER BY ", expiry!(), ", id"),
        KeyOrder::Expires(Descending) => concat!(" ORDER BY ", expiry!(), " DESC, id DESC"),
        // In two lists: see `by_last_use`.
        KeyOrder::LastUsed(_) => "",
    }
}

fn filter(sql: &mut QueryBuilder<Postgres>, query: &KeyQuery) {
    if let Some(owner) = query.owner {
        sql.push(" AND owner = ").push_bind(owner.as_bytes().to_vec());
    }
    if let Some(text) = &query.owner_text {
        filter_owner(sql, text);
    }
    filter_status(sql, query.status);
    if let Some(site) = query.site {
        // Reading JSON takes several times as long as finding out that the number stands nowhere in it.
        sql.push(" AND strpos(sites, ")
            .push_bind(site.0.to_string())
            .push(") > 0 AND sites::jsonb @> to_jsonb(")
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

fn filter_status(sql: &mut QueryBuilder<Postgres>, status: Option<KeyStatusFilter>) {
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

fn filter_text(sql: &mut QueryBuilder<Postgres>, text: &str, in_owner: bool) {
    sql.push(" AND (");
    search::push(sql, &["name", "description", "hint"], text);
    if in_owner {
        sql.push(" OR owner IN (SELECT id FROM users WHERE ");
        search::push(sql, &["name", "email"], text);
        sql.push(")");
    }
    sql.push(")");
}

fn filter_owner(sql: &mut QueryBuilder<Postgres>, text: &str) {
    sql.push(" AND owner IN (SELECT id FROM users WHERE ");
    search::push(sql, &["name", "email"], text);
    sql.push(")");
}

fn filter_mark(sql: &mut QueryBuilder<Postgres>, mark: KeyMark) {
    match mark {
        KeyMark::NeverUsed => {
            sql.push(" AND NOT EXISTS (SELECT 1 FROM last_used WHERE key_id = keys.id)");
        }
        KeyMark::UnusedSince(instant) => {
            sql.push(" AND id IN (SELECT key_id FROM last_used WHERE at < ")
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
    use crate::{PostgresOptions, PostgresStore, Store};
    use keyward_domain::{KeyId, UserId};
    use keyward_testkit::Postgres;
    use sqlx::{AssertSqlSafe, Connection as _, Execute, PgConnection};

    /// 100,000 keys of 100 users; every tenth was used, and of each hundred one is deleted.
    const FILL: &str = "
        INSERT INTO users SELECT decode(lpad(to_hex(n), 32, '0'), 'hex'), 'u' || n || '@example.com', 'U', 'member', 'active',
            NULL, NULL, 0, n FROM generate_series(1, 100) AS n;
        INSERT INTO keys SELECT decode(lpad(to_hex(n), 32, '0'), 'hex'), decode(lpad(to_hex(n % 100 + 1), 32, '0'), 'hex'),
            'Key ' || md5(n::text), '', 'rest-api', sha256(n::text::bytea), 'kw_...', CASE n % 100 WHEN 0 THEN 'deleted' ELSE
            'active' END, CASE n % 100 WHEN 0 THEN n END, CASE n % 100 WHEN 0 THEN TRUE END, CASE n % 5 WHEN 0 THEN n END,
            NULL, NULL, NULL, 0, 0, n FROM generate_series(1, 100000) AS n;
        INSERT INTO last_used SELECT id, revision, NULL FROM keys WHERE revision % 10 = 0;
        ANALYZE";

    async fn filled(server: &Postgres) -> PgConnection {
        let options = PostgresOptions {
            url: server.url("postgres"),
            password: None,
            listen_url: None,
            create: true,
            migrate: true,
            read_only: false,
        };
        PostgresStore::open(&options).await.unwrap().close().await;
        server.sql("postgres", FILL);
        PgConnection::connect(&options.url).await.unwrap()
    }

    async fn plan(connection: &mut PgConnection, query: &KeyQuery) -> String {
        plan_of(connection, statement(query)).await
    }

    async fn plan_of(connection: &mut PgConnection, mut built: QueryBuilder<sqlx::Postgres>) -> String {
        let mut query = built.build();
        let arguments = query.take_arguments().unwrap().unwrap();
        let sql = format!("EXPLAIN {}", query.sql().as_str());
        let rows = sqlx::query_with(AssertSqlSafe(sql), arguments)
            .fetch_all(connection)
            .await
            .unwrap();
        rows.iter().map(|row| row.get::<String, _>(0) + "\n").collect()
    }

    #[tokio::test]
    async fn a_page_by_last_use_is_read_by_indexes_and_nothing_is_sorted() {
        let server = Postgres::start_quick();
        let mut connection = filled(&server).await;
        for direction in [Direction::Ascending, Direction::Descending] {
            for (kind, index) in [(Use::Once, "last_used_at"), (Use::Never, "keys_pkey")] {
                let query = page(KeyOrder::LastUsed(direction), None);
                let plan = plan_of(&mut connection, by_use(&query, kind, direction, (0, 51))).await;
                assert!(plan.contains(index) && !plan.contains("Sort"), "{plan}");
            }
        }
        connection.close().await.unwrap();
    }

    fn page(order: KeyOrder, status: Option<KeyStatusFilter>) -> KeyQuery {
        KeyQuery {
            order,
            status,
            most: 50,
            ..KeyQuery::default()
        }
    }

    #[tokio::test]
    async fn an_index_serves_every_order_that_could_have_one_and_every_filter_in_it() {
        let server = Postgres::start_quick();
        let mut connection = filled(&server).await;
        let now = Timestamp::from_millis(0);
        for direction in [Direction::Ascending, Direction::Descending] {
            for (order, index) in [
                (KeyOrder::Created(direction), "keys_pkey"),
                (KeyOrder::Name(direction), "keys_name"),
                (KeyOrder::Expires(direction), "keys_expiry"),
            ] {
                let plain = page(order, None);
                let searched = KeyQuery {
                    text: Some("key".to_owned()),
                    text_in_owner: true,
                    ..plain.clone()
                };
                let marked = KeyQuery {
                    mark: Some(KeyMark::NoAddressRestriction),
                    ..plain.clone()
                };
                let active = page(order, Some(KeyStatusFilter::Active { now }));
                let any = page(order, Some(KeyStatusFilter::Any));
                for query in [plain, searched, marked, active, any] {
                    let plan = plan(&mut connection, &query).await;
                    assert!(
                        plan.contains(index) && !plan.contains("Sort"),
                        "{query:?}\n{plan}"
                    );
                }
            }
        }
        connection.close().await.unwrap();
    }

    #[tokio::test]
    async fn what_is_few_is_found_by_its_own_index() {
        let server = Postgres::start_quick();
        let mut connection = filled(&server).await;
        let owner = UserId::from_bytes(7_u128.to_be_bytes());
        let after = KeyId::from_bytes(50_000_u128.to_be_bytes());
        let by_creation = page(KeyOrder::default(), None);
        let of_owner = KeyQuery {
            owner: Some(owner),
            ..by_creation.clone()
        };
        let next_page = KeyQuery {
            after: Some(after),
            ..by_creation.clone()
        };
        let deleted = page(KeyOrder::default(), Some(KeyStatusFilter::Deleted));
        for (query, indexes) in [
            (of_owner, &["keys_owner"][..]),
            (next_page, &["Index Cond: (id <"]),
            // A page of the thousandth part is near enough in the order of creation too.
            (deleted, &["keys_deleted", "keys_pkey"]),
        ] {
            let plan = plan(&mut connection, &query).await;
            let is_served = indexes.iter().any(|index| plan.contains(index));
            assert!(
                is_served && !plan.contains("Seq Scan on keys"),
                "{query:?}\n{plan}"
            );
        }
        connection.close().await.unwrap();
    }
}
