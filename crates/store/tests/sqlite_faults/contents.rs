//! A full disk, tampered rows, backups.

use super::common::{START, created, event, fill, key, options, user};
use super::{tamper, unreadable};
use keyward_domain::{Key, Revision};
use keyward_store::{
    AuditQuery, Change, KeyQuery, LastUsed, Period, Purge, RecentAddress, SqliteStore, Store, StoreError,
    UsageBatch, UsageCount,
};

use std::fs;
use std::path::PathBuf;

async fn contents(store: &SqliteStore) -> String {
    let mut changes = Vec::new();
    let position = store
        .load(&mut |change: Change| changes.push(change))
        .await
        .unwrap();
    let keys = store
        .list_keys(&KeyQuery {
            most: 10_000,
            ..KeyQuery::default()
        })
        .await
        .unwrap();
    let audit = store
        .list_audit(&AuditQuery {
            most: 10_000,
            ..AuditQuery::default()
        })
        .await
        .unwrap();
    let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
    let last_used = store.last_used(&ids).await.unwrap();
    let mut usage = Vec::new();
    for id in ids {
        usage.push(
            store
                .usage(id, Period::Day, START, START.plus_days(9))
                .await
                .unwrap(),
        );
    }
    let fingerprints: Vec<_> = keys.iter().map(|key| *key.fingerprint.as_bytes()).collect();
    format!("{position:?} {changes:?} {keys:?} {fingerprints:?} {audit:?} {last_used:?} {usage:?}")
}

fn used(key: &Key) -> UsageBatch {
    UsageBatch {
        flush: None,
        counts: vec![UsageCount {
            key: key.id,
            minute: START,
            refused: None,
            count: 4,
        }],
        last_used: vec![LastUsed {
            key: key.id,
            at: START,
            address: None,
        }],
        addresses: vec![RecentAddress {
            key: key.id,
            address: [192, 0, 2, 1].into(),
            at: START,
        }],
    }
}

#[tokio::test]
async fn a_backup_restores_to_an_equal_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = created(&folder.path().join("keyward.db")).await;
    let owner = fill(&store, 200).await;
    store.add_usage(&used(&key(owner.id, 7))).await.unwrap();
    let backup = folder.path().join("it's a backup.db");
    store.backup(&backup).await.unwrap();
    let before = contents(&store).await;
    store.insert_user(&user(900), &event(900), None).await.unwrap();
    store.close().await;
    let restored = SqliteStore::open(&options(&backup)).await.unwrap();
    restored.check().await.unwrap();
    assert!(contents(&restored).await == before);
    restored.insert_user(&user(901), &event(901), None).await.unwrap();
    restored.close().await;
}

#[tokio::test]
async fn s3_a_full_disk_changes_nothing_and_ends_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = created(&folder.path().join("keyward.db")).await;
    let owner = fill(&store, 50).await;
    for round in 0..3_u64 {
        // SQLite takes the pages that there are for the least.
        store.limit_pages(1).await.unwrap();
        let mut number = 1000 * (round + 1);
        let full = loop {
            number += 1;
            let before = contents(&store).await;
            let done = store
                .insert_key(&key(owner.id, number), &event(number), None)
                .await;
            if let Err(fault) = done {
                assert_eq!(contents(&store).await, before);
                break fault;
            }
        };
        assert!(matches!(full, StoreError::NotWritable(_)), "{full:?}");
        let before = contents(&store).await;
        let many: Vec<Key> = (0..3000).map(|n| key(owner.id, 100_000 + n)).collect();
        let done = store.import_keys(&mut many.chunks(700), &event(9), &|_| {}).await;
        assert!(matches!(done, Err(StoreError::NotWritable(_))), "{done:?}");
        assert!(contents(&store).await == before);
        store.limit_pages(1_000_000).await.unwrap();
        let revision = store.revision().await.unwrap();
        store
            .insert_key(&key(owner.id, number), &event(number), None)
            .await
            .unwrap();
        assert_eq!(store.revision().await.unwrap(), Revision(revision.0 + 1));
        store.check().await.unwrap();
    }
    store.close().await;
}

