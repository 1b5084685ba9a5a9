//! When a name at a provider is bound, what it is worth from then on, and what takes it away.

use super::identity::{denials, enter, proven};
use super::second_factor::enabled;
use super::{
    ADA, GRACE, OTHER, PASSWORD, SignIn, SignedIn, change_word, code, done, join, lines, node_with_ada,
    session, sign_in, stranger, visitor, word,
};
use crate::common::{Home, OPERATOR};
use keyward_domain::Timestamp;
use keyward_engine::{Actor, AuditOutcome, Engine, EngineError, UserDraft};

const BOUND: usize = 1;

async fn waiting(node: &Engine, subject: &str) -> String {
    match enter(node, &proven(subject, Some(ADA))).await.unwrap() {
        SignIn::CodeNeeded { pending } => pending.reveal().to_owned(),
        SignIn::Done(_) => panic!("let in without a code"),
    }
}

async fn names(node: &Engine, user: &SignedIn) -> Vec<(String, Timestamp)> {
    let id = user.session.user.id.to_string();
    let listed = node.list_identities(OPERATOR, &id).await.unwrap();
    listed
        .into_iter()
        .map(|identity| (identity.subject, identity.bound_at))
        .collect()
}

#[tokio::test]
async fn nothing_is_bound_until_the_code_was_right() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let (_, key, _) = enabled(&home, &node, &ada.session).await;
    home.clock.advance(30_000);
    // Somebody holds Ada's address at the provider for a while, and has no code.
    let stopped = waiting(&node, "eve").await;
    let wrong = node.sign_in_with_code(&stopped, "000000", &visitor(1)).await;
    assert_eq!(word(&wrong), "refused");
    assert_eq!(names(&node, &ada).await, []);
    assert_eq!(lines(&node, "identity.add").await.len(), 0);
    // Ada is not kept out by it.
    let hers = waiting(&node, "a1").await;
    let now = code(&key, home.clock_now());
    done(SignIn::Done(
        node.sign_in_with_code(&hers, &now, &visitor(1)).await.unwrap(),
    ));
    assert_eq!(names(&node, &ada).await, [("a1".to_owned(), home.clock_now())]);
    assert_eq!(lines(&node, "identity.add").await.len(), BOUND);
    node.reset_second_factor(OPERATOR, ADA).await.unwrap();
    for email in [None, Some(ADA)] {
        assert_eq!(word(&enter(&node, &proven("eve", email)).await), "refused");
    }
    let late = node.sign_in_with_code(&stopped, &now, &visitor(1)).await;
    assert_eq!(word(&late), "refused");
    done(enter(&node, &proven("a1", None)).await.unwrap());
}

#[tokio::test]
async fn of_two_names_that_wait_for_the_code_the_first_is_bound_and_the_other_stays_out() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let (_, _, codes) = enabled(&home, &node, &ada.session).await;
    let (first, second) = (waiting(&node, "a1").await, waiting(&node, "a2").await);
    let entered = node.sign_in_with_code(&first, &codes[0], &visitor(1)).await;
    assert_eq!(word(&entered), "in");
    let entered = node.sign_in_with_code(&second, &codes[1], &visitor(1)).await;
    assert_eq!(word(&entered), "refused");
    assert_eq!(names(&node, &ada).await.len(), BOUND);
}

#[tokio::test]
async fn an_address_that_was_given_to_somebody_else_there_finds_nobody() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    done(enter(&node, &proven("a1", Some(ADA))).await.unwrap());
    assert_eq!(word(&enter(&node, &proven("a2", Some(ADA))).await), "refused");
    let denied = denials(&node, 1).await;
    assert!(matches!(&denied[0].event.outcome, AuditOutcome::Denied(why) if why == "identity_differs"));
    assert_eq!(names(&node, &ada).await.len(), BOUND);
    done(enter(&node, &proven("a1", Some(ADA))).await.unwrap());
}

#[tokio::test]
async fn letters_that_fold_to_those_of_an_address_find_nobody() {
    let home = Home::new().await;
    let (node, _) = node_with_ada(&home).await;
    join(&node, OPERATOR, "frank@example.com", "admin").await;
    for email in [
        "fran\u{212a}@example.com",
        "FRAN\u{212a}@example.com",
        "frank@example.com\u{200b}",
    ] {
        let outcome = enter(&node, &proven("f1", Some(email))).await;
        assert_eq!(word(&outcome), "refused", "{email}");
    }
    done(
        enter(&node, &proven("f1", Some("FRANK@example.com")))
            .await
            .unwrap(),
    );
}

