//! The engine in this process: what it opens, and how it follows what another process changes.

use crate::world::{Manager, World, echo, get, open, send};
use keyward_engine::{Actor, ExpiryDraft};
use keyward_testkit::{Postgres, eventually};
use keyward_tower::{Embedded, KeywardLayer};

async fn follows(manager: &Manager, embedded: &Embedded) {
    let layer = KeywardLayer::builder(embedded.clone()).build().unwrap();
    let code = async |secret: &str| send(echo(&layer), get("/api/1/x", secret)).await.code();
    // Unknown first, then made by the other process: known within a second, and so is its end.
    let (id, secret) = manager.key(|_| {}).await;
    eventually("the key passes", async || code(&secret).await == "passed").await;
    manager
        .engine
        .disable_key(&Actor::OPERATOR, &id, None)
        .await
        .unwrap();
    eventually("it is disabled", async || code(&secret).await == "key_disabled").await;
    manager
        .engine
        .enable_key(&Actor::OPERATOR, &id, None)
        .await
        .unwrap();
    eventually("the key passes", async || code(&secret).await == "passed").await;
    manager
        .engine
        .delete_key(&Actor::OPERATOR, &id, None)
        .await
        .unwrap();
    eventually("it is gone", async || code(&secret).await == "key_invalid").await;
    assert_eq!(code(&secret).await, "key_invalid");
}

#[tokio::test]
async fn r1_over_sqlite_it_follows_what_another_process_changes() {
    let world = World::start().await;
    follows(&world.manager, &world.embedded).await;
}

#[tokio::test]
async fn r1_over_postgresql_it_follows_what_another_process_changes() {
    let postgres = Postgres::start_quick();
    let url = postgres.url("postgres");
    let manager = Manager::postgres(&url).await;
    let embedded = open(&url).await;
    follows(&manager, &embedded).await;
    embedded.close().await;
}

#[tokio::test]
async fn r9_a_key_ends_at_its_instant() {
    let world = World::start().await;
    // Time enough to make the key.
    let until_then = world.manager.in_millis(10_000);
    let (_, secret) = world
        .key(|draft| draft.expires_at = ExpiryDraft::At(until_then))
        .await;
    let layer = world.layer().build().unwrap();
    eventually("it expires", async || {
        send(echo(&layer), get("/api/1/x", &secret)).await.code() == "key_expired"
    })
    .await;
}

#[tokio::test]
async fn once_closed_it_lets_nothing_pass() {
    let world = World::start().await;
    let key = world.key_of_site("1").await;
    let layer = world.layer().build().unwrap();
    assert_eq!(send(echo(&layer), get("/api/1/x", &key)).await.status, 200);
    world.embedded.close().await;
    world.embedded.close().await;
    let seen = send(echo(&layer), get("/api/1/x", &key)).await;
    assert_eq!((seen.status, seen.code().as_str()), (503, "unavailable"));
    assert_eq!(seen.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn what_cannot_be_decided_from_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    let url = format!("sqlite:{}", path.display());
    assert!(
        Embedded::open(&url).await.is_err(),
        "it is not there, and is not made"
    );
    assert!(!path.exists());
    for url in ["keys.db", "mysql://x", "postgres://"] {
        assert!(Embedded::open(url).await.is_err(), "{url}");
    }
    Manager::sqlite(&path).await;
    let with = Embedded::options(&url);
    for wrong in [
        with.clone().prefix("no prefix"),
        with.clone().use_case("Not A Name"),
        with.clone().use_case("a").use_case("a"),
        with.clone().use_case_for("a", &[("GET", "api")]),
        with.clone().shared_limits("http://x"),
    ] {
        assert!(wrong.open().await.is_err());
    }
    assert!(Embedded::open(&url).await.is_ok());
}
