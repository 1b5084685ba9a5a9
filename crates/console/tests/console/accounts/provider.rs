//! Signing in at a provider of OpenID Connect: the ways in, and what everybody else is told.

mod hostile;
mod tricks;
mod who;

use crate::accounts::{ADA, Answer, Browser, House, LANGUAGES, PASSWORD, Reached};
use keyward_engine::{Clock, SystemClock};
use keyward_oidc::{Issuer, Settings};
use keyward_testkit::OidcProvider;
use std::path::Path;

pub(crate) const SECRET: &str = "client-secret-of-the-test";
pub(crate) const FLOW: &str = "keyward-flow";

/// A house whose people can sign in at a provider too.
pub(crate) struct Street {
    pub(crate) house: House,
    pub(crate) provider: OidcProvider,
    _folder: tempfile::TempDir,
}

fn settings(provider: &OidcProvider, secret_file: Option<&Path>) -> Settings {
    Settings {
        issuer: Issuer::new(&provider.issuer()).unwrap(),
        client_id: "keyward".into(),
        client_secret_file: secret_file.map(Path::to_owned),
        name: "Example SSO".into(),
        ca_file: None,
        scopes: vec!["profile".into()],
    }
}

impl Street {
    pub(crate) async fn new() -> Self {
        Self::with(Some(SECRET)).await
    }

    async fn with(secret: Option<&str>) -> Self {
        let began = SystemClock.now().seconds();
        let provider = OidcProvider::start(secret, began).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, format!("{}\n", secret.unwrap_or_default())).unwrap();
        let reached = Reached {
            provider: Some(settings(&provider, secret.map(|_| file.as_path()))),
            ..Reached::default()
        };
        let house = House::reached(reached).await;
        house.move_ada_in().await;
        // Both clocks stand still, at the same second.
        provider.wait(house.clock.now().seconds() - began);
        Self {
            house,
            provider,
            _folder: folder,
        }
    }

    /// Lets time pass, for everybody.
    fn wait(&self, seconds: i64) {
        self.house.wait(seconds);
        self.provider.wait(seconds);
    }

    /// Presses the button: where the browser is sent, or the page that comes.
    async fn press(&self, browser: &mut Browser) -> Result<String, Answer> {
        let answer = browser.get("/sign-in/oidc").await;
        match answer.location() {
            Some(to) => Ok(to.to_owned()),
            None => Err(answer),
        }
    }

    /// Presses the button, says yes, and comes back: the path from which the browser goes on.
    pub(crate) async fn come_back(&self, browser: &mut Browser) -> Result<String, Answer> {
        let to = self.press(browser).await?;
        let back = self.provider.say_yes(&to).await;
        let path = format!("{}?{}", back.path(), back.query().unwrap());
        // As a browser does it: this request comes from another site, so no cookie goes with it.
        let mut stranger = self.house.browser("en");
        let landing = stranger.get(&path).await;
        assert_eq!(landing.status, 200);
        assert!(stranger.cookies.is_empty(), "{stranger:?}");
        let next = landing.between("content=\"0; url=", "\"").unwrap();
        Ok(next.replace("&#38;", "&").replace("&amp;", "&"))
    }

    async fn sign_in(&self, browser: &mut Browser) -> Answer {
        match self.come_back(browser).await {
            Ok(next) => browser.get(&next).await,
            Err(answer) => answer,
        }
    }
}

