//! Keys that are on and refused all the same: nobody is told that they work.

use super::new::created;
use super::{key, path, site, view};
use crate::pages::{Browser, House};
use keyward_engine::{Actor, ExpiryDraft, RestrictionDraft, SiteEdit, UserEdit};

const KEYS: &str = "/integrations/keys";

async fn close(house: &House, name: &str) {
    let edit = SiteEdit {
        active: Some(false),
        ..SiteEdit::default()
    };
    let closed = house.engine.edit_site(&Actor::OPERATOR, name, &edit, None);
    closed.await.unwrap();
}

/// List and page say in red what stands against the key, and enabling it does not say that it works.
async fn told(house: &House, browser: &Browser, id: &str, badge: &str, notice: &str) {
    let list = browser.get(KEYS).await;
    assert!(
        list.body.contains(&format!("badge-bad\">{badge}<")),
        "{}",
        list.body
    );
    let page = browser.get(&path(id)).await;
    assert!(page.body.contains(&format!("badge-bad\">{badge}<")) && page.body.contains(notice));
    house
        .engine
        .disable_key(&Actor::OPERATOR, id, None)
        .await
        .unwrap();
    let page = browser.get(&path(id)).await;
    assert!(page.body.contains(notice), "also of one that is off");
    let answer = browser.post(&format!("{}/enable", path(id)), &[]).await;
    let flash = answer.header("set-cookie").unwrap();
    assert!(flash.contains("=flash-key-enabled-refused;"), "{flash}");
}

#[tokio::test]
async fn a_key_whose_owner_is_disabled_or_deleted_is_shown_as_refused() {
    let house = House::start().await;
    let (id, _) = key(&house, "member@example.com", |_| {}).await;
    let by = &Actor::OPERATOR;
    house
        .engine
        .disable_user(by, &house.member_id, None)
        .await
        .unwrap();
    for (language, badge, notice) in [
        (
            "en",
            "Refused: owner disabled",
            "The owner of this key is disabled",
        ),
        (
            "fr",
            "Refusée\u{a0}: propriétaire désactivé",
            "Le propriétaire de cette clé est désactivé",
        ),
    ] {
        told(&house, &house.admin(language).await, &id, badge, notice).await;
    }
    house
        .engine
        .delete_user(by, &house.member_id, None)
        .await
        .unwrap();
    for (language, badge, notice) in [
        ("en", "Refused: owner deleted", "The owner of this key is deleted"),
        (
            "fr",
            "Refusée\u{a0}: propriétaire supprimé",
            "Le propriétaire de cette clé est supprimé",
        ),
    ] {
        told(&house, &house.admin(language).await, &id, badge, notice).await;
    }
}

#[tokio::test]
async fn a_key_without_an_open_site_is_shown_as_refused() {
    let house = House::start().await;
    for name in ["123", "456"] {
        site(&house, name).await;
    }
    let (id, _) = key(&house, "member@example.com", |draft| {
        draft.sites = RestrictionDraft::Only(vec!["123".into(), "456".into()]);
    })
    .await;
    close(&house, "456").await;
    assert!(view(&house, &id).await.hindrance.is_none());
    let edit = UserEdit {
        sites: Some(RestrictionDraft::Only(vec!["456".into()])),
        ..UserEdit::default()
    };
    let narrowed = house
        .engine
        .edit_user(&Actor::OPERATOR, &house.member_id, &edit, None);
    narrowed.await.unwrap();
    for (language, badge, notice) in [
        ("en", "Refused: no open site", "None of the sites of this key"),
        (
            "fr",
            "Refusée\u{a0}: aucun site ouvert",
            "Aucun site de cette clé",
        ),
    ] {
        told(&house, &house.member(language).await, &id, badge, notice).await;
    }
}

#[tokio::test]
async fn a_key_that_is_enabled_after_its_end_is_not_said_to_work() {
    let house = House::start().await;
    let (id, _) = key(&house, "admin@example.com", |draft| {
        draft.expires_at = ExpiryDraft::At(house.clock_now().plus_millis(1000).to_string());
    })
    .await;
    house
        .engine
        .disable_key(&Actor::OPERATOR, &id, None)
        .await
        .unwrap();
    house.clock.advance(2000);
    for (language, text) in [("en", "but still refused"), ("fr", "mais toujours refusée")] {
        let mut admin = house.admin(language).await;
        let answer = admin.post(&format!("{}/enable", path(&id)), &[]).await;
        let flash = answer.header("set-cookie").unwrap();
        assert!(flash.contains("=flash-key-enabled-refused;"), "{flash}");
        admin.keep("keyward-flash", "flash-key-enabled-refused");
        assert!(admin.get(&path(&id)).await.body.contains(text));
    }
}

#[tokio::test]
async fn calls_to_paste_name_a_site_that_is_open_and_allowed_to_the_owner() {
    let house = House::start().await;
    for name in ["11", "22", "33", "44"] {
        site(&house, name).await;
    }
    close(&house, "11").await;
    close(&house, "44").await;
    let edit = UserEdit {
        sites: Some(RestrictionDraft::Only(vec!["33".into(), "44".into()])),
        ..UserEdit::default()
    };
    let narrowed = house
        .engine
        .edit_user(&Actor::OPERATOR, &house.member_id, &edit, None);
    narrowed.await.unwrap();
    for (language, notice) in [
        ("en", "None of the sites of this key"),
        ("fr", "Aucun site de cette clé"),
    ] {
        let admin = house.admin(language).await;
        let own = created(&admin, &[]).await;
        assert!(
            own.body.contains("https://api.example.com/api/22/resource"),
            "{}",
            own.body
        );
        let for_member = created(&admin, &[("owner", "member@example.com")]).await;
        assert!(
            for_member
                .body
                .contains("https://api.example.com/api/33/resource")
        );
        let closed = [
            ("owner", "member@example.com"),
            ("sites-rule", "listed"),
            ("sites", "44"),
        ];
        let refused = created(&admin, &closed).await;
        assert_eq!(refused.status, 201);
        assert!(refused.body.contains(notice) && !refused.body.contains("api.example.com"));
    }
}