/// Run it with `KEYWARD_TEST_SMALL_DISK` set to an empty tmpfs of 512 KiB.
#[tokio::test]
#[ignore = "needs a small file system"]
async fn s3_a_disk_that_is_really_full_changes_nothing_and_ends_without_a_restart() {
    let folder = PathBuf::from(std::env::var_os("KEYWARD_TEST_SMALL_DISK").unwrap());
    let store = created(&folder.join("keyward.db")).await;
    let owner = fill(&store, 1).await;
    let ballast = folder.join("ballast");
    let (mut number, mut rounds) = (10, 0);
    loop {
        // In the end the store alone fills the disk.
        if fs::write(&ballast, vec![1; 64 * 1024]).is_err() {
            break;
        }
        rounds += 1;
        for _ in 0..3 {
            let fault = loop {
                number += 1;
                let before = contents(&store).await;
                let done = store
                    .insert_key(&key(owner.id, number), &event(number), None)
                    .await;
                if let Err(fault) = done {
                    assert!(contents(&store).await == before);
                    break fault;
                }
            };
            assert!(matches!(fault, StoreError::NotWritable(_)), "{fault:?}");
        }
        fs::remove_file(&ballast).unwrap();
        number += 1;
        store
            .insert_key(&key(owner.id, number), &event(number), None)
            .await
            .unwrap();
        store.check().await.unwrap();
    }
    assert!(rounds > 0);
    store.close().await;
}

#[tokio::test]
async fn r1_s6_a_row_that_cannot_be_read_is_out_of_force_and_holds_up_nobody() {
    for (table, column, sql) in unreadable::TAMPERED {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keyward.db");
        let store = created(&path).await;
        unreadable::fill(&store).await;
        let sql = sql.replace("{blob}", "x'00'");
        tamper(&path, &format!("PRAGMA ignore_check_constraints = ON; {sql}"))
            .await
            .unwrap();
        unreadable::holds_up_nobody(&store, table, column).await;
        store.close().await;
    }
}

#[tokio::test]
async fn a11_the_audit_log_cannot_be_changed_even_by_sql() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyward.db");
    let store = created(&path).await;
    fill(&store, 1).await;
    let before = contents(&store).await;
    for sql in [
        "UPDATE audit SET action = 'forged'",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit",
    ] {
        let fault = tamper(&path, sql).await.unwrap_err();
        assert!(fault.to_string().contains("cannot be changed"), "{sql}: {fault}");
    }
    assert_eq!(contents(&store).await, before);
    store.close().await;
}

#[tokio::test]
async fn a10_nothing_of_a_purged_key_is_in_any_file_once_it_was_pruned() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyward.db");
    let store = created(&path).await;
    let owner = fill(&store, 50).await;
    let mut gone = store.find_key(key(owner.id, 7).id).await.unwrap().unwrap();
    gone.delete(START).unwrap();
    gone.revision = store.update_key(&gone, gone.revision, &event(10)).await.unwrap();
    let files_with = |fingerprint: &[u8]| {
        let files = fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap().path());
        let holds = |file: &PathBuf| {
            let bytes = fs::read(file).unwrap();
            bytes.windows(32).any(|window| window == fingerprint)
        };
        files.filter(holds).count()
    };
    assert!(files_with(gone.fingerprint.as_bytes()) > 0);
    let purge = Purge {
        key: gone.id,
        expected: gone.revision,
        audit: event(11),
    };
    assert!(store.purge_keys(&[purge]).await.unwrap().is_some());
    store.prune(START).await.unwrap();
    assert_eq!(files_with(gone.fingerprint.as_bytes()), 0);
    assert!(files_with(key(owner.id, 8).fingerprint.as_bytes()) > 0);
    store.close().await;
}
