//! A Keyward, and people with browsers in front of it.
//!
//! Nothing here waits for a time: [`follow`] waits for the page that comes of a click, [`until`] for what a page shall show.

use keyward_testkit::{Browser, BrowserKind, EchoUpstream, Keyward, WAIT_TIMEOUT, exchange, request};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, sleep};

pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "a long and rare password 7";
pub(crate) const POLL: Duration = Duration::from_millis(20);
const USE_CASES: &str = r#"
[[use_cases]]
name = "rest-api"
title = "Call the REST API"
[[use_cases]]
name = "reports"
title = "Read reports"
routes = [{ methods = ["GET"], path = "/api/{site}/reports/**" }]
[[gateway.routes]]
path = "/api/{site}/**"
upstream = "default"
"#;

/// Where axe-core lies: `scripts/test` fetches it from npm.
fn axe_path() -> PathBuf {
    std::env::var_os("KEYWARD_AXE").map_or_else(
        || {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
            root.join("target/npm/node_modules/axe-core/axe.min.js")
        },
        PathBuf::from,
    )
}

/// A browser that asks for a language.
pub(crate) const fn speaking(language: &'static str) -> BrowserKind {
    BrowserKind {
        language,
        ..BrowserKind::DESKTOP
    }
}

/// A Keyward in which nobody is, in front of an upstream that answers everything.
pub(crate) async fn new_keyward() -> (Keyward, EchoUpstream) {
    new_keyward_with("").await
}

/// The same, with further settings.
pub(crate) async fn new_keyward_with(settings: &str) -> (Keyward, EchoUpstream) {
    let upstream = EchoUpstream::start().await;
    let keyward = Keyward::before(&upstream)
        .no_admin()
        .config_toml(USE_CASES)
        .config_toml(settings)
        .start()
        .await;
    (keyward, upstream)
}

/// The address of a page.
pub(crate) fn url(keyward: &Keyward, path: &str) -> String {
    format!("http://{}{path}", keyward.console())
}

/// Goes to a page.
pub(crate) async fn open(keyward: &Keyward, browser: &Browser, path: &str) {
    browser.open(&url(keyward, path)).await;
}

/// The path of a new link by which the first administrator is made.
pub(crate) async fn setup_path(keyward: &Keyward) -> String {
    let made = keyward.cli_ok(&["init", "--new-token"]).await;
    let mut words = made.stdout.split_whitespace();
    let token = words.find(|word| word.starts_with("setup_"));
    format!("/setup/{}", token.unwrap())
}

/// Fills in the form of the first administrator and sends it.
pub(crate) async fn set_up(browser: &Browser) {
    browser.fill("#email", ADA).await;
    browser.fill("#name", "Ada").await;
    browser.fill("#password", PASSWORD).await;
    browser.fill("#again", PASSWORD).await;
    follow(browser, "form[method=post] button.button-main").await;
    assert_eq!(browser.path().await, "/integrations/keys");
}

/// Somebody who has just set this Keyward up, at their browser.
pub(crate) async fn administrator(keyward: &Keyward, kind: BrowserKind) -> Browser {
    let path = setup_path(keyward).await;
    let browser = Browser::start(kind).await;
    browser.open(&url(keyward, &path)).await;
    set_up(&browser).await;
    browser
}

/// Sends the form of the sign-in page.
pub(crate) async fn sign_in(keyward: &Keyward, browser: &Browser, email: &str, password: &str) {
    browser.open(&url(keyward, "/sign-in")).await;
    browser.fill("#email", email).await;
    browser.fill("#password", password).await;
    follow(browser, "form[action='/sign-in'] button.button-main").await;
}

pub(crate) async fn sign_out(browser: &Browser) {
    follow(browser, ".side form[action='/sign-out'] button").await;
    assert_eq!(browser.path().await, "/sign-in");
}

