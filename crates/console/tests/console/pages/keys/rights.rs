//! Who may not: other people's keys are as if they never were, and no change is made from elsewhere.

use super::{key, path, view};
use crate::pages::House;
use keyward_engine::{Actor, AuditFilter};

const NOBODY: &str = "01900000-0000-7000-8000-000000000000";

#[tokio::test]
async fn a2_a_key_of_somebody_else_answers_as_one_that_never_was() {
    let house = House::start().await;
    let (id, _) = key(&house, "admin@example.com", |draft| {
        draft.name = "hidden name".into();
    })
    .await;
    let member = house.member("en").await;
    let before = view(&house, &id).await.key;
    for step in ["", "/edit", "/disable", "/delete"] {
        let other = member.get(&format!("{}{step}", path(&id))).await;
        let nobody = member.get(&format!("{}{step}", path(NOBODY))).await;
        assert_eq!((other.status, nobody.status), (404, 404), "{step}");
        assert_eq!(other.body.replace(&id, NOBODY), nobody.body);
        assert!(!other.body.contains("hidden name"));
    }
    let fields = [
        ("name", "hidden name"),
        ("sites-rule", "any"),
        ("addresses-rule", "any"),
        ("revision", "1"),
    ];
    let mut tries = 0;
    for step in ["edit", "enable", "disable", "delete", "restore"] {
        let other = member.post(&format!("{}/{step}", path(&id)), &fields).await;
        let nobody = member.post(&format!("{}/{step}", path(NOBODY)), &fields).await;
        assert_eq!((other.status, nobody.status), (404, 404), "{step}");
        assert_eq!(other.body.replace(&id, NOBODY), nobody.body);
        tries += 1;
        // A11: the try is in the audit log.
        let filter = AuditFilter {
            target_id: Some(id.clone()),
            user: Some("member@example.com".into()),
            ..AuditFilter::default()
        };
        let log = house.engine.list_audit(&Actor::OPERATOR, &filter).await.unwrap();
        assert_eq!(log.items.len(), tries, "{step}");
    }
    let after = view(&house, &id).await.key;
    assert_eq!(
        (after.owner.to_string(), &after),
        (house.admin_id.clone(), &before)
    );
}

#[tokio::test]
async fn c4_a_change_without_the_forms_token_is_refused() {
    let house = House::start().await;
    let (id, _) = key(&house, "member@example.com", |_| {}).await;
    let mut member = house.member("en").await;
    let before = view(&house, &id).await.key;
    member.token = "0".repeat(32);
    for step in ["edit", "enable", "disable", "delete", "restore"] {
        let answer = member
            .post(&format!("{}/{step}", path(&id)), &[("name", "a key")])
            .await;
        assert_eq!(answer.status, 403, "{step}");
    }
    assert_eq!(
        member
            .post("/integrations/keys/new", &[("name", "x")])
            .await
            .status,
        403
    );
    assert_eq!(view(&house, &id).await.key, before);
}

#[tokio::test]
async fn a1_strangers_are_sent_to_sign_in() {
    let house = House::start().await;
    let (id, _) = key(&house, "member@example.com", |_| {}).await;
    let stranger = house.stranger();
    for page in [
        "/integrations/keys".to_owned(),
        "/integrations/health".into(),
        "/integrations/keys/new".into(),
        path(&id),
    ] {
        let answer = stranger.get(&page).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("/sign-in")),
            "{page}"
        );
    }
    for step in ["edit", "enable", "disable", "delete", "restore"] {
        let answer = stranger.post(&format!("{}/{step}", path(&id)), &[]).await;
        assert_eq!(answer.header("location"), Some("/sign-in"), "{step}");
    }
    assert_eq!(view(&house, &id).await.state, "active");
}
