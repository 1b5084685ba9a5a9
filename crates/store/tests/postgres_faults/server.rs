//! A server that is away, killed, frozen, read-only, or does not let in.

use super::samples::{event, key};
use super::{created, creating, options, owner, refusal};
use keyward_domain::Revision;
use keyward_store::{KeyQuery, PostgresOptions, PostgresStore, Store, StoreError};
use keyward_testkit::Postgres;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_what_was_acknowledged_before_the_server_is_killed_is_there() {
    let server = Arc::new(Postgres::start());
    let store = Arc::new(created(&server).await);
    let owner = owner(&store).await;
    let mut acknowledged = HashSet::new();
    for round in 1..=5_u64 {
        let (tell, mut told) = watch::channel(0);
        let writer = {
            let store = store.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                for number in round * 1_000_000.. {
                    let key = key(owner.id, number);
                    match store.insert_key(&key, &event(number), None).await {
                        Ok(_) => {
                            mine.push(key.id);
                            tell.send_replace(mine.len());
                        }
                        Err(StoreError::Unavailable(_)) => break,
                        Err(other) => panic!("{other:?}"),
                    }
                }
                mine
            })
        };
        // Each round ends somewhere else in the work.
        told.wait_for(|added| *added >= 3).await.unwrap();
        tokio::time::sleep(Duration::from_millis(37 * round)).await;
        let its = server.clone();
        tokio::task::spawn_blocking(move || its.sigkill()).await.unwrap();
        acknowledged.extend(writer.await.unwrap());
        let read = store.revision().await;
        assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
        let its = server.clone();
        tokio::task::spawn_blocking(move || its.resume()).await.unwrap();
        // The same store goes on, without a new start.
        let query = KeyQuery {
            most: 1_000_000,
            ..KeyQuery::default()
        };
        let keys = store.list_keys(&query).await.unwrap();
        let there: HashSet<_> = keys.iter().map(|key| key.id).collect();
        assert!(acknowledged.is_subset(&there), "round {round}");
        // The user is one change, and every key is one.
        assert_eq!(
            store.revision().await.unwrap().0,
            1 + u64::try_from(there.len()).unwrap()
        );
    }
    println!("acknowledged: {}, lost: 0", acknowledged.len());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_confirms_nothing_until_it_is_the_primary() {
    let server = Arc::new(Postgres::start_quick());
    let store = created(&server).await;
    owner(&store).await;
    let its = server.clone();
    tokio::task::spawn_blocking(move || its.become_standby())
        .await
        .unwrap();
    let faults = [
        store.position().await.err(),
        store.changes_since(Revision(0)).await.err(),
        store.load(&mut |_| ()).await.err(),
    ];
    for fault in faults {
        let fault = fault.unwrap().to_string();
        assert!(fault.contains("it is a standby"), "{fault}");
    }
    // A start refuses it; one that may wait for the primary waits.
    let sentence = refusal(&options(&server)).await;
    assert!(sentence.contains("it is a standby"), "{sentence}");
    let waiting = PostgresStore::open_or_wait(&options(&server)).await.unwrap();
    let fault = waiting.position().await.unwrap_err().to_string();
    assert!(fault.contains("it is a standby"), "{fault}");
    let its = server.clone();
    tokio::task::spawn_blocking(move || its.promote()).await.unwrap();
    assert_eq!(store.position().await.unwrap().revision, Revision(1));
    // It looks again after a while.
    let until = Instant::now() + Duration::from_secs(60);
    let position = loop {
        match waiting.position().await {
            Ok(position) => break position,
            Err(fault) => assert!(Instant::now() < until, "{fault}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(position.revision, Revision(1));
    store.close().await;
    waiting.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_is_given_up_and_works_again_when_it_goes_on() {
    let server = Postgres::start_quick();
    let store = created(&server).await;
    let owner = owner(&store).await;
    server.freeze();
    let read = store.revision().await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let written = store.insert_key(&key(owner.id, 2), &event(2), None).await;
    assert!(matches!(written, Err(StoreError::Unavailable(_))), "{written:?}");
    server.thaw();
    store
        .insert_key(&key(owner.id, 3), &event(3), None)
        .await
        .unwrap();
    assert_eq!(store.find_key(key(owner.id, 2).id).await.unwrap(), None);
    store.close().await;
}

#[tokio::test]
async fn what_opened_for_reading_refuses_changes() {
    let server = Postgres::start_quick();
    let store = created(&server).await;
    let owner = owner(&store).await;
    store.close().await;
    let reading = PostgresOptions {
        read_only: true,
        ..options(&server)
    };
    let store = PostgresStore::open(&reading).await.unwrap();
    let done = store.insert_key(&key(owner.id, 2), &event(2), None).await;
    assert!(matches!(done, Err(StoreError::NotWritable(_))), "{done:?}");
    assert_eq!(store.find_user(owner.id).await.unwrap(), Some(owner));
    store.close().await;
}

#[tokio::test]
async fn a_server_that_only_reads_is_refused() {
    let server = Postgres::start_quick();
    created(&server).await.close().await;
    server.sql(
        "postgres",
        "ALTER DATABASE postgres SET default_transaction_read_only = on",
    );
    let sentence = refusal(&options(&server)).await;
    assert!(sentence.contains("primary"), "{sentence}");
}

#[tokio::test]
async fn refusals_say_the_way_out_and_no_password() {
    let server = Postgres::start_quick();
    let closed = "127.0.0.1:1";
    let address = server.address();
    for (url, words) in [
        (
            format!("postgres://keyward:s3cret@{closed}/keyward"),
            "whether it runs",
        ),
        (format!("postgres://keyward:s3cret@{address}/absent"), "createdb"),
        (
            format!("postgres://absent:s3cret@{address}/postgres"),
            "pg_hba.conf",
        ),
        (
            format!("postgres://keyward:s3cret@{address}/postgres?sslmode=verify-full"),
            "certificate",
        ),
        (
            format!("postgres://keyward:s3cret@{address}:x/postgres"),
            "postgres://",
        ),
    ] {
        let options = PostgresOptions {
            url,
            ..creating(&server)
        };
        let told = match PostgresStore::open(&options).await {
            Err(error) => format!("{error} {error:?} {options:?}"),
            Ok(_) => panic!("opened"),
        };
        assert!(told.contains(words), "{told}");
        assert!(!told.contains("s3cret"), "{told}");
    }
}

#[test]
fn a_server_elsewhere_has_to_prove_its_name_unless_the_address_says_otherwise() {
    for (url, proves) in [
        ("postgres://keyward@db.example.com/keyward", true),
        ("postgres://keyward@192.0.2.1/keyward", true),
        ("postgres://keyward@db.example.com/keyward?sslmode=require", false),
        ("postgres://keyward@localhost/keyward", false),
        ("postgres://keyward@127.0.0.1/keyward", false),
        ("postgres://keyward@[::1]/keyward", false),
    ] {
        let options = PostgresOptions {
            url: url.to_owned(),
            password: None,
            listen_url: None,
            create: false,
            migrate: false,
            read_only: false,
        };
        assert_eq!(options.proves_its_name(), proves, "{url}");
    }
}
