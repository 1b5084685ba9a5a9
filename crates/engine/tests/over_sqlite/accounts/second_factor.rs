//! The second factor.

use super::{
    ADA, GRACE, OTHER, PASSWORD, Session, SignIn, SignedIn, Visitor, change_word, code, join, lines,
    node_with_ada, session, sign_in, stranger, visitor, word,
};
use crate::common::{Home, OPERATOR};
use keyward_engine::{Engine, EngineError};

/// Puts a second factor in force: the new session, the key and the recovery codes. The step is used up.
pub(super) async fn enabled(
    home: &Home,
    node: &Engine,
    session: &Session,
) -> (SignedIn, String, Vec<String>) {
    let setup = node.begin_second_factor(session).await.unwrap();
    let now = code(&setup.secret_base32, home.clock_now());
    let (signed_in, codes) = node
        .confirm_second_factor(session, PASSWORD, &now, &visitor(1))
        .await
        .unwrap();
    (signed_in, setup.secret_base32, codes)
}

async fn pending(node: &Engine, email: &str) -> String {
    pending_from(node, email, &visitor(1)).await
}

async fn pending_from(node: &Engine, email: &str, visitor: &Visitor) -> String {
    match node.sign_in(email, PASSWORD, visitor, None).await.unwrap() {
        SignIn::CodeNeeded { pending } => pending.reveal().to_owned(),
        SignIn::Done(_) => panic!("let in without a code"),
    }
}

#[tokio::test]
async fn c3_a_second_factor_is_in_force_once_confirmed_and_ends_earlier_sessions() {
    let home = Home::new().await;
    let (node, first) = node_with_ada(&home).await;
    let setup = node.begin_second_factor(&first.session).await.unwrap();
    assert!(
        setup.uri.starts_with("otpauth://totp/Keyward:ada%40example.com?"),
        "{}",
        setup.uri
    );
    assert!(setup.uri.contains(&setup.secret_base32));
    let shown = node.pending_second_factor(&first.session).await.unwrap();
    assert_eq!(shown.unwrap().secret_base32, setup.secret_base32);
    assert_eq!(
        word(&sign_in(&node, ADA, PASSWORD).await),
        "in",
        "not in force yet"
    );
    let wrong = node
        .confirm_second_factor(&first.session, PASSWORD, "000000", &visitor(1))
        .await;
    assert_eq!(change_word(&wrong), "wrong code");
    let now = code(&setup.secret_base32, home.clock_now());
    for password in ["", OTHER] {
        let wrong = node
            .confirm_second_factor(&first.session, password, &now, &visitor(1))
            .await;
        assert_eq!(change_word(&wrong), "wrong password", "a session alone adds none");
    }
    let (entered, codes) = node
        .confirm_second_factor(&first.session, PASSWORD, &now, &visitor(1))
        .await
        .unwrap();
    assert_eq!(codes.len(), 10);
    assert!(
        codes
            .iter()
            .all(|code| code.len() == 11 && code.as_bytes()[5] == b'-')
    );
    assert!(session(&node, &first).await.is_none());
    assert!(session(&node, &entered).await.unwrap().has_second_factor);
    assert!(
        node.pending_second_factor(&entered.session)
            .await
            .unwrap()
            .is_none()
    );
    let again = node.begin_second_factor(&entered.session).await.map(|_| ());
    assert!(matches!(
        again,
        Err(EngineError::Conflict {
            code: "second_factor_on",
            ..
        })
    ));
    pending(&node, ADA).await;
    assert_eq!(
        lines(&node, "second_factor.enable").await.len(),
        4,
        "three denied, one done"
    );
}

#[tokio::test]
async fn a_code_is_good_one_step_early_or_late_and_once() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let (_, secret, _) = enabled(&home, &node, &ada.session).await;
    // From a new network each time, so that nobody is slowed.
    let networks = std::cell::Cell::new(0);
    let try_code = async |shown: &str| {
        networks.set(networks.get() + 1);
        let from = stranger(networks.get());
        let waiting = pending_from(&node, ADA, &from).await;
        word(&node.sign_in_with_code(&waiting, shown, &from).await)
    };
    let used = code(&secret, home.clock_now());
    assert_eq!(try_code(&used).await, "refused", "used when it was confirmed");
    home.clock.advance(300_000);
    for (offset, wanted) in [
        (-60_000, "refused"),
        (60_000, "refused"),
        (-30_000, "in"),
        (30_000, "in"),
    ] {
        let shown = code(&secret, home.clock_now().plus_millis(offset));
        let spaced = format!(" {} {}", &shown[..3], &shown[3..]);
        assert_eq!(try_code(&spaced).await, wanted, "{offset}");
        assert_eq!(try_code(&shown).await, "refused", "{offset}: again");
    }
    // The code of an earlier step than one that was used is worth nothing.
    let earlier = code(&secret, home.clock_now());
    assert_eq!(try_code(&earlier).await, "refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_lets_one_of_many_parallel_sign_ins_in() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let (_, secret, codes) = enabled(&home, &node, &ada.session).await;
    home.clock.advance(60_000);
    for shown in [code(&secret, home.clock_now()), codes[0].clone()] {
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..5 {
            let (node, shown, waiting) = (node.clone(), shown.clone(), pending(&node, ADA).await);
            tasks.spawn(async move { word(&node.sign_in_with_code(&waiting, &shown, &stranger(n)).await) });
        }
        let words = tasks.join_all().await;
        assert_eq!(words.iter().filter(|word| **word == "in").count(), 1, "{words:?}");
    }
}

