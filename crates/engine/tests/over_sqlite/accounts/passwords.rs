//! The change of a password.

use super::{ADA, OTHER, PASSWORD, change_word, lines, node_with_ada, session, sign_in, visitor, word};
use crate::common::Home;
use keyward_engine::AuditOutcome;

#[tokio::test]
async fn c3_a_change_of_the_password_ends_every_session_and_gives_a_new_one() {
    let home = Home::new().await;
    let (node, first) = node_with_ada(&home).await;
    let second = sign_in(&node, ADA, PASSWORD).await.unwrap();
    let changed = node
        .change_password(&second.session, PASSWORD, OTHER, &visitor(1))
        .await
        .unwrap();
    assert!(session(&node, &first).await.is_none());
    assert!(session(&node, &second).await.is_none());
    assert_eq!(session(&node, &changed).await.unwrap().id, changed.session.id);
    assert_ne!(changed.session.id, second.session.id);
    assert_eq!(word(&sign_in(&node, ADA, PASSWORD).await), "refused");
    assert_eq!(word(&sign_in(&node, ADA, OTHER).await), "in");
    assert_eq!(lines(&node, "password.change").await.len(), 1);
    // A session that has ended changes nothing any more.
    let late = node
        .change_password(&second.session, OTHER, PASSWORD, &visitor(1))
        .await;
    assert_eq!(change_word(&late), "engine");
    assert!(session(&node, &changed).await.is_some());
}

#[tokio::test]
async fn c9_a_password_that_breaks_the_rules_changes_nothing() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let just_fits = "bœuf & câpres: 👍 ".repeat(9)[..]
        .chars()
        .take(128)
        .collect::<String>();
    let too_long = format!("{just_fits}x");
    for (new, wanted) in [
        ("mole trowel gr", "password_too_short"),
        ("", "password_too_short"),
        (&*too_long, "password_too_long"),
        ("passwordpassword", "password_common"),
        ("ada@example.com", "password_contains_name"),
        ("keyward ada example", "password_contains_name"),
    ] {
        let outcome = node
            .change_password(&ada.session, PASSWORD, new, &visitor(1))
            .await;
        assert_eq!(change_word(&outcome), wanted, "{new}");
    }
    assert!(session(&node, &ada).await.is_some());
    // Nothing is cut off: the last of 128 characters counts.
    let outcome = node
        .change_password(&ada.session, PASSWORD, &just_fits, &visitor(1))
        .await;
    assert_eq!(change_word(&outcome), "done");
    let cut: String = just_fits.chars().take(127).collect();
    assert_eq!(word(&sign_in(&node, ADA, &cut).await), "refused");
    assert_eq!(word(&sign_in(&node, ADA, &too_long).await), "refused");
    assert_eq!(word(&sign_in(&node, ADA, &just_fits).await), "in");
}

#[tokio::test]
async fn the_present_password_is_asked_for_and_cannot_be_guessed_at_leisure() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let change = async |old: &str| {
        let outcome = node.change_password(&ada.session, old, OTHER, &visitor(1)).await;
        change_word(&outcome)
    };
    for _ in 0..5 {
        assert_eq!(change(OTHER).await, "wrong password");
    }
    assert_eq!(change(PASSWORD).await, "slowed");
    assert_eq!(
        word(&sign_in(&node, ADA, PASSWORD).await),
        "in",
        "its own counter"
    );
    home.clock.advance(1000);
    assert_eq!(change(PASSWORD).await, "done");
    let denied = lines(&node, "password.change").await;
    let is_denied =
        |outcome: &AuditOutcome| matches!(outcome, AuditOutcome::Denied(code) if code == "wrong_password");
    assert_eq!(
        denied
            .iter()
            .filter(|view| is_denied(&view.event.outcome))
            .count(),
        5
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c3_of_parallel_changes_in_one_session_one_wins() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let mut tasks = tokio::task::JoinSet::new();
    for round in 0..4 {
        let (node, session) = (node.clone(), ada.session.clone());
        tasks.spawn(async move {
            let new = format!("{OTHER} {round}");
            node.change_password(&session, PASSWORD, &new, &visitor(1))
                .await
                .map(|_| new)
        });
    }
    let won: Vec<String> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(won.len(), 1);
    assert_eq!(word(&sign_in(&node, ADA, &won[0]).await), "in");
}
