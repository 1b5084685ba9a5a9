//! Changes that other pages ask for (CSRF).

use crate::support::{ADA, House, OTHER, PASSWORD, Reached};

const FORMS: [(&str, &[(&str, &str)]); 9] = [
    ("/sign-in", &[("email", ADA), ("password", PASSWORD)]),
    ("/sign-in/code", &[("code", "123456")]),
    ("/sign-out", &[]),
    (
        "/account/password",
        &[("old", PASSWORD), ("password", OTHER), ("again", OTHER)],
    ),
    ("/account/preferences", &[("language", "fr")]),
    ("/account/second-factor", &[]),
    ("/account/second-factor/confirm", &[("code", "123456")]),
    ("/account/sessions/end-others", &[]),
    ("/preferences", &[("language", "fr")]),
];

#[tokio::test]
async fn c4_changes_that_other_pages_ask_for_are_refused_even_with_the_token() {
    let house = House::with_ada().await;
    let mut browser = house.ada("en").await;
    let own = browser.origin.clone().unwrap();
    let token = browser.get("/account").await.value("token").unwrap().to_owned();
    let host = own.strip_prefix("http://").unwrap().to_owned();
    let origins = [
        None,
        Some("null".to_owned()),
        Some("http://evil.example".to_owned()),
        Some(format!("https://{host}")),
        Some(format!("http://evil.{host}")),
        Some(format!("{own}.evil.example")),
    ];
    for (path, fields) in FORMS {
        let mut all = vec![("token", token.as_str())];
        all.extend_from_slice(fields);
        for origin in &origins {
            browser.origin.clone_from(origin);
            let answer = browser.post(path, &all).await;
            assert_eq!(answer.status, 403, "{path} {origin:?} {answer:?}");
            assert_eq!(answer.headers("set-cookie").count(), 0, "{path} {origin:?}");
        }
        browser.origin = Some(own.clone());
        for site in ["same-site", "cross-site", "none"] {
            let answer = browser
                .send("POST", path, &[("Sec-Fetch-Site", site)], &all)
                .await;
            assert_eq!(answer.status, 403, "{path} {site}");
        }
        for twice in [["same-origin", "cross-site"], ["same-origin", "same-origin"]] {
            let said = twice.map(|site| ("Sec-Fetch-Site", site));
            let answer = browser.send("POST", path, &said, &all).await;
            assert_eq!(answer.status, 403, "{path} {twice:?}");
        }
        // A target that names another host is refused before anybody asks which page sent it.
        browser.origin = Some("http://evil.example".to_owned());
        let answer = browser.post(&format!("http://evil.example{path}"), &all).await;
        assert_eq!(answer.status, 400, "{path} {answer:?}");
        browser.origin = Some(own.clone());
    }
    assert!(house.is_alive(&browser.session()).await);
    assert!(house.lets_in(ADA, PASSWORD).await);
}

#[tokio::test]
async fn c4_a_form_without_the_token_of_its_session_changes_nothing() {
    let house = House::with_ada().await;
    let mut browser = house.ada("fr").await;
    let mut other = house.ada("en").await;
    let foreign = other.get("/account").await.value("token").unwrap().to_owned();
    for (path, fields) in FORMS
        .iter()
        .filter(|(path, _)| path.starts_with("/account") || *path == "/sign-out")
    {
        for token in ["", "0", foreign.as_str()] {
            let mut all = vec![("token", token)];
            all.extend_from_slice(fields);
            let answer = browser.post(path, &all).await;
            assert_eq!(answer.status, 403, "{path} {token:?}");
            answer.assert_says("Ce n’est pas permis");
        }
        assert_eq!(browser.post(path, fields).await.status, 403, "{path}");
    }
    assert!(house.is_alive(&browser.session()).await);
    assert!(house.lets_in(ADA, PASSWORD).await);
}

#[tokio::test]
async fn c4_behind_a_proxy_the_public_address_is_the_one_whose_pages_count() {
    let house = House::reached(Reached {
        public_url: Some("https://keys.example.com"),
        ..Reached::default()
    })
    .await;
    house.move_ada_in().await;
    let mut browser = house.browser("en");
    assert_eq!(browser.sign_in(ADA, PASSWORD).await.status, 403);
    browser.origin = Some("https://keys.example.com".into());
    assert_eq!(browser.sign_in(ADA, PASSWORD).await.status, 303);
    assert!(house.is_alive(&browser.session()).await);
}
