//! The life of a session.

use super::{ADA, GRACE, PASSWORD, Visitor, join, lines, node_with_ada, session, sign_in, stranger, visitor};
use crate::common::{Home, OPERATOR, START};
use keyward_engine::{EngineError, RestrictionDraft, UserEdit};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

#[tokio::test]
async fn c11_a_session_ends_after_12_hours_unseen() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    for _ in 0..5 {
        home.clock.advance(12 * HOUR - 1);
        assert!(session(&node, &ada).await.is_some());
    }
    home.clock.advance(12 * HOUR);
    assert!(session(&node, &ada).await.is_none());
    home.clock.advance(-6 * HOUR);
    assert!(session(&node, &ada).await.is_none(), "seen ended, stays ended");
}

#[tokio::test]
async fn c11_a_session_ends_after_7_days_however_much_it_is_used() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    assert_eq!(ada.session.ends_at, START.plus_days(7));
    for hour in 1..7 * 24 {
        home.clock.set(START.plus_millis(hour * HOUR));
        assert!(session(&node, &ada).await.is_some(), "{hour}");
    }
    home.clock.set(START.plus_days(7).plus_millis(-1));
    assert!(session(&node, &ada).await.is_some());
    home.clock.set(START.plus_days(7));
    assert!(session(&node, &ada).await.is_none());
}

#[tokio::test]
async fn c11_no_jump_of_the_clock_gives_a_session_more_than_its_limits() {
    let home = Home::new().await;
    let (node, _) = node_with_ada(&home).await;
    for (jump, lives) in [
        (-HOUR, true),
        (HOUR, true),
        (-11 * HOUR, true),
        (-12 * HOUR, false),
        (-365 * 24 * HOUR, false),
        (13 * HOUR, false),
        (80 * 365 * 24 * HOUR, false),
    ] {
        home.clock.set(START);
        let ada = sign_in(&node, ADA, PASSWORD).await.unwrap();
        home.clock.advance(jump);
        assert_eq!(session(&node, &ada).await.is_some(), lives, "{jump}");
    }
    // Seen while the clock is set back by less than 12 hours, it lasts longer by as much at most.
    for back in [HOUR, 11 * HOUR] {
        home.clock.set(START);
        let ada = sign_in(&node, ADA, PASSWORD).await.unwrap();
        home.clock.set(START.plus_millis(-back));
        assert!(session(&node, &ada).await.is_some(), "{back}");
        home.clock.set(START.plus_millis(12 * HOUR));
        assert!(session(&node, &ada).await.is_none(), "{back}");
    }
    // Begun while the clock was ahead by years, a session does not last for years.
    home.clock.set(START.plus_days(3650));
    let ada = sign_in(&node, ADA, PASSWORD).await.unwrap();
    home.clock.set(START);
    assert!(session(&node, &ada).await.is_none());
}

#[tokio::test]
async fn that_a_session_was_seen_is_noted_once_a_minute() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let elsewhere = stranger(3);
    let seen = async |visitor: &Visitor| {
        let token = ada.token.reveal();
        let found = node.find_session(token, visitor).await.unwrap().unwrap();
        let listed = node.list_sessions(&found.actor, found.id).await.unwrap();
        (found.seen_at, listed[0].seen_at, listed[0].address)
    };
    home.clock.advance(MINUTE - 1);
    assert_eq!(seen(&elsewhere).await, (START, START, visitor(1).address));
    home.clock.advance(1);
    let minute = START.plus_millis(MINUTE);
    assert_eq!(seen(&elsewhere).await, (minute, minute, elsewhere.address));
}

#[tokio::test]
async fn c11_people_list_and_end_their_own_sessions_and_admins_any() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let grace = join(&node, OPERATOR, GRACE, "member").await;
    home.clock.advance(1);
    let other = sign_in(&node, GRACE, PASSWORD).await.unwrap();
    let actor = &grace.session.actor;
    let listed = node.list_sessions(actor, other.session.id).await.unwrap();
    let shown: Vec<_> = listed.iter().map(|one| (one.id, one.is_current)).collect();
    assert_eq!(shown, [(other.session.id, true), (grace.session.id, false)]);
    assert_eq!(listed[0].agent, "a browser");
    for (actor, id) in [
        (actor, ada.session.id.to_string()),
        (actor, "no id".to_owned()),
        (
            OPERATOR,
            keyward_domain::SessionId::from_bytes([1; 16]).to_string(),
        ),
    ] {
        let outcome = node.end_session(actor, &id).await;
        assert!(
            matches!(outcome, Err(EngineError::NotFound("session"))),
            "{outcome:?}"
        );
    }
    let id = grace.session.id.to_string();
    node.end_session(actor, &id).await.unwrap();
    assert!(session(&node, &grace).await.is_none());
    assert!(session(&node, &other).await.is_some());
    let id = other.session.id.to_string();
    node.end_session(&ada.session.actor, &id).await.unwrap();
    assert!(session(&node, &other).await.is_none());
    assert!(session(&node, &ada).await.is_some());
    assert_eq!(lines(&node, "session.end").await.len(), 2);
}

