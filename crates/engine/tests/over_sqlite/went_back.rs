//! A store that goes back under a running node: a backup is restored, or a standby that was behind takes over.

use crate::common::{Home, OPERATOR, TestKey, create_key, draft, judged};
use crate::faulty::Faulty;
use keyward_domain::Reason;
use keyward_engine::{Engine, EngineError};
use keyward_store::{SqliteOptions, SqliteStore, Store};
use std::sync::Arc;
use std::sync::atomic::Ordering;

struct World {
    home: Home,
    faulty: Arc<Faulty>,
    node: Arc<Engine>,
    /// In the old copy and in the newer history.
    old: TestKey,
    /// In the newer history alone.
    lost: TestKey,
    /// The old copy.
    copy: Arc<SqliteStore>,
}

/// A node that has followed a history further than the copy goes, which two changes have been lost to.
async fn world() -> World {
    let home = Home::new().await;
    let first = home.node_with_owner().await;
    let old = create_key(&first, &draft()).await;
    let path = home.folder().join("copy.db");
    home.store.backup(&path).await.unwrap();
    let faulty = Faulty::before(home.store.clone());
    let node = home.node_over(faulty.clone());
    node.load().await.unwrap();
    let lost = create_key(&node, &draft()).await;
    node.disable_key(OPERATOR, &old.id, None).await.unwrap();
    let options = SqliteOptions {
        path,
        create: false,
        migrate: false,
        read_only: false,
    };
    let copy = Arc::new(SqliteStore::open(&options).await.unwrap());
    World {
        home,
        faulty,
        node,
        old,
        lost,
        copy,
    }
}

impl World {
    fn restore(&self) {
        self.faulty.replace(self.copy.clone());
    }

    /// A node of the copy alone.
    async fn other(&self) -> Arc<Engine> {
        let other = self.home.node_over(self.copy.clone());
        other.load().await.unwrap();
        other
    }

    fn assert_of_the_copy(&self) {
        assert_eq!(judged(&self.node, &self.old.secret), Ok(()));
        assert_eq!(judged(&self.node, &self.lost.secret), Err(Reason::KeyInvalid));
    }
}

#[tokio::test]
async fn r4_a_store_that_went_back_is_read_anew_by_the_next_look() {
    let world = world().await;
    world.restore();
    world.node.follow().await.unwrap();
    world.assert_of_the_copy();
    let revision = world.copy.revision().await.unwrap();
    assert_eq!(world.node.status().revision, revision);
}

#[tokio::test]
async fn r4_a_store_that_went_back_and_overtook_is_read_anew() {
    for changes in [2, 3] {
        let world = world().await;
        let other = world.other().await;
        let mut made = Vec::new();
        for _ in 0..changes {
            made.push(create_key(&other, &draft()).await);
        }
        let known = world.node.status().revision;
        assert!(other.status().revision >= known, "{changes}");
        world.restore();
        world.node.follow().await.unwrap();
        world.assert_of_the_copy();
        for key in &made {
            assert_eq!(judged(&world.node, &key.secret), Ok(()), "{changes}");
        }
    }
}

#[tokio::test]
async fn r1_a_change_after_the_store_went_back_is_in_force_when_answered() {
    let world = world().await;
    world.restore();
    // It gets a revision that this node knows already, of the history that is gone.
    world
        .node
        .delete_key(OPERATOR, &world.old.id, None)
        .await
        .unwrap();
    assert_eq!(judged(&world.node, &world.old.secret), Err(Reason::KeyInvalid));
    let made = create_key(&world.node, &draft()).await;
    assert_eq!(judged(&world.node, &made.secret), Ok(()));
    world.node.follow().await.unwrap();
    assert_eq!(judged(&world.node, &world.old.secret), Err(Reason::KeyInvalid));
}

#[tokio::test]
async fn r1_a_change_that_is_lost_before_it_is_read_back_is_not_confirmed() {
    let world = world().await;
    world.faulty.hold_next_feed();
    let disable = tokio::spawn({
        let (node, id) = (Arc::clone(&world.node), world.lost.id.clone());
        async move { node.disable_key(OPERATOR, &id, None).await }
    });
    world.faulty.wait_held().await;
    world.faulty.fail_feed.store(true, Ordering::SeqCst);
    world.restore();
    world.faulty.release();
    let done = disable.await.unwrap();
    assert!(
        matches!(done, Err(EngineError::Unconfirmed(_))),
        "{:?}",
        done.err()
    );
    world.assert_of_the_copy();
}

#[tokio::test]
async fn r4_a_history_that_returns_while_another_is_half_read_is_read_anew_too() {
    let world = world().await;
    world.restore();
    // Of the copy's history one entity comes: the owner, and the key is left as it was.
    world.faulty.fail_load_after.store(2, Ordering::SeqCst);
    world.node.follow().await.unwrap_err();
    assert_eq!(
        judged(&world.node, &world.old.secret),
        Ok(()),
        "half of it is there"
    );
    world.faulty.replace(world.home.store.clone());
    world.node.follow().await.unwrap();
    assert_eq!(judged(&world.node, &world.old.secret), Err(Reason::KeyDisabled));
    assert_eq!(judged(&world.node, &world.lost.secret), Ok(()));
}

#[tokio::test]
async fn a_snapshot_is_written_anew_when_the_same_revision_is_of_another_history() {
    let world = world().await;
    let file = world.home.folder().join("replica.snapshot");
    let node = world.home.node_keeping_over(world.faulty.clone(), &file);
    node.load().await.unwrap();
    node.write_snapshot().await.unwrap();
    let other = world.other().await;
    for _ in 0..2 {
        create_key(&other, &draft()).await;
    }
    world.restore();
    node.follow().await.unwrap();
    assert_eq!(node.status().revision, world.node.status().revision);
    node.write_snapshot().await.unwrap();
    let late = world.home.node_keeping_over(world.faulty.clone(), &file);
    late.load_snapshot().await.unwrap();
    assert_eq!(judged(&late, &world.old.secret), Ok(()));
    assert_eq!(judged(&late, &world.lost.secret), Err(Reason::KeyInvalid));
}
