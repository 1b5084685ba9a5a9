//! A server that lets everybody in and says nothing more, as a proxy before one does whose way to it is cut.

use super::{creating, options, refusal};
use keyward_store::{PostgresOptions, PostgresStore, Store, StoreError};
use keyward_testkit::Postgres;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The end of a log-in: ready for a query, in no transaction.
const READY: &[u8] = b"Z\0\0\0\x05I";

/// Carries everything up to the end of each log-in, and nothing after it.
async fn before(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = TcpStream::connect(server).await.unwrap().into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
                let mut bytes = Vec::new();
                while !bytes.ends_with(READY) {
                    let start = bytes.len();
                    from_server.read_buf(&mut bytes).await.unwrap();
                    to_client.write_all(&bytes[start..]).await.unwrap();
                }
                std::future::pending::<()>().await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_a_server_that_is_silent_after_it_let_a_node_in_is_away() {
    let server = Postgres::start_quick();
    PostgresStore::open(&creating(&server))
        .await
        .unwrap()
        .close()
        .await;
    let silent = before(server.address()).await;
    let options = PostgresOptions {
        url: format!("postgres://keyward@{silent}/postgres"),
        ..options(&server)
    };
    let begun = Instant::now();
    let (sentence, waiting, pending) = tokio::join!(
        refusal(&options),
        PostgresStore::open_or_wait(&options),
        PostgresStore::pending_migrations(&options),
    );
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert!(sentence.contains("does not answer"), "{sentence}");
    assert!(pending.is_err());
    let read = waiting.unwrap().revision().await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
}
