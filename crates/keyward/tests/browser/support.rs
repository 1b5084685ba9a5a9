//! A Keyward, and people with browsers in front of it.

use keyward_testkit::{Browser, Keyward};
use std::path::{Path, PathBuf};

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

/// The address of a page.
pub(crate) fn url(keyward: &Keyward, path: &str) -> String {
    format!("http://{}{path}", keyward.console())
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

/// Chooses a theme with its button.
pub(crate) async fn choose_theme(browser: &Browser, theme: &str) {
    let page = browser.client().current_url().await.unwrap();
    // The switch stands in the menu of small screens too; its form works wherever it is.
    browser
        .run(&format!(
            "document.querySelector('button[name=theme][value={theme}]').click()"
        ))
        .await;
    browser.open(page.as_str()).await;
    let shown = browser.run("return document.documentElement.dataset.theme").await;
    assert_eq!(shown, theme);
}
