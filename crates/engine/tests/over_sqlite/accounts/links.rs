//! Invitations and resets.

use super::{
    ADA, GRACE, OTHER, PASSWORD, SignIn, UserDraft, change_word, done, join, lines, node_with_ada, session,
    sign_in, visitor, word,
};
use crate::common::{Home, OPERATOR, START};
use keyward_engine::{AuditOutcome, EngineError, LinkPurpose};
use std::sync::Arc;

fn draft(email: &str) -> UserDraft {
    UserDraft {
        email: email.to_owned(),
        ..UserDraft::default()
    }
}

#[tokio::test]
async fn an_invited_user_chooses_a_password_and_is_in() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let (view, token, until) = node.invite_user(&ada.session.actor, &draft(GRACE)).await.unwrap();
    assert_eq!(until, START.plus_days(7));
    assert_eq!(
        word(&sign_in(&node, GRACE, PASSWORD).await),
        "refused",
        "no password yet"
    );
    let link = node.find_link(token.reveal()).await.unwrap().unwrap();
    assert_eq!(
        (link.purpose, link.user.id, link.until),
        (LinkPurpose::Invite, view.user.id, until)
    );
    for bad in ["short", "passwordpassword"] {
        let outcome = node.redeem_link(token.reveal(), bad, &visitor(1)).await;
        assert!(change_word(&outcome).starts_with("password_"), "{bad}");
    }
    let grace = node.redeem_link(token.reveal(), PASSWORD, &visitor(1)).await;
    let grace = done(grace.unwrap());
    assert!(session(&node, &grace).await.is_some());
    assert_eq!(word(&sign_in(&node, GRACE, PASSWORD).await), "in");
    let again = node.redeem_link(token.reveal(), OTHER, &visitor(1)).await;
    assert_eq!(change_word(&again), "link gone");
    assert!(node.find_link(token.reveal()).await.unwrap().is_none());
    assert_eq!(lines(&node, "link.redeem").await.len(), 2, "Ada's and Grace's");
}

#[tokio::test]
async fn a_reset_ends_every_session_and_every_earlier_link() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let grace = join(&node, OPERATOR, GRACE, "member").await;
    let id = grace.session.user.id.to_string();
    let actor = &ada.session.actor;
    let (first, _) = node.issue_reset_link(actor, &id, None).await.unwrap();
    let (second, until) = node.issue_reset_link(actor, &id, None).await.unwrap();
    assert_eq!(until, START.plus_days(1));
    assert!(
        session(&node, &grace).await.is_some(),
        "nothing ends before it is used"
    );
    let outcome = node.redeem_link(first.reveal(), OTHER, &visitor(1)).await;
    assert_eq!(change_word(&outcome), "link gone");
    let link = node.find_link(second.reveal()).await.unwrap().unwrap();
    assert_eq!(link.purpose, LinkPurpose::Reset);
    let again = node
        .redeem_link(second.reveal(), OTHER, &visitor(1))
        .await
        .unwrap();
    assert!(session(&node, &grace).await.is_none());
    assert!(session(&node, &done(again)).await.is_some());
    assert!(session(&node, &ada).await.is_some());
    assert_eq!(word(&sign_in(&node, GRACE, PASSWORD).await), "refused");
    assert_eq!(word(&sign_in(&node, GRACE, OTHER).await), "in");
}