#[tokio::test]
async fn the_button_leads_to_the_provider_and_back_to_the_keys() {
    for secret in [Some(SECRET), None] {
        let street = Street::with(secret).await;
        for (language, button) in [
            ("en", "Sign in with Example SSO"),
            ("fr", "Se connecter avec Example SSO"),
        ] {
            let mut browser = street.house.browser(language);
            let page = browser.get("/sign-in").await;
            page.assert_says(&format!("href=\"/sign-in/oidc\">{button}</a>"));
            let answer = street.sign_in(&mut browser).await;
            assert_eq!(
                (answer.status, answer.location()),
                (303, Some("/integrations/keys")),
                "{answer:?}"
            );
            assert!(street.house.is_alive(&browser.session()).await);
            assert!(!browser.cookies.contains_key(FLOW), "{browser:?}");
            assert!(browser.cookies.contains_key("keyward-device"));
            let account = browser.get("/account").await;
            account.assert_says(ADA);
        }
        // One description and one set of keys serve all.
        let asked = |path| street.provider.asked(path);
        assert_eq!(
            (
                asked("/.well-known/openid-configuration"),
                asked("/keys"),
                asked("/token")
            ),
            (1, 1, 2)
        );
    }
}

#[tokio::test]
async fn a_provider_is_asked_for_exactly_this_and_told_no_secret() {
    let street = Street::new().await;
    let mut browser = street.house.browser("en");
    let answer = browser.get("/sign-in/oidc").await;
    let cookie = answer.headers("set-cookie").next().unwrap();
    assert!(
        cookie.contains("; HttpOnly; SameSite=Strict; Max-Age=600"),
        "{cookie}"
    );
    let flow = browser.cookies[FLOW].clone();
    let parts: Vec<&str> = flow.split('.').collect();
    let to = url::Url::parse(answer.location().unwrap()).unwrap();
    let get = |name: &str| {
        to.query_pairs()
            .find(|(found, _)| found == name)
            .unwrap()
            .1
            .into_owned()
    };
    let callback = format!("http://{}/sign-in/oidc/callback", street.house.console.address());
    assert_eq!(get("redirect_uri"), callback);
    assert_eq!(
        (get("response_type").as_str(), get("client_id").as_str()),
        ("code", "keyward")
    );
    assert_eq!(get("scope"), "openid email profile");
    assert_eq!(
        (get("state").as_str(), get("nonce").as_str()),
        (parts[1], parts[2])
    );
    assert_eq!(get("code_challenge_method"), "S256");
    assert!(
        !to.as_str().contains(parts[3]) && !to.as_str().contains(SECRET),
        "{to}"
    );
    // Each sign-in has its own.
    let other = street.press(&mut street.house.browser("en")).await.unwrap();
    for name in ["state", "nonce", "code_challenge"] {
        let first = get(name);
        assert!(!other.contains(&first), "{name}");
    }
}

#[tokio::test]
async fn c4_an_answer_is_taken_from_the_browser_that_began_once_and_for_ten_minutes() {
    let street = Street::new().await;
    let refused = async |browser: &mut Browser, path: &str| {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 400, "{path} {answer:?}");
        answer.assert_says("This sign-in did not work");
        assert_eq!(browser.session(), "");
    };
    let (mut ada, mut eve) = (street.house.browser("en"), street.house.browser("en"));
    let next = street.come_back(&mut ada).await.unwrap();
    // Nobody else's, begun or not.
    refused(&mut eve, &next).await;
    street.press(&mut eve).await.unwrap();
    refused(&mut eve, &next).await;
    assert!(eve.cookies.contains_key(FLOW), "hers still waits: {eve:?}");
    assert_eq!(street.provider.asked("/token"), 0);
    // Once, even with a copy of the cookies.
    let mut copy = ada.clone();
    assert_eq!(ada.get(&next).await.status, 303);
    refused(&mut copy, &next).await;
    assert!(!copy.cookies.contains_key(FLOW), "{copy:?}");
    assert_eq!(street.provider.asked("/token"), 1, "a flow is traded once");
    ada.cookies.remove("keyward-session");
    refused(&mut ada, &next).await;
    // An answer of which a part is there twice, or that has none.
    for query in ["", "code=x", "code=a&code=b", "state=x&code=a"] {
        street.press(&mut ada).await.unwrap();
        refused(&mut ada, &format!("/sign-in/oidc/finish?{query}")).await;
        assert!(ada.cookies.contains_key(FLOW), "{query}");
    }
    let late = street.come_back(&mut ada).await.unwrap();
    street.wait(600);
    refused(&mut ada, &late).await;
    assert!(!ada.cookies.contains_key(FLOW), "{ada:?}");
}

