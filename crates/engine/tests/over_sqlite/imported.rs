//! An import is taken over in portions, and no change waits for it.

use crate::common::{Home, OPERATOR, OWNER, create_key, draft, judged};
use crate::faulty::Faulty;
use keyward_domain::{Key, Reason};
use keyward_engine::{Engine, ImportFile, ImportFormat, KeyFilter};
use keyward_store::Store;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const KEYS: usize = 500;

fn secret(number: usize) -> String {
    format!("imported-{number:06}")
}

async fn import(node: &Engine) {
    let mut lines = String::new();
    for number in 0..KEYS {
        let secret = secret(number);
        writeln!(
            lines,
            "{{\"owner\":\"{OWNER}\",\"name\":\"{number}\",\"secret\":\"{secret}\"}}"
        )
        .unwrap();
    }
    let file = ImportFile::new(ImportFormat::JsonLines, lines);
    node.import_keys(OPERATOR, file, &|_, _| {}).await.unwrap();
}

fn secret_of(key: &Key) -> String {
    secret(key.name.as_str().parse().unwrap())
}

/// How many keys of the import pass.
fn passing(node: &Engine) -> usize {
    (0..KEYS)
        .filter(|number| judged(node, &secret(*number)).is_ok())
        .count()
}

/// A node that made an import, and one that has taken over some keys of it and cannot go on.
async fn half_way(home: &Home) -> (Arc<Engine>, Arc<Faulty>, Arc<Engine>) {
    let there = home.node_with_owner().await;
    let faulty = Faulty::before(home.store.clone());
    let here = home.node_over(faulty.clone());
    here.load().await.unwrap();
    faulty.fail_imported.store(true, Ordering::SeqCst);
    import(&there).await;
    assert_eq!(
        passing(&there),
        KEYS,
        "where it was made it is in force with the answer"
    );
    here.follow().await.unwrap_err();
    assert_eq!(passing(&here), 100);
    (there, faulty, here)
}

#[tokio::test]
async fn a_revocation_is_in_force_while_an_import_is_taken_over() {
    let home = Home::new().await;
    let (there, faulty, here) = half_way(&home).await;
    let (before, key) = (here.revision(), create_key(&there, &draft()).await);
    here.follow().await.unwrap_err();
    assert_eq!(judged(&here, &key.secret), Ok(()));
    there.disable_key(OPERATOR, &key.id, None).await.unwrap();
    // An answer that says so waits for it, and not for the import.
    let seen = here.get_key(OPERATOR, &key.id).await.unwrap();
    assert_eq!(seen.state, "disabled");
    assert_eq!(judged(&here, &key.secret), Err(Reason::KeyDisabled));
    // What it tells others of itself is the revision up to which everything is in force.
    assert_eq!(here.revision(), before);
    faulty.fail_imported.store(false, Ordering::SeqCst);
    here.follow().await.unwrap();
    assert_eq!(passing(&here), KEYS);
    assert_eq!(here.revision(), there.revision());
}

#[tokio::test]
async fn an_imported_key_that_is_revoked_before_it_is_taken_over_never_passes() {
    let home = Home::new().await;
    let (there, faulty, here) = half_way(&home).await;
    let all = KeyFilter {
        limit: Some(200),
        ..KeyFilter::default()
    };
    let listed = there.list_keys(OPERATOR, &all).await.unwrap();
    let missing = listed
        .items
        .iter()
        .find(|view| judged(&here, &secret_of(&view.key)).is_err())
        .unwrap();
    let (id, secret) = (missing.key.id.to_string(), secret_of(&missing.key));
    there.disable_key(OPERATOR, &id, None).await.unwrap();
    here.follow().await.unwrap_err();
    assert_eq!(judged(&here, &secret), Err(Reason::KeyDisabled));
    faulty.fail_imported.store(false, Ordering::SeqCst);
    here.follow().await.unwrap();
    assert_eq!(judged(&here, &secret), Err(Reason::KeyDisabled));
    assert_eq!(passing(&here), KEYS - 1);
}

#[tokio::test]
async fn a_key_of_an_import_is_in_force_where_it_is_shown() {
    let home = Home::new().await;
    let (there, faulty, here) = half_way(&home).await;
    // What has changed since is in force by itself, and says nothing about the import.
    there.create_site(OPERATOR, "later", None).await.unwrap();
    here.follow().await.unwrap_err();
    assert!(here.is_site("later"));
    let listed = there.list_keys(OPERATOR, &KeyFilter::default()).await.unwrap();
    let newest = &listed.items[0].key;
    assert_eq!(judged(&here, &secret_of(newest)), Err(Reason::KeyInvalid));
    faulty.fail_imported.store(false, Ordering::SeqCst);
    here.get_key(OPERATOR, &newest.id.to_string()).await.unwrap();
    assert_eq!(judged(&here, &secret_of(newest)), Ok(()));
}

#[tokio::test]
async fn a_snapshot_is_of_no_half_import() {
    let home = Home::new().await;
    let there = home.node_with_owner().await;
    let faulty = Faulty::before(home.store.clone());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("snapshot");
    let here = home.node_keeping_over(faulty.clone() as Arc<dyn Store>, &file);
    here.load().await.unwrap();
    faulty.fail_imported.store(true, Ordering::SeqCst);
    import(&there).await;
    here.follow().await.unwrap_err();
    here.write_snapshot().await.unwrap();
    assert!(!file.exists());
    faulty.fail_imported.store(false, Ordering::SeqCst);
    here.follow().await.unwrap();
    here.write_snapshot().await.unwrap();
    assert!(file.exists());
}
