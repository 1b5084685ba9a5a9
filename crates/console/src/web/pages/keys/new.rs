//! `GET` and `POST /integrations/keys/new`: a key is made, once, however often the form is sent.

use super::created;
use super::desk::Desk;
use super::fields::{self, MOST_BOXES, SiteBox};
use crate::web::answer::HtmlAnswer;
use crate::web::form::{Errors, Form};
use crate::web::page::Page;
use crate::web::pages::PageAnswer;
use crate::web::person::OwnForm;
use askama::Template;
use axum::response::IntoResponse;
use http::HeaderMap;
use keyward_domain::{RoutePattern, UseCase};
use keyward_engine::{Created, EngineError, KeyDraft, Once, UserFilter};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The fields that make a request: with one claim only the same ones may come again.
const FIELDS: [&str; 12] = [
    "name",
    "description",
    "owner",
    "use-case",
    "expiry",
    "expiry-date",
    "sites-rule",
    "sites",
    "site-names",
    "addresses-rule",
    "addresses",
    "limit",
];
/// The most owners that are offered while an administrator types.
const MOST_OWNERS: u32 = 50;

#[derive(Template)]
#[template(path = "keys/new.html")]
struct NewPage {
    page: Page,
    form: Form,
    errors: Errors,
    cards: Vec<Card>,
    sites: Vec<SiteBox>,
    has_boxes: bool,
    owners: Vec<String>,
    /// Where this person is now, as a restriction would name it.
    address: Option<String>,
    /// The first day that can be the end.
    tomorrow: String,
}

/// A use case to choose, with what it opens.
struct Card {
    name: String,
    title: String,
    /// `None` is every route.
    routes: Option<Vec<String>>,
    is_management: bool,
}

pub(super) async fn show(desk: Desk) -> PageAnswer {
    let first = desk
        .engine()
        .catalogue()
        .iter()
        .find(|entry| !entry.name.is_management());
    let form = Form::with([
        ("claim", Uuid::now_v7().simple().to_string()),
        ("owner", desk.person.viewer().email),
        (
            "use-case",
            first.map_or_else(String::new, |entry| entry.name.to_string()),
        ),
        ("expiry", "90".into()),
        ("sites-rule", "any".into()),
        ("addresses-rule", "any".into()),
    ]);
    Ok(HtmlAnswer::ok(&new_page(&desk, form, Errors::default()).await?).into_response())
}

pub(super) async fn create(desk: Desk, headers: HeaderMap, OwnForm(form): OwnForm) -> PageAnswer {
    let page = desk.page();
    let mut errors = Errors::default();
    let draft = read(&desk, &page, &form, &mut errors);
    if !is_claim(form.text("claim")) {
        errors.add("form", page.t("key-fault-claim-none"));
        return invalid(&desk, renewed(form, &errors), errors).await;
    }
    if !errors.is_empty() {
        return invalid(&desk, form, errors).await;
    }
    let once = Once {
        token: form.text("claim").to_owned(),
        request_hash: hash(&form),
    };
    match desk.engine().create_key(desk.actor(), &draft, Some(&once)).await {
        Ok(Created::New(issued)) => Ok(created::show(&desk, &headers, &issued)),
        Ok(Created::Replay(view)) => Ok(created::show_again(page, &view)),
        Err(error) => {
            fields::note(&page, error, &mut errors)?;
            invalid(&desk, renewed(form, &errors), errors).await
        }
    }
}

fn read(desk: &Desk, page: &Page, form: &Form, errors: &mut Errors) -> KeyDraft {
    let read = fields::read(page, form, errors);
    let use_case = fields::use_case(page, desk.engine(), form, errors);
    let expires_at = fields::expiry(page, form, errors);
    KeyDraft {
        owner: form.filled("owner").map(str::to_owned),
        name: read.name,
        description: Some(read.description),
        use_case: Some(use_case),
        expires_at: expires_at.into(),
        sites: read.sites,
        addresses: read.addresses,
        limit: read.limit,
        misread: Vec::new(),
    }
}

