//! The conformance suite by way of a PgBouncer that gives each transaction another session of the server: two sessions for all
//! connections of the store, so that none keeps one.

#![expect(clippy::unwrap_used, reason = "a test")]

use keyward_store::conformance::Fresh;
use keyward_store::{PostgresOptions, PostgresStore, Store};
use keyward_testkit::{PgBouncer, Postgres};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Sessions that nobody needs end soon: each case has a database of its own.
const SETTINGS: &str = "default_pool_size = 2\nserver_idle_timeout = 1";

struct Servers {
    server: Postgres,
    pooler: PgBouncer,
}

fn options(address: SocketAddr, database: &str) -> PostgresOptions {
    PostgresOptions {
        url: format!("postgres://keyward@{address}/{database}"),
        password: None,
        listen_url: None,
        create: true,
        migrate: false,
        read_only: false,
    }
}

/// A server with a database that others are copies of, and a pooler before it.
async fn servers() -> Servers {
    let server = Postgres::start_quick();
    let pooler = PgBouncer::start(server.address(), "transaction", SETTINGS);
    server.sql("postgres", "CREATE DATABASE model");
    let model = PostgresStore::open(&options(server.address(), "model"))
        .await
        .unwrap();
    model.close().await;
    Servers { server, pooler }
}

async fn fresh(servers: &Servers) -> Fresh {
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let name = format!("case{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    servers
        .server
        .sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE model"));
    let store = PostgresStore::open(&options(servers.pooler.address(), &name))
        .await
        .unwrap();
    Fresh {
        store: Arc::new(store),
        keep: Box::new(()),
    }
}

keyward_store::store_conformance!(one_after_another servers fresh);

/// Who is given another session each time hears nothing, though each look at its session may show the same one.
#[tokio::test]
async fn s9_a_pooler_that_hands_sessions_out_in_turn_tells_of_nothing_and_that_is_said() {
    let server = Postgres::start_quick();
    let in_turn = "default_pool_size = 2\nmin_pool_size = 2\nserver_round_robin = 1";
    let pooler = PgBouncer::start(server.address(), "transaction", in_turn);
    let store = PostgresStore::open(&options(pooler.address(), "postgres"))
        .await
        .unwrap();
    for _ in 0..3 {
        let remarks = store.server_remarks().await.unwrap();
        assert!(
            remarks
                .iter()
                .any(|remark| remark.what.contains("is not told of")),
            "{remarks:?}"
        );
    }
    store.close().await;
}
