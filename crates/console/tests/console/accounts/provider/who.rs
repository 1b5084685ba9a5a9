//! Who is let in, and who is told that there is no account.

use super::Street;
use crate::accounts::factor::{app, switch_on};
use crate::accounts::{ADA, LANGUAGES, PASSWORD};
use keyward_engine::{Actor, UserFilter};

const GRACE: &str = "grace@example.com";

#[tokio::test]
async fn whoever_has_no_account_is_told_so_and_none_is_made() {
    let street = Street::new().await;
    street.house.invite(GRACE).await;
    street
        .house
        .engine
        .disable_user(&Actor::OPERATOR, GRACE, None)
        .await
        .unwrap();
    for language in LANGUAGES {
        let mut bodies = Vec::new();
        for (subject, email) in [
            ("s-grace", GRACE),
            ("s-nobody", "n<b>y@example.com"),
            ("s-eve", "eve@example.com"),
        ] {
            street.provider.vouch_for(subject, email);
            let mut browser = street.house.browser(language);
            let answer = street.sign_in(&mut browser).await;
            assert_eq!(answer.status, 403, "{answer:?}");
            answer.assert_says(if language == "fr" {
                "Il n’y a pas de compte pour vous ici"
            } else {
                "There is no account for you here"
            });
            assert!(!answer.body.contains("<b>"), "{answer:?}");
            assert_eq!(browser.session(), "");
            bodies.push(answer.body.replace(email, "…"));
        }
        // Disabled and unknown are told the same.
        assert_eq!(bodies[0], bodies[2]);
        assert!(
            bodies[0].contains('…'),
            "the address that the provider told: {}",
            bodies[0]
        );
    }
    let filter = UserFilter::default();
    let users = street
        .house
        .engine
        .list_users(&Actor::OPERATOR, &filter)
        .await
        .unwrap();
    assert_eq!(users.items.len(), 2);
}

#[tokio::test]
async fn who_is_bound_stays_bound_and_an_invited_person_needs_no_password() {
    let street = Street::new().await;
    street.house.invite(GRACE).await;
    for (subject, email, who) in [
        ("s-grace", GRACE, GRACE),
        ("s-grace", ADA, GRACE),
        ("s-ada", "Ada@Example.com", ADA),
        ("s-ada", "moved@example.com", ADA),
    ] {
        street.provider.vouch_for(subject, email);
        let mut browser = street.house.browser("en");
        assert_eq!(
            street.sign_in(&mut browser).await.location(),
            Some("/integrations/keys")
        );
        browser.get("/account").await.assert_says(who);
    }
}

#[tokio::test]
async fn a_browser_that_is_known_stays_the_same_device() {
    let street = Street::new().await;
    let mut browser = street.house.browser("en");
    browser.sign_in(ADA, PASSWORD).await;
    let device = browser.cookies["keyward-device"].clone();
    browser.cookies.remove("keyward-session");
    let answer = street.sign_in(&mut browser).await;
    assert_eq!(answer.location(), Some("/integrations/keys"));
    assert!(
        answer
            .headers("set-cookie")
            .all(|cookie| !cookie.starts_with("keyward-device"))
    );
    assert_eq!(browser.cookies["keyward-device"], device);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_here_too() {
    let street = Street::new().await;
    let mut browser = street.house.ada("en").await;
    let (key, _) = switch_on(&street.house, &mut browser).await;
    street.wait(30);
    let mut other = street.house.browser("en");
    let answer = street.sign_in(&mut other).await;
    assert_eq!(answer.location(), Some("/sign-in/code"), "{answer:?}");
    assert_eq!(other.session(), "");
    let code = app(&street.house, &key);
    let answer = other.post("/sign-in/code", &[("code", &code)]).await;
    assert_eq!(answer.location(), Some("/integrations/keys"), "{answer:?}");
}

#[tokio::test]
async fn an_account_that_is_bound_is_shown_and_an_administrator_unbinds_it() {
    let street = Street::new().await;
    street.house.invite(GRACE).await;
    let issuer = street.provider.issuer();
    for (language, shown, none) in [
        (
            "en",
            "Sign-in at a provider",
            "This user is bound to no account at a provider",
        ),
        (
            "fr",
            "Connexion chez un fournisseur d’identité",
            "Cet utilisateur n’est lié à aucun compte",
        ),
    ] {
        street.provider.vouch_for(&format!("s-grace-{language}"), GRACE);
        let (mut grace, mut ada) = (street.house.browser(language), street.house.ada(language).await);
        assert!(!ada.get("/account").await.body.contains(shown));
        street.sign_in(&mut grace).await;
        let account = grace.get("/account").await;
        account.assert_says(shown);
        account.assert_says(&issuer);
        let id = street
            .house
            .engine
            .get_user(&Actor::OPERATOR, GRACE)
            .await
            .unwrap();
        let page = format!("/admin/users/{}", id.user.id);
        let question = format!("{page}/identities");
        ada.get(&page).await.assert_says(&issuer);
        assert_eq!(grace.get(&question).await.status, 404);
        let done = ada.submit(&question, &question, &[]).await;
        assert_eq!(done.location(), Some(page.as_str()), "{done:?}");
        assert!(!street.house.is_alive(&grace.session()).await);
        assert!(!ada.get(&page).await.body.contains(&issuer));
        let again = ada.submit(&question, &question, &[]).await;
        assert_eq!(again.status, 422);
        again.assert_says(none);
    }
}

#[tokio::test]
async fn an_address_that_now_is_somebody_elses_there_opens_nothing() {
    let street = Street::new().await;
    street.provider.vouch_for("s-ada", ADA);
    assert_eq!(street.sign_in(&mut street.house.browser("en")).await.status, 303);
    street.provider.vouch_for("s-new", ADA);
    let mut browser = street.house.browser("en");
    let answer = street.sign_in(&mut browser).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    answer.assert_says("There is no account for you here");
    answer.assert_says("Ask an administrator");
    assert_eq!(browser.session(), "");
}
