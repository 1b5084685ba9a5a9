//! What pages say is true, and says it where people can see it.

use crate::pages::House;
use crate::pages::keys::{created, key, path};
use keyward_engine::{Actor, KeyEdit, RestrictionDraft};

#[tokio::test]
async fn the_form_of_a_new_key_says_what_is_final_and_begins_tomorrow_where_one_is() {
    let house = House::start().await;
    for (language, last, title) in [
        ("en", "Owner, use case and expiry are final", "Call the REST API"),
        (
            "fr",
            "Le propriétaire, le cas d’usage et l’expiration sont définitifs",
            "Appeler l’API REST",
        ),
    ] {
        let mut member = house.member(language).await;
        let mut days = Vec::new();
        for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago"] {
            member.keep("keyward-zone", zone);
            let page = member.get("/integrations/keys/new").await.body;
            assert!(page.contains(last) && page.contains(title), "{page}");
            days.push(page.split_once("min=\"20").unwrap().1[..8].to_owned());
        }
        // There are 25 hours between the two.
        assert!(days[0] > days[1], "{days:?}");
    }
}

#[tokio::test]
async fn a_form_without_its_number_makes_no_key_and_says_so() {
    let house = House::start().await;
    for (language, text) in [("en", "No key was made"), ("fr", "Aucune clé n’a été créée")] {
        let admin = house.admin(language).await;
        for claim in ["", "x", "not ours, and rather long"] {
            let answer = created(&admin, &[("claim", claim)]).await;
            assert_eq!((answer.status, answer.summary()), (422, vec!["form"]));
            assert!(answer.body.contains(text));
            let claim = answer.value("claim").unwrap().to_owned();
            let again = created(&admin, &[("claim", &claim)]).await;
            assert_eq!(again.status, 201, "{}", again.body);
        }
    }
}

#[tokio::test]
async fn a_long_change_is_told_by_what_is_different() {
    let house = House::start().await;
    let text = |word: &str| format!("{}{word}{}", "s".repeat(220), "t".repeat(220));
    let nets = |last: u8| -> Vec<String> { (0..30).chain([last]).map(|n| format!("192.0.2.{n}")).collect() };
    let (id, _) = key(&house, "admin@example.com", |draft| {
        draft.description = Some(text("old"));
        draft.addresses = RestrictionDraft::Only(nets(77));
    })
    .await;
    let edit = KeyEdit {
        description: Some(text("new")),
        addresses: Some(RestrictionDraft::Only(nets(88))),
        ..KeyEdit::default()
    };
    house
        .engine
        .edit_key(&Actor::OPERATOR, &id, &edit, None)
        .await
        .unwrap();
    for language in ["en", "fr"] {
        let admin = house.admin(language).await;
        let page = admin.get(&path(&id)).await.body;
        assert!(page.contains("soldt") && page.contains("snewt"), "{page}");
        assert!(page.contains("−192.0.2.77/32, +192.0.2.88/32"), "{page}");
        let log = admin.get("/admin/audit").await.body;
        assert!(log.contains("soldt") && log.contains("snewt"));
        assert!(log.contains("<bdi>−192.0.2.77/32<") && log.contains("<bdi>+192.0.2.88/32<"));
    }
}

#[tokio::test]
async fn the_page_of_a_user_offers_what_can_be_done() {
    let house = House::start().await;
    let user = format!("/admin/users/{}", house.member_id);
    let by = &Actor::OPERATOR;
    for (language, text) in [
        ("en", "This user is disabled: enable them first"),
        ("fr", "Cet utilisateur est désactivé\u{a0}: réactivez-le d’abord"),
    ] {
        house
            .engine
            .enable_user(by, &house.member_id, None)
            .await
            .unwrap();
        let admin = house.admin(language).await;
        let page = admin.get(&user).await;
        assert!(page.body.contains(&format!("{user}/link")));
        assert!(!page.body.contains(&format!("{user}/factor")), "there is none");
        house
            .engine
            .disable_user(by, &house.member_id, None)
            .await
            .unwrap();
        let link = format!("{user}/link");
        for answer in [admin.get(&link).await, admin.post(&link, &[]).await] {
            assert_eq!(answer.status, 422);
            assert!(answer.body.contains(text), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_name_that_nobody_can_see_is_none() {
    let house = House::start().await;
    for (language, text) in [("en", "Enter a name."), ("fr", "Saisissez un nom.")] {
        let admin = house.admin(language).await;
        let answer = created(&admin, &[("name", "\u{200b}\u{202e}")]).await;
        assert_eq!((answer.status, answer.fault("name")), (422, Some(text)));
        let fields = [
            ("email", "ada\u{202e}@example.com"),
            ("name", "Ada"),
            ("role", "member"),
        ];
        let answer = admin.post("/admin/users/new", &fields).await;
        assert!(
            answer.status == 422 && answer.fault("email").is_some(),
            "{}",
            answer.body
        );
    }
}
