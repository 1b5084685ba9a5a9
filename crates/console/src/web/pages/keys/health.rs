//! `GET /integrations/health`: keys that are worth a look, and why.

use super::desk::Desk;
use super::row::KeyRow;
use super::words::number;
use crate::web::answer::HtmlAnswer;
use crate::web::page::{Page, Place};
use crate::web::pages::PageAnswer;
use askama::Template;
use axum::response::IntoResponse;
use keyward_engine::{HealthCount, HealthMark};

#[derive(Template)]
#[template(path = "keys/health.html")]
struct HealthPage {
    page: Page,
    panels: Vec<Panel>,
}

/// One thing that is true of some keys.
struct Panel {
    title: String,
    advice: String,
    count: u64,
    count_text: String,
    examples: Vec<KeyRow>,
    link: String,
}

pub(super) async fn show(desk: Desk) -> PageAnswer {
    let page = desk.page_at(Place::Health);
    let health = desk.engine().key_health(desk.actor(), None).await?;
    let panels = [
        panel(&page, HealthMark::Expiring14Days, &health.expiring_14_days),
        panel(&page, HealthMark::Unused90Days, &health.unused_90_days),
        panel(&page, HealthMark::NeverUsed, &health.never_used),
        panel(&page, HealthMark::NoExpiry, &health.no_expiry),
        panel(
            &page,
            HealthMark::NoAddressRestriction,
            &health.no_address_restriction,
        ),
    ];
    let shown = HealthPage {
        panels: panels.into(),
        page,
    };
    Ok(HtmlAnswer::ok(&shown).into_response())
}

fn panel(page: &Page, mark: HealthMark, found: &HealthCount) -> Panel {
    let text = text_of(mark);
    Panel {
        title: page.t(&text).into_owned(),
        advice: page.t(&format!("{text}-advice")).into_owned(),
        count: found.count,
        count_text: number(page, found.count),
        examples: found.examples.iter().map(|view| KeyRow::of(page, view)).collect(),
        link: format!("/integrations/keys?mark={}", mark.code()),
    }
}

/// The text that says what a mark means.
pub(super) fn text_of(mark: HealthMark) -> String {
    format!("key-mark-{}", mark.code().replace('_', "-"))
}
