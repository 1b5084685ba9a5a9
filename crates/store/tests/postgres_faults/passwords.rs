//! A password that is changed while a store is open.

use super::samples::event;
use super::{creating, owner};
use keyward_store::{PasswordSource, PostgresOptions, PostgresStore, Store, StoreError};
use keyward_testkit::Postgres;
use std::path::Path;

/// A server on which the role `node` signs in by a password.
fn server() -> Postgres {
    let server = Postgres::start_quick();
    server.sql("postgres", "CREATE ROLE node LOGIN PASSWORD 'first-s3cret'");
    server.sql("postgres", "CREATE DATABASE keyward OWNER node");
    let file = server.sql("postgres", "SHOW hba_file");
    let rules = "VALUES ('host all node 127.0.0.1/32 scram-sha-256'), ('host all all 127.0.0.1/32 trust')";
    server.sql("postgres", &format!("COPY ({rules}) TO '{file}'"));
    server.sql("postgres", "SELECT pg_reload_conf()");
    server
}

fn change(server: &Postgres) {
    server.sql("postgres", "ALTER ROLE node PASSWORD 'second-s3cret'");
    server.sql(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'node'",
    );
}

async fn opened(server: &Postgres, password: PasswordSource) -> PostgresStore {
    let options = PostgresOptions {
        url: server.url("keyward").replace("keyward@", "node@"),
        password: Some(password),
        ..creating(server)
    };
    PostgresStore::open(&options).await.unwrap()
}

/// Changes the password, and where it is read from; the store goes on by itself.
async fn goes_on(server: &Postgres, store: &PostgresStore, file: &Path) {
    let owner = owner(store).await;
    change(server);
    let refused = store.find_user(owner.id).await;
    let Err(StoreError::Unavailable(told)) = refused else {
        panic!("the old password is taken: {refused:?}");
    };
    assert!(
        told.contains("the password is wrong") && !told.contains("s3cret"),
        "{told}"
    );
    std::fs::write(file, "second-s3cret\n").unwrap();
    assert_eq!(store.find_user(owner.id).await.unwrap(), Some(owner));
    store.append_audit(&event(2)).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_changed_password_is_read_from_its_file_at_the_next_connection() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "first-s3cret\n").unwrap();
    let store = opened(&server, PasswordSource::File(file.clone())).await;
    goes_on(&server, &store, &file).await;
}

#[tokio::test]
async fn a_password_that_has_expired_is_asked_of_its_program_again() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "first-s3cret\nnothing else\n").unwrap();
    let words = ["cat", file.to_str().unwrap()].map(str::to_owned).to_vec();
    let store = opened(&server, PasswordSource::Command(words)).await;
    goes_on(&server, &store, &file).await;
}
