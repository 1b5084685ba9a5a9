//! `GET /admin/system`: how this node is doing. The version stands here alone.

use super::Admin;
use crate::app::App;
use crate::web::answer::HtmlAnswer;
use crate::web::language::Language;
use crate::web::page::{Page, Place};
use crate::web::pages::PageAnswer;
use crate::web::visit::Visit;
use askama::Template;
use axum::extract::State;
use axum::response::IntoResponse;
use fluent_bundle::FluentValue;
use keyward_engine::{EngineStatus, LimiterStatus, NodeView};
use std::borrow::Cow;
use std::time::Duration;

#[derive(Template)]
#[template(path = "admin/system.html")]
struct SystemPage {
    page: Page,
    about: crate::console::About,
    status: EngineStatus,
    limiter: LimiterWords,
    started: keyward_domain::Timestamp,
    uptime: Cow<'static, str>,
    age: String,
    reasons: Vec<(&'static str, String, u64)>,
    refused: u64,
    nodes: Vec<NodeRow>,
    /// Whether nodes that are there run different versions.
    versions_differ: bool,
}

/// A node in the list.
struct NodeRow {
    node: NodeView,
    seen_at: keyward_domain::Timestamp,
}

/// Where limits are counted, and how that stands when it is elsewhere.
struct LimiterWords {
    text: Cow<'static, str>,
    state: Option<Cow<'static, str>>,
    is_good: bool,
}

pub(super) async fn show(State(app): State<App>, visit: Visit, Admin(person): Admin) -> PageAnswer {
    let nodes = app.engine.list_nodes(person.actor()).await?;
    let page = person.page(&visit, Place::System);
    let status = app.engine.status();
    let seconds = (visit.now.millis() - app.started.millis()).max(0) / 1000;
    Ok(HtmlAnswer::ok(&SystemPage {
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
        versions_differ: versions_differ(&nodes),
        nodes: nodes.into_iter().map(|node| row(node, visit.now)).collect(),
        about: (*app.about).clone(),
        limiter: limiter_words(page.language, &status.limiter),
        status,
        page,
    })
    .into_response())
}

fn row(node: NodeView, now: keyward_domain::Timestamp) -> NodeRow {
    let ago = i64::try_from(node.seen_ago.as_millis()).unwrap_or(i64::MAX);
    NodeRow {
        seen_at: now.plus_millis(-ago),
        node,
    }
}

fn versions_differ(nodes: &[NodeView]) -> bool {
    let mut versions = nodes
        .iter()
        .filter(|node| !node.is_away)
        .map(|node| &node.version);
    let first = versions.next();
    versions.any(|version| Some(version) != first)
}

fn limiter_words(language: Language, limiter: &LimiterStatus) -> LimiterWords {
    let Some(redis) = &limiter.redis else {
        return LimiterWords {
            text: language.text("admin-limiter-memory"),
            state: None,
            is_good: true,
        };
    };
    let id = format!("admin-limiter-{}", redis.mode.word());
    let state = if redis.up {
        language.text("admin-limiter-up")
    } else {
        language.text(&format!("admin-limiter-{}", redis.on_failure.word()))
    };
    LimiterWords {
        text: language.text_with(&id, &[("place", redis.place.clone().into())]),
        state: Some(state),
        is_good: redis.up,
    }
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
    use keyward_engine::{Limiter, RedisOptions};

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

    #[test]
    fn where_limits_are_counted_is_told_and_what_holds_while_redis_is_away() {
        let memory = limiter_words(Language::English, &Limiter::default().status());
        assert_eq!((memory.is_good, memory.state), (true, None));
        let options = RedisOptions {
            url: "redis://user:s3cret@cache.example.com:7000".into(),
            ..RedisOptions::default()
        };
        let mut status = Limiter::shared(&options).unwrap().status();
        for (language, text, away, up) in [
            (
                Language::English,
                "every request is counted there",
                "this process counts for itself",
                "Counts",
            ),
            (
                Language::French,
                "chaque requête y est comptée",
                "ce processus compte pour lui-même",
                "Compte",
            ),
        ] {
            status.redis.as_mut().unwrap().up = false;
            let words = limiter_words(language, &status);
            assert!(
                words.text.contains(text) && words.text.contains("cache.example.com"),
                "{}",
                words.text
            );
            assert!(!words.text.contains("s3cret"));
            assert!(!words.is_good && words.state.unwrap().contains(away));
            status.redis.as_mut().unwrap().up = true;
            let words = limiter_words(language, &status);
            assert!(words.is_good && words.state.unwrap() == up);
        }
    }
}
