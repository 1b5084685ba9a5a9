//! `GET` and `POST /setup/{token}`: the first administrator.

use super::Faults;
use super::entry::{START, enter};
use super::link::GonePage;
use crate::app::App;
use crate::web::answer::HtmlAnswer;
use crate::web::form::Form;
use crate::web::page::{Page, Place};
use crate::web::pages::PageAnswer;
use crate::web::visit::Visit;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use keyward_engine::AccountFault;

#[derive(Template)]
#[template(path = "account/setup.html")]
struct SetupPage {
    page: Page,
    form: Form,
    faults: Faults,
}

pub(super) async fn show(State(app): State<App>, visit: Visit, Path(token): Path<String>) -> PageAnswer {
    if !app.engine.is_setup_token(&token).await? {
        return Ok(GonePage::answer(&visit, true));
    }
    let template = SetupPage {
        page: Page::new(&visit, Place::Outside, None),
        form: Form::default(),
        faults: Faults::default(),
    };
    Ok(HtmlAnswer::ok(&template).into_response())
}

pub(super) async fn submit(
    State(app): State<App>,
    visit: Visit,
    Path(token): Path<String>,
    form: Form,
) -> PageAnswer {
    if !app.engine.is_setup_token(&token).await? {
        return Ok(GonePage::answer(&visit, true));
    }
    let page = Page::new(&visit, Place::Outside, None);
    let faults = match Faults::of_new_person(&page, &form) {
        Some(faults) => faults,
        None => {
            let (email, password) = (form.text("email").trim(), form.text("password"));
            let name = form.filled("name");
            let made = app.engine.set_up(&token, email, name, password, &visit.visitor);
            match made.await {
                Ok(signed_in) => return Ok(enter(&visit, &signed_in, START)),
                Err(AccountFault::LinkGone) => return Ok(GonePage::answer(&visit, true)),
                Err(fault) => Faults::of_account(&page, fault)?,
            }
        }
    };
    let template = SetupPage { page, form, faults };
    Ok(template.faults.answer(&template))
}