/// Makes a site, with its form.
pub(crate) async fn make_site(keyward: &Keyward, browser: &Browser, name: &str) {
    browser.open(&url(keyward, "/admin/sites")).await;
    browser.fill("#name", name).await;
    follow(browser, "form[action='/admin/sites'][method=post] button").await;
}

/// Clicks, and waits until this page has gone for the one that comes of it.
pub(crate) async fn follow(browser: &Browser, css: &str) {
    let page = browser.find("html").await;
    browser.click(css).await;
    gone(&page, css).await;
}

/// Waits until a page has gone: elements of a page that is shown no more have no name.
async fn gone(page: &fantoccini::elements::Element, what: &str) {
    let end = Instant::now() + WAIT_TIMEOUT;
    while page.tag_name().await.is_ok() {
        assert!(Instant::now() < end, "{what}: no other page comes");
        sleep(POLL).await;
    }
}

/// Waits until the page shows an element.
pub(crate) async fn until(browser: &Browser, css: &str) {
    let end = Instant::now() + WAIT_TIMEOUT;
    while browser.count(css).await == 0 {
        assert!(Instant::now() < end, "{css}: not on {}", browser.path().await);
        sleep(POLL).await;
    }
}

/// Loads a page until it shows an element: for what Keyward itself takes its time for.
pub(crate) async fn open_until(keyward: &Keyward, browser: &Browser, path: &str, css: &str) {
    let end = Instant::now() + WAIT_TIMEOUT;
    loop {
        browser.open(&url(keyward, path)).await;
        if browser.count(css).await > 0 {
            return;
        }
        assert!(Instant::now() < end, "{css}: never on {path}");
        sleep(10 * POLL).await;
    }
}

/// Fails unless the page says this.
pub(crate) async fn assert_says(browser: &Browser, text: &str) {
    let page = browser.text().await;
    assert!(
        page.contains(text),
        "{text:?} is not on {}:\n{page}",
        browser.path().await
    );
}

/// Fails unless an element says this.
pub(crate) async fn assert_text(browser: &Browser, css: &str, text: &str) {
    let found = browser.find(css).await.text().await.unwrap();
    assert!(found.contains(text), "{css} says {found:?}, not {text:?}");
}

/// What stands in a field.
pub(crate) async fn value(browser: &Browser, css: &str) -> String {
    let field = browser.find(css).await;
    field.prop("value").await.unwrap().unwrap_or_default()
}

/// What the gateway answers to a key.
pub(crate) async fn status_at_gateway(keyward: &Keyward, path: &str, secret: &str) -> u16 {
    let fields = [("X-API-KEY", secret), ("Connection", "close")];
    exchange(keyward.gateway(), request("GET", path, &fields, ""))
        .await
        .status
}

/// Fails with everything that axe-core finds wrong with the page that is shown.
pub(crate) async fn assert_accessible(browser: &Browser, what: &str) {
    let path = axe_path();
    let axe = std::fs::read_to_string(&path).unwrap_or_else(|e| {
        panic!(
            "{}: {e}: run scripts/test, which fetches axe-core",
            path.display()
        )
    });
    let found = browser.violations(&axe).await;
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

/// Fails when the page is wider than its window.
pub(crate) async fn assert_fits(browser: &Browser, what: &str) {
    // Not `innerWidth`: on a phone a window grows with its page.
    let wider = browser
        .run("const page = document.documentElement; return page.scrollWidth > page.clientWidth")
        .await;
    assert_eq!(wider, false, "{what}: the page is wider than the window");
}

/// Chooses a theme with its button.
pub(crate) async fn choose_theme(browser: &Browser, theme: &str) {
    let page = browser.find("html").await;
    // The switch stands in the menu of small screens too; its form works wherever it is.
    browser
        .run(&format!(
            "document.querySelector('button[name=theme][value={theme}]').click()"
        ))
        .await;
    gone(&page, theme).await;
    until(browser, &format!("html[data-theme={theme}]")).await;
}
