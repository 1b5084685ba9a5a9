//! `GET` and `POST /sign-in/code`: the second factor, after the password was right.

use super::Faults;
use super::entry::enter_where_asked;
use crate::app::App;
use crate::web::answer::HtmlAnswer;
use crate::web::cookies::Cookie;
use crate::web::form::Form;
use crate::web::page::{Page, Place};
use crate::web::pages::PageAnswer;
use crate::web::visit::Visit;
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;

#[derive(Template)]
#[template(path = "account/code.html")]
struct CodePage {
    page: Page,
    /// Never with what was typed: a code is used up by its use.
    form: Form,
    faults: Faults,
}

pub(super) async fn show(visit: Visit, headers: HeaderMap) -> Response {
    if Cookie::Pending.read(&headers, &visit.jar).is_none() {
        return Redirect::to("/sign-in").into_response();
    }
    HtmlAnswer::ok(&CodePage {
        page: Page::new(&visit, Place::Outside, None),
        form: Form::default(),
        faults: Faults::default(),
    })
    .into_response()
}

pub(super) async fn submit(
    State(app): State<App>,
    visit: Visit,
    headers: HeaderMap,
    form: Form,
) -> PageAnswer {
    let Some(pending) = Cookie::Pending.read(&headers, &visit.jar) else {
        return Ok(Redirect::to("/sign-in").into_response());
    };
    let code = form.text("code");
    let fault = match app.engine.sign_in_with_code(pending, code, &visit.visitor).await {
        Ok(signed_in) => return Ok(enter_where_asked(&visit, &signed_in)),
        Err(fault) => fault,
    };
    let page = Page::new(&visit, Place::Outside, None);
    let faults = Faults::of_sign_in(&page, fault, "code-refused")?;
    let template = CodePage {
        page,
        form: Form::default(),
        faults,
    };
    Ok(template.faults.answer(&template))
}
