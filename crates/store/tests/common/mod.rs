//! What the SQLite tests share.

mod samples;

pub(crate) use samples::{START, event, key, user};

use keyward_domain::{Key, User};
use keyward_store::{Inserted, SqliteOptions, SqliteStore, Store};
use std::path::Path;

pub(crate) fn options(path: &Path) -> SqliteOptions {
    SqliteOptions {
        path: path.to_owned(),
        create: false,
        migrate: false,
        read_only: false,
    }
}

pub(crate) async fn created(path: &Path) -> SqliteStore {
    let options = SqliteOptions {
        create: true,
        ..options(path)
    };
    SqliteStore::open(&options).await.unwrap()
}

/// Adds user 1 and the keys from 1 to `keys`, in one import.
pub(crate) async fn fill(store: &SqliteStore, keys: u64) -> User {
    let mut user = user(1);
    let Inserted::New(revision) = store.insert_user(&user, &event(1), None).await.unwrap() else {
        panic!("a replay without a claim");
    };
    user.revision = revision;
    let keys: Vec<Key> = (1..=keys).map(|number| key(user.id, number)).collect();
    store
        .import_keys(&mut keys.chunks(700), &event(2), &|_| {})
        .await
        .unwrap();
    user
}
