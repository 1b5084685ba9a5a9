//! `GET /integrations/keys`: the keys that there are.

use super::desk::Desk;
use super::query::{ListQuery, PAGE};
use super::row::KeyRow;
use super::words::number;
use crate::web::answer::HtmlAnswer;
use crate::web::form::{Errors, Form};
use crate::web::page::Page;
use crate::web::pages::PageAnswer;
use askama::Template;
use axum::extract::RawQuery;
use axum::response::IntoResponse;
use keyward_engine::{EngineError, HealthMark, KeyFilter};

/// As many sites as a list to choose from may have.
const MOST_CHOICES: usize = 200;

#[derive(Template)]
#[template(path = "keys/list.html")]
struct ListPage {
    page: Page,
    form: Form,
    errors: Errors,
    columns: Vec<Column>,
    rows: Vec<KeyRow>,
    /// Whether there is no key at all.
    is_first: bool,
    /// "1–50 of 1,234".
    range: String,
    previous: Option<String>,
    next: Option<String>,
    states: Vec<Choice>,
    use_cases: Vec<Choice>,
    /// Sites to choose from; none when there are too many of them.
    sites: Vec<Choice>,
    marks: Vec<Choice>,
    sort: &'static str,
    is_filtered: bool,
}

/// The head of a column.
struct Column {
    title: String,
    /// What orders the list by it.
    link: Option<String>,
    sorted: &'static str,
}

/// Something to choose.
struct Choice {
    value: String,
    text: String,
}

/// The keys of one page, and how many there are in all.
#[derive(Default)]
struct Found {
    rows: Vec<KeyRow>,
    number: u64,
    total: u64,
    is_faulty: bool,
}

pub(super) async fn show(desk: Desk, RawQuery(query): RawQuery) -> PageAnswer {
    let page = desk.page();
    let query = ListQuery::read(query.as_deref());
    let found = find(&desk, &page, &query).await?;
    let sites = desk.engine().list_sites(desk.actor()).await?;
    let sites = sites.iter().map(|site| Choice::plain(site.name.to_string()));
    let catalogue = desk.engine().catalogue().iter();
    let mut errors = Errors::default();
    if found.is_faulty {
        errors.add("q", page.t("key-list-faulty"));
    }
    let pages = found.total.div_ceil(PAGE);
    let shown = ListPage {
        columns: columns(&page, &query),
        is_first: query.is_bare() && found.total == 0,
        range: range(&page, &found),
        previous: (found.number > 1).then(|| query.at_page(found.number - 1)),
        next: (found.number < pages).then(|| query.at_page(found.number + 1)),
        states: states(&page),
        use_cases: catalogue
            .map(|entry| Choice::plain(entry.name.to_string()))
            .collect(),
        sites: if sites.len() > MOST_CHOICES {
            Vec::new()
        } else {
            sites.collect()
        },
        marks: marks(&page),
        sort: query.sort,
        is_filtered: !query.is_bare(),
        rows: found.rows,
        form: query.form,
        errors,
        page,
    };
    Ok(if found.is_faulty {
        HtmlAnswer::invalid(&shown).into_response()
    } else {
        HtmlAnswer::ok(&shown).into_response()
    })
}

/// Looks for the keys of a page; of the last one, when there are not so many. A filter that cannot be read finds nothing.
async fn find(desk: &Desk, page: &Page, query: &ListQuery) -> Result<Found, EngineError> {
    let filter = query.filter();
    let total = match desk.engine().count_keys(desk.actor(), &filter).await {
        Err(EngineError::Invalid(_) | EngineError::NotFound("user")) => {
            return Ok(Found {
                is_faulty: true,
                ..Found::default()
            });
        }
        total => total?,
    };
    let number = query.number.clamp(1, total.div_ceil(PAGE).max(1));
    let filter = KeyFilter {
        skip: Some((number - 1) * PAGE),
        ..filter
    };
    let keys = desk.engine().list_keys(desk.actor(), &filter).await?;
    Ok(Found {
        rows: keys.items.iter().map(|view| KeyRow::of(page, view)).collect(),
        number,
        total,
        is_faulty: false,
    })
}

fn range(page: &Page, found: &Found) -> String {
    let first = (found.number.max(1) - 1) * PAGE;
    let last = first + u64::try_from(found.rows.len()).unwrap_or(PAGE);
    let shown = format!("{}–{}", number(page, first + 1), number(page, last));
    page.t2(
        "key-range",
        ("shown", shown),
        ("total", number(page, found.total)),
    )
    .into_owned()
}

fn columns(page: &Page, query: &ListQuery) -> Vec<Column> {
    let column = |id: &str, sorted: Option<&str>| Column {
        title: page.t(&format!("key-{id}")).into_owned(),
        link: sorted.map(|code| query.by(code)),
        sorted: sorted.map_or("", |code| query.sorted(code)),
    };
    vec![
        column("name", Some("name")),
        column("use-case", None),
        column("restrictions", None),
        column("limit", None),
        column("state", None),
        column("created", Some("created")),
        column("expires", Some("expires")),
        column("last-used", Some("last_used")),
    ]
}

impl Choice {
    fn plain(value: String) -> Self {
        Self {
            text: value.clone(),
            value,
        }
    }
}

fn states(page: &Page) -> Vec<Choice> {
    let choice = |word: &str| Choice {
        value: word.into(),
        text: page.t(&format!("key-state-{word}")).into_owned(),
    };
    ["active", "disabled", "expired", "deleted", "any"]
        .map(choice)
        .into()
}

fn marks(page: &Page) -> Vec<Choice> {
    let choice = |mark: HealthMark| Choice {
        value: mark.code().into(),
        text: page.t(&super::health::text_of(mark)).into_owned(),
    };
    HealthMark::ALL.map(choice).into()
}
