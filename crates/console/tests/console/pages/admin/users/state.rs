//! Disabling, enabling, deleting somebody; a link for a new password; taking a second factor away.

use super::user;
use crate::pages::{House, visitor};
use keyward_domain::UserStatus;

#[tokio::test]
async fn r7_who_is_disabled_is_signed_out_until_they_are_enabled() {
    for (language, what, said) in [
        ("en", "What happens", "flash-admin-user-disabled"),
        ("fr", "Ce qui va se passer", "flash-admin-user-disabled"),
    ] {
        let house = House::start().await;
        let admin = house.admin(language).await;
        let path = format!("/admin/users/{}", house.member_id);
        let question = admin.get(&format!("{path}/disable")).await;
        assert!(question.body.contains(what) && question.body.contains("401"));
        let answer = admin.post(&format!("{path}/disable"), &[]).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some(path.as_str()))
        );
        assert!(answer.head.contains(said));
        assert_eq!(
            user(&house, &house.member_id).await.user.status,
            UserStatus::Disabled
        );
        let member = house.member(language).await;
        assert_eq!(
            member.get("/integrations").await.header("location"),
            Some("/sign-in")
        );
        let answer = admin.post(&format!("{path}/enable"), &[]).await;
        assert_eq!(answer.status, 303);
        assert!(user(&house, &house.member_id).await.user.is_valid());
    }
}

#[tokio::test]
async fn the_last_administrator_is_neither_disabled_nor_deleted() {
    let house = House::start().await;
    for (language, text) in [
        ("en", "last active administrator"),
        ("fr", "dernier administrateur actif"),
    ] {
        let admin = house.admin(language).await;
        let path = format!("/admin/users/{}", house.admin_id);
        for (action, fields) in [
            ("disable", vec![]),
            ("delete", vec![("typed", "admin@example.com")]),
        ] {
            let answer = admin.post(&format!("{path}/{action}"), &fields).await;
            assert_eq!(answer.status, 422, "{action}");
            assert!(answer.body.contains(text), "{action}");
        }
    }
    assert!(user(&house, &house.admin_id).await.user.is_valid());
}

#[tokio::test]
async fn a_user_is_deleted_once_their_address_is_typed() {
    for (language, wrong) in [("en", "That is not the e-mail"), ("fr", "Ce n’est pas l’adresse")] {
        let house = House::start().await;
        let admin = house.admin(language).await;
        let path = format!("/admin/users/{}", house.member_id);
        let answer = admin
            .post(&format!("{path}/delete"), &[("typed", "other@example.com")])
            .await;
        assert_eq!(answer.status, 422);
        assert!(answer.fault("typed").unwrap().starts_with(wrong));
        assert_eq!(answer.value("typed"), Some("other@example.com"));
        assert!(user(&house, &house.member_id).await.user.is_valid());

        let answer = admin
            .post(&format!("{path}/delete"), &[("typed", " Member@example.com")])
            .await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("/admin/users"))
        );
        assert!(
            !admin
                .get("/admin/users")
                .await
                .body
                .contains("member@example.com")
        );
        assert!(
            admin
                .get("/admin/users?deleted=1")
                .await
                .body
                .contains("member@example.com")
        );
        // What is left of them can be looked at, and no more.
        let page = admin.get(&path).await;
        assert_eq!(page.status, 200);
        assert!(!page.body.contains(&format!("action=\"{path}\"")));
    }
}

#[tokio::test]
async fn a_link_for_a_new_password_is_shown_once() {
    let house = House::start().await;
    for (language, title) in [
        ("en", "A link for \u{2068}Grace\u{2069}"),
        ("fr", "Un lien pour \u{2068}Grace\u{2069}"),
    ] {
        let admin = house.admin(language).await;
        let answer = admin
            .post(&format!("/admin/users/{}/link", house.member_id), &[])
            .await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains(title));
        let token = answer
            .body
            .split("/link/")
            .find_map(|rest| rest.split('<').next().filter(|t| t.starts_with("reset_")));
        let found = house.engine.find_link(token.unwrap()).await.unwrap().unwrap();
        assert_eq!(found.user.id.to_string(), house.member_id);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    }
}

#[tokio::test]
async fn a_second_factor_is_reset_where_there_is_one() {
    let house = House::start().await;
    let path = format!("/admin/users/{}/factor", house.member_id);
    for (language, none) in [
        ("en", "has no second factor"),
        ("fr", "n’a pas de second facteur"),
    ] {
        let admin = house.admin(language).await;
        let answer = admin.post(&path, &[]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains(none));
    }
    let member = house
        .engine
        .find_session(&house.member_session, &visitor())
        .await
        .unwrap()
        .unwrap();
    let factor = house.engine.begin_second_factor(&member).await.unwrap();
    let totp = totp_rs::Totp::from_url(&factor.uri).unwrap();
    let now = keyward_engine::Clock::now(&*house.clock).seconds();
    let code = totp.generate(u64::try_from(now).unwrap()).to_string();
    let confirmed = house
        .engine
        .confirm_second_factor(&member, crate::pages::PASSWORD, &code, &visitor())
        .await;
    let Ok((member, _)) = confirmed else {
        panic!("the code is not taken")
    };

    let admin = house.admin("en").await;
    let answer = admin.post(&path, &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let again = house
        .engine
        .find_session(member.token.reveal(), &visitor())
        .await
        .unwrap();
    assert!(again.is_none(), "sessions of before go on");
}
