//! `GET` and `POST /link/{token}`: an invitation or a reset; whoever holds it chooses a password, once.

use super::Faults;
use super::entry::go_on;
use crate::app::App;
use crate::web::answer::HtmlAnswer;
use crate::web::form::Form;
use crate::web::page::{Page, Place};
use crate::web::pages::PageAnswer;
use crate::web::visit::Visit;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use keyward_engine::{AccountFault, LinkPurpose, LinkView};

#[derive(Template)]
#[template(path = "account/link.html")]
struct LinkPage {
    page: Page,
    link: LinkView,
    faults: Faults,
}

impl LinkPage {
    fn is_invitation(&self) -> bool {
        self.link.purpose == LinkPurpose::Invite
    }
}

/// A link that is worth nothing, and what to do then.
#[derive(Template)]
#[template(path = "account/gone.html")]
pub(super) struct GonePage {
    page: Page,
    /// Whether it was to make the first administrator.
    is_setup: bool,
}

impl GonePage {
    pub(super) fn answer(visit: &Visit, is_setup: bool) -> Response {
        let page = Page::new(visit, Place::Outside, None);
        HtmlAnswer::with(StatusCode::GONE, &Self { page, is_setup }).into_response()
    }
}

pub(super) async fn show(State(app): State<App>, visit: Visit, Path(token): Path<String>) -> PageAnswer {
    let Some(link) = app.engine.find_link(&token).await? else {
        return Ok(GonePage::answer(&visit, false));
    };
    let template = LinkPage {
        page: Page::new(&visit, Place::Outside, None),
        link,
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
    let page = Page::new(&visit, Place::Outside, None);
    let faults = match Faults::of_repetition(&page, &form) {
        Some(faults) => faults,
        None => {
            let password = form.text("password");
            match app.engine.redeem_link(&token, password, &visit.visitor).await {
                Ok(sign_in) => return Ok(go_on(&visit, &sign_in)),
                Err(AccountFault::LinkGone) => return Ok(GonePage::answer(&visit, false)),
                Err(fault) => Faults::of_account(&page, fault)?,
            }
        }
    };
    let Some(link) = app.engine.find_link(&token).await? else {
        return Ok(GonePage::answer(&visit, false));
    };
    let template = LinkPage { page, link, faults };
    Ok(template.faults.answer(&template))
}
