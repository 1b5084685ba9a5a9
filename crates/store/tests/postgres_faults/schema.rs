//! Schemas that are missing, newer, older or another program's, and many that make one at once.

use super::samples::{event, key, user};
use super::{created, creating, options, owner, refusal, unreadable};
use keyward_domain::KeyStatus;
use keyward_store::{Change, PostgresOptions, PostgresStore, Store, StoreError};
use keyward_testkit::Postgres;
use tokio::task::JoinSet;

const STEPS: [&str; 12] = [
    "0001_initial",
    "0002_audit",
    "0003_usage",
    "0004_once",
    "0005_accounts",
    "0006_key_lists",
    "0007_pending_identities",
    "0008_nodes",
    "0009_marks",
    "0010_imports",
    "0011_audit_archive",
    "0012_lists",
];

async fn pending(options: &PostgresOptions) -> Vec<String> {
    PostgresStore::pending_migrations(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s7_of_ten_that_make_or_migrate_one_database_at_once_all_can_serve() {
    let server = Postgres::start_quick();
    for steps in [0, 1, 3] {
        let name = format!("from{steps}");
        server.sql("postgres", &format!("CREATE DATABASE {name}"));
        let options = PostgresOptions {
            url: server.url(&name),
            ..creating(&server)
        };
        PostgresStore::create_older(&options, steps).await.unwrap();
        let mut nodes = JoinSet::new();
        for number in 1..=10 {
            let options = options.clone();
            nodes.spawn(async move {
                let store = PostgresStore::open(&options).await.unwrap();
                store
                    .insert_user(&user(number), &event(number), None)
                    .await
                    .unwrap();
                store.close().await;
            });
        }
        nodes.join_all().await;
        assert!(pending(&options).await.is_empty());
        let steps = server.sql(
            &name,
            "SELECT string_agg(name, ' ' ORDER BY number) FROM schema_migrations",
        );
        assert_eq!(steps, STEPS.join(" "));
        assert_eq!(server.sql(&name, "SELECT revision FROM meta"), "10");
    }
}

#[tokio::test]
async fn s6_an_older_schema_is_refused_unless_it_may_be_migrated() {
    let server = Postgres::start_quick();
    PostgresStore::create_older(&options(&server), 2).await.unwrap();
    assert_eq!(pending(&options(&server)).await, STEPS[2..]);
    let only_create = PostgresOptions {
        create: true,
        ..options(&server)
    };
    let only_read = PostgresOptions {
        migrate: true,
        read_only: true,
        ..options(&server)
    };
    for options in [options(&server), only_create, only_read] {
        let sentence = refusal(&options).await;
        assert!(
            sentence.contains("keyward migrate") && STEPS[2..].iter().all(|step| sentence.contains(step)),
            "{sentence}"
        );
    }
    assert_eq!(pending(&options(&server)).await, STEPS[2..]);
    let migrating = PostgresOptions {
        migrate: true,
        ..options(&server)
    };
    let store = PostgresStore::open(&migrating).await.unwrap();
    owner(&store).await;
    store.check().await.unwrap();
    store.close().await;
    assert!(pending(&options(&server)).await.is_empty());
}

#[tokio::test]
async fn s6_s7_a_newer_schema_is_refused() {
    let server = Postgres::start_quick();
    created(&server).await.close().await;
    server.sql(
        "postgres",
        "INSERT INTO schema_migrations VALUES (99, '0099_later', 0)",
    );
    let only_read = PostgresOptions {
        read_only: true,
        ..options(&server)
    };
    for options in [options(&server), creating(&server), only_read] {
        let sentence = refusal(&options).await;
        assert!(
            sentence.contains("newer than this program") && sentence.contains("0099_later"),
            "{sentence}"
        );
    }
    let pending = PostgresStore::pending_migrations(&options(&server)).await;
    assert!(matches!(pending, Err(StoreError::Open(_))), "{pending:?}");
}

#[tokio::test]
async fn a_store_never_starts_empty_unless_it_is_to_be_made() {
    let server = Postgres::start_quick();
    let migrating = PostgresOptions {
        migrate: true,
        ..options(&server)
    };
    for options in [options(&server), migrating] {
        let sentence = refusal(&options).await;
        assert!(sentence.contains("keyward init"), "{sentence}");
    }
    assert_eq!(pending(&creating(&server)).await, STEPS);
    assert_eq!(server.sql("postgres", "SELECT to_regclass('meta') IS NULL"), "t");
}

#[tokio::test]
async fn tables_of_another_program_are_left_alone() {
    let server = Postgres::start_quick();
    server.sql("postgres", "CREATE TABLE schema_migrations (version text)");
    let sentence = refusal(&creating(&server)).await;
    assert!(sentence.contains("not those of Keyward"), "{sentence}");
    assert_eq!(server.sql("postgres", "SELECT to_regclass('meta') IS NULL"), "t");
}

#[tokio::test]
async fn s7_a_step_that_fails_leaves_whole_steps_and_is_made_later() {
    let server = Postgres::start_quick();
    PostgresStore::create_older(&options(&server), 2).await.unwrap();
    // Stands in the way of the last statement of step 3.
    server.sql("postgres", "CREATE TABLE last_used (a int)");
    refusal(&creating(&server)).await;
    assert_eq!(pending(&options(&server)).await, STEPS[2..]);
    server.sql("postgres", "DROP TABLE last_used");
    let store = created(&server).await;
    owner(&store).await;
    store.close().await;
}

#[tokio::test]
async fn a_role_that_may_only_read_and_write_rows_will_do_when_the_tables_are_there() {
    let server = Postgres::start_quick();
    created(&server).await.close().await;
    server.sql(
        "postgres",
        "CREATE ROLE node LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO node",
    );
    let options = PostgresOptions {
        url: server.url("postgres").replace("keyward@", "node@"),
        ..options(&server)
    };
    let store = PostgresStore::open(&options).await.unwrap();
    let owner = owner(&store).await;
    let use_ = keyward_store::LastUsed {
        key: super::samples::key(owner.id, 2).id,
        at: super::samples::START,
        address: None,
    };
    let batch = keyward_store::UsageBatch {
        last_used: vec![use_],
        ..keyward_store::UsageBatch::default()
    };
    store.add_usage(&batch).await.unwrap();
    store.check().await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a11_the_audit_log_cannot_be_changed() {
    let server = Postgres::start_quick();
    let store = created(&server).await;
    owner(&store).await;
    let before = store.list_audit(&query()).await.unwrap();
    for sql in [
        "UPDATE audit SET action = 'x'",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE FALSE",
        "TRUNCATE audit",
        "TRUNCATE users CASCADE; TRUNCATE audit",
    ] {
        let guarded = format!(
            "DO $$ BEGIN {sql}; RAISE 'let through'; EXCEPTION WHEN raise_exception THEN \
             ASSERT SQLERRM = 'the audit log cannot be changed', SQLERRM; END $$"
        );
        server.sql("postgres", &guarded);
    }
    assert_eq!(store.list_audit(&query()).await.unwrap(), before);
    assert_eq!(before.len(), 1);
    store.close().await;
}

fn query() -> keyward_store::AuditQuery {
    keyward_store::AuditQuery {
        most: 10,
        ..keyward_store::AuditQuery::default()
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_read_while_loading_is_out_of_force_and_named_by_a_check() {
    let server = Postgres::start_quick();
    let store = created(&server).await;
    let owner = owner(&store).await;
    for number in 1..=20 {
        store
            .insert_key(&key(owner.id, number), &event(number + 1), None)
            .await
            .unwrap();
    }
    let mut loaded = 0;
    store.load(&mut |_| loaded += 1).await.unwrap();
    assert_eq!(loaded, 21);
    for (column, value, old) in [
        ("use_case", "'Not One'", "'rest-api'"),
        ("addresses", "'[\"192.0.2.1/24\"]'", "NULL"),
        ("sites", "'[-1]'", "NULL"),
        ("rate_limit", "1000000000000", "NULL"),
        ("revision", "-1", "1"),
    ] {
        let set = |value: &str| format!("UPDATE keys SET {column} = {value} WHERE name = 'Key 7'");
        server.sql(
            "postgres",
            "ALTER TABLE keys DROP CONSTRAINT IF EXISTS keys_rate_limit_check",
        );
        server.sql("postgres", &set(value));
        let id = key(owner.id, 7).id;
        let mut active = 0;
        let mut visit = |change| match change {
            Change::Key(key) if key.status == KeyStatus::Active => {
                assert_ne!(key.id, id, "{column}");
                active += 1;
            }
            _ => {}
        };
        store.load(&mut visit).await.unwrap();
        assert_eq!(active, 19, "{column}");
        let fault = store.check().await.unwrap_err().to_string();
        assert!(
            fault.contains("table keys") && fault.contains(column) && fault.contains(&id.to_string()),
            "{fault}"
        );
        server.sql("postgres", &set(old));
    }
    store.load(&mut |_| ()).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn r1_s6_a_row_that_cannot_be_read_is_out_of_force_and_holds_up_nobody() {
    let server = Postgres::start_quick();
    for (number, (table, column, sql)) in unreadable::TAMPERED.into_iter().enumerate() {
        let name = format!("unreadable{number}");
        server.sql("postgres", &format!("CREATE DATABASE {name}"));
        let options = PostgresOptions {
            url: server.url(&name),
            ..creating(&server)
        };
        let store = PostgresStore::open(&options).await.unwrap();
        unreadable::fill(&store).await;
        server.sql(
            &name,
            "DO $$ DECLARE c record; BEGIN FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint \
             WHERE contype = 'c' AND conrelid IN ('keys'::regclass, 'users'::regclass, 'sites'::regclass) \
             LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname); END LOOP; END $$",
        );
        server.sql(&name, &sql.replace("{blob}", "'\\x00'"));
        unreadable::holds_up_nobody(&store, table, column).await;
        store.close().await;
    }
}
