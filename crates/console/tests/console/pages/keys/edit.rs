//! Editing a key: what may be changed is, what may not is locked, and nobody overwrites what they have not seen.

use super::{ESCAPED, NASTY, key, path, site, view};
use crate::pages::{Answer, Browser, House};
use keyward_domain::{RateLimit, SiteName};
use keyward_engine::{Actor, KeyEdit, LimitDraft, RestrictionDraft, UserEdit};

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
        draft.sites = RestrictionDraft::Only(vec!["1".into()]);
        draft.addresses = RestrictionDraft::Only(vec!["192.0.2.0/24".into(), "::1".into()]);
        draft.limit = LimitDraft::PerMinute(60);
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
    for (language, reason, quotes) in [
        ("en", "keeps the use case", ["“", "”"]),
        ("fr", "garde le cas d’usage", ["«\u{a0}", "\u{a0}»"]),
    ] {
        let quoted = |names: &str| format!("{}{names}{}", quotes[0], quotes[1]);
        let (id, _) = key(&house, "member@example.com", |_| {}).await;
        let member = house.member(language).await;
        let form = member.get(&format!("{}/edit", path(&id))).await;
        assert!(form.body.contains(reason));
        assert!(!form.body.contains("name=\"use-case\"") && !form.body.contains("name=\"expiry\""));
        let before = view(&house, &id).await.key;
        for (field, place) in [
            ("use-case", "use-case"),
            ("use_case", "use-case"),
            ("expiry", "expiry"),
            ("expiry-date", "expiry"),
            ("expires_at", "expiry"),
            ("id", "form"),
            ("created_at", "form"),
            ("fingerprint", "form"),
            ("owner", "form"),
            ("owner_id", "form"),
            ("deleted_at", "form"),
            ("status", "form"),
        ] {
            let answer = saved(&house, &member, &id, &[("name", "new"), (field, "reports")]).await;
            assert_eq!(answer.status, 422, "{field}");
            assert_eq!(answer.summary(), [place], "{field}");
            assert!(
                answer
                    .body
                    .contains(&format!("href=\"#{place}\">{}", quoted(field)))
            );
            assert!(place == "form" || answer.fault(place).unwrap().contains(field));
        }
        let all = [
            ("status", "x"),
            ("expiry", "x"),
            ("use-case", "x"),
            ("name", ""),
            ("id", "x"),
        ];
        let answer = saved(&house, &member, &id, &all).await;
        assert_eq!(answer.summary(), ["form", "name", "use-case", "expiry"]);
        assert!(answer.body.contains(&quoted("id, status")));
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
        limit: Some(LimitDraft::PerMinute(5)),
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
        draft.addresses = RestrictionDraft::Only(Vec::new());
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

async fn narrowed(house: &House, sites: &[&str]) {
    let edit = UserEdit {
        sites: Some(RestrictionDraft::Only(
            sites.iter().map(ToString::to_string).collect(),
        )),
        ..UserEdit::default()
    };
    house
        .engine
        .edit_user(&Actor::OPERATOR, "member@example.com", &edit, None)
        .await
        .unwrap();
}

/// What a browser would send of a page: the fields as they are in it, with some typed over.
fn untouched(page: &Answer) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    for name in ["revision", "was", "name", "limit"] {
        fields.push((name.to_owned(), page.value(name).unwrap().replace("&#38;", "&")));
    }
    for tag in page.body.split('<').filter(|tag| tag.contains(" checked")) {
        let value = |of: &str| tag.split_once(of).and_then(|(_, rest)| rest.split('"').next());
        let (name, value) = (value("name=\"").unwrap(), value("value=\"").unwrap());
        fields.push((name.to_owned(), value.to_owned()));
    }
    for name in ["description", "addresses", "site-names"] {
        let area = page.body.split_once(&format!("name=\"{name}\""));
        if let Some((_, area)) = area {
            let text = area.split_once('>').unwrap().1.split('<').next().unwrap();
            fields.push((name.to_owned(), text.replace("&#38;", "&")));
        }
    }
    fields
}

async fn sent(browser: &Browser, id: &str, page: &Answer, typed: &[(&str, &str)]) -> Answer {
    let mut fields = untouched(page);
    fields.retain(|(name, _)| typed.iter().all(|(typed, _)| typed != name));
    let mut fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    fields.extend_from_slice(typed);
    browser.post(&format!("{}/edit", path(id)), &fields).await
}

