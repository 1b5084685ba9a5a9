//! Pictures of every page, in both themes, on desktop and phone, and in French: `scripts/screenshots` makes them.

use crate::every_page::{THEMES, show_in};
use crate::pages::speaking;
use crate::walk::walk;
use keyward_testkit::{Browser, BrowserKind};
use std::path::{Path, PathBuf};

/// Where the pictures go.
fn folder(kind: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../screenshots");
    let folder = root.join(kind);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

async fn take_all(kind: BrowserKind, name: &str) {
    let folder = folder(name);
    let take = async |browser: &Browser, page: &str| {
        for theme in THEMES {
            show_in(browser, theme).await;
            let to = folder.join(format!("{page}-{theme}.png"));
            browser.screenshot(&to).await;
        }
    };
    walk(kind, take).await;
}

#[tokio::test]
#[ignore = "makes pictures to look at: scripts/screenshots"]
async fn screenshots_on_desktop() {
    take_all(BrowserKind::DESKTOP, "desktop").await;
}

#[tokio::test]
#[ignore = "makes pictures to look at: scripts/screenshots"]
async fn screenshots_in_french() {
    take_all(speaking("fr"), "french").await;
}

#[tokio::test]
#[ignore = "makes pictures to look at: scripts/screenshots"]
async fn screenshots_on_a_phone() {
    take_all(BrowserKind::PHONE, "phone").await;
}
