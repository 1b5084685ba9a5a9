//! `GET` and `POST /sign-in`: e-mail address and password.

use super::Faults;
use super::entry::{START, go_on};
use crate::app::App;
use crate::web::answer::HtmlAnswer;
use crate::web::cookies::Cookie;
use crate::web::form::Form;
use crate::web::page::{Page, Place};
use crate::web::pages::PageAnswer;
use crate::web::person::find_person;
use crate::web::visit::Visit;
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use http::HeaderMap;

#[derive(Template)]
#[template(path = "account/sign_in.html")]
struct SignInPage {
    page: Page,
    form: Form,
    faults: Faults,
    /// Whether nobody can sign in yet.
    is_new: bool,
    /// What people call the provider at which they can sign in too.
    provider: Option<String>,
}

fn provider(app: &App) -> Option<String> {
    app.provider.as_ref().map(|provider| provider.name().to_owned())
}

pub(super) async fn show(State(app): State<App>, visit: Visit, headers: HeaderMap) -> PageAnswer {
    if find_person(&headers, &visit, &app).await?.is_some() {
        return Ok(Redirect::to(START).into_response());
    }
    let template = SignInPage {
        page: Page::new(&visit, Place::Outside, None),
        form: Form::default(),
        faults: Faults::default(),
        is_new: !app.has_administrator().await?,
        provider: provider(&app),
    };
    Ok(HtmlAnswer::ok(&template).into_response())
}

pub(super) async fn submit(
    State(app): State<App>,
    visit: Visit,
    headers: HeaderMap,
    form: Form,
) -> PageAnswer {
    let device = Cookie::Device.read(&headers, &visit.jar);
    let (email, password) = (form.text("email").trim(), form.text("password"));
    let fault = match app.engine.sign_in(email, password, &visit.visitor, device).await {
        Ok(sign_in) => return Ok(go_on(&visit, &sign_in)),
        Err(fault) => fault,
    };
    let page = Page::new(&visit, Place::Outside, None);
    let faults = Faults::of_sign_in(&page, fault, "sign-in-refused")?;
    let template = SignInPage {
        page,
        form,
        faults,
        is_new: false,
        provider: provider(&app),
    };
    Ok(template.faults.answer(&template))
}
