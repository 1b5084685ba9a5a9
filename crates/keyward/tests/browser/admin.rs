//! The pages of administrators.

use crate::support::{administrator, assert_accessible, assert_fits, choose_theme, follow, make_site, url};
use keyward_testkit::{Browser, BrowserKind, Keyward};

/// Makes what the pages show, with the forms that make it.
async fn furnish(keyward: &Keyward, browser: &Browser) -> String {
    make_site(keyward, browser, "123").await;
    browser.open(&url(keyward, "/admin/users/new")).await;
    browser.fill("#email", "grace@example.com").await;
    browser.fill("#name", "<b>Grace</b>").await;
    follow(browser, "form[action='/admin/users/new'] button.button-main").await;
    assert_accessible(browser, "the link of an invitation").await;
    follow(browser, "main a[href^='/admin/users/']").await;
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
                assert_fits(&browser, &format!("{page} {kind:?}")).await;
            }
        }
        browser.close().await;
    }
}
