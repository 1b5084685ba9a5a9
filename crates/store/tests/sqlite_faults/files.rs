//! Files that are not what they should be.

use super::common::{START, created, event, fill, key, options, user};
use super::{refusal, tamper};
use keyward_domain::Revision;
use keyward_store::{KeyQuery, SqliteOptions, SqliteStore, Store, StoreError};
use std::fs;
use std::path::{Path, PathBuf};

fn page_size(bytes: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([bytes[16], bytes[17]]))
}

async fn filled(folder: &Path, keys: u64) -> PathBuf {
    let path = folder.join("keyward.db");
    let store = created(&path).await;
    fill(&store, keys).await;
    store.close().await;
    path
}

#[tokio::test]
async fn s6_a_corrupted_page_refuses_to_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 300).await;
    let good = fs::read(&path).unwrap();
    let size = page_size(&good);
    for page in 0..good.len() / size {
        let mut bad = good.clone();
        bad[page * size..][..size].fill(0xa5);
        fs::write(&path, &bad).unwrap();
        let options = SqliteOptions {
            create: true,
            migrate: true,
            ..options(&path)
        };
        let sentence = refusal(&options).await;
        assert!(sentence.contains("restore a backup"), "page {page}: {sentence}");
        assert!(fs::read(&path).unwrap() == bad, "page {page}: written to");
    }
    fs::write(&path, &good).unwrap();
    SqliteStore::open(&options(&path)).await.unwrap().close().await;
}

#[tokio::test]
async fn s6_a_truncated_file_refuses_to_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 300).await;
    let good = fs::read(&path).unwrap();
    let page = page_size(&good);
    for length in [
        0,
        1,
        15,
        100,
        512,
        page,
        page + 1,
        good.len() / 2,
        good.len() - page,
        good.len() - 1,
    ] {
        fs::write(&path, &good[..length]).unwrap();
        let options = SqliteOptions {
            create: true,
            migrate: true,
            ..options(&path)
        };
        let sentence = refusal(&options).await;
        assert!(
            sentence.contains("restore a backup"),
            "{length} bytes: {sentence}"
        );
        assert!(
            fs::read(&path).unwrap() == good[..length],
            "{length} bytes: written to"
        );
    }
}

#[tokio::test]
async fn s6_a_truncated_wal_loses_its_tail_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyward.db");
    let store = created(&path).await;
    let owner = fill(&store, 0).await;
    for number in 10..40 {
        store
            .insert_key(&key(owner.id, number), &event(number), None)
            .await
            .unwrap();
    }
    let (file, wal) = (
        fs::read(&path).unwrap(),
        fs::read(folder.path().join("keyward.db-wal")).unwrap(),
    );
    store.close().await;
    let copy = folder.path().join("copy.db");
    let mut revisions = Vec::new();
    for length in [
        0,
        10,
        32,
        33,
        4000,
        wal.len() / 2,
        wal.len() - 4097,
        wal.len() - 1,
        wal.len(),
    ] {
        fs::write(&copy, &file).unwrap();
        fs::write(folder.path().join("copy.db-wal"), &wal[..length]).unwrap();
        let store = SqliteStore::open(&options(&copy)).await.unwrap();
        store.check().await.unwrap();
        let revision = store.revision().await.unwrap();
        let keys = store
            .list_keys(&KeyQuery {
                most: 99,
                ..KeyQuery::default()
            })
            .await
            .unwrap();
        // User, import, then one key for each revision.
        assert_eq!(
            u64::try_from(keys.len()).unwrap(),
            revision.0.saturating_sub(2),
            "{length} bytes"
        );
        revisions.push(revision);
        store.close().await;
    }
    assert!(revisions.is_sorted(), "{revisions:?}");
    assert_eq!(revisions.last(), Some(&Revision(32)));
}

#[tokio::test]
async fn s6_a_missing_file_is_not_made_unless_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyward.db");
    for options in [
        SqliteOptions {
            migrate: true,
            ..options(&path)
        },
        SqliteOptions {
            create: true,
            read_only: true,
            ..options(&path)
        },
    ] {
        let sentence = refusal(&options).await;
        assert!(sentence.contains("keyward init"), "{sentence}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn s6_a_wal_without_its_file_is_not_started_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyward.db");
    fs::write(folder.path().join("keyward.db-wal"), [1; 5000]).unwrap();
    let sentence = refusal(&SqliteOptions {
        create: true,
        ..options(&path)
    })
    .await;
    assert!(sentence.contains("keyward.db-wal"), "{sentence}");
    assert!(!path.exists());
}

