//! How people get in, and what they do with their account.

mod invited;
mod words;

use crate::pages::{
    ADA, PASSWORD, assert_says, assert_text, follow, new_keyward, open, set_up, setup_path, sign_in,
    sign_out, speaking, until, url, value,
};
use keyward_engine::{Clock, SystemClock};
use keyward_testkit::{Browser, EchoUpstream, Keyward};
use totp_rs::{Builder, Secret};
use words::{ENGLISH, FRENCH, Words};

const LIST: &str = "/integrations/keys";
const ACCOUNT: &str = "/account";
const FACTOR: &str = "/account/second-factor";
const OTHER: &str = "another long password, 8 words";

/// A Keyward with its first administrator at their browser, and a second browser.
struct House {
    keyward: Keyward,
    browser: Browser,
    other: Browser,
    words: &'static Words,
    _upstream: EchoUpstream,
}

#[tokio::test]
async fn c3_c9_c12_people_get_in_and_keep_their_accounts_in_english() {
    people_get_in_and_keep_their_accounts(&ENGLISH).await;
}

#[tokio::test]
async fn c3_c9_c12_people_get_in_and_keep_their_accounts_in_french() {
    people_get_in_and_keep_their_accounts(&FRENCH).await;
}

async fn people_get_in_and_keep_their_accounts(words: &'static Words) {
    let house = House::start(words).await;
    house.the_link_works_once().await;
    house.wrong_passwords_are_refused().await;
    house.sessions_are_listed_and_ended().await;
    let (key, codes) = house.switch_on().await;
    house.sign_in_with_codes(&key, &codes).await;
    house.remove_the_factor(&codes).await;
    house.somebody_is_invited_and_reset().await;
    house.the_password_is_changed().await;
    house.a_link_on_another_site_leads_to_its_page().await;
    house.language_and_theme_are_kept().await;
    house.close().await;
}

/// What an authenticator app shows, so many seconds from now.
pub(crate) fn app(key: &str, later: u64) -> String {
    let totp = Builder::new()
        .with_secret(Secret::try_from_base32(key).unwrap())
        .build()
        .unwrap();
    let now = u64::try_from(SystemClock.now().seconds()).unwrap();
    totp.generate(now + later).to_string()
}

impl House {
    async fn start(words: &'static Words) -> Self {
        let (keyward, upstream) = new_keyward().await;
        let path = setup_path(&keyward).await;
        let browser = Browser::start(speaking(words.language)).await;
        let other = Browser::start(speaking(words.language)).await;
        open(&keyward, &browser, &path).await;
        assert_says(&browser, words.first).await;
        set_up(&browser).await;
        open(&keyward, &other, &path).await;
        assert_says(&other, words.gone).await;
        Self {
            keyward,
            browser,
            other,
            words,
            _upstream: upstream,
        }
    }

    async fn close(self) {
        self.browser.close().await;
        self.other.close().await;
    }

    async fn open(&self, path: &str) {
        open(&self.keyward, &self.browser, path).await;
    }

    async fn sign_in(&self, browser: &Browser, password: &str) {
        sign_in(&self.keyward, browser, ADA, password).await;
    }

    /// Whether a browser is let in.
    async fn is_in(&self, browser: &Browser) -> bool {
        open(&self.keyward, browser, "/account").await;
        browser.path().await == ACCOUNT
    }

    /// A link that was used makes nobody, and neither does the next one.
    async fn the_link_works_once(&self) {
        assert!(!self.is_in(&self.other).await);
        assert!(self.is_in(&self.browser).await);
    }

    async fn wrong_passwords_are_refused(&self) {
        let browser = &self.browser;
        sign_out(browser).await;
        assert_text(browser, ".toast", self.words.signed_out).await;
        self.sign_in(browser, "a wrong password, again").await;
        assert_says(browser, self.words.refused).await;
        assert_eq!(value(browser, "#email").await, ADA);
        assert_eq!(value(browser, "#password").await, "");
        self.sign_in(browser, PASSWORD).await;
        assert_eq!(browser.path().await, LIST);
    }

    async fn sessions_are_listed_and_ended(&self) {
        let (browser, other) = (&self.browser, &self.other);
        for end in ["form[action$='/end']", "form[action$='/end-others']"] {
            self.sign_in(other, PASSWORD).await;
            assert!(self.is_in(other).await);
            self.open("/account").await;
            let rows = "section[aria-labelledby=sessions] tbody tr";
            assert_eq!(browser.count(rows).await, 2);
            assert_says(browser, self.words.this_session).await;
            follow(browser, &format!("{end} button")).await;
            assert_text(browser, ".toast", self.words.ended).await;
            assert_eq!(browser.count(rows).await, 1);
            assert!(!self.is_in(other).await);
            assert_says(other, self.words.session_over).await;
        }
    }

    async fn the_password_is_changed(&self) {
        let (browser, other) = (&self.browser, &self.other);
        self.sign_in(other, PASSWORD).await;
        self.open("/account/password").await;
        self.send_password(PASSWORD, "too short", "too short").await;
        assert_text(browser, "#password-fault", self.words.too_short).await;
        self.send_password(PASSWORD, OTHER, PASSWORD).await;
        assert_text(browser, "#again-fault", self.words.differs).await;
        self.send_password("a wrong password, again", OTHER, OTHER).await;
        assert_text(browser, "#old-fault", self.words.wrong_password).await;
        assert!(self.is_in(other).await);
        self.send_password(PASSWORD, OTHER, OTHER).await;
        assert_text(browser, ".toast", self.words.changed).await;
        assert!(!self.is_in(other).await);
        self.sign_in(other, PASSWORD).await;
        assert_says(other, self.words.refused).await;
        self.sign_in(other, OTHER).await;
        assert!(self.is_in(other).await);
    }

