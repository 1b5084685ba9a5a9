//! Changes that other pages ask for (CSRF).

use crate::accounts::{ADA, House, OTHER, PASSWORD, Reached};

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
            answer.assert_says("Cette page n’est plus à jour");
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

#[tokio::test]
async fn a_page_under_an_address_that_no_setting_names_is_told_which_one_is_missing() {
    let keys = "https://keys.example.com";
    for (public_url, origin, texts, lines) in [
        (
            None,
            keys,
            [
                "The console does not know this address",
                "La console ne connaît pas cette adresse",
            ],
            true,
        ),
        (
            Some(keys),
            "https://old.example.com",
            [
                "Open the console at its own address",
                "Ouvrez la console à sa propre adresse",
            ],
            true,
        ),
        (
            Some(keys),
            "http://keys.example.com",
            [
                "Open the console at its own address",
                "Ouvrez la console à sa propre adresse",
            ],
            false,
        ),
        (
            None,
            "http://keys.example.com",
            [
                "proxy_set_header Host $http_host",
                "proxy_set_header Host $http_host",
            ],
            false,
        ),
    ] {
        let house = House::reached(Reached {
            public_url,
            ..Reached::default()
        })
        .await;
        house.move_ada_in().await;
        for (language, text) in crate::accounts::LANGUAGES.into_iter().zip(texts) {
            let mut browser = house.browser(language);
            browser.origin = Some(origin.into());
            let form = [("email", ADA), ("password", PASSWORD)];
            let same = [("Sec-Fetch-Site", "same-origin")];
            let answer = browser.send("POST", "/sign-in", &same, &form).await;
            assert_eq!(answer.status, 403, "{origin} {answer:?}");
            assert_eq!(answer.headers("set-cookie").count(), 0, "{origin}");
            answer.assert_says(text);
            let line = format!("public_url = &#34;{origin}&#34;");
            assert_eq!(answer.body.contains(&line), lines, "{origin} {answer:?}");
            if let Some(url) = public_url {
                answer.assert_says(&format!("href=\"{url}/\""));
            }
        }
        let remarks = house.engine.remarks().list();
        assert_eq!(remarks.len(), 1, "{remarks:?}");
        assert!(remarks[0].setting == "console.public_url" && remarks[0].what.contains(origin));
    }
}

#[tokio::test]
async fn a_form_of_another_page_teaches_the_operator_nothing() {
    let house = House::with_ada().await;
    let mut browser = house.browser("en");
    browser.origin = Some("https://evil.example".into());
    let form = [("email", ADA), ("password", PASSWORD)];
    let cross = [("Sec-Fetch-Site", "cross-site")];
    let answer = browser.send("POST", "/sign-in", &cross, &form).await;
    assert_eq!(answer.status, 403);
    answer.assert_says("This came from another page");
    assert!(!answer.body.contains("evil.example"), "{answer:?}");
    assert_eq!(house.engine.remarks().list(), []);
}

/// Where a page leads to: links, forms, files, and where it goes on by itself.
fn places(body: &str) -> impl Iterator<Item = &str> {
    let marks = [
        "href=\"",
        "src=\"",
        "action=\"",
        "content=\"0; url=",
        "data-once=\"",
    ];
    let found = marks.into_iter().flat_map(move |mark| body.split(mark).skip(1));
    found.map(|rest| rest.split('"').next().unwrap())
}

#[tokio::test]
async fn every_page_of_a_console_below_a_path_leads_below_it_alone() {
    let house = House::reached(Reached {
        public_url: Some("https://example.com/tools/keyward"),
        ..Reached::default()
    })
    .await;
    house.move_ada_in().await;
    let base = "/tools/keyward";
    // A proxy passes the path on, or takes it away.
    for stripped in [false, true] {
        let sent = |path: &str| match stripped {
            true => path.strip_prefix(base).unwrap().to_owned(),
            false => path.to_owned(),
        };
        let mut browser = house.browser("en");
        browser.origin = Some("https://example.com".into());
        let form = [("email", ADA), ("password", PASSWORD)];
        let answer = browser.post(&sent("/tools/keyward/sign-in"), &form).await;
        assert_eq!(
            answer.location(),
            Some("/tools/keyward/integrations/keys"),
            "{answer:?}"
        );
        for cookie in answer.headers("set-cookie") {
            assert!(
                cookie.starts_with("__Host-keyward-") && cookie.contains("-tools-keyward="),
                "{cookie}"
            );
            assert!(cookie.contains("; Path=/; "), "{cookie}");
        }
        let mut open = vec!["/tools/keyward/".to_owned(), "/tools/keyward/design".to_owned()];
        let mut seen = std::collections::BTreeSet::new();
        while let Some(path) = open.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            let answer = browser.get(&sent(&path)).await;
            assert!(answer.status < 400, "{path} {answer:?}");
            for place in places(&answer.body).chain(answer.location()) {
                let place = place.replace("&#38;", "&").replace("&amp;", "&");
                let leads_out = place.starts_with('/') && !place.starts_with("/tools/keyward/");
                assert!(!leads_out, "{path}: {place}");
                let (own, _) = place.split_once('#').unwrap_or((&place, ""));
                let is_change =
                    own.contains("sign-out") || own.ends_with("/preferences") || own.contains("/oidc");
                if own.starts_with("/tools/keyward/")
                    && !is_change
                    && !own.contains('?')
                    && is_page(&answer, own)
                {
                    open.push(own.to_owned());
                }
            }
        }
        assert!(seen.len() > 12, "{seen:?}");
    }
    let other = house.browser("en").get("/tools/keywards/sign-in").await;
    assert_eq!(other.status, 404);
}

/// Whether a place is one that a page links to, rather than a form's.
fn is_page(answer: &crate::accounts::Answer, place: &str) -> bool {
    !answer.body.contains(&format!("action=\"{place}\""))
}
