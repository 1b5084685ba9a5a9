//! A whole installation moved from one database into another.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "transfer/filled.rs"]
mod filled;
#[path = "common/samples.rs"]
mod samples;

use filled::{Home, fill};
use keyward_domain::Revision;
use keyward_store::{
    Inserted, KeyQuery, KeyStatusFilter, PostgresOptions, PostgresStore, SqliteStore, Store, StoreError,
    StorePlace, Transfer, transfer,
};
use keyward_testkit::Postgres;
use samples::{event, user};
use std::sync::Arc;

fn postgres(server: &Postgres) -> PostgresOptions {
    PostgresOptions {
        url: server.url("postgres"),
        password: None,
        listen_url: None,
        create: true,
        migrate: true,
        read_only: false,
    }
}

fn place(server: &Postgres) -> StorePlace {
    StorePlace::Postgres(postgres(server))
}

async fn moved(from: &StorePlace, to: &StorePlace) -> Transfer {
    transfer(from, to, &mut |_| {}).await.unwrap()
}

async fn refusal(from: &StorePlace, to: &StorePlace) -> String {
    match transfer(from, to, &mut |_| {}).await {
        Err(StoreError::Open(sentence)) => sentence,
        other => panic!("{other:?}"),
    }
}

fn digests(transfer: &Transfer) -> Vec<(&'static str, u64, [u8; 32])> {
    transfer
        .tables
        .iter()
        .map(|table| (table.name, table.rows, table.digest))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_moved_to_postgresql_and_back_and_is_the_same() {
    let server = Postgres::start_quick();
    let home = Home::new("keyward.db");
    fill(&home, 4100).await;
    let there = moved(&home.place(), &place(&server)).await;
    assert!(there.is_new);
    // A table that nothing was put in shows nothing: whoever adds one fills it.
    for table in &there.tables {
        assert!(table.rows > 0, "{}", table.name);
    }
    let back = Home::new("back.db");
    let again = moved(&place(&server), &back.place()).await;
    assert_eq!(digests(&again), digests(&there));
    assert_same_to_the_port(&home, &server).await;
    assert_same_to_the_port(&back, &server).await;
    // What is changed next follows on what was moved.
    let database = PostgresStore::open(&postgres(&server)).await.unwrap();
    let before = database.revision().await.unwrap();
    let inserted = database.insert_user(&user(90), &event(90), None).await.unwrap();
    assert_eq!(inserted, Inserted::New(Revision(before.0 + 1)));
    database.close().await;
}

/// What the port tells of both.
async fn assert_same_to_the_port(home: &Home, server: &Postgres) {
    let file = SqliteStore::open(&home.options).await.unwrap();
    let database = PostgresStore::open(&postgres(server)).await.unwrap();
    let query = KeyQuery {
        status: Some(KeyStatusFilter::Any),
        most: 10_000,
        ..KeyQuery::default()
    };
    let keys = file.list_keys(&query).await.unwrap();
    assert_eq!(database.list_keys(&query).await.unwrap(), keys);
    assert_eq!(database.revision().await.unwrap(), file.revision().await.unwrap());
    assert_eq!(
        database.list_sites().await.unwrap(),
        file.list_sites().await.unwrap()
    );
    database.check().await.unwrap();
    file.check().await.unwrap();
    file.close().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_run_finds_everything_there_and_another_source_is_refused() {
    let server = Postgres::start_quick();
    let home = Home::new("keyward.db");
    fill(&home, 20).await;
    let first = moved(&home.place(), &place(&server)).await;
    let second = moved(&home.place(), &place(&server)).await;
    assert!(first.is_new && !second.is_new);
    assert_eq!(digests(&first), digests(&second));
    let other = Home::new("other.db");
    fill(&other, 21).await;
    let before = server.sql(
        "postgres",
        "SELECT count(*), (SELECT revision FROM meta) FROM keys",
    );
    let sentence = refusal(&other.place(), &place(&server)).await;
    assert!(
        sentence.contains("not empty") && sentence.contains("keys"),
        "{sentence}"
    );
    let after = server.sql(
        "postgres",
        "SELECT count(*), (SELECT revision FROM meta) FROM keys",
    );
    assert_eq!(before, after);
    // The way back needs an empty file as well.
    let sentence = refusal(&place(&server), &other.place()).await;
    assert!(sentence.contains("not empty"), "{sentence}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_row_in_any_table_of_the_target_is_refused() {
    let server = Postgres::start_quick();
    let home = Home::new("keyward.db");
    fill(&home, 3).await;
    PostgresStore::open(&postgres(&server))
        .await
        .unwrap()
        .close()
        .await;
    server.sql("postgres", "INSERT INTO setup_token VALUES (1, sha256('x'), 0)");
    let sentence = refusal(&home.place(), &place(&server)).await;
    assert!(sentence.contains("setup_token"), "{sentence}");
    server.sql(
        "postgres",
        "DELETE FROM setup_token; UPDATE meta SET revision = 7",
    );
    let sentence = refusal(&home.place(), &place(&server)).await;
    assert!(sentence.contains("meta"), "{sentence}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_in_use_is_refused() {
    let server = Postgres::start_quick();
    let home = Home::new("keyward.db");
    fill(&home, 3).await;
    let running = SqliteStore::open(&home.options).await.unwrap();
    let sentence = refusal(&home.place(), &place(&server)).await;
    assert!(
        sentence.contains("in use") && sentence.contains("stop the Keyward"),
        "{sentence}"
    );
    running.close().await;
    moved(&home.place(), &place(&server)).await;
    let node = PostgresStore::open(&postgres(&server)).await.unwrap();
    node.revision().await.unwrap();
    let back = Home::new("back.db");
    let sentence = refusal(&place(&server), &back.place()).await;
    assert!(
        sentence.contains("in use") && sentence.contains("stop every Keyward"),
        "{sentence}"
    );
    node.close().await;
    moved(&place(&server), &back.place()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_on_the_way_has_nothing_and_the_next_run_moves_all() {
    let server = Arc::new(Postgres::start());
    let home = Home::new("keyward.db");
    fill(&home, 30).await;
    for (table, is_check) in [
        ("users", false),
        ("keys", false),
        ("identities", false),
        ("usage", true),
    ] {
        let its = server.clone();
        let killed = transfer(&home.place(), &place(&server), &mut move |now| {
            if now.table == table && now.is_check == is_check {
                its.sigkill();
            }
        })
        .await;
        assert!(killed.is_err(), "{table}: {killed:?}");
        server.resume();
        let rows = server.sql(
            "postgres",
            "SELECT (SELECT count(*) FROM users), (SELECT revision FROM meta)",
        );
        assert_eq!(rows, "0|0", "{table}");
    }
    assert!(moved(&home.place(), &place(&server)).await.is_new);
}

#[tokio::test]
async fn a_source_that_is_no_installation_is_refused_and_nothing_is_made() {
    let server = Postgres::start_quick();
    let home = Home::new("keyward.db");
    let sentence = refusal(&home.place(), &place(&server)).await;
    assert!(sentence.contains("no such file"), "{sentence}");
    assert!(!home.options.path.exists());
    let tables = server.sql(
        "postgres",
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'",
    );
    assert_eq!(tables, "0");
}
