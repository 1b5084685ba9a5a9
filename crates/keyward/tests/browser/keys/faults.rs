//! A form with errors: from the summary to the fields, by the links alone.

use super::{House, NEW};
use crate::pages::follow;
use keyward_testkit::BrowserKind;

const FOCUSED: &str = "return document.activeElement.name ?? document.activeElement.className";
/// Whether nothing lies over what has the focus.
const IN_SIGHT: &str = "const field = document.activeElement, box = field.getBoundingClientRect();
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + 1);
    return field === top || field.closest('label')?.contains(top) === true;";

#[tokio::test]
async fn the_links_of_the_summary_put_the_focus_on_fields_and_on_the_first_choice_of_a_group() {
    let house = House::start(BrowserKind::DESKTOP).await;
    let browser = &house.browser;
    house.open(NEW).await;
    browser
        .run("document.getElementById('form').noValidate = true")
        .await;
    // In the order of the alphabet the expiry would be before the name.
    browser.fill("#limit", "0").await;
    house.choose("expiry", "date").await;
    follow(browser, "#form button.button-main").await;
    assert_eq!(browser.run(FOCUSED).await, "notice notice-bad");
    for (place, field) in ["name", "expiry", "limit"].into_iter().enumerate() {
        let link = format!("[data-errors] li:nth-child({}) a[href='#{field}']", place + 1);
        // The link may lie under the bar at the top, as far down as the page is.
        browser.run("scrollTo(0, 0)").await;
        browser.click(&link).await;
        assert_eq!(browser.run(FOCUSED).await, field, "the link to {field}");
        assert_eq!(browser.run(IN_SIGHT).await, true, "{field} lies under something");
    }
    house.browser.close().await;
}
