//! Whoever commits, loads and follows at the same time: the older state is never put over the newer (R4, R5, R6).

use crate::common::{Home, OPERATOR, OWNER, Random, create_key, create_user, draft, judged, sized};
use crate::faulty::Faulty;
use keyward_domain::Reason;
use keyward_engine::{Engine, ImportFile, ImportFormat};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Time enough for the other task to come to where it must wait.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn r4_a_change_that_commits_while_the_feed_is_under_way_is_in_force_when_answered() {
    let home = Home::new().await;
    let other = home.node_with_owner().await;
    let key = create_key(&other, &draft()).await;
    let faulty = Faulty::before(home.store.clone());
    let node = home.node_over(faulty.clone());
    node.load().await.unwrap();
    // Something that the feed has to tell, read before the key is disabled and put in after.
    create_key(&other, &draft()).await;
    faulty.hold_next_feed();
    let follow = tokio::spawn({
        let node = Arc::clone(&node);
        async move { node.follow().await }
    });
    faulty.wait_held().await;
    let disable = tokio::spawn({
        let (node, id) = (Arc::clone(&node), key.id.clone());
        async move { node.disable_key(OPERATOR, &id, None).await }
    });
    a_moment().await;
    assert!(!disable.is_finished(), "answered before it is in force");
    faulty.release();
    follow.await.unwrap().unwrap();
    disable.await.unwrap().unwrap();
    assert_eq!(judged(&node, &key.secret), Err(Reason::KeyDisabled));
    node.follow().await.unwrap();
    assert_eq!(judged(&node, &key.secret), Err(Reason::KeyDisabled));
}

#[tokio::test]
async fn r4_a_revision_that_was_asked_for_before_a_change_is_no_step_back() {
    let home = Home::new().await;
    home.node_with_owner().await;
    let faulty = Faulty::before(home.store.clone());
    let node = home.node_over(faulty.clone());
    node.load().await.unwrap();
    faulty.hold_next_revision();
    let follow = tokio::spawn({
        let node = Arc::clone(&node);
        async move { node.follow().await }
    });
    faulty.wait_held().await;
    let key = create_key(&node, &draft()).await;
    faulty.release();
    follow.await.unwrap().expect("nothing went back");
    assert_eq!(judged(&node, &key.secret), Ok(()));
}

#[tokio::test]
async fn r4_a_change_that_commits_while_the_replica_loads_is_not_lost() {
    for delete in [false, true] {
        let home = Home::new().await;
        let other = home.node_with_owner().await;
        let key = create_key(&other, &draft()).await;
        let faulty = Faulty::before(home.store.clone());
        let node = home.node_over(faulty.clone());
        faulty.hold_next_feed();
        let load = tokio::spawn({
            let node = Arc::clone(&node);
            async move { node.load().await }
        });
        faulty.wait_held().await;
        if delete {
            other.delete_key(OPERATOR, &key.id, None).await.unwrap();
        } else {
            other.disable_key(OPERATOR, &key.id, None).await.unwrap();
        }
        faulty.release();
        load.await.unwrap().unwrap();
        node.follow().await.unwrap();
        assert!(judged(&node, &key.secret).is_err(), "delete: {delete}");
    }
}

#[tokio::test]
async fn r4_a_load_that_failed_half_way_leaves_nothing_behind() {
    let home = Home::new().await;
    let other = home.node_with_owner().await;
    let key = create_key(&other, &draft()).await;
    let faulty = Faulty::before(home.store.clone());
    let node = home.node_over(faulty.clone());
    faulty.fail_load_after.store(2, Ordering::SeqCst);
    assert!(node.load().await.is_err());
    other.delete_key(OPERATOR, &key.id, None).await.unwrap();
    node.load().await.unwrap();
    assert_eq!(judged(&node, &key.secret), Err(Reason::KeyInvalid));
}

#[tokio::test]
async fn r4_a_second_load_misses_no_deletion() {
    let home = Home::new().await;
    let other = home.node_with_owner().await;
    let (key, kept) = (
        create_key(&other, &draft()).await,
        create_key(&other, &draft()).await,
    );
    let node = home.node().await;
    assert_eq!(judged(&node, &key.secret), Ok(()));
    other.delete_key(OPERATOR, &key.id, None).await.unwrap();
    node.load().await.unwrap();
    assert_eq!(judged(&node, &key.secret), Err(Reason::KeyInvalid));
    assert_eq!(judged(&node, &kept.secret), Ok(()));
    assert_eq!(node.status().keys, 1);
}

/// Several nodes, each with a jittery store, change keys and follow at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_r5_late_and_reordered_answers_never_bring_an_older_state_back() {
    let home = Home::new().await;
    home.node_with_owner().await;
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let faulty = Faulty::before(home.store.clone());
        let node = home.node_over(faulty.clone());
        node.load().await.unwrap();
        faulty.jitter_micros.store(3000, Ordering::Relaxed);
        nodes.push(node);
    }
    let done = Arc::new(AtomicBool::new(false));
    let followers: Vec<_> = nodes
        .iter()
        .map(|node| tokio::spawn(follow_until(Arc::clone(node), Arc::clone(&done))))
        .collect();
    let flips = sized(25, 500);
    let mut flippers = Vec::new();
    for seed in 0..6 {
        let nodes = nodes.clone();
        flippers.push(tokio::spawn(flip_own_key(nodes, seed, flips)));
    }
    let mut finals = Vec::new();
    for flipper in flippers {
        finals.push(flipper.await.unwrap());
    }
    done.store(true, Ordering::SeqCst);
    for follower in followers {
        follower.await.unwrap();
    }
    for node in &nodes {
        node.follow().await.unwrap();
        for (secret, wanted) in &finals {
            assert_eq!(judged(node, secret), *wanted);
        }
        assert_eq!(node.status().revision, nodes[0].status().revision);
    }
}