#[tokio::test]
async fn s6_what_is_no_keyward_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    fs::write(
        &text,
        "not a database at all, but long enough to hold the header of one\n".repeat(200),
    )
    .unwrap();
    let other = folder.path().join("other");
    fs::write(&other, []).unwrap();
    tamper(
        &other,
        "CREATE TABLE schema_migrations (number, name); CREATE TABLE t (a)",
    )
    .await
    .unwrap();
    for (path, wanted) in [
        (text, "not an SQLite database"),
        (other, "not one of Keyward"),
        (folder.path().to_owned(), "not a file"),
        (folder.path().join("text/keyward.db"), "cannot be"),
    ] {
        let before = fs::read(&path).ok();
        let sentence = refusal(&SqliteOptions {
            create: true,
            migrate: true,
            ..options(&path)
        })
        .await;
        assert!(sentence.contains(wanted), "{sentence}");
        assert!(fs::read(&path).ok() == before, "written to");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn s6_wrong_permissions_refuse_to_start() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 1).await;
    for (mode, wanted) in [(0o000, "access"), (0o444, "write")] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        if fs::OpenOptions::new().write(true).open(&path).is_ok() {
            println!("skipped: this account is not bound by permissions");
            return;
        }
        let sentence = refusal(&SqliteOptions {
            create: true,
            ..options(&path)
        })
        .await;
        assert!(sentence.contains(wanted), "{sentence}");
    }
}

#[tokio::test]
async fn s6_a_store_opened_for_reading_refuses_every_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 3).await;
    let store = SqliteStore::open(&SqliteOptions {
        read_only: true,
        ..options(&path)
    })
    .await
    .unwrap();
    let before = store.revision().await.unwrap();
    let done = store.insert_user(&user(9), &event(9), None).await;
    assert!(matches!(done, Err(StoreError::NotWritable(_))), "{done:?}");
    assert!(matches!(
        store.prune(START).await,
        Err(StoreError::NotWritable(_))
    ));
    assert_eq!(store.revision().await.unwrap(), before);
    store.backup(&folder.path().join("backup.db")).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_file_that_is_replaced_under_a_store_is_neither_read_nor_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 3).await;
    let store = SqliteStore::open(&options(&path)).await.unwrap();
    let copy = folder.path().join("copy.db");
    store.backup(&copy).await.unwrap();
    let old = folder.path().join("old");
    fs::create_dir(&old).unwrap();
    for (name, wanted) in [("gone", "not there any more"), ("replaced", "another file")] {
        if name == "gone" {
            for file in ["keyward.db", "keyward.db-wal", "keyward.db-shm"] {
                fs::rename(folder.path().join(file), old.join(file)).unwrap();
            }
        } else {
            fs::copy(&copy, &path).unwrap();
        }
        let faults = [
            store.position().await.err(),
            store.changes_since(Revision(0)).await.err(),
            store.load(&mut |_| ()).await.err(),
            store.insert_user(&user(9), &event(9), None).await.err(),
        ];
        for fault in faults {
            let fault = fault.unwrap().to_string();
            assert!(
                fault.contains(wanted) && fault.contains("restart keyward"),
                "{fault}"
            );
        }
    }
    // The file that was opened, put back, is what it was.
    for file in ["keyward.db", "keyward.db-wal", "keyward.db-shm"] {
        fs::rename(old.join(file), folder.path().join(file)).unwrap();
    }
    store.insert_user(&user(9), &event(9), None).await.unwrap();
    store.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn every_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let store = created(&folder.path().join("keyward.db")).await;
    fill(&store, 3).await;
    store.backup(&folder.path().join("backup.db")).await.unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{entry:?}"
        );
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(
        names,
        ["backup.db", "keyward.db", "keyward.db-shm", "keyward.db-wal"]
    );
    store.close().await;
}