#[tokio::test]
async fn c4_another_page_cannot_begin_a_sign_in_in_its_visitors_name() {
    let street = Street::new().await;
    for (site, leads_out) in [
        ("cross-site", false),
        ("same-site", false),
        ("same-origin", true),
        ("none", true),
    ] {
        let mut browser = street.house.browser("en");
        let answer = browser
            .send("GET", "/sign-in/oidc", &[("Sec-Fetch-Site", site)], &[])
            .await;
        assert_eq!(
            answer.location() != Some("/sign-in"),
            leads_out,
            "{site} {answer:?}"
        );
        assert_eq!(browser.cookies.contains_key(FLOW), leads_out, "{site}");
    }
}

#[tokio::test]
async fn a_sign_in_that_could_not_come_back_to_where_it_begins_is_not_begun_and_says_why() {
    let street = Street::new().await;
    let port = street.house.console.address().port();
    let elsewhere = format!("localhost:{port}");
    for (language, title) in [
        ("en", "Open the console at its own address"),
        ("fr", "Ouvrez la console à sa propre adresse"),
    ] {
        let mut browser = street.house.browser(language);
        browser.host.clone_from(&elsewhere);
        let answer = browser.get("/sign-in/oidc").await;
        assert_eq!((answer.status, answer.location()), (403, None), "{answer:?}");
        answer.assert_says(title);
        answer.assert_says(&format!("http://{elsewhere}"));
        answer.assert_says(&format!("href=\"http://127.0.0.1:{port}/\""));
        assert!(!browser.cookies.contains_key(FLOW));
    }
    let remarks = street.house.engine.remarks().list();
    assert!(remarks[0].what.contains(&elsewhere), "{remarks:?}");
}

#[tokio::test]
async fn without_a_provider_there_is_no_button_and_no_way() {
    let house = House::with_ada().await;
    for language in LANGUAGES {
        let mut browser = house.browser(language);
        assert!(!browser.get("/sign-in").await.body.contains("oidc"));
        for path in ["/sign-in/oidc", "/sign-in/oidc/callback", "/sign-in/oidc/finish"] {
            assert_eq!(browser.get(path).await.status, 404, "{path}");
        }
    }
}

#[tokio::test]
async fn a_provider_that_is_away_keeps_nobody_from_their_password() {
    let street = Street::new().await;
    let Street {
        house,
        provider,
        _folder,
    } = street;
    provider.stop().await;
    for (language, title, detail) in [
        (
            "en",
            "Example SSO does not answer",
            "Sign in with your password instead",
        ),
        (
            "fr",
            "Example SSO ne répond pas",
            "Connectez-vous avec votre mot de passe",
        ),
    ] {
        let mut browser = house.browser(language);
        let answer = browser.get("/sign-in/oidc").await;
        assert_eq!(
            (answer.status, answer.headers("retry-after").next()),
            (503, Some("10"))
        );
        answer.assert_says(title);
        answer.assert_says(detail);
        assert_eq!(
            browser.sign_in(ADA, PASSWORD).await.location(),
            Some("/integrations/keys")
        );
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_keeps_the_console_from_starting_and_is_named() {
    let provider = OidcProvider::start(None, 0).await;
    let settings = settings(&provider, Some(Path::new("/nowhere/secret")));
    let reached = Reached {
        provider: Some(settings),
        ..Reached::default()
    };
    let fault = House::try_reached(reached).await.err().unwrap();
    assert!(
        fault.starts_with("console.oidc.client_secret_file: /nowhere/secret: "),
        "{fault}"
    );
}
