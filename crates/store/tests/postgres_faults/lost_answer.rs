//! A commit whose answer is lost on the way: the batch is sent again, and counted once.

use super::samples::{START, event, key};
use super::{created, options, owner};
use keyward_domain::{NodeId, Timestamp};
use keyward_store::{
    FlushId, Period, PostgresOptions, PostgresStore, Store, StoreError, UsageBatch, UsageCount,
};
use keyward_testkit::Postgres;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes everything on, but while `loses` is set no answer to a COMMIT: then the connection ends, once the server has
/// answered.
#[derive(Default)]
struct Wire {
    loses: AtomicBool,
    lost: AtomicUsize,
}

async fn start(server: SocketAddr) -> (SocketAddr, Arc<Wire>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let wire = Arc::new(Wire::default());
    let its = wire.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(server).await.unwrap();
            tokio::spawn(pass(client, server, its.clone()));
        }
    });
    (address, wire)
}

async fn pass(mut client: TcpStream, mut server: TcpStream, wire: Arc<Wire>) {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    let mut is_commit = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => match read {
                Ok(length @ 1..) => {
                    is_commit = asked[..length].windows(6).any(|word| word == b"COMMIT");
                    server.write_all(&asked[..length]).await.unwrap();
                }
                _ => return,
            },
            read = server.read(&mut answered) => match read {
                Ok(length @ 1..) => {
                    if is_commit && wire.loses.load(Ordering::SeqCst) {
                        wire.lost.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                    client.write_all(&answered[..length]).await.unwrap();
                }
                _ => return,
            },
        }
    }
}

async fn counted(store: &PostgresStore, key: keyward_domain::KeyId) -> u64 {
    let until = Timestamp::from_millis(START.millis() + 60_000);
    let buckets = store.usage(key, Period::Minute, START, until).await.unwrap();
    buckets.iter().map(|bucket| bucket.count).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_whose_commit_was_not_answered_is_counted_once() {
    let server = Postgres::start_quick();
    let direct = created(&server).await;
    let owner = owner(&direct).await;
    let key = key(owner.id, 1);
    direct.insert_key(&key, &event(2), None).await.unwrap();
    let (address, wire) = start(server.address()).await;
    let node = PostgresStore::open(&PostgresOptions {
        url: format!("postgres://keyward@{address}/postgres"),
        ..options(&server)
    })
    .await
    .unwrap();
    let mut batch = UsageBatch::default();
    batch.counts.push(UsageCount {
        key: key.id,
        minute: START,
        refused: None,
        count: 5,
    });
    for number in 1..=3 {
        batch.flush = Some(FlushId {
            node: NodeId::from_bytes([1; 16]),
            number,
        });
        wire.loses.store(true, Ordering::SeqCst);
        let sent = node.add_usage(&batch).await;
        assert!(matches!(sent, Err(StoreError::Unavailable(_))), "{sent:?}");
        // It was committed all the same.
        assert_eq!(counted(&direct, key.id).await, 5 * number);
        wire.loses.store(false, Ordering::SeqCst);
        node.add_usage(&batch).await.unwrap();
        assert_eq!(counted(&direct, key.id).await, 5 * number);
    }
    assert_eq!(wire.lost.load(Ordering::SeqCst), 3);
    node.close().await;
    direct.close().await;
}
