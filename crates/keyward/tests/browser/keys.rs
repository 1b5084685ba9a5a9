//! The life of a key, as the person lives it who has it.

mod created;
mod faults;
mod snippets;
mod words;

use crate::pages::{
    PASSWORD, administrator, assert_says, assert_text, follow, make_site, new_keyward, open_until, sign_in,
    sign_out, speaking, status_at_gateway, url, value,
};
use keyward_testkit::{Browser, BrowserKind, EchoUpstream, Keyward};
use words::{ENGLISH, FRENCH, Words};

const LIST: &str = "/integrations/keys";
const NEW: &str = "/integrations/keys/new";
/// Everything that a page could keep: none of it may hold a secret. Where the browser does not send a form again by itself,
/// it shows a page of its own, which has no storage.
const KEPT: &str = "if (location.protocol === 'chrome-error:') return document.documentElement.outerHTML;
    return Promise.all([indexedDB.databases(), window.caches?.keys()]).then(kept =>
        JSON.stringify([kept, document.documentElement.outerHTML, location.href, document.referrer, window.name,
            history.state, navigation.entries().map(entry => [entry.url, entry.getState()]), document.cookie,
            {...localStorage}, {...sessionStorage},
            [...document.querySelectorAll('input, textarea')].map(field => field.value)]))";

/// A key that was just made, and what it opens.
struct Made {
    id: String,
    secret: String,
    call: String,
}

struct House {
    keyward: Keyward,
    browser: Browser,
    upstream: EchoUpstream,
}

#[tokio::test]
async fn c1_a_key_lives_its_life_in_english() {
    a_key_lives_its_life(&ENGLISH).await;
}

#[tokio::test]
async fn c1_a_key_lives_its_life_in_french() {
    a_key_lives_its_life(&FRENCH).await;
}

async fn a_key_lives_its_life(words: &Words) {
    let house = House::start(speaking(words.language)).await;
    house.open(LIST).await;
    assert_says(&house.browser, words.none_yet).await;
    let key = house.create(words).await;
    house.the_call_works(&key).await;
    house.the_secret_is_gone(&key, words).await;
    house.find_in_the_list(&key, words).await;
    house.edit(&key, words).await;
    house.disable_and_enable(&key, words).await;
    house.delete_and_restore(&key, words).await;
    house.look_at_usage(&key, words).await;
    house.browser.close().await;
}

impl House {
    async fn start(kind: BrowserKind) -> Self {
        let (keyward, upstream) = new_keyward().await;
        let browser = administrator(&keyward, kind).await;
        for site in ["123", "456"] {
            make_site(&keyward, &browser, site).await;
        }
        Self {
            keyward,
            browser,
            upstream,
        }
    }

    async fn open(&self, path: &str) {
        self.browser.open(&url(&self.keyward, path)).await;
    }

    async fn choose(&self, field: &str, choice: &str) {
        let css = format!("label:has(input[name={field}][value='{choice}'])");
        self.browser.click(&css).await;
    }

    async fn status(&self, key: &Made) -> u16 {
        status_at_gateway(&self.keyward, &key.call, &key.secret).await
    }

    /// Fills in every field, one of them wrongly first.
    async fn create(&self, words: &Words) -> Made {
        let browser = &self.browser;
        follow(browser, ".empty a[href='/integrations/keys/new']").await;
        browser.fill("#name", words.name).await;
        browser.fill("#description", "Facturation <b>ÄÖ</b>").await;
        self.choose("use-case", "rest-api").await;
        self.choose("expiry", "365").await;
        self.choose("sites-rule", "listed").await;
        self.choose("sites", "456").await;
        self.choose("addresses-rule", "listed").await;
        browser.fill("#addresses", "127.0.0.1\n10.0.0.300").await;
        browser.fill("#limit", "600").await;
        follow(browser, "#form button.button-main").await;
        assert_text(browser, "#addresses-fault", words.address_fault).await;
        assert_eq!(value(browser, "#name").await, words.name);
        assert_eq!(value(browser, "#description").await, "Facturation <b>ÄÖ</b>");
        assert_eq!(value(browser, "#addresses").await, "127.0.0.1\n10.0.0.300");
        assert_eq!(value(browser, "#limit").await, "600");
        for chosen in ["expiry][value='365'", "sites][value='456'"] {
            assert_eq!(
                browser.count(&format!("[name={chosen}]:checked")).await,
                1,
                "{chosen}"
            );
        }
        browser.fill("#addresses", "127.0.0.1\n2001:db8::/32").await;
        follow(browser, "#form button.button-main").await;
        assert_says(browser, words.created).await;
        assert_says(browser, words.once).await;
        self.read_made().await
    }

