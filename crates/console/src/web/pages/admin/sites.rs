//! `/admin/sites`: the tenants of the protected API.

use super::faults::at_fields;
use super::links::with_query;
use super::{Admin, LINES, may_change, words};
use crate::app::App;
use crate::problem::Problem;
use crate::web::answer::HtmlAnswer;
use crate::web::form::{Errors, Form};
use crate::web::page::{Page, Place};
use crate::web::pages::{PageAnswer, done};
use crate::web::person::{OwnForm, Person};
use crate::web::visit::Visit;
use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use keyward_domain::{Timestamp, fold};
use keyward_engine::{SiteView, Subject};

#[derive(Template)]
#[template(path = "admin/sites.html")]
struct SitesPage {
    page: Page,
    /// What is searched for.
    query: Form,
    none: Errors,
    /// The site to be made.
    form: Form,
    errors: Errors,
    rows: Vec<SiteRow>,
    next: Option<String>,
    first: Option<String>,
}

/// A line of the list.
struct SiteRow {
    name: String,
    status: words::Badge,
    created: Timestamp,
    keys: String,
}

impl SitesPage {
    async fn new(app: &App, person: &Person, page: Page, query: Form) -> Result<Self, Problem> {
        let mut sites = app.engine.list_sites(person.actor()).await?;
        let wanted = fold(query.text("q").trim());
        sites.retain(|site| {
            site.name.as_str() > query.text("after") && fold(site.name.as_str()).contains(&wanted)
        });
        let lines = usize::try_from(LINES).unwrap_or(usize::MAX);
        let has_more = sites.len() > lines;
        sites.truncate(lines);
        let place = |after: &str| with_query("/admin/sites", &[("q", query.text("q")), ("after", after)]);
        let last = sites.last().filter(|_| has_more);
        let row = |site: &SiteView| SiteRow {
            name: site.name.to_string(),
            status: words::site_status(&page, site),
            created: site.created_at,
            keys: with_query("/integrations/keys", &[("site", site.name.as_str())]),
        };
        Ok(Self {
            rows: sites.iter().map(row).collect(),
            next: last.map(|site| place(site.name.as_str())),
            first: query.filled("after").map(|_| place("")),
            page,
            query,
            none: Errors::default(),
            form: Form::default(),
            errors: Errors::default(),
        })
    }
}

pub(super) async fn show(
    State(app): State<App>,
    visit: Visit,
    Admin(person): Admin,
    RawQuery(query): RawQuery,
) -> PageAnswer {
    let page = person.page(&visit, Place::Sites);
    let query = Form::of_query(query.as_deref());
    let template = SitesPage::new(&app, &person, page, query).await?;
    Ok(HtmlAnswer::ok(&template).into_response())
}

pub(super) async fn create(
    State(app): State<App>,
    visit: Visit,
    person: Person,
    OwnForm(form): OwnForm,
) -> PageAnswer {
    may_change(&app, &person, "site.create", Subject::New("site")).await?;
    match app
        .engine
        .create_site(person.actor(), form.text("name").trim(), None)
        .await
    {
        Ok(_) => Ok(done(&visit, "/admin/sites", "flash-admin-site-created")),
        Err(error) => {
            let page = person.page(&visit, Place::Sites);
            let errors = at_fields(error, &page, "site")?;
            let mut template = SitesPage::new(&app, &person, page, Form::default()).await?;
            (template.form, template.errors) = (form, errors);
            Ok(HtmlAnswer::invalid(&template).into_response())
        }
    }
}
