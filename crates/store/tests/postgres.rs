//! The conformance suite against a PostgreSQL server, with a database for each case.

#![expect(clippy::unwrap_used, reason = "a test")]

use keyward_store::conformance::Fresh;
use keyward_store::{PostgresOptions, PostgresStore, Store};
use keyward_testkit::Postgres;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

fn options(server: &Postgres, database: &str) -> PostgresOptions {
    PostgresOptions {
        url: server.url(database),
        password: None,
        listen_url: None,
        create: true,
        migrate: false,
        read_only: false,
    }
}

/// A server with a database that others are copies of.
async fn server() -> Postgres {
    let server = Postgres::start_quick();
    server.sql("postgres", "CREATE DATABASE model");
    let model = PostgresStore::open(&options(&server, "model")).await.unwrap();
    model.close().await;
    server
}

async fn fresh(server: &Postgres) -> Fresh {
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let name = format!("case{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    server.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE model"));
    let store = PostgresStore::open(&options(server, &name)).await.unwrap();
    Fresh {
        store: Arc::new(store),
        keep: Box::new(()),
    }
}

keyward_store::store_conformance!(one_after_another server fresh);