#[tokio::test]
async fn a_recovery_code_lets_in_once_however_it_is_typed() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let (_, _, codes) = enabled(&home, &node, &ada.session).await;
    let typed = [
        codes[0].clone(),
        codes[1].to_lowercase(),
        codes[2].replace('-', " "),
    ];
    for shown in &typed {
        let entered = node
            .sign_in_with_code(&pending(&node, ADA).await, shown, &visitor(1))
            .await;
        assert_eq!(word(&entered), "in", "{shown}");
        let again = node
            .sign_in_with_code(&pending(&node, ADA).await, shown, &visitor(1))
            .await;
        assert_eq!(word(&again), "refused", "{shown}");
    }
    // Somebody else's code is no code.
    let grace = join(&node, OPERATOR, GRACE, "member").await;
    enabled(&home, &node, &grace.session).await;
    let other = node
        .sign_in_with_code(&pending(&node, GRACE).await, &codes[3], &visitor(1))
        .await;
    assert_eq!(word(&other), "refused");
}

#[tokio::test]
async fn a_waiting_sign_in_has_5_tries_within_5_minutes() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let (_, secret, _) = enabled(&home, &node, &ada.session).await;
    home.clock.advance(300_000);
    let waiting = pending(&node, ADA).await;
    for n in 0..5 {
        let wrong = node.sign_in_with_code(&waiting, "000000", &stranger(n)).await;
        assert_eq!(word(&wrong), "refused");
    }
    let right = code(&secret, home.clock_now());
    let late = node.sign_in_with_code(&waiting, &right, &stranger(9)).await;
    assert_eq!(word(&late), "refused", "no try is left");
    let waiting = pending(&node, ADA).await;
    home.clock.advance(300_000);
    let right = code(&secret, home.clock_now());
    let late = node.sign_in_with_code(&waiting, &right, &stranger(9)).await;
    assert_eq!(word(&late), "refused", "too late");
    let waiting = pending(&node, ADA).await;
    let entered = node.sign_in_with_code(&waiting, &right, &stranger(9)).await;
    assert_eq!(word(&entered), "in");
    let again = node.sign_in_with_code(&waiting, &right, &stranger(9)).await;
    assert_eq!(word(&again), "refused", "used");
}

#[tokio::test]
async fn codes_cannot_be_guessed_by_signing_in_again_and_again() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    enabled(&home, &node, &ada.session).await;
    let mut words = Vec::new();
    for n in 0..30 {
        let from = stranger(n);
        match node.sign_in(ADA, PASSWORD, &from, None).await {
            Ok(SignIn::CodeNeeded { pending }) => {
                let tried = node.sign_in_with_code(pending.reveal(), "000000", &from).await;
                words.push(word(&tried));
            }
            other => words.push(word(&other)),
        }
    }
    let refused = words.iter().filter(|word| **word == "refused").count();
    assert_eq!((refused, words[29]), (20, "slowed"), "{words:?}");
}

#[tokio::test]
async fn a_second_factor_is_removed_by_password_and_code() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let (ada, secret, codes) = enabled(&home, &node, &ada.session).await;
    home.clock.advance(60_000);
    let right = code(&secret, home.clock_now());
    let remove = async |password: &str, code: &str| {
        change_word(&node.remove_second_factor(&ada.session, password, code).await)
    };
    assert_eq!(remove("not the password at all", &right).await, "wrong password");
    assert_eq!(remove(PASSWORD, "000000").await, "wrong code");
    assert_eq!(remove(PASSWORD, &right).await, "done");
    assert_eq!(remove(PASSWORD, &codes[0]).await, "engine", "there is none");
    assert_eq!(word(&sign_in(&node, ADA, PASSWORD).await), "in");
    assert!(!session(&node, &ada).await.unwrap().has_second_factor);
}

#[tokio::test]
async fn new_recovery_codes_take_the_place_of_the_old_ones() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let (ada, secret, old) = enabled(&home, &node, &ada.session).await;
    home.clock.advance(60_000);
    let wrong = node.renew_recovery_codes(&ada.session, "123456").await;
    assert_eq!(change_word(&wrong), "wrong code");
    let right = code(&secret, home.clock_now());
    let new = node.renew_recovery_codes(&ada.session, &right).await.unwrap();
    assert_eq!(new.len(), 10);
    for (shown, wanted) in [(&old[0], "refused"), (&new[0], "in")] {
        let entered = node
            .sign_in_with_code(&pending(&node, ADA).await, shown, &visitor(1))
            .await;
        assert_eq!(word(&entered), wanted);
    }
}

#[tokio::test]
async fn an_administrator_takes_a_lost_second_factor_away() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let grace = join(&node, OPERATOR, GRACE, "member").await;
    let (grace, ..) = enabled(&home, &node, &grace.session).await;
    let waiting = pending(&node, GRACE).await;
    let actor = &ada.session.actor;
    node.reset_second_factor(actor, GRACE).await.unwrap();
    assert!(session(&node, &grace).await.is_none());
    let late = node.sign_in_with_code(&waiting, "000000", &visitor(1)).await;
    assert_eq!(word(&late), "refused");
    assert_eq!(word(&sign_in(&node, GRACE, PASSWORD).await), "in");
    let again = node.reset_second_factor(actor, GRACE).await;
    assert!(matches!(
        again,
        Err(EngineError::Conflict {
            code: "second_factor_off",
            ..
        })
    ));
    assert_eq!(lines(&node, "second_factor.reset").await.len(), 1);
}
