//! Rows of which something cannot be read, as a disk, a hand or another program leaves them: what must hold in every
//! database.

use super::samples::{event, key, user};
use keyward_domain::{Key, KeyStatus, Revision, SiteStatus, UserStatus};
use keyward_store::{Change, Inserted, KeyQuery, Store, StoreError, UserQuery};

/// Table, column, and what makes the row unreadable and newer than [`fill`]; `{blob}` is a blob of one byte.
pub(crate) const TAMPERED: [(&str, &str, &str); 9] = [
    (
        "keys",
        "use_case",
        "UPDATE keys SET use_case = 'Not a name', revision = 3 WHERE name = 'Key 2'",
    ),
    (
        "keys",
        "fingerprint",
        "UPDATE keys SET fingerprint = {blob}, revision = 3 WHERE name = 'Key 2'",
    ),
    (
        "keys",
        "status",
        "UPDATE keys SET status = 'odd', revision = 3 WHERE name = 'Key 2'",
    ),
    (
        "keys",
        "sites",
        "UPDATE keys SET sites = '[-1]', revision = 3 WHERE name = 'Key 2'",
    ),
    (
        "keys",
        "addresses",
        "UPDATE keys SET addresses = '[\"192.0.2.1/33\"]', revision = 3 WHERE name = 'Key 2'",
    ),
    (
        "keys",
        "rate_limit",
        "UPDATE keys SET rate_limit = 0, revision = 3 WHERE name = 'Key 2'",
    ),
    ("users", "role", "UPDATE users SET role = 'root', revision = 3"),
    ("users", "status", "UPDATE users SET status = 'odd', revision = 3"),
    (
        "sites",
        "name",
        "INSERT INTO sites VALUES (7, '..', 'active', 0, 3)",
    ),
];

/// Adds user 1 and three keys of theirs; ends at revision 2.
pub(crate) async fn fill(store: &dyn Store) {
    let owner = user(1);
    let made = store.insert_user(&owner, &event(1), None).await.unwrap();
    assert_eq!(made, Inserted::New(Revision(1)));
    let keys: Vec<Key> = (1..=3).map(|number| key(owner.id, number)).collect();
    store
        .import_keys(&mut keys.chunks(700), &event(2), &|_| {})
        .await
        .unwrap();
}

/// What must hold once a row was made unreadable.
pub(crate) async fn holds_up_nobody(store: &dyn Store, table: &str, column: &str) {
    // What is changed after it comes all the same, to those who follow and to those who load.
    store.insert_user(&user(900), &event(900), None).await.unwrap();
    let feed = store.changes_since(Revision(2)).await.unwrap();
    let mut loaded = Vec::new();
    store.load(&mut |change| loaded.push(change)).await.unwrap();
    for changes in [&feed.changes, &loaded] {
        let comes = |change: &Change| matches!(change, Change::User(seen) if seen.id == user(900).id);
        assert!(changes.iter().any(comes), "{table}.{column}");
        assert_eq!(in_force(changes, table), Vec::<String>::new(), "{table}.{column}");
    }
    assert!(
        feed.changes.iter().any(|change| is_of(change, table)),
        "{table}.{column}"
    );
    let found = store.check().await;
    assert!(
        matches!(&found, Err(StoreError::Corrupt { table: t, column: c, row, .. })
            if *t == table && *c == column && *row == row_of(table)),
        "{table}.{column}: {found:?}"
    );
    is_listed_and_can_be_deleted(store, table).await;
}

fn row_of(table: &str) -> String {
    match table {
        "keys" => key(user(1).id, 2).id.to_string(),
        "users" => user(1).id.to_string(),
        _ => "7".to_owned(),
    }
}

/// Whether a change is about the row.
fn is_of(change: &Change, table: &str) -> bool {
    let (kind, row) = match change {
        Change::User(user) => ("users", user.id.to_string()),
        Change::Site(site) => ("sites", site.id.0.to_string()),
        Change::Key(key) => ("keys", key.id.to_string()),
        Change::LostKey(key) => ("keys", key.to_string()),
    };
    kind == table && row == row_of(table)
}

/// What lets somebody in by the row.
fn in_force(changes: &[Change], table: &str) -> Vec<String> {
    let lets_in = |change: &&Change| match change {
        Change::User(user) => user.status == UserStatus::Active,
        Change::Site(site) => site.status == SiteStatus::Active,
        Change::Key(key) => key.status == KeyStatus::Active,
        Change::LostKey(_) => false,
    };
    let of_it = changes.iter().filter(|change| is_of(change, table));
    of_it
        .filter(lets_in)
        .map(|change| format!("{change:?}"))
        .collect()
}

async fn is_listed_and_can_be_deleted(store: &dyn Store, table: &str) {
    assert_eq!(
        store.list_sites().await.unwrap().len(),
        usize::from(table == "sites")
    );
    let keys = KeyQuery {
        most: 10,
        ..KeyQuery::default()
    };
    assert_eq!(store.list_keys(&keys).await.unwrap().len(), 3);
    let users = UserQuery {
        most: 10,
        ..UserQuery::default()
    };
    assert_eq!(store.list_users(&users).await.unwrap().len(), 2);
    let at = user(1).created_at;
    let mut key = store.find_key(key(user(1).id, 2).id).await.unwrap().unwrap();
    key.delete(at).unwrap();
    store.update_key(&key, key.revision, &event(901)).await.unwrap();
    let mut user = store.find_user(user(1).id).await.unwrap().unwrap();
    user.delete(at).unwrap();
    store
        .update_user(&user, user.revision, &event(902))
        .await
        .unwrap();
    let mut loaded = Vec::new();
    store.load(&mut |change| loaded.push(change)).await.unwrap();
    assert_eq!(in_force(&loaded, table), Vec::<String>::new());
}