fn names(view: &keyward_engine::KeyView) -> Vec<&str> {
    view.sites.iter().flatten().map(SiteName::as_str).collect()
}

#[tokio::test]
async fn a_new_name_leaves_the_sites_of_a_key_alone_whoever_gives_it() {
    let house = House::start().await;
    for name in ["123", "456", "789"] {
        site(&house, name).await;
    }
    for (language, lost) in [
        ("en", "no longer allowed to the owner"),
        ("fr", "plus accessible au propriétaire"),
    ] {
        for sites in [&["123", "456"][..], &["456"]] {
            narrowed(&house, &["123", "456"]).await;
            let (id, _) = key(&house, "member@example.com", |draft| {
                draft.sites = RestrictionDraft::Only(sites.iter().map(ToString::to_string).collect());
            })
            .await;
            narrowed(&house, &["123"]).await;
            for (place, browser) in super::people(&house, language).await.iter().enumerate() {
                let page = browser.get(&format!("{}/edit", path(&id))).await;
                assert_eq!(page.body.matches(lost).count(), 1, "{}", page.body);
                assert!(page.body.contains("name=\"sites\" value=\"456\" checked"));
                assert!(!page.body.contains("value=\"789\""), "nobody may choose it");
                let name = format!("renamed {place}");
                let answer = sent(browser, &id, &page, &[("name", &name)]).await;
                assert_eq!(answer.status, 303, "{}", answer.body);
                let now = view(&house, &id).await;
                assert_eq!(
                    (now.key.name.as_str(), names(&now)),
                    (name.as_str(), sites.to_vec())
                );
            }
        }
    }
}

#[tokio::test]
async fn a_site_that_the_owner_lost_can_be_taken_away_and_not_be_kept_among_others() {
    let house = House::start().await;
    site(&house, "123").await;
    site(&house, "456").await;
    let (id, _) = key(&house, "member@example.com", |draft| {
        draft.sites = RestrictionDraft::Only(vec!["456".into()]);
    })
    .await;
    narrowed(&house, &["123"]).await;
    let member = house.member("en").await;
    let page = member.get(&format!("{}/edit", path(&id))).await;
    let both = [("sites", "123"), ("sites", "456")];
    let answer = sent(&member, &id, &page, &both).await;
    assert_eq!((answer.status, answer.summary()), (422, vec!["sites"]));
    let again = sent(&member, &id, &answer, &[("sites", "123")]).await;
    assert_eq!(again.status, 303, "{}", again.body);
    assert_eq!(names(&view(&house, &id).await), ["123"]);
}

#[tokio::test]
async fn saving_again_after_a_conflict_keeps_what_the_other_has_changed() {
    let house = House::start().await;
    site(&house, "123").await;
    for (language, mark) in [("en", "Changed meanwhile"), ("fr", "Modifié entre-temps")] {
        let (id, _) = key(&house, "member@example.com", |draft| {
            draft.description = Some("of old & long".into());
        })
        .await;
        let member = house.member(language).await;
        let page = member.get(&format!("{}/edit", path(&id))).await;
        let other = KeyEdit {
            addresses: Some(RestrictionDraft::Only(vec![
                "192.0.2.1".into(),
                "192.0.2.2".into(),
                "::1".into(),
            ])),
            sites: Some(RestrictionDraft::Only(vec!["123".into()])),
            ..KeyEdit::default()
        };
        house
            .engine
            .edit_key(&Actor::OPERATOR, &id, &other, None)
            .await
            .unwrap();
        let answer = sent(&member, &id, &page, &[("name", "mine"), ("limit", "7")]).await;
        assert_eq!(answer.status, 409);
        assert_eq!(answer.body.matches(mark).count(), 2, "{}", answer.body);
        let in_full = ["192.0.2.1/32, 192.0.2.2/32, ::1/128", "of old &#38; long"];
        assert!(in_full.iter().all(|text| answer.body.contains(text)));
        assert_eq!(
            (answer.value("name"), answer.value("limit")),
            (Some("mine"), Some("7"))
        );
        let again = sent(&member, &id, &answer, &[]).await;
        assert_eq!(again.status, 303, "{}", again.body);
        let now = view(&house, &id).await;
        assert_eq!(
            (now.key.name.as_str(), now.key.limit.map(RateLimit::per_minute)),
            ("mine", Some(7))
        );
        assert_eq!(
            (names(&now), now.key.addresses.nets().unwrap().len()),
            (vec!["123"], 3)
        );
        assert_eq!(now.key.description.as_str(), "of old & long");
    }
}
