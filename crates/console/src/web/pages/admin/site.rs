//! `/admin/sites/{name}`: a site: rename, disable, enable.

use super::confirm::ConfirmPage;
use super::faults::at_fields;
use super::links::with_query;
use super::user::seen;
use super::{Admin, may_change, words};
use crate::app::App;
use crate::body::Named;
use crate::web::answer::HtmlAnswer;
use crate::web::form::{Errors, Form};
use crate::web::page::{Page, Place};
use crate::web::pages::{PageAnswer, done};
use crate::web::person::{OwnForm, Person};
use crate::web::visit::Visit;
use askama::Template;
use axum::extract::State;
use axum::response::IntoResponse;
use keyward_domain::SiteStatus;
use keyward_engine::{SiteEdit, SiteView, Subject};

#[derive(Template)]
#[template(path = "admin/site.html")]
struct SitePage {
    page: Page,
    form: Form,
    errors: Errors,
    site: SiteView,
    status: words::Badge,
    keys: String,
    audit: String,
}

impl SitePage {
    fn new(page: Page, site: SiteView, sent: Option<(Form, Errors)>) -> Self {
        let name = site.name.as_str();
        let as_it_is = || (Form::with([("name", name.to_owned())]), Errors::default());
        let (form, errors) = sent.unwrap_or_else(as_it_is);
        Self {
            status: words::site_status(&page, &site),
            keys: with_query("/integrations/keys", &[("site", name)]),
            audit: with_query("/admin/audit", &[("kind", "site"), ("target", name)]),
            page,
            form,
            errors,
            site,
        }
    }

    fn is_open(&self) -> bool {
        self.site.status == SiteStatus::Active
    }
}

pub(super) async fn show(
    State(app): State<App>,
    visit: Visit,
    Admin(person): Admin,
    Named(name): Named,
) -> PageAnswer {
    let site = app.engine.get_site(person.actor(), &name).await?;
    let template = SitePage::new(person.page(&visit, Place::Sites), site, None);
    Ok(HtmlAnswer::ok(&template).into_response())
}

pub(super) async fn rename(
    State(app): State<App>,
    visit: Visit,
    person: Person,
    Named(name): Named,
    OwnForm(form): OwnForm,
) -> PageAnswer {
    may_change(&app, &person, "site.rename", Subject::Site(&name)).await?;
    let edit = SiteEdit {
        name: Some(form.text("name").trim().to_owned()),
        ..SiteEdit::default()
    };
    match app
        .engine
        .edit_site(person.actor(), &name, &edit, seen(&form))
        .await
    {
        Ok(site) => {
            let place = format!("/admin/sites/{}", site.name);
            Ok(done(&visit, &place, "flash-admin-site-renamed"))
        }
        Err(error) => {
            let page = person.page(&visit, Place::Sites);
            let errors = at_fields(error, &page, "site")?;
            let site = app.engine.get_site(person.actor(), &name).await?;
            let template = SitePage::new(page, site, Some((form, errors)));
            Ok(HtmlAnswer::invalid(&template).into_response())
        }
    }
}

pub(super) async fn ask_disable(
    State(app): State<App>,
    visit: Visit,
    Admin(person): Admin,
    Named(name): Named,
) -> PageAnswer {
    let site = app.engine.get_site(person.actor(), &name).await?;
    let page = person.page(&visit, Place::Sites);
    let back = format!("/admin/sites/{}", site.name);
    let points = ["point-1", "point-2", "point-3"];
    let question = ConfirmPage::new(page, "disable-site", site.name.as_str(), &points, back);
    Ok(HtmlAnswer::ok(&question).into_response())
}

pub(super) async fn disable(
    State(app): State<App>,
    visit: Visit,
    person: Person,
    Named(name): Named,
    _: OwnForm,
) -> PageAnswer {
    may_change(&app, &person, "site.disable", Subject::Site(&name)).await?;
    switch(&app, &visit, &person, &name, false).await
}

pub(super) async fn enable(
    State(app): State<App>,
    visit: Visit,
    person: Person,
    Named(name): Named,
    _: OwnForm,
) -> PageAnswer {
    may_change(&app, &person, "site.enable", Subject::Site(&name)).await?;
    switch(&app, &visit, &person, &name, true).await
}

async fn switch(app: &App, visit: &Visit, person: &Person, name: &str, active: bool) -> PageAnswer {
    let edit = SiteEdit {
        active: Some(active),
        ..SiteEdit::default()
    };
    let site = app.engine.edit_site(person.actor(), name, &edit, None).await?;
    let said = if active {
        "flash-admin-site-enabled"
    } else {
        "flash-admin-site-disabled"
    };
    Ok(done(visit, &format!("/admin/sites/{}", site.name), said))
}
