//! Editing somebody: from the state that was seen.

use super::user;
use crate::pages::{Answer, Browser, House};
use keyward_domain::Role;
use keyward_engine::Actor;

async fn edited(house: &House, admin: &Browser, fields: &[(&str, &str)]) -> Answer {
    let path = format!("/admin/users/{}", house.member_id);
    let revision = user(house, &house.member_id).await.user.revision.0.to_string();
    let mut all = vec![("revision", revision.as_str())];
    all.extend_from_slice(fields);
    admin.post(&path, &all).await
}

#[tokio::test]
async fn a_user_is_edited_from_the_state_that_was_seen() {
    for (language, said, stale) in [
        ("en", "The user is saved", "Somebody else has changed"),
        (
            "fr",
            "L’utilisateur est enregistré",
            "Quelqu’un d’autre a modifié",
        ),
    ] {
        let house = House::start().await;
        house
            .engine
            .create_site(&Actor::OPERATOR, "123", None)
            .await
            .unwrap();
        let mut admin = house.admin(language).await;
        let path = format!("/admin/users/{}", house.member_id);
        let seen = admin.get(&path).await;
        let revision = seen.value("revision").unwrap().to_owned();
        let fields = [
            ("revision", revision.as_str()),
            ("name", "Grace H."),
            ("role", "admin"),
            ("reach", "listed"),
            ("sites", "123"),
        ];
        let answer = admin.post(&path, &fields).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some(path.as_str()))
        );
        let view = user(&house, &house.member_id).await;
        assert_eq!(
            (view.user.name.as_str(), view.user.role),
            ("Grace H.", Role::Admin)
        );
        assert_eq!(view.sites.map(|sites| sites.len()), Some(1));
        admin.keep("keyward-flash", "flash-admin-user-saved");
        assert!(admin.get(&path).await.body.contains(said));

        // The same form again comes from a state that is no more.
        let fields = [
            ("revision", revision.as_str()),
            ("name", "Mine"),
            ("role", "member"),
            ("reach", "all"),
        ];
        let answer = admin.post(&path, &fields).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains(stale));
        assert_eq!(answer.value("name"), Some("Mine"));
        assert_eq!(
            user(&house, &house.member_id).await.user.name.as_str(),
            "Grace H."
        );
        // Whoever saves again has seen what is there now.
        let now = answer.value("revision").unwrap().to_owned();
        let fields = [
            ("revision", now.as_str()),
            ("name", "Mine"),
            ("role", "member"),
            ("reach", "all"),
        ];
        assert_eq!(admin.post(&path, &fields).await.status, 303);
        assert_eq!(user(&house, &house.member_id).await.user.name.as_str(), "Mine");
    }
}

#[tokio::test]
async fn errors_of_an_edit_stand_at_their_fields_and_change_nothing() {
    let house = House::start().await;
    let admin = house.admin("fr").await;
    let before = user(&house, &house.member_id).await;
    let fields = [
        ("name", " "),
        ("role", "queen"),
        ("reach", "listed"),
        ("sites", "nowhere"),
    ];
    let answer = edited(&house, &admin, &fields).await;
    assert_eq!(answer.status, 422);
    assert!(answer.fault("name").unwrap().starts_with("Indiquez un nom"));
    assert!(answer.fault("role").unwrap().starts_with("Choisissez l’un"));
    assert!(
        answer
            .fault("sites")
            .unwrap()
            .starts_with("Choisissez tous les sites")
    );
    assert_eq!(answer.summary(), ["name", "role", "sites"]);
    // A form without a revision has seen nothing.
    let path = format!("/admin/users/{}", house.member_id);
    let fields = [("name", "x"), ("role", "member"), ("reach", "all")];
    assert_eq!(admin.post(&path, &fields).await.status, 422);
    assert_eq!(user(&house, &house.member_id).await.user, before.user);

    // No choice of sites is not the choice of every site.
    let answer = edited(&house, &admin, &[("name", "x"), ("role", "member")]).await;
    assert_eq!(answer.status, 422);
    assert!(answer.fault("sites").is_some());

    let path = format!("/admin/users/{}", house.admin_id);
    let revision = user(&house, &house.admin_id).await.user.revision.0.to_string();
    let fields = [
        ("revision", revision.as_str()),
        ("name", "Ada"),
        ("role", "member"),
        ("reach", "all"),
    ];
    let answer = admin.post(&path, &fields).await;
    assert_eq!(answer.status, 422);
    assert!(answer.fault("role").unwrap().contains("dernier administrateur"));
}

#[tokio::test]
async fn who_gives_up_administration_is_led_out_of_it() {
    let house = House::start().await;
    let admin = house.admin("en").await;
    assert_eq!(
        edited(
            &house,
            &admin,
            &[("name", "G"), ("role", "admin"), ("reach", "all")]
        )
        .await
        .status,
        303
    );
    let path = format!("/admin/users/{}", house.admin_id);
    let revision = user(&house, &house.admin_id).await.user.revision.0.to_string();
    let fields = [
        ("revision", revision.as_str()),
        ("name", "Ada"),
        ("role", "member"),
        ("reach", "all"),
    ];
    let answer = admin.post(&path, &fields).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    // Another role is another session; and the new one sees nothing here.
    assert_eq!(admin.get(&path).await.header("location"), Some("/sign-in"));
}
