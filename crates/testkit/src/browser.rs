//! A person's browser: Debian's Chromium, driven through its WebDriver.

mod driver;

use driver::Driver;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::{ParseError, Url};

/// One start of Chromium; it takes a second or two where nothing else runs.
const GUARD: Duration = Duration::from_secs(60);
/// A Chromium that hangs at its start is given up, and its driver with it.
const TRIES: usize = 3;

/// What a browser is like.
#[derive(Clone, Copy, Debug)]
pub struct BrowserKind {
    /// Width and height of the window, in CSS pixels.
    pub size: (u32, u32),
    /// The language that it asks for.
    pub language: &'static str,
    /// Whether scripts run.
    pub scripts: bool,
    /// Whether a page may ask before it is left, as an alert; else every page is left at once.
    pub asks: bool,
}

impl BrowserKind {
    /// A desktop window.
    pub const DESKTOP: Self = Self {
        size: (1280, 900),
        language: "en",
        scripts: true,
        asks: false,
    };

    /// A phone in the hand.
    pub const PHONE: Self = Self {
        size: (390, 844),
        ..Self::DESKTOP
    };

    fn is_phone(self) -> bool {
        self.size.0 < 500
    }
}

/// A browser with an empty profile; it ends when it is dropped, also by a panic.
pub struct Browser {
    client: Client,
    size: (u32, u32),
    is_phone: bool,
    driver: Driver,
}

impl Browser {
    /// Starts one.
    ///
    /// # Panics
    /// When Debian's packages `chromium` and `chromium-driver` are not there.
    pub async fn start(kind: BrowserKind) -> Self {
        let (driver, client) = connected(kind).await;
        client
            .set_window_size(kind.size.0, kind.size.1)
            .await
            .expect("a window of that size");
        Self {
            client,
            size: kind.size,
            is_phone: kind.is_phone(),
            driver,
        }
    }

    /// The WebDriver's client, for what is not here.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The folder that it downloads files to.
    pub fn downloads(&self) -> PathBuf {
        downloads_of(self.driver.profile())
    }

    /// Goes to an address.
    pub async fn open(&self, url: &str) {
        self.client
            .goto(url)
            .await
            .unwrap_or_else(|e| panic!("{url}: {e}"));
    }

    /// The path of the page that is shown.
    pub async fn path(&self) -> String {
        self.client
            .current_url()
            .await
            .expect("an address")
            .path()
            .to_owned()
    }

    /// The text of the page.
    pub async fn text(&self) -> String {
        self.find("body").await.text().await.expect("the page's text")
    }

    /// The element of a CSS selector.
    pub async fn find(&self, css: &str) -> fantoccini::elements::Element {
        match self.client.find(Locator::Css(css)).await {
            Ok(element) => element,
            Err(e) => {
                let at = self.path().await;
                panic!(
                    "{css} on {at}: {e}\n{}",
                    self.client.source().await.unwrap_or_default()
                )
            }
        }
    }

    /// How many elements a CSS selector finds.
    pub async fn count(&self, css: &str) -> usize {
        self.client
            .find_all(Locator::Css(css))
            .await
            .expect("a list")
            .len()
    }

