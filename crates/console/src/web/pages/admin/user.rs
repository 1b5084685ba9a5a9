//! `/admin/users/{id}`: a user, and what can be done with them.

use super::faults::at_fields;
use super::links::with_query;
use super::site_choice::{SiteChoice, chosen, form_of};
use super::{Admin, may_change, words};
use crate::app::App;
use crate::body::Named;
use crate::problem::Problem;
use crate::web::answer::HtmlAnswer;
use crate::web::form::{Errors, Form};
use crate::web::page::{Page, Place};
use crate::web::pages::{PageAnswer, done};
use crate::web::person::{OwnForm, Person};
use crate::web::visit::Visit;
use askama::Template;
use axum::extract::State;
use axum::response::IntoResponse;
use keyward_domain::{Revision, UserStatus};
use keyward_engine::{IdentityView, KeyFilter, Subject, UserEdit, UserView};
use std::borrow::Cow;

#[derive(Template)]
#[template(path = "admin/user.html")]
struct UserPage {
    page: Page,
    form: Form,
    errors: Errors,
    choice: SiteChoice,
    view: UserView,
    role: Cow<'static, str>,
    status: words::Badge,
    sites: Vec<String>,
    keys: String,
    /// How many keys they have that are not deleted.
    key_count: u64,
    audit: String,
    /// The accounts at providers by which they can sign in.
    identities: Vec<IdentityView>,
    has_factor: bool,
}

impl UserPage {
    async fn new(
        app: &App,
        person: &Person,
        page: Page,
        view: UserView,
        sent: Option<(Form, Errors)>,
    ) -> Result<Self, Problem> {
        let choice = SiteChoice::read(app, person).await?;
        let (form, errors) = sent.unwrap_or_else(|| (form_of(&view, &choice), Errors::default()));
        let user = &view.user;
        let id = user.id.to_string();
        let theirs = KeyFilter {
            owner: Some(id.clone()),
            ..KeyFilter::default()
        };
        Ok(Self {
            role: words::role(&page, user.role),
            status: words::user_status(&page, user),
            sites: view.sites.iter().flatten().map(ToString::to_string).collect(),
            key_count: app.engine.count_keys(person.actor(), &theirs).await?,
            keys: with_query("/integrations/keys", &[("owner", user.email.as_str())]),
            audit: with_query("/admin/audit", &[("kind", "user"), ("target", &id)]),
            identities: app.engine.list_identities(person.actor(), &id).await?,
            has_factor: app.engine.has_second_factor(person.actor(), &id).await?,
            page,
            form,
            errors,
            choice,
            view,
        })
    }

    fn is_deleted(&self) -> bool {
        matches!(self.view.user.status, UserStatus::Deleted { .. })
    }
}

pub(super) async fn show(
    State(app): State<App>,
    visit: Visit,
    Admin(person): Admin,
    Named(id): Named,
) -> PageAnswer {
    let view = app.engine.get_user(person.actor(), &id).await?;
    let page = person.page(&visit, Place::Users);
    let template = UserPage::new(&app, &person, page, view, None).await?;
    Ok(HtmlAnswer::ok(&template).into_response())
}

pub(super) async fn edit(
    State(app): State<App>,
    visit: Visit,
    person: Person,
    Named(id): Named,
    OwnForm(form): OwnForm,
) -> PageAnswer {
    may_change(&app, &person, "user.edit", Subject::User(&id)).await?;
    let edit = UserEdit {
        name: Some(form.text("name").to_owned()),
        role: Some(form.text("role").to_owned()),
        sites: Some(chosen(&form)),
        misread: Vec::new(),
    };
    let edited = app
        .engine
        .edit_user(person.actor(), &id, &edit, seen(&form))
        .await;
    match edited {
        // Who gave up administration sees none of it any more.
        Ok(view) if person.actor().user() == Some(view.user.id) && edit.role.as_deref() != Some("admin") => {
            Ok(done(&visit, "/", "flash-admin-user-saved"))
        }
        Ok(view) => {
            let place = format!("/admin/users/{}", view.user.id);
            Ok(done(&visit, &place, "flash-admin-user-saved"))
        }
        Err(error) => {
            let page = person.page(&visit, Place::Users);
            let errors = at_fields(error, &page, "user")?;
            let view = app.engine.get_user(person.actor(), &id).await?;
            let sent = Some((form, errors));
            let template = UserPage::new(&app, &person, page, view, sent).await?;
            Ok(HtmlAnswer::invalid(&template).into_response())
        }
    }
}

/// The revision that a form was made from. What is no number is none that there is.
pub(super) fn seen(form: &Form) -> Option<Revision> {
    Some(Revision(form.text("revision").parse().unwrap_or(0)))
}
