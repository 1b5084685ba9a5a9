//! A walk to every page that people meet, and to what pages show when something is wrong. Who adds a page to the console adds
//! it here: the walk fails at its end when there is a route at whose page nobody looked.

mod account;
mod admin;
mod keys;
mod provider;
mod routes;

use crate::furnish::furnish;
use crate::pages::{ADA, follow, new_keyward_with, open, set_up, setup_path, sign_in};
use keyward_engine::{Clock, SystemClock};
use keyward_testkit::{Browser, BrowserKind, EchoUpstream, Keyward, OidcProvider};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Somebody who goes from page to page, and looks at each.
struct Walk<L> {
    keyward: Keyward,
    browser: Browser,
    /// Who vouches for people.
    provider: OidcProvider,
    look: L,
    /// The paths of the pages that were looked at.
    seen: RefCell<BTreeSet<String>>,
    _upstream: EchoUpstream,
}

/// Goes to every page with a new browser of a kind; `look` is told each page's name.
pub(crate) async fn walk(kind: BrowserKind, look: impl AsyncFn(&Browser, &str)) {
    let provider = OidcProvider::start_in(provider::TENANT, None, SystemClock.now().seconds()).await;
    let (keyward, upstream) = new_keyward_with(&provider::settings(&provider)).await;
    let walk = Walk {
        browser: Browser::start(kind).await,
        keyward,
        provider,
        look,
        seen: RefCell::default(),
        _upstream: upstream,
    };
    walk.begin().await;
    let furnished = furnish(&walk.keyward).await;
    walk.keys(&furnished).await;
    walk.people_of_the_provider(&furnished.grace).await;
    walk.administration(&furnished).await;
    walk.account().await;
    walk.strangers(&furnished.invitation).await;
    walk.provider_away().await;
    let missed = routes::missed(&walk.seen.borrow());
    assert!(
        missed.is_empty(),
        "no look at {missed:?}: the walk shall go to every page"
    );
    walk.browser.close().await;
}

impl<L: AsyncFn(&Browser, &str)> Walk<L> {
    async fn open(&self, path: &str) {
        open(&self.keyward, &self.browser, path).await;
    }

    /// Looks at the page that is shown.
    async fn look(&self, name: &str) {
        let path = self.browser.path().await;
        self.seen.borrow_mut().insert(path);
        (self.look)(&self.browser, name).await;
    }

    /// Goes to a page and looks at it.
    async fn visit(&self, name: &str, path: &str) {
        self.open(path).await;
        self.look(name).await;
    }

    async fn fill(&self, css: &str, text: &str) {
        self.browser.fill(css, text).await;
    }

    /// Sends a form of which the browser itself would not let go.
    async fn send(&self, form: &str) {
        self.browser
            .run(&format!("document.querySelector(\"{form}\").noValidate = true"))
            .await;
        follow(
            &self.browser,
            &format!("{form} button.button-main, {form} button.button-bad"),
        )
        .await;
    }

    /// The pages of a Keyward in which nobody is yet.
    async fn begin(&self) {
        self.visit("sign-in-nobody-yet", "/sign-in").await;
        self.visit("setup-gone", "/setup/setup_gone").await;
        self.visit("setup", &setup_path(&self.keyward).await).await;
        self.fill("#email", ADA).await;
        self.fill("#password", "short").await;
        self.fill("#again", "short").await;
        self.send("main form").await;
        self.browser.find("#password-fault").await;
        self.look("setup-faults").await;
        set_up(&self.browser).await;
        self.look("keys-none-yet").await;
        self.visit("health-none", "/integrations/health").await;
    }

    /// The pages of people who are not signed in.
    async fn strangers(&self, invitation: &str) {
        self.browser.client().delete_all_cookies().await.unwrap();
        self.visit("sign-in", "/sign-in").await;
        sign_in(&self.keyward, &self.browser, ADA, "a wrong password, again").await;
        self.look("sign-in-refused").await;
        self.visit("invitation", invitation).await;
        self.visit("link-gone", "/link/gone").await;
        self.visit("not-found", "/nowhere").await;
        self.browser.find("h1").await;
        self.visit("design", "/design").await;
        sign_in(&self.keyward, &self.browser, ADA, crate::pages::PASSWORD).await;
        self.look("code").await;
        self.fill("#code", "12345x").await;
        self.send("main form").await;
        self.look("code-refused").await;
    }
}
