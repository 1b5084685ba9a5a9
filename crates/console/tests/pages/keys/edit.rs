//! Editing a key: what may be changed is, what may not is locked, and nobody overwrites what they have not seen.

use super::{ESCAPED, NASTY, key, path, site, view};
use crate::support::{Answer, Browser, House};
use keyward_engine::{Actor, KeyEdit};

async fn saved(house: &House, browser: &Browser, id: &str, edits: &[(&str, &str)]) -> Answer {
    let revision = view(house, id).await.key.revision.0.to_string();
    let usual = [
        ("revision", revision.as_str()),
        ("name", "a key"),
        ("description", ""),
        ("sites-rule", "any"),
        ("addresses-rule", "any"),
        ("addresses", ""),
        ("limit", ""),
    ];
    let is_edited = |name: &str| edits.iter().any(|(edited, _)| *edited == name);
    let mut fields: Vec<(&str, &str)> = usual.into_iter().filter(|(name, _)| !is_edited(name)).collect();
    fields.extend_from_slice(edits);
    browser.post(&format!("{}/edit", path(id)), &fields).await
}

#[tokio::test]
async fn an_edit_is_filled_in_with_what_is_there_and_saves_what_was_changed() {
    let house = House::start().await;
    site(&house, "1").await;
    site(&house, "2").await;
    let (id, _) = key(&house, "member@example.com", |draft| {
        draft.sites = Some(vec!["1".into()]);
        draft.addresses = Some(vec!["192.0.2.0/24".into(), "::1".into()]);
        draft.limit = Some(60);
    })
    .await;
    let member = house.member("en").await;
    let form = member.get(&format!("{}/edit", path(&id))).await;
    assert_eq!(
        (form.value("name"), form.value("limit")),
        (Some("a key"), Some("60"))
    );
    assert!(
        form.body.contains("192.0.2.0/24\n::1/128</textarea>"),
        "{}",
        form.body
    );
    assert!(form.body.contains("name=\"sites\" value=\"1\" checked"));
    let edits = [
        ("name", NASTY),
        ("sites-rule", "listed"),
        ("sites", "2"),
        ("addresses", ""),
        ("limit", "10"),
    ];
    let answer = saved(&house, &member, &id, &edits).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some(path(&id).as_str()))
    );
    let view = view(&house, &id).await;
    assert_eq!(view.key.name.as_str(), NASTY);
    assert_eq!(
        (
            view.key.addresses.nets(),
            view.key.limit.map(keyward_domain::RateLimit::per_minute)
        ),
        (None, Some(10))
    );
    assert_eq!(view.sites.unwrap()[0].as_str(), "2");
    assert!(member.get(&path(&id)).await.body.contains(ESCAPED));
}

#[tokio::test]
async fn a4_use_case_and_expiry_are_locked_with_the_reason_and_cannot_be_sent() {
    let house = House::start().await;
    for (language, reason) in [("en", "keeps the use case"), ("fr", "garde le cas d’usage")] {
        let (id, _) = key(&house, "member@example.com", |_| {}).await;
        let member = house.member(language).await;
        let form = member.get(&format!("{}/edit", path(&id))).await;
        assert!(form.body.contains(reason));
        assert!(!form.body.contains("name=\"use-case\"") && !form.body.contains("name=\"expiry\""));
        let before = view(&house, &id).await.key;
        for field in [
            "use-case",
            "use_case",
            "expiry",
            "expires_at",
            "id",
            "created_at",
            "fingerprint",
            "owner",
            "owner_id",
            "deleted_at",
            "status",
        ] {
            let answer = saved(&house, &member, &id, &[("name", "new"), (field, "reports")]).await;
            assert_eq!(answer.status, 422, "{field}");
            assert!(answer.body.contains(&format!("href=\"#{field}\"")), "{field}");
        }
        assert_eq!(view(&house, &id).await.key, before);
    }
}

#[tokio::test]
async fn who_has_not_seen_the_latest_change_is_shown_it_and_loses_nothing() {
    let house = House::start().await;
    let (id, _) = key(&house, "member@example.com", |_| {}).await;
    let old = view(&house, &id).await.key.revision.0.to_string();
    let other = KeyEdit {
        name: Some("by somebody else".into()),
        ..KeyEdit::default()
    };
    house
        .engine
        .edit_key(&Actor::OPERATOR, &id, &other, None)
        .await
        .unwrap();
    for (language, notice) in [
        ("en", "Somebody else has changed"),
        ("fr", "Quelqu’un d’autre a modifié"),
    ] {
        let member = house.member(language).await;
        for revision in [old.as_str(), "", "x", "0"] {
            let answer = saved(&house, &member, &id, &[("revision", revision), ("name", "mine")]).await;
            assert_eq!(answer.status, 409, "{revision}");
            assert!(answer.body.contains(notice) && answer.body.contains("by somebody else"));
            assert_eq!(answer.value("name"), Some("mine"));
            let now = view(&house, &id).await.key;
            assert_eq!(now.name.as_str(), "by somebody else");
            assert_eq!(
                answer.value("revision"),
                Some(now.revision.0.to_string().as_str())
            );
        }
    }
}

#[tokio::test]
async fn a_form_with_faults_still_knows_which_state_it_was_filled_from() {
    let house = House::start().await;
    let (id, _) = key(&house, "member@example.com", |_| {}).await;
    let member = house.member("en").await;
    let old = view(&house, &id).await.key.revision.0.to_string();
    let other = KeyEdit {
        limit: Some(Some(5)),
        ..KeyEdit::default()
    };
    house
        .engine
        .edit_key(&Actor::OPERATOR, &id, &other, None)
        .await
        .unwrap();
    let answer = saved(&house, &member, &id, &[("revision", &old), ("name", "")]).await;
    assert_eq!(
        (answer.status, answer.value("revision")),
        (422, Some(old.as_str()))
    );
    assert_eq!(answer.fault("name"), Some("Enter a name."));
}

#[tokio::test]
async fn i10_an_empty_list_is_shown_as_nobody_and_does_not_stand_against_a_new_name() {
    let house = House::start().await;
    let (id, _) = key(&house, "member@example.com", |draft| {
        draft.addresses = Some(Vec::new());
    })
    .await;
    let member = house.member("en").await;
    assert!(
        member
            .get(&path(&id))
            .await
            .body
            .contains("the key is refused from everywhere")
    );
    let answer = saved(
        &house,
        &member,
        &id,
        &[("name", "new"), ("addresses-rule", "listed")],
    )
    .await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let key = view(&house, &id).await.key;
    assert_eq!((key.name.as_str(), key.addresses.nets()), ("new", Some(&[][..])));
}
