//! Without a mouse: everything is reached by the Tab key, in an order that makes sense, and one sees where one is.

use crate::pages::{ADA, PASSWORD, administrator, new_keyward, sign_out, until, url};
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use keyward_testkit::{Browser, BrowserKind};

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
const SPACE: char = ' ';
/// More than any page has to pass.
const MOST_TABS: usize = 80;

async fn press(browser: &Browser, key: char) {
    let keys = KeyActions::new("keyboard".into())
        .then(KeyAction::Down { value: key })
        .then(KeyAction::Up { value: key });
    browser.client().perform_actions(keys).await.unwrap();
}

async fn type_text(browser: &Browser, text: &str) {
    for key in text.chars() {
        press(browser, key).await;
    }
}

/// Goes on until an element has the focus, which must be seen on each on the way.
async fn tab_to(browser: &Browser, css: &str) {
    for _ in 0..MOST_TABS {
        press(browser, TAB).await;
        let here = browser
            .run(&format!(
                "const here = document.activeElement, style = getComputedStyle(here);
                 const marked = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
                 const around = here.closest('label');
                 const outer = around ? getComputedStyle(around).outlineStyle !== 'none' : false;
                 return [here.matches(\"{css}\"), here === document.body || marked || outer, here.outerHTML.slice(0, 200)]"
            ))
            .await;
        assert_eq!(here[1], true, "the focus is not seen on {}", here[2]);
        if here[0] == true {
            return;
        }
    }
    panic!("{css} is not reached by the Tab key on {}", browser.path().await);
}

#[tokio::test]
async fn a_key_is_made_and_disabled_by_keyboard_alone() {
    let (keyward, _upstream) = new_keyward().await;
    let browser = administrator(&keyward, BrowserKind::DESKTOP).await;
    sign_out(&browser).await;
    browser.open(&url(&keyward, "/sign-in")).await;
    tab_to(&browser, "#email").await;
    type_text(&browser, ADA).await;
    tab_to(&browser, "#password").await;
    type_text(&browser, PASSWORD).await;
    press(&browser, ENTER).await;
    until(&browser, "a[href='/integrations/keys/new']").await;
    tab_to(&browser, "main a[href='/integrations/keys/new']").await;
    press(&browser, ENTER).await;
    until(&browser, "#name").await;
    tab_to(&browser, "#name").await;
    type_text(&browser, "by hand").await;
    tab_to(&browser, "main form button.button-main").await;
    press(&browser, ENTER).await;
    until(&browser, "[data-stored]").await;
    tab_to(&browser, "[data-stored]").await;
    press(&browser, SPACE).await;
    tab_to(&browser, "main a.button[href^='/integrations/keys/0']").await;
    press(&browser, ENTER).await;
    until(&browser, "a[href$='/disable']").await;
    tab_to(&browser, "main a[href$='/disable']").await;
    press(&browser, ENTER).await;
    until(&browser, "form button.button-bad").await;
    tab_to(&browser, "main form button.button-bad").await;
    press(&browser, ENTER).await;
    until(&browser, "form[action$='/enable']").await;
    browser.close().await;
}
