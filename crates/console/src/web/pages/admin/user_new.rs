//! `/admin/users/new`: invites somebody.

use super::faults::at_fields;
use super::one_time_link::{LinkPage, own_address};
use super::site_choice::{SiteChoice, chosen};
use super::{Admin, may_change};
use crate::app::App;
use crate::web::answer::HtmlAnswer;
use crate::web::form::{Errors, Form};
use crate::web::page::{Page, Place};
use crate::web::pages::PageAnswer;
use crate::web::person::{OwnForm, Person};
use crate::web::visit::Visit;
use askama::Template;
use axum::extract::State;
use axum::response::IntoResponse;
use http::HeaderMap;
use keyward_engine::{Subject, UserDraft};

#[derive(Template)]
#[template(path = "admin/user_new.html")]
struct NewUserPage {
    page: Page,
    form: Form,
    errors: Errors,
    choice: SiteChoice,
}

pub(super) async fn show(State(app): State<App>, visit: Visit, Admin(person): Admin) -> PageAnswer {
    let template = NewUserPage {
        page: person.page(&visit, Place::Users),
        form: Form::with([("role", "member".into()), ("reach", "all".into())]),
        errors: Errors::default(),
        choice: SiteChoice::read(&app, &person).await?,
    };
    Ok(HtmlAnswer::ok(&template).into_response())
}

pub(super) async fn invite(
    State(app): State<App>,
    visit: Visit,
    person: Person,
    headers: HeaderMap,
    OwnForm(form): OwnForm,
) -> PageAnswer {
    may_change(&app, &person, "user.create", Subject::New("user")).await?;
    let page = person.page(&visit, Place::Users);
    let draft = UserDraft {
        email: form.text("email").trim().to_owned(),
        name: form.filled("name").map(str::to_owned),
        role: Some(form.text("role").to_owned()),
        sites: chosen(&form),
        misread: Vec::new(),
    };
    match app.engine.invite_user(person.actor(), &draft).await {
        Ok((view, link, until)) => {
            let template = LinkPage::of_invitation(page, &view, &link, until, &own_address(&headers));
            Ok(HtmlAnswer::ok(&template).into_response())
        }
        Err(error) => {
            let template = NewUserPage {
                errors: at_fields(error, &page, "user")?,
                page,
                form,
                choice: SiteChoice::read(&app, &person).await?,
            };
            Ok(HtmlAnswer::invalid(&template).into_response())
        }
    }
}
