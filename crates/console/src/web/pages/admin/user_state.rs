//! What is done to a user after a question: enable, disable, delete, take the second factor away.

use super::confirm::ConfirmPage;
use super::{Admin, may_change};
use crate::app::App;
use crate::body::Named;
use crate::problem::Problem;
use crate::web::answer::HtmlAnswer;
use crate::web::form::Form;
use crate::web::page::Place;
use crate::web::pages::{PageAnswer, done};
use crate::web::person::{OwnForm, Person};
use crate::web::visit::Visit;
use axum::extract::State;
use axum::response::IntoResponse;
use keyward_engine::{EngineError, UserView};

const DISABLE: &str = "disable-user";
const DELETE: &str = "delete-user";
const FACTOR: &str = "reset-factor";

/// A question about a user.
fn question(kind: &str, visit: &Visit, person: &Person, view: &UserView) -> ConfirmPage {
    let user = &view.user;
    let is_self = person.actor().user() == Some(user.id);
    let points: &[&str] = match (kind, is_self) {
        (FACTOR, _) => &["point-1", "point-2", "point-3"],
        (_, false) => &["point-1", "point-2", "point-3"],
        (_, true) => &["point-1", "point-2", "point-3", "self"],
    };
    let page = person.page(visit, Place::Users);
    let back = format!("/admin/users/{}", user.id);
    let mut question = ConfirmPage::new(page, kind, user.name.as_str(), points, back);
    question.typed = (kind == DELETE).then(|| user.email.to_string());
    question
}

async fn ask(app: &App, visit: &Visit, person: &Person, id: &str, kind: &str) -> PageAnswer {
    let view = app.engine.get_user(person.actor(), id).await?;
    Ok(HtmlAnswer::ok(&question(kind, visit, person, &view)).into_response())
}

/// The question again, with what stands against it.
async fn refused(
    app: &App,
    visit: &Visit,
    person: &Person,
    id: &str,
    kind: &str,
    (field, text, form): (&str, &str, Form),
) -> PageAnswer {
    let view = app.engine.get_user(person.actor(), id).await?;
    let mut question = question(kind, visit, person, &view);
    question.errors.add(field, question.page.t(text));
    question.form = form;
    Ok(HtmlAnswer::invalid(&question).into_response())
}

pub(super) async fn enable(
    State(app): State<App>,
    visit: Visit,
    person: Person,
    Named(id): Named,
    _: OwnForm,
) -> PageAnswer {
    may_change(&app, &person, "user.enable", ("user", &id)).await?;
    let view = app.engine.enable_user(person.actor(), &id, None).await?;
    let place = format!("/admin/users/{}", view.user.id);
    Ok(done(&visit, &place, "flash-admin-user-enabled"))
}

pub(super) async fn ask_disable(
    State(app): State<App>,
    visit: Visit,
    Admin(person): Admin,
    Named(id): Named,
) -> PageAnswer {
    ask(&app, &visit, &person, &id, DISABLE).await
}

pub(super) async fn disable(
    State(app): State<App>,
    visit: Visit,
    person: Person,
    Named(id): Named,
    OwnForm(form): OwnForm,
) -> PageAnswer {
    may_change(&app, &person, "user.disable", ("user", &id)).await?;
    match app.engine.disable_user(person.actor(), &id, None).await {
        Ok(view) => {
            let place = format!("/admin/users/{}", view.user.id);
            Ok(done(&visit, &place, "flash-admin-user-disabled"))
        }
        Err(error) => {
            let fault = ("form", last_admin(error)?, form);
            refused(&app, &visit, &person, &id, DISABLE, fault).await
        }
    }
}

pub(super) async fn ask_delete(
    State(app): State<App>,
    visit: Visit,
    Admin(person): Admin,
    Named(id): Named,
) -> PageAnswer {
    ask(&app, &visit, &person, &id, DELETE).await
}

pub(super) async fn delete(
    State(app): State<App>,
    visit: Visit,
    person: Person,
    Named(id): Named,
    OwnForm(form): OwnForm,
) -> PageAnswer {
    may_change(&app, &person, "user.delete", ("user", &id)).await?;
    let view = app.engine.get_user(person.actor(), &id).await?;
    if form.text("typed").trim().to_lowercase() != view.user.email.as_str() {
        let fault = ("typed", "admin-fault-typed", form);
        return refused(&app, &visit, &person, &id, DELETE, fault).await;
    }
    match app.engine.delete_user(person.actor(), &id, None).await {
        Ok(_) => Ok(done(&visit, "/admin/users", "flash-admin-user-deleted")),
        Err(error) => {
            let fault = ("form", last_admin(error)?, form);
            refused(&app, &visit, &person, &id, DELETE, fault).await
        }
    }
}

pub(super) async fn ask_reset_factor(
    State(app): State<App>,
    visit: Visit,
    Admin(person): Admin,
    Named(id): Named,
) -> PageAnswer {
    ask(&app, &visit, &person, &id, FACTOR).await
}

pub(super) async fn reset_factor(
    State(app): State<App>,
    visit: Visit,
    person: Person,
    Named(id): Named,
    OwnForm(form): OwnForm,
) -> PageAnswer {
    may_change(&app, &person, "second_factor.reset", ("user", &id)).await?;
    let view = app.engine.get_user(person.actor(), &id).await?;
    let id = view.user.id.to_string();
    match app.engine.reset_second_factor(person.actor(), &id).await {
        Err(EngineError::Conflict {
            code: "second_factor_off",
            ..
        }) => {
            let fault = ("form", "admin-fault-no-factor", form);
            return refused(&app, &visit, &person, &id, FACTOR, fault).await;
        }
        outcome => outcome?,
    }
    Ok(done(
        &visit,
        &format!("/admin/users/{id}"),
        "flash-admin-factor-reset",
    ))
}

/// The one thing that stands against switching a user off; other errors have pages of their own.
fn last_admin(error: EngineError) -> Result<&'static str, Problem> {
    match error {
        EngineError::Conflict {
            code: "last_admin", ..
        } => Ok("admin-fault-last-admin"),
        other => Err(other.into()),
    }
}
