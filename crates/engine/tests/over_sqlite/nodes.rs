//! The list of nodes, and usage that several of them count.

use crate::common::{Home, OPERATOR, ask, create_key, draft};
use crate::faulty::Faulty;
use keyward_engine::{Counting, Engine, NodeAbout, Period, UsageWindow};
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn named(engine: Arc<Engine>, host: &str) -> Arc<Engine> {
    engine.name_node(NodeAbout {
        host: host.to_owned(),
        address: "192.0.2.1:8080".to_owned(),
        version: "1.2.3".to_owned(),
    });
    engine
}

#[tokio::test]
async fn each_node_sees_all_and_itself_as_it_is_now() {
    let home = Home::new().await;
    let first = named(home.node_with_owner().await, "b");
    let second = named(home.node().await, "a");
    // Nobody has told anything yet: each knows of itself.
    assert_eq!(first.list_nodes(OPERATOR).await.unwrap().len(), 1);
    first.tell_node().await.unwrap();
    second.tell_node().await.unwrap();
    create_key(&first, &draft()).await;
    let seen = first.list_nodes(OPERATOR).await.unwrap();
    let told: Vec<_> = seen
        .iter()
        .map(|node| (node.host.as_str(), node.is_this, node.is_away, node.revision.0))
        .collect();
    assert_eq!(told, [("a", false, false, 1), ("b", true, false, 2)]);
    assert_eq!(
        (seen[0].version.as_str(), seen[0].address.as_str()),
        ("1.2.3", "192.0.2.1:8080")
    );
    second.forget_node().await.unwrap();
    assert_eq!(first.list_nodes(OPERATOR).await.unwrap().len(), 1);
    // One that has no name, as in a command, tells nothing.
    let command = home.node().await;
    command.tell_node().await.unwrap();
    assert_eq!(command.list_nodes(OPERATOR).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_batch_whose_answer_was_lost_is_counted_once_with_those_of_other_nodes() {
    let home = Home::new().await;
    let first_store = Faulty::before(home.store.clone());
    let first = home.node_over(first_store.clone());
    first.load().await.unwrap();
    crate::common::create_user(&first, crate::common::OWNER).await;
    let key = create_key(&first, &draft()).await;
    let second = home.node().await;
    let use_it = |node: &Engine, times: usize| {
        for _ in 0..times {
            ask(node, &key.secret, Counting::Count);
        }
    };
    use_it(&first, 3);
    use_it(&second, 4);
    second.flush_usage().await.unwrap();
    first_store.lose_answers.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        assert!(first.flush_usage().await.is_err());
        use_it(&first, 5);
    }
    assert!(first.status().usage_pending > 0);
    home.clock.advance(1000);
    use_it(&second, 1);
    second.flush_usage().await.unwrap();
    first_store.lose_answers.store(false, Ordering::SeqCst);
    first.flush_usage().await.unwrap();
    assert_eq!(first.status().usage_pending, 0);
    let window = UsageWindow {
        period: Period::Minute,
        from: None,
        until: None,
        misread: Vec::new(),
    };
    for node in [&first, &second] {
        let usage = node.key_usage(OPERATOR, &key.id, window.clone()).await.unwrap();
        assert_eq!(
            usage.buckets.iter().map(|bucket| bucket.count).sum::<u64>(),
            3 + 15 + 4 + 1
        );
        // The latest of all nodes, although the other one was stored later.
        assert_eq!(usage.last_used.unwrap().at, home.clock_now());
    }
}