    /// Puts a text into a field, in place of what is there.
    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.unwrap_or_else(|e| panic!("{css}: {e}"));
        field
            .send_keys(text)
            .await
            .unwrap_or_else(|e| panic!("{css}: {e}"));
    }

    /// Clicks, and waits for the page that comes of it, if one does.
    pub async fn click(&self, css: &str) {
        let element = self.find(css).await;
        element.click().await.unwrap_or_else(|e| panic!("{css}: {e}"));
    }

    /// Runs a script in the page and gives what it returns.
    pub async fn run(&self, script: &str) -> Value {
        self.client
            .execute(script, Vec::new())
            .await
            .unwrap_or_else(|e| panic!("{script}: {e}"))
    }

    /// Writes a picture of the whole page, as wide as the window.
    pub async fn screenshot(&self, to: &Path) {
        let size = self
            .run("return [innerWidth, Math.max(innerHeight, document.documentElement.scrollHeight)]")
            .await;
        let whole =
            json!({ "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": self.is_phone });
        self.devtools("Emulation.setDeviceMetricsOverride", whole).await;
        let picture = self.client.screenshot().await.expect("a picture");
        std::fs::write(to, picture).unwrap_or_else(|e| panic!("{}: {e}", to.display()));
        let window = if self.is_phone {
            ("Emulation.setDeviceMetricsOverride", phone_metrics(self.size))
        } else {
            ("Emulation.clearDeviceMetricsOverride", json!({}))
        };
        self.devtools(window.0, window.1).await;
    }

    /// Gives a command to Chromium itself.
    pub async fn devtools(&self, command: &'static str, parameters: Value) {
        let given = self
            .client
            .issue_cmd(DevTools(json!({ "cmd": command, "params": parameters })));
        given.await.unwrap_or_else(|e| panic!("{command}: {e}"));
    }

    /// What axe-core finds wrong with the page: a line for each rule and element.
    pub async fn violations(&self, axe: &str) -> Vec<String> {
        // Half a megabyte, once for each page that is shown.
        if self.run("return typeof axe").await == "undefined" {
            self.run(axe).await;
        }
        let script = "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(r => done(r.violations), e => done(String(e)));";
        let found = self
            .client
            .execute_async(script, Vec::new())
            .await
            .expect("axe-core to run");
        let list = found.as_array().unwrap_or_else(|| panic!("axe-core: {found}"));
        list.iter().flat_map(violation_lines).collect()
    }

    /// Ends it in order.
    pub async fn close(self) {
        let _ = self.client.clone().close().await;
    }
}

/// A command of Chromium's own protocol.
#[derive(Debug)]
struct DevTools(Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!(
            "session/{}/goog/cdp/execute",
            session.unwrap_or_default()
        ))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.0.to_string()))
    }
}

fn phone_metrics((width, height): (u32, u32)) -> Value {
    json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": true })
}

fn violation_lines(rule: &Value) -> Vec<String> {
    let nodes = rule["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    nodes
        .iter()
        .map(|node| format!("{}: {} ({})", rule["id"], node["html"], node["failureSummary"]))
        .collect()
}

fn downloads_of(profile: &Path) -> PathBuf {
    profile.join("downloads")
}

fn capabilities(kind: BrowserKind, profile: &Path) -> serde_json::Map<String, Value> {
    let mut arguments: Vec<String> = [
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "disable-dev-shm-usage",
        "hide-scrollbars",
        "force-prefers-reduced-motion",
        "remote-debugging-pipe",
    ]
    .map(|argument| format!("--{argument}"))
    .into();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    arguments.push(format!("--accept-lang={}", kind.language));
    let scripts = if kind.scripts { 1 } else { 2 };
    let mut options = json!({
        "args": arguments,
        "prefs": {
            "intl.accept_languages": kind.language,
            "profile.managed_default_content_settings.javascript": scripts,
            "download.default_directory": downloads_of(profile),
        },
    });
    if kind.is_phone() {
        // A window cannot be as narrow as a phone.
        let (width, height) = kind.size;
        options["mobileEmulation"] =
            json!({ "deviceMetrics": { "width": width, "height": height, "pixelRatio": 2.0 } });
    }
    let mut capabilities = serde_json::Map::new();
    capabilities.insert("goog:chromeOptions".into(), options);
    capabilities.insert("acceptInsecureCerts".into(), true.into());
    if kind.asks {
        // The driver hides these questions unless it speaks its newer protocol.
        capabilities.insert("webSocketUrl".into(), true.into());
        let left_open = json!({ "beforeUnload": "ignore" });
        capabilities.insert("unhandledPromptBehavior".into(), left_open);
    }
    capabilities
}

/// A driver and what speaks to it.
async fn connected(kind: BrowserKind) -> (Driver, Client) {
    for _ in 0..TRIES {
        let driver = Driver::start();
        if let Ok(client) = tokio::time::timeout(GUARD, connect(&driver, kind)).await {
            return (driver, client);
        }
    }
    panic!("chromedriver: no browser after {TRIES} times {GUARD:?}");
}

async fn connect(driver: &Driver, kind: BrowserKind) -> Client {
    let (url, capabilities) = (driver.url(), capabilities(kind, driver.profile()));
    let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
    let connected = builder.capabilities(capabilities).connect(&url).await;
    connected.unwrap_or_else(|e| panic!("chromedriver: {e}"))
}
