//! Schemas that are newer or older, and migrations that are cut short or made twice.

use super::children::{child, exit_well};
use super::common::{created, event, fill, options, user};
use super::{refusal, tamper};
use keyward_store::{SqliteOptions, SqliteStore, Store, StoreError};
use std::fs;
use std::path::Path;
use std::time::Duration;

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

fn migrating(path: &Path) -> SqliteOptions {
    SqliteOptions {
        create: true,
        migrate: true,
        ..options(path)
    }
}

async fn assert_serves(path: &Path) {
    let store = SqliteStore::open(&options(path)).await.unwrap();
    store.check().await.unwrap();
    store.insert_user(&user(77), &event(77), None).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn s6_s7_a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyward.db");
    created(&path).await.close().await;
    tamper(
        &path,
        "INSERT INTO schema_migrations VALUES (99, '0099_later', 0)",
    )
    .await
    .unwrap();
    for options in [
        options(&path),
        migrating(&path),
        SqliteOptions {
            read_only: true,
            ..options(&path)
        },
    ] {
        let sentence = refusal(&options).await;
        assert!(
            sentence.contains("newer than this program") && sentence.contains("0099_later"),
            "{sentence}"
        );
    }
    let pending = SqliteStore::pending_migrations(&options(&path)).await;
    assert!(matches!(pending, Err(StoreError::Open(_))), "{pending:?}");
}

#[tokio::test]
async fn s6_an_older_schema_is_refused_unless_it_may_be_migrated() {
    for steps in 1..STEPS.len() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keyward.db");
        SqliteStore::create_older(&path, steps).await.unwrap();
        assert_eq!(
            SqliteStore::pending_migrations(&options(&path)).await.unwrap(),
            STEPS[steps..]
        );
        let read_only = SqliteOptions {
            migrate: true,
            read_only: true,
            ..options(&path)
        };
        for options in [
            options(&path),
            SqliteOptions {
                create: true,
                ..options(&path)
            },
            read_only,
        ] {
            let sentence = refusal(&options).await;
            assert!(sentence.contains("keyward migrate"), "{sentence}");
            assert!(
                STEPS[steps..].iter().all(|step| sentence.contains(step)),
                "{sentence}"
            );
        }
        SqliteStore::open(&migrating(&path)).await.unwrap().close().await;
        assert!(
            SqliteStore::pending_migrations(&options(&path))
                .await
                .unwrap()
                .is_empty()
        );
        assert_serves(&path).await;
    }
}

#[tokio::test]
async fn pending_migrations_of_a_new_file_are_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyward.db");
    assert_eq!(
        SqliteStore::pending_migrations(&migrating(&path)).await.unwrap(),
        STEPS
    );
    assert!(SqliteStore::pending_migrations(&options(&path)).await.is_err());
    assert!(!path.exists());
}

#[tokio::test]
async fn s7_a_step_that_fails_leaves_whole_steps_and_is_made_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyward.db");
    SqliteStore::create_older(&path, 2).await.unwrap();
    // Stands in the way of the last statement of step 3.
    tamper(&path, "CREATE TABLE last_used (a)").await.unwrap();
    refusal(&migrating(&path)).await;
    assert_eq!(
        SqliteStore::pending_migrations(&options(&path)).await.unwrap(),
        STEPS[2..]
    );
    tamper(&path, "DROP TABLE last_used").await.unwrap();
    SqliteStore::open(&migrating(&path)).await.unwrap().close().await;
    assert_serves(&path).await;
}

#[tokio::test]
async fn s7_a_process_killed_while_it_makes_or_migrates_a_file_leaves_whole_steps() {
    let folder = tempfile::tempdir().unwrap();
    let mut cut_short = 0;
    for round in 0..40_u64 {
        let path = folder.path().join(format!("{round}.db"));
        let is_new = round % 2 == 0;
        if !is_new {
            SqliteStore::create_older(&path, 1).await.unwrap();
        }
        let mut process = child("open", &path);
        tokio::time::sleep(Duration::from_millis(2 + round)).await;
        process.kill().unwrap();
        process.wait().unwrap();
        if path.exists() {
            let pending = SqliteStore::pending_migrations(&options(&path)).await.unwrap();
            assert_eq!(pending, STEPS[STEPS.len() - pending.len()..]);
            assert!(
                !is_new || pending.is_empty(),
                "a new file is complete or not there"
            );
            cut_short += usize::from(!pending.is_empty());
        } else {
            assert!(is_new);
            cut_short += 1;
        }
        SqliteStore::open(&migrating(&path)).await.unwrap().close().await;
        assert_serves(&path).await;
    }
    println!("cut short: {cut_short} of 40");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s7_of_many_that_make_or_migrate_one_file_at_once_all_can_serve() {
    for steps in [None, Some(1), Some(3)] {
        for _ in 0..5 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("keyward.db");
            if let Some(steps) = steps {
                SqliteStore::create_older(&path, steps).await.unwrap();
            }
            let processes: Vec<_> = (0..3).map(|_| child("open", &path)).collect();
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..4 {
                let options = migrating(&path);
                tasks.spawn(async move {
                    let store = SqliteStore::open(&options).await.unwrap();
                    store.revision().await.unwrap();
                    store.close().await;
                });
            }
            tasks.join_all().await;
            exit_well(processes);
            assert_serves(&path).await;
            let left: Vec<_> = fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            assert_eq!(left, ["keyward.db"]);
        }
    }
}

#[tokio::test]
async fn a_second_start_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyward.db");
    let store = created(&path).await;
    fill(&store, 5).await;
    let revision = store.revision().await.unwrap();
    store.close().await;
    let again = SqliteStore::open(&migrating(&path)).await.unwrap();
    assert_eq!(again.revision().await.unwrap(), revision);
    again.close().await;
}
