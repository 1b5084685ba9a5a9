//! Nothing that proves somebody is kept in clear or written down (K1, K4, K6).

use super::{ADA, OTHER, PASSWORD, SignIn, code, lines, node_with_ada, sign_in, visitor};
use crate::common::{Home, OPERATOR};
use keyward_engine::AuditFilter;

#[tokio::test]
async fn k1_k4_no_password_token_or_code_is_in_the_audit_log_or_in_a_copy_of_the_store() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let mut secrets: Vec<String> = vec![PASSWORD.into(), OTHER.into(), ada.token.reveal().into()];
    secrets.push(ada.device.as_ref().unwrap().reveal().to_owned());
    let (ada, key, codes) = super::second_factor::enabled(&home, &node, &ada.session).await;
    secrets.push(ada.token.reveal().to_owned());
    secrets.push(key.clone());
    for shown in codes {
        secrets.push(shown.replace('-', ""));
        secrets.push(shown);
    }
    let (reset, _) = node.issue_reset_link(OPERATOR, ADA, None).await.unwrap();
    secrets.push(reset.reveal().to_owned());
    match node.sign_in(ADA, PASSWORD, &visitor(1), None).await.unwrap() {
        SignIn::CodeNeeded { pending } => secrets.push(pending.reveal().to_owned()),
        SignIn::Done(_) => panic!("let in without a code"),
    }
    home.clock.advance(60_000);
    let now = code(&key, home.clock_now());
    node.remove_second_factor(&ada.session, PASSWORD, &now)
        .await
        .unwrap();
    node.change_password(&ada.session, PASSWORD, OTHER, &visitor(1))
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    node.store().backup(&copy).await.unwrap();
    let bytes = std::fs::read(&copy).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let filter = AuditFilter {
        limit: Some(200),
        ..AuditFilter::default()
    };
    let log = format!("{:?}", node.list_audit(OPERATOR, &filter).await.unwrap().items);
    for secret in &secrets {
        assert!(!text.contains(secret.as_str()), "stored in clear: {secret}");
        assert!(!log.contains(secret.as_str()), "in the audit log: {secret}");
    }
    assert!(
        text.contains("$argon2id$v=19$m=19456,t=2,p=1$"),
        "stored as an Argon2id hash"
    );
    assert!(!log.contains("argon2"));
}

#[tokio::test]
async fn a11_a_denied_sign_in_of_somebody_known_has_a_line_and_one_of_a_stranger_has_none() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    for email in ["nobody@example.com", ADA] {
        assert!(sign_in(&node, email, OTHER).await.is_err());
    }
    // The line is written beside the answer.
    let mut found = Vec::new();
    for _ in 0..6000 {
        found = lines(&node, "signin.denied").await;
        if !found.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].event.target_id, ada.session.user.id.to_string());
    assert_eq!(found[0].event.address, visitor(1).address);
}

#[tokio::test]
async fn people_who_sign_in_raise_no_revision() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let before = node.store().revision().await.unwrap();
    sign_in(&node, ADA, PASSWORD).await.unwrap();
    node.issue_reset_link(OPERATOR, ADA, None).await.unwrap();
    let (ada, ..) = super::second_factor::enabled(&home, &node, &ada.session).await;
    node.set_language(&ada.session, "en").await.unwrap();
    node.change_password(&ada.session, PASSWORD, OTHER, &visitor(1))
        .await
        .unwrap();
    node.clear_away().await.unwrap();
    assert_eq!(node.store().revision().await.unwrap(), before);
}
