//! The console's pages.

mod admin;
mod keys;
mod policy;
mod summary;
mod switches;
mod texts;

pub(crate) use crate::support::{Answer, PASSWORD, encoded};

use crate::support;
use keyward_console::{About, Settings};
use keyward_domain::UseCase;
use keyward_engine::testing::{use_case, use_case_of};
use keyward_engine::{Actor, SignIn, UserDraft, Visitor};
use std::ops::Deref;

/// A console with two people who are signed in.
pub(crate) struct House {
    house: support::House,
    pub(crate) admin_id: String,
    pub(crate) member_id: String,
    pub(crate) admin_session: String,
    pub(crate) member_session: String,
}

impl Deref for House {
    type Target = support::House;

    fn deref(&self) -> &Self::Target {
        &self.house
    }
}

/// Somebody at a browser that keeps no cookies but those that a test gives it.
#[derive(Clone)]
pub(crate) struct Browser {
    browser: support::Browser,
    /// What the forms carry.
    pub(crate) token: String,
}

pub(crate) fn visitor() -> Visitor {
    Visitor {
        address: Some([127, 0, 0, 1].into()),
        agent: "test".into(),
    }
}

fn use_cases() -> Vec<UseCase> {
    vec![
        use_case("rest-api", "The <b>REST</b> API"),
        use_case_of("reports", "Reports", &["GET", "HEAD"], "/api/{site}/reports/**"),
        use_case("calls", UseCase::REST_API_TITLE),
    ]
}

impl House {
    /// With an administrator and a member, both signed in.
    pub(crate) async fn start() -> Self {
        let settings = Settings {
            about: About {
                version: "1.2.3-test".into(),
                node: "node-of-the-test".into(),
                store: "SQLite, /somewhere".into(),
            },
            ..support::settings()
        };
        let house = support::House::start(use_cases(), settings).await;
        let token = house.engine.issue_setup_token().await.unwrap();
        let visitor = visitor();
        let set_up = house.engine.set_up(
            token.reveal(),
            "admin@example.com",
            Some("Ada"),
            PASSWORD,
            &visitor,
        );
        let admin = set_up.await.unwrap();
        let mut house = Self {
            house,
            admin_id: admin.session.user.id.to_string(),
            admin_session: admin.token.reveal().to_owned(),
            member_id: String::new(),
            member_session: String::new(),
        };
        (house.member_id, house.member_session) = house.join("member@example.com", "Grace").await;
        house
    }

    /// Makes a member, signed in; gives their id and their session.
    pub(crate) async fn join(&self, email: &str, name: &str) -> (String, String) {
        let draft = UserDraft {
            email: email.into(),
            name: Some(name.into()),
            ..UserDraft::default()
        };
        let (view, link, _) = self.engine.invite_user(&Actor::OPERATOR, &draft).await.unwrap();
        let redeemed = self.engine.redeem_link(link.reveal(), PASSWORD, &visitor()).await;
        match redeemed {
            Ok(SignIn::Done(signed_in)) => (view.user.id.to_string(), signed_in.token.reveal().to_owned()),
            _ => panic!("the invitation of {email} is not good"),
        }
    }

    pub(crate) fn stranger(&self) -> Browser {
        self.speaking("en")
    }

    fn speaking(&self, language: &'static str) -> Browser {
        Browser {
            browser: self.house.browser(language),
            token: String::new(),
        }
    }

    /// A browser with a session; it has read the token of its forms.
    pub(crate) async fn browser(&self, session: &str, language: &'static str) -> Browser {
        let mut browser = self.speaking(language);
        browser.keep("keyward-session", session);
        // Every page of somebody who is signed in has the form that signs out.
        for page in ["/admin/users", "/account", "/integrations/keys"] {
            if let Some(token) = browser.get(page).await.value("token") {
                browser.token = token.to_owned();
                return browser;
            }
        }
        // Without such a page the token is what the console makes of the session.
        browser.token = token_of(session);
        browser
    }

    pub(crate) async fn admin(&self, language: &'static str) -> Browser {
        self.browser(&self.admin_session, language).await
    }

    pub(crate) async fn member(&self, language: &'static str) -> Browser {
        self.browser(&self.member_session, language).await
    }
}

fn token_of(session: &str) -> String {
    use sha2::Digest;
    let hash = sha2::Sha256::new()
        .chain_update("form\0")
        .chain_update(session)
        .finalize();
    hash[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Browser {
    /// Gives it a cookie.
    pub(crate) fn keep(&mut self, name: &str, value: &str) {
        self.browser.cookies.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let headers = [("Accept", "text/html")];
        self.browser.send_once("GET", path, &headers, &[]).await
    }

    /// Sends a form of a page of this session.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let headers = [("Accept", "text/html"), ("Sec-Fetch-Site", "same-origin")];
        let fields = [&[("token", self.token.as_str())], fields].concat();
        self.browser.send_once("POST", path, &headers, &fields).await
    }
}
