//! Why a server does not let a node in: each cause is told as what it is.

use super::{creating, refusal};
use keyward_store::{PostgresOptions, PostgresStore, Store, StoreError};
use keyward_testkit::{Certificate, Postgres};
use sqlx::{Connection, PgConnection};
use std::path::Path;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

const SECRET: &str = "s3cret";

fn at(server: &Postgres, url: String) -> PostgresOptions {
    PostgresOptions {
        url,
        ..creating(server)
    }
}

async fn told(server: &Postgres, url: String, words: &str) {
    let sentence = refusal(&at(server, url)).await;
    assert!(sentence.contains(words), "{words}: {sentence}");
    assert!(!sentence.contains(SECRET), "{sentence}");
    assert!(
        !sentence.contains("check address and port") || words.contains("address and port"),
        "{sentence}"
    );
}

fn certificate(folder: &Path, name: &str, make: impl FnOnce(&Path) -> Certificate) -> Certificate {
    let folder = folder.join(name);
    std::fs::create_dir(&folder).unwrap();
    make(&folder)
}

#[tokio::test]
async fn a_fault_of_tls_is_told_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let good = certificate(folder.path(), "good", Certificate::create);
    let other = certificate(folder.path(), "other", Certificate::create);
    let named = certificate(folder.path(), "named", |folder| {
        Certificate::create_for(folder, &["db.example.com"])
    });
    let expired = certificate(folder.path(), "expired", Certificate::create_expired);
    let plain = Postgres::start_quick();
    let url = |server: &Postgres, mode: &str, root: Option<&Certificate>| {
        let root = root.map_or_else(String::new, |root| {
            format!("&sslrootcert={}", root.certificate_path().display())
        });
        let port = server.address().port();
        format!("postgres://keyward@localhost:{port}/postgres?sslmode={mode}{root}")
    };
    told(&plain, url(&plain, "require", None), "does not speak TLS").await;
    for (served, trusted, words) in [
        (&good, &other, "by an authority that this machine does not trust"),
        (&named, &named, "is for another name"),
        (&expired, &expired, "has expired"),
    ] {
        let server = Postgres::start_tls(served);
        told(&server, url(&server, "verify-full", Some(trusted)), words).await;
    }
    let server = Postgres::start_tls(&good);
    let store = PostgresStore::open(&at(&server, url(&server, "verify-full", Some(&good)))).await;
    store.unwrap().close().await;
}

#[tokio::test]
async fn what_the_server_says_of_the_user_is_told_as_what_it_is() {
    let server = Postgres::start_with(&[
        "fsync=off",
        "max_connections=6",
        "superuser_reserved_connections=3",
    ]);
    for role in ["node", "limited", "elsewhere"] {
        server.sql(
            "postgres",
            &format!("CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'"),
        );
    }
    server.sql("postgres", "ALTER ROLE limited CONNECTION LIMIT 0");
    server.sql("postgres", "CREATE DATABASE small CONNECTION LIMIT 0");
    let file = server.sql("postgres", "SHOW hba_file");
    let rules = "VALUES ('host all elsewhere 192.0.2.1/32 trust'), ('host all node,limited 127.0.0.1/32 scram-sha-256'), \
                 ('host all keyward 127.0.0.1/32 trust')";
    server.sql("postgres", &format!("COPY ({rules}) TO '{file}'"));
    server.sql("postgres", "SELECT pg_reload_conf()");
    let address = server.address();
    let url = |user: &str, password: &str, database: &str| {
        format!("postgres://{user}:{password}@{address}/{database}")
    };
    for (url, words) in [
        (
            url("node", "s3cret-of-another", "postgres"),
            "the password is wrong",
        ),
        (
            url("limited", SECRET, "postgres"),
            "the role has as many connections",
        ),
        (
            url("node", SECRET, "small"),
            "the database has as many connections",
        ),
        (url("elsewhere", SECRET, "postgres"), "from elsewhere only"),
        (url("node", SECRET, "absent"), "createdb"),
    ] {
        told(&server, url, words).await;
    }
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(
            PgConnection::connect(&url("node", SECRET, "postgres"))
                .await
                .unwrap(),
        );
    }
    told(
        &server,
        url("node", SECRET, "postgres"),
        "the server has as many connections",
    )
    .await;
    drop(held);
}

#[tokio::test]
async fn what_is_no_server_of_postgresql_is_told_as_what_it_is() {
    let server = Postgres::start_quick();
    told(
        &server,
        "postgres://keyward@127.0.0.1:1/postgres".to_owned(),
        "check address and port",
    )
    .await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            client
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .unwrap();
            std::mem::forget(client);
        }
    });
    let url = format!("postgres://keyward@{address}/postgres?sslmode=require");
    told(
        &server,
        url,
        "does not speak as PostgreSQL does; check address and port",
    )
    .await;
}

#[tokio::test]
async fn a_store_that_is_at_work_tells_the_cause_too() {
    let server = Postgres::start_quick();
    let store = super::created(&server).await;
    server.sigkill();
    let fault = store.find_user(keyward_domain::UserId::from_bytes([1; 16])).await;
    let Err(StoreError::Unavailable(told)) = fault else {
        panic!("{fault:?}");
    };
    assert!(told.contains("nobody listens there"), "{told}");
}
