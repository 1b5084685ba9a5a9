//! `GET /integrations/keys/{id}`: everything about a key but its secret.

use super::chart::{Chart, Span};
use super::desk::Desk;
use super::row::KeyRow;
use super::trail::{self, Line};
use crate::body::Named;
use crate::web::answer::HtmlAnswer;
use crate::web::form::Form;
use crate::web::page::Page;
use crate::web::pages::PageAnswer;
use askama::Template;
use axum::extract::RawQuery;
use axum::response::IntoResponse;
use keyward_domain::{KeyStatus, RESTORE_DAYS, Timestamp};
use keyward_engine::KeyView;

/// The most addresses of a restriction that are shown.
const MOST_SHOWN: usize = 20;

#[derive(Template)]
#[template(path = "keys/show.html")]
struct ShowPage {
    page: Page,
    key: KeyRow,
    facts: Facts,
    tabs: Vec<Tab>,
    span: &'static str,
    chart: Chart,
    recent: Vec<Recent>,
    trail: Vec<Line>,
}

/// What a line of a table has no room for.
struct Facts {
    description: String,
    use_case_title: String,
    /// Names of sites; `None` is every site.
    sites: Option<Vec<String>>,
    /// Networks, the first of them; `None` is every address.
    addresses: Option<Vec<String>>,
    /// How many networks are not shown.
    more_addresses: usize,
    updated: Timestamp,
    /// Until when a deleted key can be restored.
    restorable_until: Option<Timestamp>,
    is_disabled: bool,
    is_expired: bool,
    /// Why it is refused everywhere, besides.
    hindrance: Option<String>,
}

struct Tab {
    text: String,
    link: String,
    is_current: bool,
}

/// An address that the key was used from.
struct Recent {
    address: String,
    at: Timestamp,
}

pub(super) async fn show(desk: Desk, Named(id): Named, RawQuery(query): RawQuery) -> PageAnswer {
    let page = desk.page();
    let view = desk.engine().get_key(desk.actor(), &id).await?;
    let span = Span::of_word(Form::of_query(query.as_deref()).text("usage"));
    let window = span.window(page.moments.now);
    let series = desk.engine().key_usage(desk.actor(), &id, window).await?;
    let recent = desk.engine().recent_addresses(desk.actor(), &id).await?;
    let recent = recent.iter().map(|recent| Recent {
        address: recent.address.to_string(),
        at: recent.at,
    });
    let shown = ShowPage {
        key: KeyRow::of(&page, &view),
        facts: facts(&desk, &page, &view),
        tabs: tabs(&page, span),
        span: span.word(),
        chart: Chart::of(&page, span, &series),
        recent: recent.collect(),
        trail: trail::of_key(&desk, &page, &view.key.id.to_string()).await?,
        page,
    };
    Ok(HtmlAnswer::ok(&shown).into_response())
}

fn facts(desk: &Desk, page: &Page, view: &KeyView) -> Facts {
    let key = &view.key;
    let entry = desk.engine().catalogue().find(key.use_case.as_str());
    let networks = key.addresses.nets();
    let texts = |list: &[_]| list.iter().take(MOST_SHOWN).map(ToString::to_string).collect();
    Facts {
        description: key.description.to_string(),
        use_case_title: entry.map_or_else(
            || page.t("key-use-case-gone").into_owned(),
            |entry| super::new::title_of(page, entry),
        ),
        sites: view
            .sites
            .as_ref()
            .map(|sites| sites.iter().map(ToString::to_string).collect()),
        addresses: networks.map(texts),
        more_addresses: networks.map_or(0, <[_]>::len).saturating_sub(MOST_SHOWN),
        updated: key.updated_at,
        restorable_until: match key.status {
            KeyStatus::Deleted { at, .. } => Some(at.plus_days(RESTORE_DAYS)),
            KeyStatus::Active | KeyStatus::Disabled => None,
        },
        is_disabled: key.status == KeyStatus::Disabled,
        is_expired: view.state == "expired",
        hindrance: super::words::hindrance_text(page, view),
    }
}

fn tabs(page: &Page, current: Span) -> Vec<Tab> {
    let tab = |span: Span| Tab {
        text: page.t(&format!("key-usage-{}", span.word())).into_owned(),
        link: format!("?usage={}#usage", span.word()),
        is_current: span == current,
    };
    Span::ALL.map(tab).into()
}
