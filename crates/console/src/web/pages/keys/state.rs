//! The life of a key: enable, disable, delete, restore. Before a running client is stopped, plain words say so.

use super::desk::{Desk, path_of};
use super::row::KeyRow;
use crate::body::Named;
use crate::web::answer::HtmlAnswer;
use crate::web::form::{Errors, Form};
use crate::web::page::Page;
use crate::web::pages::PageAnswer;
use crate::web::person::OwnForm;
use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use keyward_engine::{EngineError, KeyView};

#[derive(Template)]
#[template(path = "keys/disable.html")]
struct DisablePage {
    page: Page,
    key: KeyRow,
    path: String,
}

#[derive(Template)]
#[template(path = "keys/delete.html")]
struct DeletePage {
    page: Page,
    key: KeyRow,
    path: String,
    form: Form,
    errors: Errors,
}

pub(super) async fn enable(desk: Desk, Named(id): Named, OwnForm(_): OwnForm) -> PageAnswer {
    let view = desk.engine().get_key(desk.actor(), &id).await;
    let outcome = desk.engine().enable_key(desk.actor(), &id, None).await;
    let works = |view: &KeyView| view.state == "active" && view.hindrance.is_none();
    let flash = match &outcome {
        Ok(view) if !works(view) => "flash-key-enabled-refused",
        _ => "flash-key-enabled",
    };
    moved_on(&desk, view, outcome, flash)
}

pub(super) async fn ask_to_disable(desk: Desk, Named(id): Named) -> PageAnswer {
    let view = desk.engine().get_key(desk.actor(), &id).await?;
    if view.key.is_deleted() {
        return Ok(Redirect::to(&path_of(view.key.id)).into_response());
    }
    let page = desk.page();
    let shown = DisablePage {
        key: KeyRow::of(&page, &view),
        path: path_of(view.key.id),
        page,
    };
    Ok(HtmlAnswer::ok(&shown).into_response())
}

pub(super) async fn disable(desk: Desk, Named(id): Named, OwnForm(_): OwnForm) -> PageAnswer {
    let view = desk.engine().get_key(desk.actor(), &id).await;
    let outcome = desk.engine().disable_key(desk.actor(), &id, None).await;
    moved_on(&desk, view, outcome, "flash-key-disabled")
}

pub(super) async fn ask_to_delete(desk: Desk, Named(id): Named) -> PageAnswer {
    let view = desk.engine().get_key(desk.actor(), &id).await?;
    if view.key.is_deleted() {
        return Ok(Redirect::to(&path_of(view.key.id)).into_response());
    }
    let shown = delete_page(&desk, &view, Form::default(), Errors::default());
    Ok(HtmlAnswer::ok(&shown).into_response())
}

pub(super) async fn delete(desk: Desk, Named(id): Named, OwnForm(form): OwnForm) -> PageAnswer {
    let view = desk.engine().get_key(desk.actor(), &id).await;
    if let Ok(view) = &view
        && form.text("name").trim() != view.key.name.as_str().trim()
    {
        let mut errors = Errors::default();
        errors.add("name", desk.page().t("key-fault-delete-name"));
        return Ok(HtmlAnswer::invalid(&delete_page(&desk, view, form, errors)).into_response());
    }
    let outcome = desk.engine().delete_key(desk.actor(), &id, None).await;
    moved_on(&desk, view, outcome, "flash-key-deleted")
}

pub(super) async fn restore(desk: Desk, Named(id): Named, OwnForm(_): OwnForm) -> PageAnswer {
    let view = desk.engine().get_key(desk.actor(), &id).await;
    let outcome = desk.engine().restore_key(desk.actor(), &id, None).await;
    moved_on(&desk, view, outcome, "flash-key-restored")
}

/// To the key's page, which says what was done, or that its state does not allow it any more. The change was asked for
/// even of keys that are not there for this person, so that the audit log has the try.
fn moved_on(
    desk: &Desk,
    view: Result<KeyView, EngineError>,
    outcome: Result<KeyView, EngineError>,
    flash: &str,
) -> Result<Response, crate::problem::Problem> {
    match outcome {
        Ok(view) => Ok(desk.done_with(view.key.id, flash)),
        Err(EngineError::Conflict { .. }) => Ok(desk.done_with(view?.key.id, "flash-key-conflict")),
        Err(error) => Err(error.into()),
    }
}

fn delete_page(desk: &Desk, view: &KeyView, form: Form, errors: Errors) -> DeletePage {
    let page = desk.page();
    DeletePage {
        key: KeyRow::of(&page, view),
        path: path_of(view.key.id),
        page,
        form,
        errors,
    }
}