    /// What the page shows that shows a secret.
    async fn read_made(&self) -> Made {
        let browser = &self.browser;
        let secret = value(browser, "#secret").await;
        let curl = browser.find("#call-curl").await.text().await.unwrap();
        assert!(curl.contains(&secret), "{curl}");
        let gateway = format!("curl -i \"http://{}", self.keyward.gateway());
        let call = curl.strip_prefix(&gateway).and_then(|rest| rest.split_once('"'));
        let key = browser.find("p a[href^='/integrations/keys/']").await;
        let path = key.attr("href").await.unwrap().unwrap();
        Made {
            id: path.trim_start_matches("/integrations/keys/").to_owned(),
            secret,
            call: call
                .unwrap_or_else(|| panic!("{curl}: not at {gateway}"))
                .0
                .to_owned(),
        }
    }

    async fn the_call_works(&self, key: &Made) {
        assert!(key.call.starts_with("/api/456/"), "{}", key.call);
        assert_eq!(self.status(key).await, 200);
        let elsewhere = key.call.replace("456", "123");
        assert_eq!(
            status_at_gateway(&self.keyward, &elsewhere, &key.secret).await,
            403
        );
        for language in ["csharp", "python", "javascript", "php", "go"] {
            let call = self.browser.find(&format!("#call-{language}")).await;
            let text = call.prop("textContent").await.unwrap().unwrap();
            assert!(text.contains(&key.secret) && text.contains(&key.call), "{text}");
        }
    }

    async fn the_secret_is_gone(&self, key: &Made, words: &Words) {
        let (browser, client) = (&self.browser, self.browser.client());
        let page = format!("{LIST}/{}", key.id);
        self.leaving_asks_until_the_secret_is_stored().await;
        let first = client.window().await.unwrap();
        let second = client.new_window(true).await.unwrap().handle;
        client.switch_to_window(second).await.unwrap();
        for path in [NEW, &page] {
            self.open(path).await;
            self.holds_no_secret(key, "a second tab").await;
        }
        client.close_window().await.unwrap();
        client.switch_to_window(first).await.unwrap();
        client.refresh().await.unwrap();
        assert_eq!(browser.path().await, page);
        self.holds_no_secret(key, "a reload").await;
        client.back().await.unwrap();
        self.holds_no_secret(key, "the way back").await;
        client.forward().await.unwrap();
        self.holds_no_secret(key, "the way forward").await;
        sign_out(browser).await;
        self.holds_no_secret(key, "signed out").await;
        sign_in(&self.keyward, browser, crate::pages::ADA, PASSWORD).await;
        for path in [LIST, &page, &format!("{page}/edit"), "/admin/audit"] {
            self.open(path).await;
            self.holds_no_secret(key, path).await;
        }
        self.open(LIST).await;
        assert_says(browser, words.name).await;
    }

    async fn leaving_asks_until_the_secret_is_stored(&self) {
        let asks = "const leaving = new Event('beforeunload', {cancelable: true});
            window.dispatchEvent(leaving);
            return leaving.defaultPrevented;";
        assert_eq!(self.browser.run(asks).await, true);
        self.browser.click("label:has([data-stored])").await;
        assert_eq!(self.browser.run(asks).await, false);
    }

    async fn holds_no_secret(&self, key: &Made, what: &str) {
        let source = self.browser.client().source().await.unwrap();
        let kept = self.browser.run(KEPT).await.to_string();
        // The prefix stands in hints; what follows stands nowhere.
        let end = &key.secret[key.secret.len() - 12..];
        assert!(!source.contains(end), "{what}: the secret is in the page");
        assert!(!kept.contains(end), "{what}: the secret is kept in {kept}");
    }

    async fn find_in_the_list(&self, key: &Made, words: &Words) {
        let browser = &self.browser;
        self.open(NEW).await;
        browser.fill("#name", "Zebra").await;
        self.choose("use-case", "reports").await;
        follow(browser, "#form button.button-main").await;
        browser.click("label:has([data-stored])").await;
        follow(browser, "a.button-quiet[href='/integrations/keys']").await;
        let first = "tbody tr:first-child a.key-name";
        assert_text(browser, first, "Zebra").await;
        follow(browser, "thead th:first-child a").await;
        assert_eq!(browser.count("th[aria-sort=ascending]").await, 1);
        assert_text(browser, first, words.name).await;
        follow(browser, "thead th:first-child a").await;
        assert_text(browser, first, "Zebra").await;
        browser.fill("#q", &words.name.to_uppercase()).await;
        follow(browser, ".filters button").await;
        assert_eq!(browser.count("tbody tr").await, 1);
        assert_text(browser, first, words.name).await;
        browser.click("#use_case option[value=reports]").await;
        follow(browser, ".filters button").await;
        assert_says(browser, words.nothing).await;
        follow(browser, ".empty a").await;
        browser.click("#site option[value='456']").await;
        browser.click("#mark option[value=no_address_restriction]").await;
        follow(browser, ".filters button").await;
        let row = format!("tbody a[href='{LIST}/{}']", key.id);
        assert_eq!(browser.count(&row).await, 0);
    }

