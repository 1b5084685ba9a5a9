//! The sign-in form: who gets in, and what others are told.

use crate::accounts::{ADA, House, LANGUAGES, PASSWORD};

#[tokio::test]
async fn a_right_password_lets_in_and_the_way_leads_to_the_keys() {
    let house = House::with_ada().await;
    for language in LANGUAGES {
        let mut browser = house.browser(language);
        let page = browser.get("/sign-in").await;
        assert_eq!(page.status, 200);
        page.assert_says(if language == "fr" {
            "<h1>Se connecter</h1>"
        } else {
            "<h1>Sign in</h1>"
        });
        // Blanks around an address are a slip.
        let answer = browser.sign_in(" Ada@Example.com ", PASSWORD).await;
        assert_eq!(
            (answer.status, answer.location()),
            (303, Some("/integrations/keys"))
        );
        assert!(house.is_alive(&browser.session()).await);
        // Who is in is sent on.
        let again = browser.get("/sign-in").await;
        assert_eq!(
            (again.status, again.location()),
            (303, Some("/integrations/keys"))
        );
    }
}

#[tokio::test]
async fn c7_a_wrong_password_and_an_unknown_user_are_told_the_same() {
    let house = House::with_ada().await;
    house.invite("grace@example.com").await;
    for (language, text) in [
        ("en", "This e-mail address and password do not let anybody in."),
        (
            "fr",
            "Cette adresse e-mail et ce mot de passe n’ouvrent aucun accès.",
        ),
    ] {
        let mut bodies = Vec::new();
        // Known, unknown, invited but without a password yet, no address at all.
        for email in [ADA, "eve@example.com", "grace@example.com", "eve"] {
            let mut browser = house.browser(language);
            let answer = browser.sign_in(email, "not the password at all").await;
            assert_eq!(answer.status, 422);
            answer.assert_says(text);
            assert!(!answer.body.contains("not the password"), "{answer:?}");
            assert_eq!(answer.value("email"), Some(email));
            assert!(browser.cookies.is_empty(), "{browser:?}");
            bodies.push(answer.body.replace(&format!("value=\"{email}\""), ""));
        }
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
        house.wait(3600);
    }
}

#[tokio::test]
async fn a_guesser_is_told_to_wait_and_the_owner_at_a_known_browser_is_not() {
    let house = House::with_ada().await;
    let owner = house.ada("en").await;
    for (language, word) in [("en", "Wait "), ("fr", "Attendez ")] {
        let mut guesser = house.browser(language);
        let slowed = loop {
            let answer = guesser.sign_in(ADA, "a wrong password, again").await;
            if answer.status != 422 {
                break answer;
            }
        };
        assert_eq!(slowed.status, 429);
        let seconds: u64 = slowed.headers("retry-after").next().unwrap().parse().unwrap();
        slowed.assert_says(&format!("{word}{seconds} second"));
        // The right password is not looked at either.
        assert_eq!(guesser.sign_in(ADA, PASSWORD).await.status, 429);
        let mut owner = owner.clone();
        owner.cookies.remove("keyward-session");
        assert_eq!(owner.sign_in(ADA, PASSWORD).await.status, 303);
        house.wait(7200);
    }
}

#[tokio::test]
async fn c12_before_there_is_an_administrator_the_page_says_how_to_begin() {
    let house = House::empty().await;
    for (language, text) in [
        ("en", "Nobody can sign in yet."),
        ("fr", "Personne ne peut encore se connecter."),
    ] {
        let page = house.browser(language).get("/sign-in").await;
        page.assert_says(text);
        page.assert_says("keyward init --new-token");
    }
    house.move_ada_in().await;
    let page = house.browser("en").get("/sign-in").await;
    assert!(!page.body.contains("Nobody can sign in yet."));
}

#[tokio::test]
async fn c11_signing_out_ends_the_session_on_the_server() {
    let house = House::with_ada().await;
    for (language, text) in [("en", "You are signed out."), ("fr", "Vous êtes déconnecté.")] {
        let mut browser = house.ada(language).await;
        let session = browser.session();
        let before = browser.clone();
        let answer = browser.submit("/account", "/sign-out", &[]).await;
        assert_eq!((answer.status, answer.location()), (303, Some("/sign-in")));
        assert_eq!(browser.session(), "");
        browser.get("/sign-in").await.assert_says(text);
        assert!(!house.is_alive(&session).await);
        // Who has kept the cookie has nothing.
        let kept = before.clone().get("/account").await;
        assert_eq!((kept.status, kept.location()), (303, Some("/sign-in")));
    }
}

#[tokio::test]
async fn c11_a_session_ends_when_it_is_not_used_and_the_next_page_says_so() {
    let house = House::with_ada().await;
    let mut browser = house.ada("fr").await;
    house.wait(12 * 3600 + 1);
    let answer = browser.get("/account").await;
    assert_eq!(answer.location(), Some("/sign-in"));
    browser
        .get("/sign-in")
        .await
        .assert_says("Votre session est terminée");
}
