//! The conformance suite against SQLite files.

#![expect(clippy::unwrap_used, reason = "a test")]

use keyward_store::conformance::Fresh;
use keyward_store::{SqliteOptions, SqliteStore};
use std::sync::Arc;

async fn fresh() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions {
        path: folder.path().join("keyward.db"),
        create: true,
        migrate: false,
        read_only: false,
    };
    let store = SqliteStore::open(&options).await.unwrap();
    Fresh {
        store: Arc::new(store),
        keep: Box::new(folder),
    }
}

keyward_store::store_conformance!(fresh);
