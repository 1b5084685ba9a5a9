//! What happens to a store when its file, its disk or its process fails: rows S1, S3, S6 and S7 of the security
//! contract.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "sqlite_faults/children.rs"]
mod children;
mod common;
#[path = "sqlite_faults/contents.rs"]
mod contents;
#[path = "sqlite_faults/files.rs"]
mod files;
#[path = "sqlite_faults/schema.rs"]
mod schema;
#[path = "common/unreadable.rs"]
mod unreadable;

use common as samples;
use keyward_store::{SqliteOptions, SqliteStore, StoreError};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use std::path::Path;

/// Opens what must be refused, and returns the sentence.
async fn refusal(options: &SqliteOptions) -> String {
    match SqliteStore::open(options).await {
        Err(StoreError::Open(sentence)) => {
            assert!(
                sentence.starts_with(&options.path.display().to_string()),
                "{sentence}"
            );
            sentence
        }
        Err(other) => panic!("not a refusal to open: {other:?}"),
        Ok(_) => panic!("opened"),
    }
}

/// Runs statements on a file behind the store's back.
async fn tamper(path: &Path, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await?;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await?;
    connection.close().await
}
