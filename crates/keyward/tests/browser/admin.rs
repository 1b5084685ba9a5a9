//! The pages of administrators.

use crate::support::{assert_accessible, choose_theme, url};
use keyward_testkit::{Browser, BrowserKind, Keyward};

const PASSWORD: &str = "a long and rare password 7";

/// Somebody who has just set this Keyward up, at their browser.
async fn administrator(keyward: &Keyward, kind: BrowserKind) -> Browser {
    let made = keyward.cli_ok(&["init", "--new-token"]).await;
    let token = made
        .stdout
        .split_whitespace()
        .find(|word| word.starts_with("setup_"));
    let browser = Browser::start(kind).await;
    browser
        .open(&url(keyward, &format!("/setup/{}", token.unwrap())))
        .await;
    browser.fill("#email", "ada@example.com").await;
    browser.fill("#name", "Ada").await;
    browser.fill("#password", PASSWORD).await;
    browser.fill("#again", PASSWORD).await;
    browser.click("form[method=post] button.button-main").await;
    browser
}

/// Makes what the pages show, with the forms that make it.
async fn furnish(keyward: &Keyward, browser: &Browser) -> String {
    browser.open(&url(keyward, "/admin/sites")).await;
    browser.fill("#name", "123").await;
    browser
        .click("form[action='/admin/sites'][method=post] button")
        .await;
    browser.open(&url(keyward, "/admin/users/new")).await;
    browser.fill("#email", "grace@example.com").await;
    browser.fill("#name", "<b>Grace</b>").await;
    browser
        .click("form[action='/admin/users/new'] button.button-main")
        .await;
    assert_accessible(browser, "the link of an invitation").await;
    browser.click("a[href^='/admin/users/']").await;
    browser.path().await
}

#[tokio::test]
async fn the_pages_of_administrators_are_accessible_in_both_themes_on_desktop_and_phone() {
    for kind in [BrowserKind::DESKTOP, BrowserKind::PHONE] {
        let keyward = Keyward::builder().start().await;
        let browser = administrator(&keyward, kind).await;
        let user = furnish(&keyward, &browser).await;
        let pages = ["", "/disable", "/delete", "/link", "/factor"].map(|page| format!("{user}{page}"));
        let others = [
            "/admin/users",
            "/admin/users/new",
            "/admin/sites",
            "/admin/sites/123",
        ];
        let more = [
            "/admin/sites/123/disable",
            "/admin/use-cases",
            "/admin/audit?from=x",
            "/admin/audit",
            "/admin/system",
        ];
        let pages: Vec<String> = pages
            .into_iter()
            .chain(others.into_iter().chain(more).map(str::to_owned))
            .collect();
        for theme in ["light", "dark"] {
            choose_theme(&browser, theme).await;
            for page in &pages {
                browser.open(&url(&keyward, page)).await;
                browser
                    .run("for (const one of document.querySelectorAll('main details')) one.open = true")
                    .await;
                assert_accessible(&browser, &format!("{page} {kind:?} {theme}")).await;
                let wider = browser
                    .run("return document.documentElement.scrollWidth > window.innerWidth")
                    .await;
                assert_eq!(wider, false, "{page} {kind:?}: the page is wider than the window");
            }
        }
        browser.close().await;
    }
}