#[tokio::test]
async fn a_link_is_worth_nothing_from_its_end_on_or_when_its_user_is_not_valid() {
    let home = Home::new().await;
    let (node, _) = node_with_ada(&home).await;
    let (_, invite, until) = node.invite_user(OPERATOR, &draft(GRACE)).await.unwrap();
    home.clock.set(until.plus_millis(-1));
    assert!(node.find_link(invite.reveal()).await.unwrap().is_some());
    home.clock.set(until);
    assert!(node.find_link(invite.reveal()).await.unwrap().is_none());
    let outcome = node.redeem_link(invite.reveal(), PASSWORD, &visitor(1)).await;
    assert_eq!(change_word(&outcome), "link gone");
    let (reset, _) = node.issue_reset_link(OPERATOR, GRACE, None).await.unwrap();
    node.disable_user(OPERATOR, GRACE, None).await.unwrap();
    let outcome = node.redeem_link(reset.reveal(), PASSWORD, &visitor(1)).await;
    assert_eq!(change_word(&outcome), "link gone");
    let refused = node.issue_reset_link(OPERATOR, GRACE, None).await.map(|_| ());
    assert!(matches!(
        refused,
        Err(EngineError::Conflict {
            code: "user_inactive",
            ..
        })
    ));
    node.enable_user(OPERATOR, GRACE, None).await.unwrap();
    assert!(
        node.find_link(reset.reveal()).await.unwrap().is_none(),
        "gone for good"
    );
    for made_up in [
        "",
        "invite_",
        "reset_x",
        "invite_00000000000000000000000000000000000000",
    ] {
        assert!(node.find_link(made_up).await.unwrap().is_none());
        let runs = node.status().password_runs;
        let outcome = node.redeem_link(made_up, PASSWORD, &visitor(1)).await;
        assert_eq!(change_word(&outcome), "link gone");
        assert_eq!(
            node.status().password_runs,
            runs,
            "hashing is for those who hold a link"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_is_redeemed_once_of_100_parallel_tries() {
    let home = Home::new().await;
    let (node, _) = node_with_ada(&home).await;
    let (_, token, _) = node.invite_user(OPERATOR, &draft(GRACE)).await.unwrap();
    let token: Arc<str> = token.reveal().into();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..100 {
        let (node, token) = (node.clone(), token.clone());
        tasks.spawn(async move {
            let password = format!("{OTHER} {n}");
            let outcome = node.redeem_link(&token, &password, &visitor(1)).await;
            (change_word(&outcome), password)
        });
    }
    let outcomes = tasks.join_all().await;
    let won: Vec<_> = outcomes.iter().filter(|(word, _)| *word == "done").collect();
    assert_eq!(won.len(), 1, "{outcomes:?}");
    assert!(
        outcomes
            .iter()
            .all(|(word, _)| ["done", "link gone", "slowed"].contains(word))
    );
    assert_eq!(word(&sign_in(&node, GRACE, &won[0].1).await), "in");
}

#[tokio::test]
async fn a1_only_admins_invite_and_reset() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let grace = join(&node, OPERATOR, GRACE, "member").await;
    let actor = &grace.session.actor;
    let id = ada.session.user.id.to_string();
    let refusals = [
        node.invite_user(actor, &draft("new@example.com"))
            .await
            .map(|_| ()),
        node.issue_reset_link(actor, &id, None).await.map(|_| ()),
        node.issue_reset_link(actor, "nobody@example.com", None)
            .await
            .map(|_| ()),
        node.reset_second_factor(actor, &id).await,
    ];
    for refused in refusals {
        assert!(matches!(refused, Err(EngineError::Forbidden(_))), "{refused:?}");
    }
    let denied = lines(&node, "link.create").await;
    let is_denied = |outcome: &AuditOutcome| *outcome != AuditOutcome::Done;
    assert_eq!(
        denied
            .iter()
            .filter(|view| is_denied(&view.event.outcome))
            .count(),
        2
    );
    let taken = node.invite_user(OPERATOR, &draft(ADA)).await.map(|_| ());
    assert!(matches!(
        taken,
        Err(EngineError::Conflict {
            code: "email_taken",
            ..
        })
    ));
}

#[tokio::test]
async fn a_link_asks_for_the_second_factor_too() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let (_, secret, _) = super::second_factor::enabled(&home, &node, &ada.session).await;
    let (token, _) = node.issue_reset_link(OPERATOR, ADA, None).await.unwrap();
    let entry = node
        .redeem_link(token.reveal(), OTHER, &visitor(1))
        .await
        .unwrap();
    let SignIn::CodeNeeded { pending } = entry else {
        panic!("let in without a code");
    };
    home.clock.advance(30_000);
    let code = super::code(&secret, home.clock_now());
    let entered = node.sign_in_with_code(pending.reveal(), &code, &visitor(1)).await;
    assert!(session(&node, &entered.unwrap()).await.is_some());
}