    async fn send_password(&self, old: &str, new: &str, again: &str) {
        for (field, text) in [("#old", old), ("#password", new), ("#again", again)] {
            assert_eq!(value(&self.browser, field).await, "", "{field}");
            self.browser.fill(field, text).await;
        }
        follow(&self.browser, "main form button.button-main").await;
    }

    /// `localhost` is another site than `127.0.0.1`, so no cookie of the console goes with what its pages begin.
    async fn a_link_on_another_site_leads_to_its_page(&self) {
        let browser = &self.browser;
        let elsewhere = format!("http://localhost:{}/sign-in", self.keyward.console().port());
        for query in ["q=first", "q=second&page=1"] {
            browser.open(&elsewhere).await;
            let link = url(&self.keyward, &format!("{LIST}?{query}"));
            browser.run(&format!("location.href = '{link}'")).await;
            until(browser, ".side form[action='/sign-out']").await;
            assert_eq!(browser.client().current_url().await.unwrap().query(), Some(query));
        }
    }

    async fn language_and_theme_are_kept(&self) {
        let browser = &self.browser;
        let turned = if self.words.language == "en" { "fr" } else { "en" };
        self.open("/account").await;
        for (field, choice) in [("language", turned), ("theme", "dark")] {
            let css = format!("main label:has(input[name={field}][value={choice}])");
            browser.click(&css).await;
        }
        follow(browser, "form[action='/account/preferences'] button").await;
        let page = format!("html[lang={turned}][data-theme=dark]");
        assert_eq!(browser.count(&page).await, 1);
        sign_out(browser).await;
        self.sign_in(browser, OTHER).await;
        assert_eq!(browser.count(&page).await, 1);
        // The language goes with the person, the theme with the browser.
        sign_out(&self.other).await;
        self.sign_in(&self.other, OTHER).await;
        let page = format!("html[lang={turned}][data-theme=system]");
        assert_eq!(self.other.count(&page).await, 1);
    }

    /// Gives the key and the recovery codes.
    async fn switch_on(&self) -> (String, Vec<String>) {
        let browser = &self.browser;
        self.open(FACTOR).await;
        follow(browser, "main form button.button-main").await;
        let key = browser.find("#factor-key").await.text().await.unwrap();
        assert_eq!(browser.count("svg.qr").await, 1);
        browser.fill("#old", PASSWORD).await;
        browser.fill("#code", "12345x").await;
        follow(browser, "main form button.button-main").await;
        assert_text(browser, "#code-fault", self.words.wrong_code).await;
        browser.fill("#old", PASSWORD).await;
        browser.fill("#code", &app(&key, 0)).await;
        follow(browser, "main form button.button-main").await;
        assert_says(browser, self.words.only_once).await;
        let codes = browser.find("#codes").await.text().await.unwrap();
        let codes: Vec<String> = codes.split_whitespace().map(str::to_owned).collect();
        assert_eq!(codes.len(), 10);
        follow(browser, "a.button-main[href='/account']").await;
        assert_says(browser, self.words.factor_on).await;
        for path in [FACTOR, "/account"] {
            self.open(path).await;
            let page = browser.client().source().await.unwrap();
            assert!(!page.contains(&key) && !page.contains(&codes[0]), "{path}");
        }
        (key, codes)
    }

    async fn sign_in_with_codes(&self, key: &str, codes: &[String]) {
        let browser = &self.browser;
        sign_out(browser).await;
        // The code of the present half minute is used up; that of the next one is taken already.
        self.pass(browser, &app(key, 30), ACCOUNT).await;
        sign_out(browser).await;
        self.pass(browser, &codes[0], ACCOUNT).await;
        self.pass(&self.other, &codes[0], "/sign-in/code").await;
        assert_says(&self.other, self.words.code_refused).await;
        assert!(!self.is_in(&self.other).await);
    }

    /// Signs in with the password, then with a code.
    async fn pass(&self, browser: &Browser, code: &str, to: &str) {
        self.sign_in(browser, PASSWORD).await;
        assert_eq!(browser.path().await, "/sign-in/code");
        // From now on it is the page that was asked for.
        assert!(!self.is_in(browser).await);
        open(&self.keyward, browser, "/sign-in/code").await;
        browser.fill("#code", code).await;
        follow(browser, "form[action='/sign-in/code'] button.button-main").await;
        assert_eq!(browser.path().await, to);
    }

    async fn remove_the_factor(&self, codes: &[String]) {
        let browser = &self.browser;
        self.open(FACTOR).await;
        follow(browser, "a[href$='/remove']").await;
        browser.fill("#old", PASSWORD).await;
        browser.fill("#code", &codes[0]).await;
        follow(browser, "main form button.button-bad").await;
        assert_text(browser, "#code-fault", self.words.wrong_code).await;
        browser.fill("#old", PASSWORD).await;
        browser.fill("#code", &codes[1]).await;
        follow(browser, "main form button.button-bad").await;
        assert_text(browser, ".toast", self.words.factor_removed).await;
        self.sign_in(&self.other, PASSWORD).await;
        assert_eq!(self.other.path().await, ACCOUNT);
        sign_out(&self.other).await;
    }
}
