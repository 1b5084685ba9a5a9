//! What is done to a user: enabling them, and, after a question, disabling, deleting, taking the second factor
//! or the accounts at providers away.
//!
//! Each question is an implementation of [`Asked`]; its two routes are [`ask`] and [`carry_out`].

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
use keyward_engine::{Actor, Engine, EngineError, Subject, UserView};
use std::future::Future;

/// A change of a user that is asked about first.
pub(super) trait Asked: 'static {
    /// The ids of the question's texts.
    const KIND: &'static str;
    /// What the audit log calls it.
    const ACTION: &'static str;
    /// What is said when it is done.
    const DONE: &'static str;
    /// Whether the user's address has to be typed.
    const IS_TYPED: bool = false;
    /// What is added to the question when it is about oneself.
    const SELF: Option<&'static str> = Some("self");

    fn make(engine: &Engine, actor: &Actor, id: &str)
    -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Where it leads to.
    fn place(view: &UserView) -> String {
        format!("/admin/users/{}", view.user.id)
    }
}

pub(super) struct Disable;

impl Asked for Disable {
    const KIND: &'static str = "disable-user";
    const ACTION: &'static str = "user.disable";
    const DONE: &'static str = "flash-admin-user-disabled";

    async fn make(engine: &Engine, actor: &Actor, id: &str) -> Result<(), EngineError> {
        engine.disable_user(actor, id, None).await.map(|_| ())
    }
}

pub(super) struct Delete;

impl Asked for Delete {
    const KIND: &'static str = "delete-user";
    const ACTION: &'static str = "user.delete";
    const DONE: &'static str = "flash-admin-user-deleted";
    const IS_TYPED: bool = true;

    async fn make(engine: &Engine, actor: &Actor, id: &str) -> Result<(), EngineError> {
        engine.delete_user(actor, id, None).await.map(|_| ())
    }

    fn place(_: &UserView) -> String {
        "/admin/users".to_owned()
    }
}

pub(super) struct ResetFactor;

impl Asked for ResetFactor {
    const KIND: &'static str = "reset-factor";
    const ACTION: &'static str = "second_factor.reset";
    const DONE: &'static str = "flash-admin-factor-reset";
    const SELF: Option<&'static str> = None;

    async fn make(engine: &Engine, actor: &Actor, id: &str) -> Result<(), EngineError> {
        engine.reset_second_factor(actor, id).await.map(|_| ())
    }
}

pub(super) struct Unbind;

impl Asked for Unbind {
    const KIND: &'static str = "unbind";
    const ACTION: &'static str = "identity.remove";
    const DONE: &'static str = "flash-admin-unbound";

    async fn make(engine: &Engine, actor: &Actor, id: &str) -> Result<(), EngineError> {
        engine.remove_identities(actor, id).await
    }
}

/// Asks.
pub(super) async fn ask<A: Asked>(
    State(app): State<App>,
    visit: Visit,
    Admin(person): Admin,
    Named(id): Named,
) -> PageAnswer {
    let view = app.engine.get_user(person.actor(), &id).await?;
    Ok(HtmlAnswer::ok(&question::<A>(&visit, &person, &view)).into_response())
}

/// Does it, or asks again with what stands against it.
pub(super) async fn carry_out<A: Asked>(
    State(app): State<App>,
    visit: Visit,
    person: Person,
    Named(id): Named,
    OwnForm(form): OwnForm,
) -> PageAnswer {
    may_change(&app, &person, A::ACTION, Subject::User(&id)).await?;
    let view = app.engine.get_user(person.actor(), &id).await?;
    let (field, text) = if A::IS_TYPED && !is_typed(&form, &view) {
        ("typed", "admin-fault-typed")
    } else {
        match A::make(&app.engine, person.actor(), &view.user.id.to_string()).await {
            Ok(()) => return Ok(done(&visit, &A::place(&view), A::DONE)),
            Err(error) => ("form", obstacle(error)?),
        }
    };
    let mut question = question::<A>(&visit, &person, &view);
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
    may_change(&app, &person, "user.enable", Subject::User(&id)).await?;
    let view = app.engine.enable_user(person.actor(), &id, None).await?;
    let place = format!("/admin/users/{}", view.user.id);
    Ok(done(&visit, &place, "flash-admin-user-enabled"))
}

fn question<A: Asked>(visit: &Visit, person: &Person, view: &UserView) -> ConfirmPage {
    let user = &view.user;
    let about_self = A::SELF.filter(|_| person.actor().user() == Some(user.id));
    let points: Vec<&str> = ["point-1", "point-2", "point-3"]
        .into_iter()
        .chain(about_self)
        .collect();
    let page = person.page(visit, Place::Users);
    let back = format!("/admin/users/{}", user.id);
    let mut question = ConfirmPage::new(page, A::KIND, user.name.as_str(), &points, back);
    question.typed = A::IS_TYPED.then(|| user.email.to_string());
    question
}

fn is_typed(form: &Form, view: &UserView) -> bool {
    form.text("typed").trim().to_lowercase() == view.user.email.as_str()
}

/// What stands against it, where the question can say it; other errors have pages of their own.
fn obstacle(error: EngineError) -> Result<&'static str, Problem> {
    match error {
        EngineError::Conflict {
            code: "last_admin", ..
        } => Ok("admin-fault-last-admin"),
        EngineError::Conflict {
            code: "second_factor_off",
            ..
        } => Ok("admin-fault-no-factor"),
        EngineError::Conflict {
            code: "no_identity", ..
        } => Ok("admin-fault-no-identity"),
        other => Err(other.into()),
    }
}