#[tokio::test]
async fn c11_all_other_sessions_end_at_once() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let grace = join(&node, OPERATOR, GRACE, "member").await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(sign_in(&node, ADA, PASSWORD).await.unwrap());
    }
    let actor = &ada.session.actor;
    assert_eq!(node.end_other_sessions(actor, ada.session.id).await.unwrap(), 3);
    for other in &others {
        assert!(session(&node, other).await.is_none());
    }
    assert!(session(&node, &ada).await.is_some());
    assert!(session(&node, &grace).await.is_some(), "somebody else's");
    assert_eq!(node.end_other_sessions(actor, ada.session.id).await.unwrap(), 0);
    assert_eq!(lines(&node, "session.end").await.len(), 1);
}

#[tokio::test]
async fn r7_c3_a_change_of_status_or_role_ends_the_sessions_and_no_other_does() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let role = |role: &str| UserEdit {
        role: Some(role.to_owned()),
        ..UserEdit::default()
    };
    let name = UserEdit {
        name: Some("Grace".to_owned()),
        sites: Some(RestrictionDraft::Only(Vec::new())),
        ..UserEdit::default()
    };
    let mut grace = join(&node, OPERATOR, GRACE, "member").await;
    let id = grace.session.user.id.to_string();
    node.edit_user(OPERATOR, &id, &name, None).await.unwrap();
    node.edit_user(OPERATOR, &id, &role("member"), None)
        .await
        .unwrap();
    assert!(session(&node, &grace).await.is_some());
    for new in ["admin", "member"] {
        node.edit_user(OPERATOR, &id, &role(new), None).await.unwrap();
        assert!(session(&node, &grace).await.is_none(), "{new}");
        grace = sign_in(&node, GRACE, PASSWORD).await.unwrap();
    }
    node.disable_user(OPERATOR, &id, None).await.unwrap();
    assert!(session(&node, &grace).await.is_none());
    node.enable_user(OPERATOR, &id, None).await.unwrap();
    assert!(
        session(&node, &grace).await.is_none(),
        "what has ended does not come back"
    );
    let grace = sign_in(&node, GRACE, PASSWORD).await.unwrap();
    node.delete_user(OPERATOR, &id, None).await.unwrap();
    assert!(session(&node, &grace).await.is_none());
    assert!(session(&node, &ada).await.is_some());
}

#[tokio::test]
async fn a_language_is_kept_for_the_next_session() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    assert_eq!(ada.session.language, None);
    node.set_language(&ada.session, "fr").await.unwrap();
    for bad in ["", "f", "français", "en\r\nx", "aaaaaaaaaaaaaaaaa"] {
        assert!(node.set_language(&ada.session, bad).await.is_err(), "{bad}");
    }
    let again = sign_in(&node, ADA, PASSWORD).await.unwrap();
    assert_eq!(again.session.language.as_deref(), Some("fr"));
    assert_eq!(
        session(&node, &ada).await.unwrap().language.as_deref(),
        Some("fr")
    );
}

#[tokio::test]
async fn k7_control_characters_of_a_browsers_name_are_not_kept() {
    let home = Home::new().await;
    let (node, _) = node_with_ada(&home).await;
    let agent = format!("a\r\nb\u{1b}[31m{}", "x".repeat(1000));
    let raw = Visitor { address: None, agent };
    home.clock.advance(1);
    let entered = node
        .sign_in(ADA, PASSWORD, &raw, None)
        .await
        .map(super::done)
        .unwrap();
    let listed = node
        .list_sessions(&entered.session.actor, entered.session.id)
        .await
        .unwrap();
    assert_eq!(listed[0].agent.chars().count(), 200);
    assert!(listed[0].agent.starts_with("ab[31mxxx"));
}