/// Whether a claim can be one that we gave.
fn is_claim(text: &str) -> bool {
    Uuid::try_parse(text).is_ok()
}

/// What was sent, whatever the time: sent again later, "in 90 days" is the same wish.
fn hash(form: &Form) -> [u8; 32] {
    let mut hash = Sha256::new();
    for name in FIELDS {
        for value in form.all(name) {
            hash.update(name);
            hash.update([0]);
            hash.update(value);
            hash.update([0]);
        }
    }
    hash.finalize().into()
}

/// The form with a new claim, when the old one has made a key already, or is none.
fn renewed(form: Form, errors: &Errors) -> Form {
    if errors.of("form").is_none() {
        return form;
    }
    let fields = FIELDS.into_iter().flat_map(|name| {
        let values: Vec<String> = form.all(name).map(str::to_owned).collect();
        values.into_iter().map(move |value| (name, value))
    });
    let claim = ("claim", Uuid::now_v7().simple().to_string());
    Form::with(fields.chain([claim]))
}

async fn invalid(desk: &Desk, form: Form, errors: Errors) -> PageAnswer {
    Ok(HtmlAnswer::invalid(&new_page(desk, form, errors).await?).into_response())
}

async fn new_page(desk: &Desk, form: Form, errors: Errors) -> Result<NewPage, EngineError> {
    let page = desk.page();
    let catalogue = desk.engine().catalogue();
    let (management, others): (Vec<_>, Vec<_>) =
        catalogue.iter().partition(|entry| entry.name.is_management());
    let sites: Vec<SiteBox> = site_names(desk).await?.into_iter().map(SiteBox::of).collect();
    Ok(NewPage {
        cards: others
            .into_iter()
            .chain(management)
            .map(|entry| card(&page, entry))
            .collect(),
        has_boxes: sites.len() <= MOST_BOXES,
        sites,
        owners: owners(desk).await?,
        address: desk
            .visit
            .visitor
            .address
            .map(|address| address.to_canonical().to_string()),
        tomorrow: tomorrow(&page),
        page,
        form,
        errors,
    })
}

/// The next day where this person is.
fn tomorrow(page: &Page) -> String {
    let now = jiff::Timestamp::from_millisecond(page.moments.now.millis()).unwrap_or_default();
    let today = now.to_zoned_datetime(page.moments.zone.clone()).date();
    today
        .tomorrow()
        .map_or_else(|_| String::new(), |day| day.to_string())
}

/// The names of the sites that this person may choose of.
pub(super) async fn site_names(desk: &Desk) -> Result<Vec<String>, EngineError> {
    let sites = desk.engine().list_sites(desk.actor()).await?;
    Ok(sites.iter().map(|site| site.name.to_string()).collect())
}

async fn owners(desk: &Desk) -> Result<Vec<String>, EngineError> {
    if !desk.is_admin() {
        return Ok(Vec::new());
    }
    let filter = UserFilter {
        limit: Some(MOST_OWNERS),
        ..UserFilter::default()
    };
    let users = desk.engine().list_users(desk.actor(), &filter).await?;
    let valid = users.items.into_iter().filter(|view| view.user.is_valid());
    Ok(valid.map(|view| view.user.email.to_string()).collect())
}

fn card(page: &Page, entry: &UseCase) -> Card {
    let route = |route: &RoutePattern| {
        if route.methods.is_empty() {
            route.path.to_string()
        } else {
            format!("{} {}", route.methods.join(", "), route.path)
        }
    };
    let is_management = entry.name.is_management();
    Card {
        name: entry.name.to_string(),
        title: title_of(page, entry),
        routes: entry
            .routes
            .as_ref()
            .map(|routes| routes.iter().map(route).collect()),
        is_management,
    }
}

/// What people read of a use case. The reserved one is ours, so it is in their language.
pub(super) fn title_of(page: &Page, entry: &UseCase) -> String {
    if entry.name.is_management() {
        page.t("key-management").into_owned()
    } else {
        page.use_case_title(entry)
    }
}
