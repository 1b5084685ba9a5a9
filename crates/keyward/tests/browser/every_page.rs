//! Every page can be used by everybody: axe-core finds nothing, in both themes, on desktop and phone.

use crate::pages::{assert_accessible, assert_fits};
use crate::walk::walk;
use keyward_testkit::{Browser, BrowserKind};
use serde_json::json;

/// The links of a summary of errors that lead to nothing that takes the focus, or before where the one before it led.
const LOST_LINKS: &str = "let before = document.querySelector('[data-errors]');
    return [...document.querySelectorAll('[data-errors] a')].map(link => link.hash.slice(1)).filter(id => {
        const field = document.getElementById(id);
        const follows = field && before.compareDocumentPosition(field) & Node.DOCUMENT_POSITION_FOLLOWING;
        if (id === 'form') return !field;
        field?.focus();
        before = field ?? before;
        return !follows || document.activeElement !== field;
    });";

pub(crate) const THEMES: [&str; 2] = ["light", "dark"];

/// Puts the page that is shown into a theme: what a page is that comes of a form cannot be loaded again.
pub(crate) async fn show_in(browser: &Browser, theme: &str) {
    browser
        .run(&format!("document.documentElement.dataset.theme = '{theme}'"))
        .await;
}

async fn assert_good(browser: &Browser, name: &str) {
    // What is folded up belongs to the page; of those with a name only one stays open.
    let unfold = "for (const one of document.querySelectorAll('main details')) {
        one.removeAttribute('name');
        one.open = true;
    }";
    browser.run(unfold).await;
    assert_eq!(
        browser.run(LOST_LINKS).await,
        json!([]),
        "{name}: links of the summary"
    );
    for theme in THEMES {
        show_in(browser, theme).await;
        assert_accessible(browser, &format!("{name} {theme}")).await;
        assert_fits(browser, name).await;
    }
}

#[tokio::test]
async fn every_page_is_accessible_in_both_themes_on_desktop() {
    walk(BrowserKind::DESKTOP, assert_good).await;
}

#[tokio::test]
async fn every_page_is_accessible_in_both_themes_on_a_phone() {
    walk(BrowserKind::PHONE, assert_good).await;
}
