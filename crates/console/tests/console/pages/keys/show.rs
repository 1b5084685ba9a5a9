//! The page of a key: facts, charts, refusals, addresses, history.

use super::{key, path, people};
use crate::pages::House;
use keyward_domain::{ClientAddress, Presented, Reason, StrictPath};
use keyward_engine::{Asked, Counting, LimitDraft, RestrictionDraft};

async fn ask(house: &House, secret: &str, route: &str, site: &str, client: &str) {
    let asked = Asked {
        site: Some(site),
        client: ClientAddress::Known(client.parse().unwrap()),
        method: "GET",
        path: StrictPath::parse(route.as_bytes()).unwrap(),
    };
    house
        .engine
        .authenticate(Presented::parse(secret.as_bytes()), &asked, Counting::Count)
        .await;
}

#[tokio::test]
async fn uses_are_drawn_and_told_as_numbers_with_refusals_by_reason() {
    let house = House::start().await;
    let (id, secret) = key(&house, "member@example.com", |draft| {
        draft.addresses = RestrictionDraft::Only(vec!["192.0.2.0/24".into()]);
        draft.limit = LimitDraft::PerMinute(1_000_000);
    })
    .await;
    for _ in 0..1234 {
        ask(&house, &secret, "/api/1/x", "1", "192.0.2.7").await;
    }
    for _ in 0..5 {
        ask(&house, &secret, "/api/1/x", "1", "198.51.100.1").await;
    }
    house.engine.flush_usage().await.unwrap();
    for (language, number, reason) in [
        ("en", "1,234", "From an address that may not use the key"),
        ("fr", "1\u{202f}234", "Depuis une adresse qui n’a pas le droit"),
    ] {
        for browser in people(&house, language).await {
            for (span, bars) in [("hour", 60), ("day", 24), ("month", 30), ("nothing", 24)] {
                let answer = browser.get(&format!("{}?usage={span}", path(&id))).await;
                assert_eq!(answer.status, 200);
                assert!(
                    answer.body.contains(number) && answer.body.contains(reason),
                    "{span}"
                );
                assert_eq!(answer.body.matches("<th scope=\"row\">").count(), bars, "{span}");
                assert!(
                    answer.body.contains("class=\"granted\" x=")
                        && answer.body.contains("class=\"refused\" x=")
                );
                assert!(answer.body.contains("192.0.2.7") && !answer.body.contains("198.51.100.1"));
                assert!(!answer.body.contains(&secret));
                assert!(answer.body.len() < 100 << 10, "{}", answer.body.len());
            }
        }
    }
}

#[tokio::test]
async fn every_reason_state_mark_and_action_has_a_text_in_both_languages() {
    for file in [
        include_str!("../../../../locales/en/keys.ftl"),
        include_str!("../../../../locales/fr/keys.ftl"),
    ] {
        let has = |id: String| assert!(file.contains(&format!("\n{id} =")), "{id}");
        for reason in Reason::ALL {
            has(format!("key-reason-{}", reason.code().replace('_', "-")));
        }
        for state in ["active", "disabled", "expired", "deleted", "any"] {
            has(format!("key-state-{state}"));
        }
        for mark in keyward_engine::HealthMark::ALL {
            let id = format!("key-mark-{}", mark.code().replace('_', "-"));
            has(format!("{id}-advice"));
            has(id);
        }
        for field in ["sites", "addresses"] {
            for fault in ["contradiction", "nothing", "rule"] {
                has(format!("key-fault-{field}-{fault}"));
            }
        }
        for flash in ["saved", "enabled", "disabled", "deleted", "restored", "conflict"] {
            has(format!("flash-key-{flash}"));
        }
        for column in [
            "name",
            "use-case",
            "owner",
            "restrictions",
            "limit",
            "state",
            "created",
            "expires",
            "last-used",
            "usage-hour",
            "usage-day",
            "usage-month",
        ] {
            has(format!("key-{column}"));
        }
    }
}

#[tokio::test]
async fn the_history_says_who_changed_what_from_what_to_what() {
    let house = House::start().await;
    let (id, _) = key(&house, "member@example.com", |_| {}).await;
    let [admin, member] = people(&house, "en").await;
    let revision = super::view(&house, &id).await.key.revision.0.to_string();
    let fields = [
        ("revision", revision.as_str()),
        ("name", "<b>new</b>"),
        ("sites-rule", "any"),
        ("addresses-rule", "any"),
        ("limit", "60"),
    ];
    assert_eq!(
        member.post(&format!("{}/edit", path(&id)), &fields).await.status,
        303
    );
    let answer = admin.get(&path(&id)).await;
    for text in [
        "Created",
        "Operator (command line)",
        "Edited",
        "member@example.com",
        "Name: a key → &#60;b&#62;new&#60;/b&#62;",
        "Limit: unrestricted → 60",
        "127.0.0.1",
    ] {
        assert!(answer.body.contains(text), "{text}");
    }
}

#[tokio::test]
async fn an_owner_reads_what_administrators_did_with_their_key_but_not_who_they_are() {
    let house = House::start().await;
    let (id, _) = key(&house, "member@example.com", |_| {}).await;
    let revision = super::view(&house, &id).await.key.revision.0.to_string();
    let fields = [("revision", revision.as_str())];
    let admin = house.admin("en").await;
    house.clock.advance(1);
    let answer = admin.post(&format!("{}/disable", path(&id)), &fields).await;
    assert_eq!(answer.status, 303);
    for (language, done, who) in [
        ("en", "Disabled", "An administrator"),
        ("fr", "Désactivation", "Un administrateur"),
    ] {
        let seen = house.member(language).await.get(&path(&id)).await.body;
        assert!(seen.contains(done) && seen.contains(who), "{seen}");
        assert!(!seen.contains("admin@example.com") && !seen.contains(&house.admin_id));
    }
    assert!(admin.get(&path(&id)).await.body.contains("admin@example.com"));
}

#[tokio::test]
async fn a_key_that_manages_keyward_can_be_told_from_others() {
    let house = House::start().await;
    let (id, _) = key(&house, "member@example.com", |draft| {
        draft.use_case = Some("management".into());
    })
    .await;
    for (language, badge) in [("en", "Manages Keyward"), ("fr", "Gère Keyward")] {
        let member = house.member(language).await;
        for page in [
            "/integrations/keys".to_owned(),
            path(&id),
            "/integrations/health".into(),
        ] {
            assert!(member.get(&page).await.body.contains(badge), "{page}");
        }
    }
}
