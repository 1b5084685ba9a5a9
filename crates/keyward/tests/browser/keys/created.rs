//! The page that shows a secret once: copying it, downloading it, leaving it.

use super::{House, Made, NEW};
use crate::pages::{POLL, assert_text, follow};
use keyward_testkit::{BrowserKind, WAIT_TIMEOUT};
use serde_json::json;
use tokio::time::{Instant, sleep};

const STORED: &str = "return document.querySelector('[data-stored]').checked";
const COPY: &str = "[data-copy='#secret']";
const TO_LIST: &str = "a.button-quiet[href='/integrations/keys']";

impl House {
    /// At the page of a key that was just made.
    pub(super) async fn at_a_new_key(kind: BrowserKind) -> (Self, Made) {
        let house = Self::start(kind).await;
        house.open(NEW).await;
        house.browser.fill("#name", "Shown once").await;
        house.choose("expiry", "never").await;
        follow(&house.browser, "#form button.button-main").await;
        let made = house.read_made().await;
        (house, made)
    }

    async fn is_stored(&self) -> bool {
        self.browser.run(STORED).await == true
    }

    async fn let_it_use_the_clipboard(&self) {
        let origin = format!("http://{}", self.keyward.console());
        let permissions = json!(["clipboardReadWrite", "clipboardSanitizedWrite"]);
        let given = json!({ "origin": origin, "permissions": permissions });
        self.browser.devtools("Browser.grantPermissions", given).await;
    }

    /// Presses a copy button and gives what the clipboard holds then.
    async fn copy(&self, css: &str) -> String {
        let browser = &self.browser;
        // It says so for a while only, and a busy machine may look away just then: the page notes what it said.
        let note = format!(
            "const button = document.querySelector({css:?}); window.said = []; \
             new MutationObserver(() => said.push(button.textContent)).observe(button, {{ childList: true }})"
        );
        browser.run(&note).await;
        browser.click(css).await;
        let end = Instant::now() + WAIT_TIMEOUT;
        while browser.run("return said.includes('Copied')").await != true {
            assert!(Instant::now() < end, "{css} never says that it is done");
            sleep(POLL).await;
        }
        let held = browser.run("return navigator.clipboard.readText()").await;
        held.as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn the_copy_buttons_put_the_secret_and_each_call_into_the_clipboard() {
    let (house, key) = House::at_a_new_key(BrowserKind::DESKTOP).await;
    house.let_it_use_the_clipboard().await;
    assert!(!house.is_stored().await);
    assert_eq!(house.copy(COPY).await, key.secret);
    assert!(house.is_stored().await);
    for language in ["curl", "csharp", "python", "javascript", "php", "go"] {
        let details = format!("details:has(#call-{language})");
        if house.browser.count(&format!("{details}[open]")).await == 0 {
            house.browser.click(&format!("{details} summary")).await;
        }
        let shown = house.browser.find(&format!("#call-{language}")).await;
        let shown = shown.prop("textContent").await.unwrap().unwrap();
        let copied = house.copy(&format!("[data-copy='#call-{language}']")).await;
        assert!(
            copied == shown && copied.contains(&key.secret),
            "{language}: {copied}"
        );
    }
    house.browser.close().await;
}

#[tokio::test]
async fn a_copy_button_that_is_pressed_twice_says_again_what_it_does() {
    let (house, _) = House::at_a_new_key(BrowserKind::DESKTOP).await;
    house.let_it_use_the_clipboard().await;
    let button = "[data-copy='#call-curl']";
    let label = "return document.querySelector(\"[data-copy='#call-curl']\").innerHTML";
    let before = house.browser.run(label).await;
    house.copy(button).await;
    house.copy(button).await;
    let end = Instant::now() + WAIT_TIMEOUT;
    while house.browser.run(label).await != before {
        assert!(Instant::now() < end, "the label never comes back");
        sleep(POLL).await;
    }
    house.browser.close().await;
}

#[tokio::test]
async fn a_secret_that_could_not_be_copied_does_not_count_as_stored() {
    let (house, key) = House::at_a_new_key(BrowserKind::DESKTOP).await;
    let browser = &house.browser;
    // So it is for people who forbid it; over plain HTTP there is no clipboard at all.
    for clipboard in [
        "{ writeText: () => Promise.reject(new Error('no')) }",
        "undefined",
    ] {
        browser
            .run(&format!(
                "Object.defineProperty(navigator, 'clipboard', {{ configurable: true, value: {clipboard} }});
                getSelection().empty();"
            ))
            .await;
        browser.click(COPY).await;
        let selected = browser
            .run("await 0; return document.activeElement.id + ' ' + String(getSelection())")
            .await;
        assert_eq!(selected, format!("secret {}", key.secret), "{clipboard}");
        assert_text(browser, COPY, "Copy").await;
        assert!(!house.is_stored().await, "{clipboard}");
    }
    house.browser.close().await;
}

#[tokio::test]
async fn the_download_is_a_file_that_holds_the_secret() {
    let (house, key) = House::at_a_new_key(BrowserKind::DESKTOP).await;
    assert!(!house.is_stored().await);
    house.browser.click("[data-download]").await;
    let file = house.browser.downloads().join(format!("{}.txt", key.id));
    let end = Instant::now() + WAIT_TIMEOUT;
    while !file.exists() {
        assert!(Instant::now() < end, "{} never comes", file.display());
        sleep(POLL).await;
    }
    let held = std::fs::read_to_string(&file).unwrap();
    assert_eq!(held, format!("{}\n", key.secret));
    assert!(house.is_stored().await);
    house.browser.close().await;
}

#[tokio::test]
async fn c1_leaving_is_asked_about_until_the_secret_is_stored() {
    let kind = BrowserKind {
        asks: true,
        ..BrowserKind::DESKTOP
    };
    let (house, key) = House::at_a_new_key(kind).await;
    let (browser, client) = (&house.browser, house.browser.client());
    let here = browser.path().await;
    browser.click(TO_LIST).await;
    // Who stays, stays.
    client.dismiss_alert().await.expect("the browser asks");
    assert_eq!(browser.path().await, here);
    assert_eq!(crate::pages::value(browser, "#secret").await, key.secret);
    browser.click("label:has([data-stored])").await;
    follow(browser, TO_LIST).await;
    assert_eq!(browser.path().await, super::LIST);
    house.holds_no_secret(&key, "left").await;
    house.browser.close().await;
}
