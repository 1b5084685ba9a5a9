//! Signing in and one's own account.

mod account;
mod arrival;
mod cookies;
mod factor;
mod links;
mod logs;
mod origins;
mod provider;
mod proxies;
mod sign_in;

pub(crate) use crate::support::{Answer, Browser, House, PASSWORD};

use crate::support::settings;
use keyward_console::{PublicUrl, Settings};
use keyward_engine::testing::use_case;
use keyward_engine::{Actor, SignIn, UserDraft, Visitor};
use keyward_listener::TlsFiles;

pub(crate) const OTHER: &str = "quite another long password 8";
pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const LANGUAGES: [&str; 2] = ["en", "fr"];

/// How the console of a test is reached.
#[derive(Default)]
pub(crate) struct Reached {
    pub(crate) public_url: Option<&'static str>,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) trusted_proxies: &'static [&'static str],
    pub(crate) provider: Option<keyward_oidc::Settings>,
}

impl House {
    /// Without anybody.
    pub(crate) async fn empty() -> Self {
        Self::reached(Reached::default()).await
    }

    pub(crate) async fn reached(reached: Reached) -> Self {
        let house = Self::try_reached(reached).await;
        house.unwrap_or_else(|fault| panic!("{fault}"))
    }

    /// Why such a console does not start, if it does not.
    pub(crate) async fn try_reached(reached: Reached) -> Result<Self, String> {
        let trusted = reached.trusted_proxies.iter();
        let settings = Settings {
            tls: reached.tls,
            public_url: reached.public_url.map(|url| PublicUrl::new(url).unwrap()),
            trusted_proxies: trusted.map(|net| net.parse().unwrap()).collect(),
            provider: reached.provider,
            ..settings()
        };
        Self::try_start(vec![use_case("rest-api", "The REST API")], settings).await
    }

    /// With Ada, an administrator with a password.
    pub(crate) async fn with_ada() -> Self {
        let house = Self::empty().await;
        house.move_ada_in().await;
        house
    }

    pub(crate) async fn move_ada_in(&self) {
        let token = self.engine.issue_setup_token().await.unwrap();
        let visitor = Visitor::default();
        let set_up = self
            .engine
            .set_up(token.reveal(), ADA, Some("Ada"), PASSWORD, &visitor);
        set_up.await.unwrap();
    }

    /// The path of an invitation.
    pub(crate) async fn invite(&self, email: &str) -> String {
        let draft = UserDraft {
            email: email.into(),
            name: Some("Grace".into()),
            ..UserDraft::default()
        };
        let (_, token, _) = self.engine.invite_user(&Actor::OPERATOR, &draft).await.unwrap();
        format!("/link/{}", token.reveal())
    }

    /// The path of a link by which somebody chooses another password.
    pub(crate) async fn reset(&self, email: &str) -> String {
        let (token, _) = self
            .engine
            .issue_reset_link(&Actor::OPERATOR, email, None)
            .await
            .unwrap();
        format!("/link/{}", token.reveal())
    }

    /// Whether a token opens a session.
    pub(crate) async fn is_alive(&self, token: &str) -> bool {
        let found = self.engine.find_session(token, &Visitor::default()).await;
        found.unwrap().is_some()
    }

    /// Whether a password lets somebody in.
    pub(crate) async fn lets_in(&self, email: &str, password: &str) -> bool {
        let visitor = Visitor::default();
        let outcome = self.engine.sign_in(email, password, &visitor, None).await;
        matches!(outcome, Ok(SignIn::Done(_)))
    }

    /// A browser in which Ada is signed in.
    pub(crate) async fn ada(&self, language: &'static str) -> Browser {
        let mut browser = self.browser(language);
        let answer = browser.sign_in(ADA, PASSWORD).await;
        assert_eq!(answer.location(), Some("/integrations/keys"), "{answer:?}");
        browser
    }
}
