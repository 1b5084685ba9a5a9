//! Signing in with a password.

use super::{ADA, GRACE, OTHER, PASSWORD, join, node_with_ada, session, sign_in, visitor, word};
use crate::common::{Home, OPERATOR, create_user};
use keyward_engine::{SignInFault, Who};

#[tokio::test]
async fn a_right_password_begins_a_session_of_the_user() {
    let home = Home::new().await;
    let (node, _) = node_with_ada(&home).await;
    let ada = sign_in(&node, "Ada@Example.com", PASSWORD).await.unwrap();
    let found = session(&node, &ada).await.unwrap();
    assert_eq!((found.id, found.user.email.as_str()), (ada.session.id, ADA));
    assert_eq!(found.actor.address, visitor(1).address);
    assert!(matches!(found.actor.who, Who::User { id, key: None, .. } if id == found.user.id));
    assert!(found.actor.is_admin());
    assert!(!found.has_second_factor);
}

#[tokio::test]
async fn c7_unknown_and_known_people_get_the_same_answer_after_the_same_work() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let disabled = join(&node, OPERATOR, GRACE, "member").await.session.user.id;
    node.disable_user(OPERATOR, &disabled.to_string(), None)
        .await
        .unwrap();
    create_user(&node, "no-password@example.com").await;
    let deleted = join(&node, OPERATOR, "gone@example.com", "member")
        .await
        .session
        .user
        .id;
    node.delete_user(OPERATOR, &deleted.to_string(), None)
        .await
        .unwrap();
    let long = "x".repeat(100_000);
    for (email, password) in [
        (ADA, OTHER),
        (ADA, ""),
        (ADA, "mole trowel gravel plinth "),
        (GRACE, PASSWORD),
        ("gone@example.com", PASSWORD),
        ("no-password@example.com", PASSWORD),
        ("no-password@example.com", ""),
        ("nobody@example.com", PASSWORD),
        ("no address at all", PASSWORD),
        ("nobody@example.com", &long),
        ("", ""),
    ] {
        let before = node.status().password_runs;
        let outcome = sign_in(&node, email, password).await;
        assert_eq!(word(&outcome), "refused", "{email}");
        let text = outcome.err().map(|fault| fault.to_string());
        assert_eq!(text, Some(SignInFault::Refused.to_string()));
        assert_eq!(
            node.status().password_runs,
            before + 1,
            "{email}: another amount of work"
        );
    }
    assert!(session(&node, &ada).await.is_some(), "failures end nothing");
}

#[tokio::test]
async fn c3_a_token_that_was_there_before_is_worth_nothing_after_a_sign_in() {
    let home = Home::new().await;
    let (node, first) = node_with_ada(&home).await;
    let second = sign_in(&node, ADA, PASSWORD).await.unwrap();
    assert_ne!(first.token.reveal(), second.token.reveal());
    assert_ne!(first.session.id, second.session.id);
    // Whatever a browser brings along opens nothing but what was given to it.
    for made_up in [
        "",
        "session_",
        "session_00000000000000000000000000000000000000",
        first.device.as_ref().unwrap().reveal(),
        &first.session.id.to_string(),
        &second.token.reveal()[1..],
    ] {
        let found = node.find_session(made_up, &visitor(1)).await.unwrap();
        assert!(found.is_none(), "{made_up}");
    }
    node.sign_out(&session(&node, &first).await.unwrap())
        .await
        .unwrap();
    assert!(session(&node, &first).await.is_none());
    assert!(session(&node, &second).await.is_some());
}

#[tokio::test]
async fn r7_no_session_begins_for_a_user_who_was_disabled_while_the_password_was_checked() {
    let home = Home::new().await;
    let (node, _) = node_with_ada(&home).await;
    for round in 0..5 {
        let email = format!("racer{round}@example.com");
        let user = join(&node, OPERATOR, &email, "member").await.session.user;
        let id = user.id.to_string();
        let (entered, disabled) = tokio::join!(
            sign_in(&node, &email, PASSWORD),
            node.disable_user(OPERATOR, &id, None)
        );
        disabled.unwrap();
        if let Ok(entered) = entered {
            assert!(session(&node, &entered).await.is_none());
        }
        assert!(home_sessions(&home, &user).await.is_empty());
    }
}

async fn home_sessions(home: &Home, user: &keyward_domain::User) -> Vec<keyward_store::SessionRecord> {
    use keyward_store::Accounts;
    home.store.list_sessions(user.id).await.unwrap()
}
