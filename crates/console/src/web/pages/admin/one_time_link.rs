//! Links that are good once: of an invitation, and for a new password. Each is shown once.

use super::confirm::ConfirmPage;
use super::words::isolated;
use super::{Admin, may_change};
use crate::app::App;
use crate::body::Named;
use crate::web::answer::HtmlAnswer;
use crate::web::page::{Page, Place};
use crate::web::pages::PageAnswer;
use crate::web::person::{OwnForm, Person};
use crate::web::visit::Visit;
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use keyward_domain::{Secret, Timestamp};
use keyward_engine::{EngineError, Subject, UserView};
use std::borrow::Cow;

/// Where a link leads.
const LINK_PATH: &str = "/link/";

#[derive(Template)]
#[template(path = "admin/link.html")]
pub(super) struct LinkPage {
    page: Page,
    title: Cow<'static, str>,
    /// What to do with it.
    steps: Vec<Cow<'static, str>>,
    link: String,
    until: Timestamp,
    user: String,
}

impl LinkPage {
    pub(super) fn of_invitation(
        page: Page,
        view: &UserView,
        token: &Secret,
        until: Timestamp,
        address: &str,
    ) -> Self {
        let title = page.t1("admin-invited-title", "name", isolated(view.user.name.as_str()));
        let steps = vec![
            page.t1("admin-invited-step-1", "email", view.user.email.to_string()),
            page.t("admin-invited-step-2"),
            page.t("admin-invited-step-3"),
        ];
        Self::new(page, title, steps, view, token, until, address)
    }

    fn of_reset(page: Page, view: &UserView, token: &Secret, until: Timestamp, address: &str) -> Self {
        let title = page.t1("admin-link-made-title", "name", isolated(view.user.name.as_str()));
        let steps = vec![
            page.t1(
                "admin-link-made-step-1",
                "name",
                isolated(view.user.name.as_str()),
            ),
            page.t("admin-link-made-step-2"),
            page.t("admin-link-made-step-3"),
        ];
        Self::new(page, title, steps, view, token, until, address)
    }

    fn new(
        page: Page,
        title: Cow<'static, str>,
        steps: Vec<Cow<'static, str>>,
        view: &UserView,
        token: &Secret,
        until: Timestamp,
        address: &str,
    ) -> Self {
        Self {
            page: page.once(),
            title,
            steps,
            link: format!("{address}{LINK_PATH}{}", token.reveal()),
            until,
            user: format!("/admin/users/{}", view.user.id),
        }
    }
}

pub(super) async fn ask(
    State(app): State<App>,
    visit: Visit,
    Admin(person): Admin,
    Named(id): Named,
) -> PageAnswer {
    let view = app.engine.get_user(person.actor(), &id).await?;
    if !view.user.is_valid() {
        return Ok(refusal(&visit, &person, &view));
    }
    Ok(HtmlAnswer::ok(&question(&visit, &person, &view)).into_response())
}

fn question(visit: &Visit, person: &Person, view: &UserView) -> ConfirmPage {
    let page = person.page(visit, Place::Users);
    let back = format!("/admin/users/{}", view.user.id);
    let points = ["point-1", "point-2", "point-3"];
    ConfirmPage::new(page, "reset-link", view.user.name.as_str(), &points, back)
}

/// Somebody who is disabled gets no link.
fn refusal(visit: &Visit, person: &Person, view: &UserView) -> Response {
    let mut question = question(visit, person, view);
    let text = question.page.t("admin-fault-inactive");
    question.errors.add("form", text);
    HtmlAnswer::invalid(&question).into_response()
}

pub(super) async fn issue(
    State(app): State<App>,
    visit: Visit,
    person: Person,
    Named(id): Named,
    headers: HeaderMap,
    _: OwnForm,
) -> PageAnswer {
    may_change(&app, &person, "link.create", Subject::User(&id)).await?;
    let view = app.engine.get_user(person.actor(), &id).await?;
    let user = view.user.id.to_string();
    let (token, until) = match app.engine.issue_reset_link(person.actor(), &user, None).await {
        Ok(issued) => issued,
        Err(EngineError::Conflict {
            code: "user_inactive",
            ..
        }) => return Ok(refusal(&visit, &person, &view)),
        Err(error) => return Err(error.into()),
    };
    let page = person.page(&visit, Place::Users);
    let template = LinkPage::of_reset(page, &view, &token, until, &own_address(&headers));
    Ok(HtmlAnswer::ok(&template).into_response())
}

/// The address of this console, as the browser knows it. A change has an `Origin`, and it is this host's.
pub(super) fn own_address(headers: &HeaderMap) -> String {
    headers
        .get(header::ORIGIN)
        .and_then(|origin| origin.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}