#[tokio::test]
async fn an_invitation_is_worth_nothing_once_its_user_came_in_at_a_provider() {
    let home = Home::new().await;
    let (node, _) = node_with_ada(&home).await;
    let draft = UserDraft {
        email: GRACE.to_owned(),
        ..UserDraft::default()
    };
    let (_, invite, _) = node.invite_user(OPERATOR, &draft).await.unwrap();
    done(enter(&node, &proven("g1", Some(GRACE))).await.unwrap());
    assert!(node.find_link(invite.reveal()).await.unwrap().is_none());
    let late = node.redeem_link(invite.reveal(), PASSWORD, &visitor(9)).await;
    assert_eq!(change_word(&late), "link gone");
    // A reset that is asked for is one that is meant.
    let (reset, _) = node.issue_reset_link(OPERATOR, GRACE, None).await.unwrap();
    done(enter(&node, &proven("g1", None)).await.unwrap());
    assert!(node.find_link(reset.reveal()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_link_for_another_password_takes_the_names_at_providers_away() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    done(enter(&node, &proven("eve", Some(ADA))).await.unwrap());
    let (reset, _) = node.issue_reset_link(OPERATOR, ADA, None).await.unwrap();
    node.redeem_link(reset.reveal(), OTHER, &visitor(1))
        .await
        .unwrap();
    assert_eq!(names(&node, &ada).await, []);
    assert_eq!(word(&enter(&node, &proven("eve", None)).await), "refused");
    done(enter(&node, &proven("a1", Some(ADA))).await.unwrap());
}

#[tokio::test]
async fn an_administrator_takes_names_away_and_nobody_else_does_or_sees_them() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let grace = join(&node, OPERATOR, GRACE, "member").await;
    let id = grace.session.user.id.to_string();
    let entered = done(enter(&node, &proven("g1", Some(GRACE))).await.unwrap());
    let (member, admin): (&Actor, &Actor) = (&grace.session.actor, &ada.session.actor);
    assert_eq!(node.list_identities(member, &id).await.unwrap().len(), 1);
    let others = node.list_identities(member, ADA).await;
    assert!(matches!(others, Err(EngineError::NotFound("user"))), "{others:?}");
    let denied = node.remove_identities(member, &id).await;
    assert!(matches!(denied, Err(EngineError::Forbidden(_))), "{denied:?}");
    node.remove_identities(admin, &id).await.unwrap();
    assert!(session(&node, &entered).await.is_none());
    assert_eq!(word(&enter(&node, &proven("g1", None)).await), "refused");
    let again = node.remove_identities(admin, &id).await;
    let is_told = |error: &EngineError| {
        matches!(
            error,
            EngineError::Conflict {
                code: "no_identity",
                ..
            }
        )
    };
    assert!(again.as_ref().is_err_and(is_told), "{again:?}");
    let removed = lines(&node, "identity.remove").await;
    let before = |line: &keyward_engine::AuditView| line.event.before.clone();
    let told: Vec<_> = removed.iter().filter_map(before).collect();
    assert_eq!(removed.len(), 2, "one was denied: {removed:?}");
    assert_eq!(told.len(), 1, "{removed:?}");
    assert_eq!(told[0]["subject"], "g1");
    // By the address they are bound anew.
    done(enter(&node, &proven("g2", Some(GRACE))).await.unwrap());
}

#[tokio::test]
async fn c7_who_guesses_passwords_does_not_slow_down_the_code_after_a_provider() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let (_, _, codes) = enabled(&home, &node, &ada.session).await;
    for network in 0..30 {
        let guess = node
            .sign_in(ADA, "a wrong password", &stranger(network), None)
            .await;
        drop(guess);
    }
    for _ in 0..2 {
        assert_eq!(word(&sign_in(&node, ADA, "a wrong password").await), "refused");
    }
    assert_eq!(word(&sign_in(&node, ADA, PASSWORD).await), "slowed");
    let pending = waiting(&node, "a1").await;
    let entered = node.sign_in_with_code(&pending, &codes[0], &visitor(1)).await;
    assert_eq!(word(&entered), "in");
    // Codes are counted all the same.
    let mut words = Vec::new();
    for _ in 0..6 {
        let pending = waiting(&node, "a1").await;
        words.push(word(
            &node.sign_in_with_code(&pending, "000000", &visitor(1)).await,
        ));
    }
    assert_eq!(
        words,
        ["refused", "refused", "refused", "refused", "refused", "slowed"]
    );
}

#[tokio::test]
async fn answers_that_are_not_good_slow_down_the_network_that_they_come_from() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let begin =
        async |network: u8, device: Option<&str>| node.begin_exchange(&stranger(network), device).await;
    for _ in 0..3 {
        for _ in 0..19 {
            let good = begin(1, None).await.ok().unwrap();
            node.take_back_exchange(&good);
        }
    }
    for _ in 0..20 {
        drop(begin(1, None).await.ok().unwrap());
    }
    assert_eq!(word(&begin(1, None).await), "slowed");
    assert_eq!(word(&begin(2, None).await), "in");
    let device = ada.device.as_ref().unwrap().reveal();
    assert_eq!(
        word(&begin(1, Some(device)).await),
        "in",
        "a device that is known"
    );
    assert_eq!(word(&begin(1, Some("device_made-up")).await), "slowed");
}
