//! People sign in at a provider of OpenID Connect: one that others made (npm: oidc-provider), in a process of its own, on
//! another site than the console.

use crate::every_page::{THEMES, show_in};
use crate::pages::{
    ADA, assert_accessible, assert_fits, assert_says, assert_text, follow, new_keyward_with, open, set_up,
    setup_path, sign_out, speaking,
};
use keyward_testkit::{Browser, EchoUpstream, Keyward};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const SECRET: &str = "a secret of the client";
const BUTTON: &str = "a[href='/sign-in/oidc']";
const LIST: &str = "/integrations/keys";

struct Words {
    language: &'static str,
    button: &'static str,
    nobody: &'static str,
    away: &'static str,
}

const ENGLISH: Words = Words {
    language: "en",
    button: "Sign in with Example SSO",
    nobody: "There is no account for you here",
    away: "Example SSO does not answer",
};

const FRENCH: Words = Words {
    language: "fr",
    button: "Se connecter avec Example SSO",
    nobody: "Il n’y a pas de compte pour vous ici",
    away: "Example SSO ne répond pas",
};

/// A provider, and where it is.
struct Provider {
    process: Child,
    port: u16,
    folder: TempDir,
}

/// Where `scripts/test` puts what it fetches from npm.
fn packages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/npm/node_modules")
}

impl Provider {
    async fn start() -> Self {
        let package = packages().join("oidc-provider");
        assert!(
            package.is_dir(),
            "{}: run scripts/test, which fetches it",
            package.display()
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        // A module looks for others beside itself.
        let script = folder.path().join("provider.mjs");
        std::fs::write(&script, include_str!("provider.mjs")).unwrap();
        std::os::unix::fs::symlink(
            packages().canonicalize().unwrap(),
            folder.path().join("node_modules"),
        )
        .unwrap();
        let mut process = Command::new("node")
            .arg(&script)
            .arg(SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|e| panic!("node: {e}: install the package nodejs"));
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines
            .next_line()
            .await
            .unwrap()
            .unwrap_or_else(|| panic!("the provider does not start"));
        // It ends when nobody reads what it has to say.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            process,
            port: port.parse().unwrap(),
            folder,
        }
    }

    fn settings(&self) -> String {
        let (port, secret) = (self.port, self.folder.path().join("secret"));
        format!(
            "[console.oidc]\nissuer = 'http://localhost:{port}'\nclient_id = 'keyward'\nname = 'Example SSO'\n\
             client_secret_file = '{}'\n",
            secret.display()
        )
    }
}

/// Ada's Keyward, her browser, and the provider.
struct Street {
    keyward: Keyward,
    browser: Browser,
    provider: Provider,
    words: &'static Words,
    _upstream: EchoUpstream,
}

impl Street {
    async fn new(words: &'static Words) -> Self {
        let provider = Provider::start().await;
        let (keyward, upstream) = new_keyward_with(&provider.settings()).await;
        let browser = Browser::start(speaking(words.language)).await;
        open(&keyward, &browser, &setup_path(&keyward).await).await;
        set_up(&browser).await;
        Self {
            keyward,
            browser,
            provider,
            words,
            _upstream: upstream,
        }
    }

    /// Presses the button, and signs in there as somebody.
    async fn sign_in_as(&self, email: &str) {
        let browser = &self.browser;
        // Nobody is remembered here, and nobody there.
        browser.client().delete_all_cookies().await.unwrap();
        browser
            .open(&format!("http://localhost:{}/nothing", self.provider.port))
            .await;
        browser.client().delete_all_cookies().await.unwrap();
        open(&self.keyward, browser, "/sign-in").await;
        assert_text(browser, BUTTON, self.words.button).await;
        follow(browser, BUTTON).await;
        let at = browser.client().current_url().await.unwrap();
        assert_eq!(at.port(), Some(self.provider.port), "{at}");
        browser.fill("input[name=login]", email).await;
        browser.fill("input[name=password]", "whatever").await;
        follow(browser, "button[type=submit]").await;
        // That it may tell Keyward who they are.
        follow(browser, "button[type=submit]").await;
    }

    /// An administrator takes away by which name the provider knows Ada: what was begun with it ends.
    async fn unbind(&self) {
        let (keyward, browser) = (&self.keyward, &self.browser);
        let issuer = format!("localhost:{}", self.provider.port);
        open(keyward, browser, "/account").await;
        assert_says(browser, &issuer).await;
        assert_accessible(browser, "an account that is bound").await;
        open(keyward, browser, "/admin/users").await;
        follow(browser, "td a[href^='/admin/users/']").await;
        assert_says(browser, &issuer).await;
        assert_accessible(browser, "a user who is bound").await;
        follow(browser, "a[href$='/identities']").await;
        assert_accessible(browser, "unbinding").await;
        assert_fits(browser, "unbinding").await;
        follow(browser, "main form button.button-bad").await;
        assert_eq!(browser.path().await, "/sign-in");
    }
}

/// The audit log tells the way; what changed is folded up there.
async fn assert_noted(browser: &Browser) {
    let unfold = "for (const one of document.querySelectorAll('main details')) one.open = true";
    browser.run(unfold).await;
    assert_says(browser, "OpenID Connect").await;
}

async fn people_sign_in_at_a_provider(words: &'static Words) {
    let mut street = Street::new(words).await;
    let (keyward, browser) = (&street.keyward, &street.browser);
    sign_out(browser).await;
    for theme in THEMES {
        show_in(browser, theme).await;
        assert_accessible(browser, &format!("sign-in with a provider {theme}")).await;
        assert_fits(browser, "sign-in with a provider").await;
    }
    street.sign_in_as(ADA).await;
    // The page in between goes on by itself.
    crate::pages::until(browser, ".side form[action='/sign-out']").await;
    assert_eq!(browser.path().await, LIST);
    open(keyward, browser, "/admin/audit?action=session.create").await;
    assert_noted(browser).await;
    street.unbind().await;
    street.sign_in_as("nobody@example.com").await;
    crate::pages::until(browser, "a.button[href='/sign-in']").await;
    assert_says(browser, words.nobody).await;
    assert_says(browser, "nobody@example.com").await;
    assert_accessible(browser, "no account").await;
    open(keyward, browser, "/account").await;
    assert_eq!(browser.path().await, "/sign-in");
    // What is known of the provider is forgotten with the process.
    street.provider.process.kill().await.unwrap();
    keyward.restart().await;
    open(keyward, browser, "/sign-in").await;
    follow(browser, BUTTON).await;
    assert_says(browser, words.away).await;
    assert_accessible(browser, "provider away").await;
    street.browser.close().await;
}

#[tokio::test]
async fn people_sign_in_at_a_provider_in_english() {
    people_sign_in_at_a_provider(&ENGLISH).await;
}

#[tokio::test]
async fn people_sign_in_at_a_provider_in_french() {
    people_sign_in_at_a_provider(&FRENCH).await;
}
