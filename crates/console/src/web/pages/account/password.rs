//! `GET` and `POST /account/password`

use crate::app::App;
use crate::web::answer::HtmlAnswer;
use crate::web::cookies::Cookie;
use crate::web::form::Form;
use crate::web::page::{Page, Place};
use crate::web::pages::PageAnswer;
use crate::web::pages::sign_in::{Faults, enter};
use crate::web::person::{OwnForm, Person};
use crate::web::visit::Visit;
use askama::Template;
use axum::extract::State;
use axum::response::IntoResponse;

#[derive(Template)]
#[template(path = "account/password.html")]
struct PasswordPage {
    page: Page,
    /// For password managers.
    email: String,
    form: Form,
    faults: Faults,
}

impl PasswordPage {
    fn new(page: Page, person: &Person, form: Form, faults: Faults) -> Self {
        Self {
            page,
            email: person.session.user.email.to_string(),
            form,
            faults,
        }
    }
}

pub(super) async fn show(visit: Visit, person: Person) -> HtmlAnswer {
    let page = person.page(&visit, Place::Account);
    let template = PasswordPage::new(page, &person, Form::default(), Faults::default());
    HtmlAnswer::ok(&template)
}

pub(super) async fn submit(
    State(app): State<App>,
    visit: Visit,
    person: Person,
    OwnForm(form): OwnForm,
) -> PageAnswer {
    let page = person.page(&visit, Place::Account);
    let faults = match Faults::of_repetition(&page, &form) {
        Some(faults) => faults,
        None => {
            let (old, new) = (form.text("old"), form.text("password"));
            let changed = app
                .engine
                .change_password(&person.session, old, new, &visit.visitor);
            match changed.await {
                Ok(signed_in) => {
                    let mut response = enter(&visit, &signed_in, "/account");
                    let headers = response.headers_mut();
                    Cookie::Flash.set("flash-password-changed", headers, &visit.jar);
                    return Ok(response);
                }
                Err(fault) => Faults::of_account(&page, fault)?,
            }
        }
    };
    let template = PasswordPage::new(page, &person, form, faults);
    Ok(template.faults.answer(&template).into_response())
}
