//! The page of all components.

use crate::pages::{assert_accessible, assert_fits, choose_theme, follow, url};
use keyward_testkit::{Browser, BrowserKind, Keyward};

#[tokio::test]
async fn every_component_is_accessible_in_both_themes_on_desktop_and_phone() {
    let keyward = Keyward::builder().start().await;
    for kind in [BrowserKind::DESKTOP, BrowserKind::PHONE] {
        let browser = Browser::start(kind).await;
        browser.open(&url(&keyward, "/design")).await;
        for theme in ["light", "dark"] {
            choose_theme(&browser, theme).await;
            assert_accessible(&browser, &format!("{kind:?} {theme}")).await;
            assert_fits(&browser, &format!("{kind:?}")).await;
        }
        browser.close().await;
    }
}

#[tokio::test]
async fn the_language_is_the_browsers_until_another_is_chosen() {
    let keyward = Keyward::builder().start().await;
    let french = BrowserKind {
        language: "fr",
        ..BrowserKind::DESKTOP
    };
    let browser = Browser::start(french).await;
    browser.open(&url(&keyward, "/design")).await;
    assert!(browser.text().await.contains("Clés d’API"));
    follow(&browser, ".side button[name=language][value=en]").await;
    assert!(browser.text().await.contains("API keys"));
    browser.close().await;
}

#[tokio::test]
async fn pages_work_without_scripts_and_load_nothing_from_elsewhere() {
    let keyward = Keyward::builder().start().await;
    let plain = BrowserKind {
        scripts: false,
        ..BrowserKind::DESKTOP
    };
    let browser = Browser::start(plain).await;
    browser.open(&url(&keyward, "/design")).await;
    assert!(
        browser
            .text()
            .await
            .contains("Administration".to_uppercase().as_str())
    );
    let source = browser.client().source().await.unwrap();
    for attribute in ["src=\"", "href=\""] {
        for address in source.split(attribute).skip(1) {
            assert!(
                address.starts_with('/') || address.starts_with('#'),
                "{}",
                &address[..40]
            );
        }
    }
    browser.close().await;
}