/// Follows, and checks that the revision only rises and that no follow fails.
async fn follow_until(node: Arc<Engine>, done: Arc<AtomicBool>) {
    let mut last = node.status().revision;
    while !done.load(Ordering::SeqCst) {
        node.follow().await.expect("a store that answers can be followed");
        let revision = node.status().revision;
        assert!(revision >= last, "{revision:?} after {last:?}");
        last = revision;
        tokio::task::yield_now().await;
    }
}

/// Changes one key through random nodes; what was answered is in force on the node that answered.
async fn flip_own_key(nodes: Vec<Arc<Engine>>, seed: u64, flips: usize) -> (String, Result<(), Reason>) {
    let mut random = Random(seed);
    let key = create_key(&nodes[0], &draft()).await;
    let mut wanted = Ok(());
    for flip in 0..flips {
        let node = random.pick(&nodes);
        let changed = match (wanted, random.below(4)) {
            (Err(Reason::KeyInvalid), _) => {
                wanted = Ok(());
                node.restore_key(OPERATOR, &key.id, None).await
            }
            (_, 0) => {
                wanted = Err(Reason::KeyInvalid);
                node.delete_key(OPERATOR, &key.id, None).await
            }
            (Ok(()), _) => {
                wanted = Err(Reason::KeyDisabled);
                node.disable_key(OPERATOR, &key.id, None).await
            }
            (Err(_), _) => {
                wanted = Ok(());
                node.enable_key(OPERATOR, &key.id, None).await
            }
        };
        let view = changed.unwrap();
        if wanted.is_ok() && view.state == "disabled" {
            // A restored key is as it was before it was deleted.
            wanted = Err(Reason::KeyDisabled);
        }
        for _ in 0..3 {
            assert_eq!(judged(node, &key.secret), wanted, "seed {seed}, flip {flip}");
            tokio::task::yield_now().await;
        }
    }
    (key.secret, wanted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r5_disable_and_enable_in_quick_turns_end_in_the_last_state_on_all_nodes() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let other = home.node().await;
    let key = create_key(&node, &draft()).await;
    let done = Arc::new(AtomicBool::new(false));
    let follower = tokio::spawn(follow_until(Arc::clone(&other), Arc::clone(&done)));
    for _ in 0..sized(100, 1000) {
        for (enable, wanted) in [
            (false, Err(Reason::KeyDisabled)),
            (true, Ok(())),
            (false, Err(Reason::KeyDisabled)),
        ] {
            if enable {
                node.enable_key(OPERATOR, &key.id, None).await.unwrap();
            } else {
                node.disable_key(OPERATOR, &key.id, None).await.unwrap();
            }
            assert_eq!(judged(&node, &key.secret), wanted);
        }
    }
    done.store(true, Ordering::SeqCst);
    follower.await.unwrap();
    other.follow().await.unwrap();
    for node in [&node, &other] {
        for _ in 0..100 {
            assert_eq!(judged(node, &key.secret), Err(Reason::KeyDisabled));
            node.follow().await.unwrap();
        }
    }
}

#[tokio::test]
async fn r6_a_key_that_was_tried_before_it_was_made_works_at_once() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let other = home.node().await;
    for node in [&node, &other] {
        for _ in 0..1000 {
            assert_eq!(judged(node, "abcdef123456"), Err(Reason::KeyInvalid));
        }
    }
    let file = format!("{{\"owner\":\"{OWNER}\",\"name\":\"brought along\",\"secret\":\"abcdef123456\"}}\n");
    node.import_keys(
        OPERATOR,
        ImportFile::new(ImportFormat::JsonLines, &file),
        &|_, _| {},
    )
    .await
    .unwrap();
    assert_eq!(judged(&node, "abcdef123456"), Ok(()));
    other.follow().await.unwrap();
    assert_eq!(judged(&other, "abcdef123456"), Ok(()));
}

#[tokio::test]
async fn r7_a_user_that_is_disabled_or_deleted_takes_all_keys_along() {
    let home = Home::new().await;
    let node = home.node().await;
    let other = home.node().await;
    let user = create_user(&node, OWNER).await;
    let mut keys = Vec::new();
    for _ in 0..20 {
        keys.push(create_key(&node, &draft()).await);
    }
    let assert_all = |node: &Engine, wanted| {
        for key in &keys {
            assert_eq!(judged(node, &key.secret), wanted);
        }
    };
    node.disable_user(OPERATOR, &user, None).await.unwrap();
    assert_all(&node, Err(Reason::OwnerInactive));
    other.follow().await.unwrap();
    assert_all(&other, Err(Reason::OwnerInactive));
    node.enable_user(OPERATOR, &user, None).await.unwrap();
    assert_all(&node, Ok(()));
    node.delete_user(OPERATOR, &user, None).await.unwrap();
    assert_all(&node, Err(Reason::OwnerInactive));
    assert!(
        node.enable_user(OPERATOR, &user, None).await.is_err(),
        "a deleted user is not enabled"
    );
    // The same address again is another user: the keys stay with the one that is gone.
    create_user(&node, OWNER).await;
    assert_all(&node, Err(Reason::OwnerInactive));
    other.follow().await.unwrap();
    assert_all(&other, Err(Reason::OwnerInactive));
}
