//! `GET /admin/system`: how this node is doing. The version stands here alone.

use super::Admin;
use crate::app::App;
use crate::web::answer::HtmlAnswer;
use crate::web::language::Language;
use crate::web::page::{Page, Place};
use crate::web::visit::Visit;
use askama::Template;
use axum::extract::State;
use fluent_bundle::FluentValue;
use keyward_engine::EngineStatus;
use std::borrow::Cow;
use std::time::Duration;

#[derive(Template)]
#[template(path = "admin/system.html")]
struct SystemPage {
    page: Page,
    about: crate::console::About,
    status: EngineStatus,
    started: keyward_domain::Timestamp,
    uptime: Cow<'static, str>,
    age: String,
    reasons: Vec<(&'static str, String, u64)>,
    refused: u64,
}

pub(super) async fn show(State(app): State<App>, visit: Visit, Admin(person): Admin) -> HtmlAnswer {
    let page = person.page(&visit, Place::System);
    let status = app.engine.status();
    let seconds = (visit.now.millis() - app.started.millis()).max(0) / 1000;
    HtmlAnswer::ok(&SystemPage {
        uptime: in_words(page.language, seconds),
        started: app.started,
        age: seconds_of(&page, status.age),
        reasons: status
            .denied
            .iter()
            .map(|(reason, count)| {
                let id = format!("admin-reason-{}", reason.code().replace('_', "-"));
                (reason.code(), page.t(&id).into_owned(), *count)
            })
            .collect(),
        refused: status.denied.iter().map(|(_, count)| count).sum(),
        about: (*app.about).clone(),
        status,
        page,
    })
}

/// Days, hours and minutes.
fn in_words(language: Language, seconds: i64) -> Cow<'static, str> {
    let number = |number: i64| FluentValue::from(number);
    language.text_with(
        "admin-uptime-value",
        &[
            ("days", number(seconds / 86_400)),
            ("hours", number(seconds / 3600 % 24)),
            ("minutes", number(seconds / 60 % 60)),
        ],
    )
}

/// Seconds with one decimal, as the language writes them.
fn seconds_of(page: &Page, age: Duration) -> String {
    let text = format!("{:.1} s", age.as_secs_f64());
    if page.language == Language::French {
        text.replace('.', ",")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_days_hours_and_minutes() {
        let table = [
            (59, "0 h 0 min", "0 h 0 min"),
            (86_400, "1 day 0 h 0 min", "1 jour 0 h 0 min"),
            (
                2 * 86_400 + 3 * 3600 + 299,
                "2 days 3 h 4 min",
                "2 jours 3 h 4 min",
            ),
        ];
        for (seconds, english, french) in table {
            assert_eq!(in_words(Language::English, seconds), english);
            assert_eq!(in_words(Language::French, seconds), french);
        }
    }
}