    async fn edit(&self, key: &Made, words: &Words) {
        let browser = &self.browser;
        self.open(&format!("{LIST}/{}", key.id)).await;
        follow(browser, "a[href$='/edit']").await;
        assert_says(browser, words.locked).await;
        browser.fill("#limit", "0").await;
        // The browser would not send it; the server must say it all the same.
        browser
            .run("document.querySelector('main form').noValidate = true")
            .await;
        follow(browser, "main form button.button-main").await;
        assert_text(browser, "#limit-fault", words.limit_fault).await;
        assert_eq!(value(browser, "#limit").await, "0");
        browser.fill("#limit", "").await;
        browser.fill("#name", words.renamed).await;
        self.choose("sites-rule", "any").await;
        follow(browser, "main form button.button-main").await;
        assert_text(browser, ".toast", words.saved).await;
        assert_text(browser, "h1", words.renamed).await;
        let elsewhere = key.call.replace("456", "123");
        assert_eq!(
            status_at_gateway(&self.keyward, &elsewhere, &key.secret).await,
            200
        );
    }

    async fn disable_and_enable(&self, key: &Made, words: &Words) {
        let browser = &self.browser;
        follow(browser, "a[href$='/disable']").await;
        assert_says(browser, words.running).await;
        follow(browser, "main form button.button-bad").await;
        assert_text(browser, ".toast", words.disabled).await;
        assert_eq!(self.status(key).await, 401);
        follow(browser, "form[action$='/enable'] button").await;
        assert_text(browser, ".toast", words.enabled).await;
        assert_eq!(self.status(key).await, 200);
    }

    async fn delete_and_restore(&self, key: &Made, words: &Words) {
        let browser = &self.browser;
        follow(browser, "a[href$='/delete']").await;
        browser.fill("#name", "Zebra").await;
        follow(browser, "main form button.button-bad").await;
        assert_text(browser, "#name-fault", words.wrong_name).await;
        assert_eq!(self.status(key).await, 200);
        browser.fill("#name", words.renamed).await;
        follow(browser, "main form button.button-bad").await;
        assert_text(browser, ".toast", words.deleted).await;
        assert_eq!(self.status(key).await, 401);
        self.open(LIST).await;
        assert!(!browser.text().await.contains(words.renamed));
        browser.click("#status option[value=deleted]").await;
        follow(browser, ".filters button").await;
        assert_says(browser, words.renamed).await;
        follow(browser, "tbody form[action$='/restore'] button").await;
        assert_text(browser, ".toast", words.restored).await;
        assert_eq!(self.status(key).await, 200);
    }

    async fn look_at_usage(&self, key: &Made, words: &Words) {
        let browser = &self.browser;
        let page = format!("{LIST}/{}", key.id);
        open_until(&self.keyward, browser, &page, "svg.chart").await;
        for tab in 1..=3 {
            follow(browser, &format!("#usage .tabs a:nth-child({tab})")).await;
            let current = format!("#usage .tabs a:nth-child({tab})[aria-current]");
            assert_eq!(browser.count(&current).await, 1);
            assert!(browser.count("svg.chart rect.granted").await > 0);
        }
        assert_says(browser, words.refusals).await;
        assert_says(browser, "127.0.0.1").await;
        self.open("/integrations/health").await;
        assert_text(browser, "h1", words.health).await;
        assert_says(browser, "Zebra").await;
    }
}

#[tokio::test]
async fn c1_a_key_lives_its_life_without_scripts() {
    let kind = BrowserKind {
        scripts: false,
        ..BrowserKind::DESKTOP
    };
    let house = House::start(kind).await;
    let browser = &house.browser;
    house.open(NEW).await;
    browser.fill("#name", "No scripts").await;
    house.choose("expiry", "never").await;
    follow(browser, "#form button.button-main").await;
    let key = house.read_made().await;
    assert_eq!(house.status(&key).await, 200);
    let end = &key.secret[key.secret.len() - 12..];
    let page = format!("{LIST}/{}", key.id);
    follow(browser, &format!("a[href='{page}']")).await;
    assert!(!browser.client().source().await.unwrap().contains(end));
    browser.client().back().await.unwrap();
    assert!(!browser.client().source().await.unwrap().contains(end));
    house.open(&page).await;
    house.disable_and_enable(&key, &ENGLISH).await;
    follow(browser, "a[href$='/delete']").await;
    browser.fill("#name", "No scripts").await;
    follow(browser, "main form button.button-bad").await;
    assert_text(browser, ".toast", ENGLISH.deleted).await;
    assert_eq!(house.status(&key).await, 401);
    house.browser.close().await;
}
