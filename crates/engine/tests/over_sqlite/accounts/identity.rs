//! Signing in as whom a provider of identities vouches for.

use super::second_factor::enabled;
use super::{
    ADA, GRACE, PASSWORD, SignIn, code, done, join, lines, node_with_ada, session, sign_in, visitor, word,
};
use crate::common::{Home, OPERATOR, create_user};
use keyward_engine::{AuditOutcome, AuditView, Engine, ProvenIdentity, SignInFault};
use std::time::Duration;

const ISSUER: &str = "https://sso.example.com";

pub(super) fn proven(subject: &str, email: Option<&str>) -> ProvenIdentity {
    ProvenIdentity {
        issuer: ISSUER.into(),
        subject: subject.into(),
        email: email.map(str::to_owned),
    }
}

pub(super) async fn enter(node: &Engine, proven: &ProvenIdentity) -> Result<SignIn, SignInFault> {
    node.sign_in_with_identity(proven, &visitor(1), None).await
}

/// The lines of refusals, when there are as many: they are written beside the answers.
pub(super) async fn denials(node: &Engine, count: usize) -> Vec<AuditView> {
    for _ in 0..6000 {
        if lines(node, "signin.denied").await.len() >= count {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    lines(node, "signin.denied").await
}

#[tokio::test]
async fn a_verified_address_finds_the_user_once_and_the_name_at_the_provider_from_then_on() {
    let home = Home::new().await;
    let (node, first) = node_with_ada(&home).await;
    let ada = first.session.user.id;
    let entered = done(
        enter(&node, &proven("a1", Some("Ada@Example.com")))
            .await
            .unwrap(),
    );
    assert_eq!(session(&node, &entered).await.unwrap().user.id, ada);
    assert!(entered.device.is_some(), "the browser is known from now on");
    let bound = lines(&node, "identity.add").await;
    assert_eq!(bound.len(), 1);
    let after = bound[0].event.after.as_ref().unwrap();
    assert_eq!(
        (&after["issuer"], &after["subject"]),
        (&ISSUER.into(), &"a1".into())
    );
    assert_eq!(bound[0].actor_email.as_deref(), Some(ADA));
    // The address is not looked at any more, whosever it is now.
    let grace = join(&node, OPERATOR, GRACE, "member").await.session.user.id;
    for email in [Some(GRACE), Some("new@example.com"), None] {
        let again = done(enter(&node, &proven("a1", email)).await.unwrap());
        assert_eq!(again.session.user.id, ada, "{email:?}");
    }
    let other = done(enter(&node, &proven("g1", Some(GRACE))).await.unwrap());
    assert_eq!(other.session.user.id, grace);
    let begun = lines(&node, "session.create").await;
    let is_told = |line: &&AuditView| line.event.after.as_ref().unwrap()["proved_by"] == "openid connect";
    assert_eq!(begun.iter().filter(is_told).count(), 5);
    assert_eq!(lines(&node, "identity.add").await.len(), 2);
}

#[tokio::test]
async fn the_same_name_at_another_provider_is_somebody_else() {
    let home = Home::new().await;
    let (node, _) = node_with_ada(&home).await;
    done(enter(&node, &proven("a1", Some(ADA))).await.unwrap());
    let foreign = ProvenIdentity {
        issuer: "https://other.example.com".into(),
        ..proven("a1", None)
    };
    assert_eq!(word(&enter(&node, &foreign).await), "refused");
}

#[tokio::test]
async fn nobody_is_made_and_who_is_disabled_or_deleted_stays_out() {
    let home = Home::new().await;
    let (node, _) = node_with_ada(&home).await;
    let grace = join(&node, OPERATOR, GRACE, "member")
        .await
        .session
        .user
        .id
        .to_string();
    done(enter(&node, &proven("g1", Some(GRACE))).await.unwrap());
    create_user(&node, "off@example.com").await;
    for id in [grace.as_str(), "off@example.com"] {
        node.disable_user(OPERATOR, id, None).await.unwrap();
    }
    for (subject, email) in [
        ("n1", Some("nobody@example.com")),
        ("n2", Some("no address at all")),
        ("n3", None),
        ("g1", Some(GRACE)),
        ("o1", Some("off@example.com")),
    ] {
        let outcome = enter(&node, &proven(subject, email)).await;
        assert_eq!(word(&outcome), "refused", "{subject}");
    }
    let denied = denials(&node, 2).await;
    assert_eq!(denied.len(), 2, "lines where a user is known: {denied:?}");
    for line in &denied {
        assert!(matches!(&line.event.outcome, AuditOutcome::Denied(why) if why == "user_inactive"));
    }
    assert_eq!(lines(&node, "identity.add").await.len(), 1);
    assert!(node.get_user(OPERATOR, "nobody@example.com").await.is_err());
    // The address of somebody who is gone is free, and so is their name at the provider.
    node.delete_user(OPERATOR, &grace, None).await.unwrap();
    assert_eq!(word(&enter(&node, &proven("g1", Some(GRACE))).await), "refused");
    create_user(&node, GRACE).await;
    done(enter(&node, &proven("g1", Some(GRACE))).await.unwrap());
}

#[tokio::test]
async fn somebody_without_a_password_gets_in_and_somebody_with_a_second_factor_is_asked_for_the_code() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    create_user(&node, "no-password@example.com").await;
    done(
        enter(&node, &proven("p1", Some("no-password@example.com")))
            .await
            .unwrap(),
    );
    let (_, key, codes) = enabled(&home, &node, &ada.session).await;
    home.clock.advance(30_000);
    for (what, code) in [
        ("openid connect and code", code(&key, home.clock_now())),
        ("openid connect and recovery code", codes[0].clone()),
    ] {
        let SignIn::CodeNeeded { pending } = enter(&node, &proven("a1", Some(ADA))).await.unwrap() else {
            panic!("let in without a code");
        };
        let wrong = node
            .sign_in_with_code(pending.reveal(), "000000", &visitor(1))
            .await;
        assert_eq!(word(&wrong), "refused");
        let entered = node.sign_in_with_code(pending.reveal(), &code, &visitor(1)).await;
        assert!(session(&node, &entered.unwrap()).await.is_some());
        let begun = lines(&node, "session.create").await;
        let is_told = |line: &AuditView| line.event.after.as_ref().unwrap()["proved_by"] == what;
        assert!(begun.iter().any(is_told), "{what}: {begun:?}");
    }
}

#[tokio::test]
async fn c7_refusals_slow_down_the_person_who_is_refused_and_nobody_else() {
    let home = Home::new().await;
    let (node, _) = node_with_ada(&home).await;
    let grace = join(&node, OPERATOR, GRACE, "member")
        .await
        .session
        .user
        .id
        .to_string();
    done(enter(&node, &proven("g1", Some(GRACE))).await.unwrap());
    node.disable_user(OPERATOR, &grace, None).await.unwrap();
    for wanted in [&["refused"; 5][..], &["slowed"; 20][..]].concat() {
        assert_eq!(word(&enter(&node, &proven("g1", Some(GRACE))).await), wanted);
    }
    assert_eq!(denials(&node, 5).await.len(), 5, "the log is bounded");
    done(enter(&node, &proven("a1", Some(ADA))).await.unwrap());
    assert_eq!(word(&sign_in(&node, ADA, PASSWORD).await), "in");
    node.enable_user(OPERATOR, &grace, None).await.unwrap();
    assert_eq!(word(&sign_in(&node, GRACE, PASSWORD).await), "in");
}

#[tokio::test]
async fn of_many_first_sign_ins_at_once_one_binds_and_all_are_let_in() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let proven = proven("a1", Some(ADA));
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (node, proven) = (node.clone(), proven.clone());
        tries.spawn(async move { enter(&node, &proven).await });
    }
    for outcome in tries.join_all().await {
        assert_eq!(done(outcome.unwrap()).session.user.id, ada.session.user.id);
    }
    assert_eq!(lines(&node, "identity.add").await.len(), 1);
}
