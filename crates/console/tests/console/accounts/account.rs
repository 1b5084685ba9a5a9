//! The account page: who one is, sessions, language; and changing the password.

use crate::accounts::{ADA, House, LANGUAGES, OTHER, PASSWORD};

#[tokio::test]
async fn the_page_says_who_one_is_and_where_one_is_signed_in() {
    let house = House::with_ada().await;
    house.ada("en").await;
    for (language, words) in [
        (
            "en",
            ["Administrator", "Every site", "This one", "Firefox, Linux"],
        ),
        (
            "fr",
            ["Administrateur", "Tous les sites", "Celle-ci", "Firefox, Linux"],
        ),
    ] {
        let page = house.ada(language).await.get("/account").await;
        assert_eq!(page.status, 200);
        for word in words.iter().chain(&[ADA, "Ada", "127.0.0.1"]) {
            page.assert_says(word);
        }
        assert!(page.body.len() < 100 << 10);
    }
}

#[tokio::test]
async fn pages_of_an_account_need_somebody_who_is_signed_in() {
    let house = House::with_ada().await;
    for path in [
        "/account",
        "/account/password",
        "/account/second-factor",
        "/account/second-factor/renew",
        "/account/second-factor/remove",
    ] {
        let page = house.browser("en").get(path).await;
        assert_eq!((page.status, page.location()), (303, Some("/sign-in")), "{path}");
    }
}

#[tokio::test]
async fn c11_sessions_are_ended_one_by_one_and_all_others_at_once() {
    let house = House::with_ada().await;
    let mut browser = house.ada("en").await;
    let others = [house.ada("en").await.session(), house.ada("fr").await.session()];
    let page = browser.get("/account").await;
    let ends = |page: &str| page.matches("/end\">").count();
    let path = page.between("action=\"/account/sessions/", "\"").unwrap();
    let path = format!("/account/sessions/{path}");
    let answer = browser.submit("/account", &path, &[]).await;
    assert_eq!(answer.location(), Some("/account"));
    let after = browser.get("/account").await;
    after.assert_says("The session has ended.");
    assert!(!after.body.contains(&path));
    assert_eq!(ends(&after.body) + 1, ends(&page.body));
    browser
        .submit("/account", "/account/sessions/end-others", &[])
        .await;
    for other in others {
        assert!(!house.is_alive(&other).await);
    }
    assert!(house.is_alive(&browser.session()).await);
}

#[tokio::test]
async fn a2_sessions_of_others_cannot_be_ended() {
    let house = House::with_ada().await;
    let mut ada = house.ada("en").await;
    house.ada("en").await;
    let page = ada.get("/account").await;
    let id = page.between("action=\"/account/sessions/", "/end").unwrap();
    let path = house.invite("grace@example.com").await;
    let mut grace = house.browser("en");
    grace
        .post(&path, &[("password", PASSWORD), ("again", PASSWORD)])
        .await;
    let answer = grace
        .submit("/account", &format!("/account/sessions/{id}/end"), &[])
        .await;
    // The same as for one that has ended.
    assert_eq!(answer.location(), Some("/account"));
    let page = ada.get("/account").await;
    page.assert_says(&format!("/account/sessions/{id}/end"));
}

#[tokio::test]
async fn a_wrong_old_password_and_a_bad_new_one_change_nothing() {
    let house = House::with_ada().await;
    let here = "/account/password";
    for (language, wrong, short) in [
        ("en", "not your present password", "at least 15 characters"),
        ("fr", "pas votre mot de passe actuel", "au moins 15 caractères"),
    ] {
        let mut browser = house.ada(language).await;
        let form = [
            ("old", "a wrong password, again"),
            ("password", OTHER),
            ("again", OTHER),
        ];
        let answer = browser.submit(here, here, &form).await;
        assert_eq!(answer.status, 422);
        assert!(answer.fault("old").unwrap().contains(wrong), "{answer:?}");
        assert!(!answer.body.contains(OTHER));
        let form = [("old", PASSWORD), ("password", "short"), ("again", "short")];
        let answer = browser.submit(here, here, &form).await;
        assert!(answer.fault("password").unwrap().contains(short), "{answer:?}");
        assert!(house.is_alive(&browser.session()).await);
    }
    assert!(house.lets_in(ADA, PASSWORD).await);
}

#[tokio::test]
async fn the_language_is_kept_with_the_account() {
    let house = House::with_ada().await;
    for (browser_says, chosen, word) in [("en", "fr", "Votre compte"), ("fr", "en", "Your account")] {
        let mut browser = house.ada(browser_says).await;
        let form = [("language", chosen), ("theme", "dark")];
        browser.submit("/account", "/account/preferences", &form).await;
        let page = browser.get("/account").await;
        page.assert_says(word);
        page.assert_says("data-theme=\"dark\"");
        // Another browser learns it at sign-in.
        let mut other = house.ada(browser_says).await;
        other.get("/account").await.assert_says(word);
    }
    // The switch on every page keeps it too.
    let mut browser = house.ada("en").await;
    browser
        .post("/preferences", &[("language", "fr"), ("back", "/account")])
        .await;
    house
        .ada("en")
        .await
        .get("/account")
        .await
        .assert_says("Votre compte");
}

#[tokio::test]
async fn c5_every_page_carries_the_headers_that_keep_others_out() {
    let house = House::with_ada().await;
    let link = house.invite("grace@example.com").await;
    for language in LANGUAGES {
        let mut browser = house.ada(language).await;
        let mut stranger = house.browser(language);
        let pages = [
            browser.get("/account").await,
            browser.get("/account/second-factor").await,
            stranger.get("/account").await,
            stranger.get("/sign-in").await,
            stranger.get("/link/x").await,
            stranger.get(&link).await,
            stranger.sign_in("nobody@example.com", "wrong").await,
        ];
        for page in pages {
            let header = |name| page.headers(name).next().unwrap_or_default();
            assert_eq!(header("cache-control"), "no-store", "{page:?}");
            assert_eq!(header("referrer-policy"), "no-referrer");
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(header("cross-origin-opener-policy"), "same-origin");
            let policy = header("content-security-policy");
            assert!(policy.contains("object-src 'none'; base-uri 'none'") && !policy.contains("unsafe"));
            assert!(
                !page.body.contains(" style=") && !page.body.contains("<style"),
                "{page:?}"
            );
            assert!(!page.body.contains("<script>"));
        }
    }
}
