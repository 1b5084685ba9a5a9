//! The order of changes that several nodes make at once.

use super::samples::{event, key};
use super::{created, options, owner};
use keyward_domain::Revision;
use keyward_store::{Change, Inserted, PostgresStore, Store};
use keyward_testkit::Postgres;
use sqlx::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::timeout;

const NODES: u64 = 3;
const WRITERS: u64 = 4;
const EACH: u64 = 40;

/// Each change here adds one key, and no key is changed later; so what a follower is given between two revisions must be
/// every revision between them, once. A commit that became visible after a later one would be missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r4_a_follower_sees_every_change_of_three_nodes_in_order() {
    let server = Postgres::start_quick();
    let first = created(&server).await;
    let owner = owner(&first).await;
    let last = owner.revision.0 + NODES * WRITERS * EACH;
    let mut tasks = JoinSet::new();
    let numbers = Arc::new(AtomicU64::new(10));
    for _ in 0..NODES {
        let store = Arc::new(PostgresStore::open(&options(&server)).await.unwrap());
        for _ in 0..WRITERS {
            let (store, owner, numbers) = (store.clone(), owner.id, numbers.clone());
            tasks.spawn(async move {
                let mut before = Revision(0);
                for _ in 0..EACH {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    let done = store
                        .insert_key(&key(owner, number), &event(number), None)
                        .await
                        .unwrap();
                    assert!(
                        matches!(done, Inserted::New(revision) if revision > before),
                        "{done:?}"
                    );
                    let Inserted::New(revision) = done else { return };
                    before = revision;
                    assert!(store.revision().await.unwrap() >= revision);
                }
            });
        }
    }
    let mut seen = owner.revision;
    let mut batches = 0;
    while seen.0 < last {
        let feed = first.changes_since(seen).await.unwrap();
        let mut revisions: Vec<u64> = feed
            .changes
            .iter()
            .map(|change| match change {
                Change::Key(key) => key.revision.0,
                Change::User(user) => user.revision.0,
                Change::Site(site) => site.revision.0,
                Change::LostKey(_) => 0,
            })
            .collect();
        revisions.sort_unstable();
        let wanted: Vec<u64> = (seen.0 + 1..=feed.position.revision.0).collect();
        assert_eq!(revisions, wanted, "after {seen:?}");
        seen = feed.position.revision;
        batches += 1;
    }
    tasks.join_all().await;
    println!("{} changes in {batches} batches", last - owner.revision.0);
    assert_eq!(first.revision().await.unwrap().0, last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_frozen_within_a_change_does_not_hold_up_the_others() {
    let server = Postgres::start_quick();
    let store = created(&server).await;
    let owner = owner(&store).await;
    // What a frozen node leaves: a session that has its turn and says nothing more.
    let mut frozen = sqlx::PgConnection::connect(&server.url("postgres"))
        .await
        .unwrap();
    sqlx::raw_sql(
        "SET idle_in_transaction_session_timeout = 5000; BEGIN; SELECT 1 FROM meta FOR UPDATE; \
         UPDATE meta SET revision = revision + 1",
    )
    .execute(&mut frozen)
    .await
    .unwrap();
    let done = store.insert_key(&key(owner.id, 2), &event(2), None).await;
    assert_eq!(done.unwrap(), Inserted::New(Revision(owner.revision.0 + 1)));
    drop(frozen);
}

const GUARD: Duration = Duration::from_secs(60);

/// Waits until the store is told of something; nobody asks it here.
async fn told(store: &PostgresStore) {
    timeout(GUARD, store.changed()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_told_of_the_changes_of_another_and_again_after_the_server_was_away() {
    let server = Postgres::start_quick();
    let first = created(&server).await;
    let owner = owner(&first).await;
    let second = PostgresStore::open(&options(&server)).await.unwrap();
    // That it has begun to listen is a reason to look.
    told(&second).await;
    for round in 0..3 {
        if round == 1 {
            server.sigkill();
            server.resume();
            told(&second).await;
        }
        if round == 2 {
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'keyward listener'";
            assert_eq!(server.sql("postgres", end), "t");
            told(&second).await;
        }
        // Several changes in a row may be one reason to look.
        for number in round * 10 + 2..round * 10 + 5 {
            first
                .insert_key(&key(owner.id, number), &event(number), None)
                .await
                .unwrap();
        }
        let wanted = first.revision().await.unwrap();
        loop {
            told(&second).await;
            if second.revision().await.unwrap() >= wanted {
                break;
            }
        }
    }
    first.close().await;
    second.close().await;
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'keyward%'";
    let until = Instant::now() + GUARD;
    while server.sql("postgres", sessions) != "0" {
        assert!(Instant::now() < until, "a closed store has sessions");
    }
}
