//! No table, column or key of a schema is forgotten.

use super::tables::{LEFT, LEFT_COLUMN};
use super::{Kind, TABLES};
use crate::{PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store};
use keyward_testkit::Postgres;
use sqlx::{ConnectOptions, Row as _};
use std::collections::BTreeMap;

/// Of each table the columns and what they hold, and the primary key.
type Schema = BTreeMap<String, (BTreeMap<String, Kind>, Vec<String>)>;

/// What is moved, without what one of the databases does not tell apart.
fn moved(kind_of: fn(Kind) -> Kind) -> Schema {
    let table = |table: &super::Table| {
        let columns = table.columns.iter();
        let columns = columns
            .map(|(name, kind)| ((*name).to_owned(), kind_of(*kind)))
            .collect();
        let key = table.columns[..table.key]
            .iter()
            .map(|(name, _)| (*name).to_owned());
        (table.name.to_owned(), (columns, key.collect()))
    };
    TABLES.iter().map(table).collect()
}

fn add(schema: &mut Schema, table: String, column: String, kind: &str, key: i64) {
    if LEFT.contains(&table.as_str()) || (table.as_str(), column.as_str()) == LEFT_COLUMN {
        return;
    }
    let kind = match kind {
        "INTEGER" | "bigint" => Kind::Number,
        "boolean" => Kind::Flag,
        "TEXT" | "text" => Kind::Text,
        "BLOB" | "bytea" => Kind::Bytes,
        other => panic!("{table}.{column}: {other}"),
    };
    let (columns, keys) = schema.entry(table).or_default();
    columns.insert(column.clone(), kind);
    if key > 0 {
        keys.push(column);
    }
}

#[tokio::test]
async fn every_table_of_sqlite_is_moved_whole_or_left_on_purpose() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyward.db");
    let options = SqliteOptions {
        path: path.clone(),
        create: true,
        migrate: true,
        read_only: false,
    };
    SqliteStore::open(&options).await.unwrap().close().await;
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .connect()
        .await
        .unwrap();
    let rows = sqlx::query(
        "SELECT t.name, c.name, c.type, c.pk FROM pragma_table_list AS t JOIN pragma_table_info(t.name) AS c \
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name, c.pk",
    );
    let mut schema = Schema::new();
    for row in rows.fetch_all(&mut connection).await.unwrap() {
        add(&mut schema, row.get(0), row.get(1), row.get(2), row.get(3));
    }
    // SQLite has no kind of its own for what is true or false.
    assert_eq!(
        schema,
        moved(|kind| if kind == Kind::Flag { Kind::Number } else { kind })
    );
}

#[tokio::test]
async fn every_table_of_postgresql_is_moved_whole_or_left_on_purpose() {
    let server = Postgres::start_quick();
    let options = PostgresOptions {
        url: server.url("postgres"),
        password: None,
        listen_url: None,
        create: true,
        migrate: true,
        read_only: false,
    };
    PostgresStore::open(&options).await.unwrap().close().await;
    let rows = server.sql(
        "postgres",
        "SELECT t.relname, c.attname, format_type(c.atttypid, NULL), coalesce(array_position(i.indkey, c.attnum), -1) + 1 \
         FROM pg_class AS t JOIN pg_attribute AS c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped \
         LEFT JOIN pg_index AS i ON i.indrelid = t.oid AND i.indisprimary \
         WHERE t.relkind IN ('r', 'p') AND t.relnamespace = 'public'::regnamespace ORDER BY t.relname, 4",
    );
    let mut schema = Schema::new();
    for row in rows.lines() {
        let [table, column, kind, key] = row.split('|').collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        add(
            &mut schema,
            table.to_owned(),
            column.to_owned(),
            kind,
            key.parse().unwrap(),
        );
    }
    assert_eq!(schema, moved(|kind| kind));
}
