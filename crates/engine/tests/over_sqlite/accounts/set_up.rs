//! The first administrator (C12).

use super::{ADA, PASSWORD, change_word, lines, session, sign_in, visitor, word};
use crate::common::Home;
use std::sync::Arc;

#[tokio::test]
async fn c12_a_set_up_makes_an_administrator_with_a_password_and_no_key() {
    let home = Home::new().await;
    let node = home.node().await;
    let token = node.issue_setup_token().await.unwrap();
    let set_up = async |email: &str, password: &str| {
        node.set_up(token.reveal(), email, Some("Ada"), password, &visitor(1))
            .await
    };
    assert!(node.is_setup_token(token.reveal()).await.unwrap());
    assert_eq!(change_word(&set_up("no address", PASSWORD).await), "engine");
    assert_eq!(change_word(&set_up(ADA, "short").await), "password_too_short");
    assert!(
        node.is_setup_token(token.reveal()).await.unwrap(),
        "faults leave it good"
    );
    let ada = set_up(ADA, PASSWORD).await.unwrap();
    let found = session(&node, &ada).await.unwrap();
    assert!(found.actor.is_admin());
    assert_eq!(node.status().keys, 0);
    assert_eq!(change_word(&set_up("b@example.com", PASSWORD).await), "link gone");
    assert!(!node.is_setup_token(token.reveal()).await.unwrap());
    assert_eq!(word(&sign_in(&node, ADA, PASSWORD).await), "in");
    assert_eq!(lines(&node, "setup.redeem").await.len(), 1);
}

#[tokio::test]
async fn c12_a_set_up_token_is_good_for_an_hour() {
    let home = Home::new().await;
    let node = home.node().await;
    let token = node.issue_setup_token().await.unwrap();
    home.clock.advance(3_600_000);
    for wrong in [token.reveal(), "", "setup_x", "kw_0"] {
        let outcome = node.set_up(wrong, ADA, None, PASSWORD, &visitor(1)).await;
        assert_eq!(change_word(&outcome), "link gone", "{wrong}");
    }
    assert_eq!(
        node.status().password_runs,
        0,
        "hashing is for those who hold a token"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c12_a_set_up_is_done_once_of_100_parallel_tries() {
    let home = Home::new().await;
    let node = home.node().await;
    let token: Arc<str> = node.issue_setup_token().await.unwrap().reveal().into();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..100 {
        let (node, token) = (node.clone(), token.clone());
        tasks.spawn(async move {
            let email = format!("a{n}@example.com");
            let outcome = node.set_up(&token, &email, None, PASSWORD, &visitor(1)).await;
            change_word(&outcome)
        });
    }
    let words = tasks.join_all().await;
    assert_eq!(
        words.iter().filter(|word| **word == "done").count(),
        1,
        "{words:?}"
    );
    assert!(
        words
            .iter()
            .all(|word| ["done", "link gone", "slowed"].contains(word))
    );
    let users = node
        .list_users(crate::common::OPERATOR, &Default::default())
        .await;
    assert_eq!(users.unwrap().items.len(), 1);
}
