//! `GET` and `POST /integrations/keys/{id}/edit`: what may be changed of a key, and what may not, with the reason.

use super::desk::{Desk, path_of};
use super::fields::{self, Empty, Fields, MOST_BOXES};
use super::new::{site_names, title_of};
use super::row::KeyRow;
use crate::body::Named;
use crate::web::answer::HtmlAnswer;
use crate::web::form::{Errors, Form};
use crate::web::page::Page;
use crate::web::pages::PageAnswer;
use crate::web::person::OwnForm;
use askama::Template;
use axum::response::{IntoResponse, Redirect};
use http::StatusCode;
use keyward_domain::{RateLimit, Revision};
use keyward_engine::{EngineError, KeyEdit, KeyView};

/// What cannot be modified, as programs and forms call it.
const LOCKED: [&str; 15] = [
    "use-case",
    "use_case",
    "expiry",
    "expiry-date",
    "expires_at",
    "id",
    "owner",
    "owner_id",
    "created_at",
    "updated_at",
    "deleted_at",
    "fingerprint",
    "hint",
    "secret",
    "status",
];

#[derive(Template)]
#[template(path = "keys/edit.html")]
struct EditPage {
    page: Page,
    form: Form,
    errors: Errors,
    /// What the person sees: an answer that has seen less is refused.
    revision: u64,
    key: KeyRow,
    use_case_title: String,
    path: String,
    sites: Vec<String>,
    has_boxes: bool,
    address: Option<String>,
    /// Whether somebody else has changed the key since the form was opened.
    is_stale: bool,
}

pub(super) async fn show(desk: Desk, Named(id): Named) -> PageAnswer {
    let view = desk.engine().get_key(desk.actor(), &id).await?;
    if view.key.is_deleted() {
        return Ok(Redirect::to(&path_of(view.key.id)).into_response());
    }
    let has_boxes = site_names(&desk).await?.len() <= MOST_BOXES;
    let form = filled(&view, has_boxes);
    Ok(HtmlAnswer::ok(&edit_page(&desk, &view, form, Errors::default(), false).await?).into_response())
}

pub(super) async fn save(desk: Desk, Named(id): Named, OwnForm(form): OwnForm) -> PageAnswer {
    let page = desk.page();
    let view = match desk.engine().get_key(desk.actor(), &id).await {
        Ok(view) => view,
        // An edit of nothing, so that the audit log has the try.
        Err(_) => {
            desk.engine()
                .edit_key(desk.actor(), &id, &KeyEdit::default(), None)
                .await?
        }
    };
    let mut errors = Errors::default();
    let edit = read(&page, &view, &form, &mut errors);
    if !errors.is_empty() {
        return invalid(&desk, &view, form, errors).await;
    }
    match desk
        .engine()
        .edit_key(desk.actor(), &id, &edit, Some(seen(&form)))
        .await
    {
        Ok(view) => Ok(desk.done_with(view.key.id, "flash-key-saved")),
        Err(EngineError::Stale) => stale(&desk, &id, form).await,
        Err(EngineError::Conflict { .. }) => Ok(desk.done_with(view.key.id, "flash-key-conflict")),
        Err(error) => {
            fields::note(&page, error, &mut errors)?;
            invalid(&desk, &view, form, errors).await
        }
    }
}

fn read(page: &Page, view: &KeyView, form: &Form, errors: &mut Errors) -> KeyEdit {
    for name in LOCKED {
        if form.all(name).next().is_some() {
            errors.add(name, page.t1("key-fault-locked", "field", name));
        }
    }
    let empty = Empty {
        sites: view.sites.as_ref().is_some_and(Vec::is_empty),
        addresses: view.key.addresses.nets().is_some_and(<[_]>::is_empty),
    };
    let Fields {
        name,
        description,
        sites,
        addresses,
        limit,
    } = fields::read(page, form, &empty, errors);
    KeyEdit {
        name: Some(name),
        description: Some(description),
        sites: Some(sites),
        addresses: Some(addresses),
        limit: Some(limit),
    }
}

/// The revision that a form was filled from. No row is at 0: a form that does not say it has seen nothing that is there.
fn seen(form: &Form) -> Revision {
    Revision(form.text("revision").parse().unwrap_or(0))
}

/// The form of a key as it is.
fn filled(view: &KeyView, has_boxes: bool) -> Form {
    let key = &view.key;
    let rule = |is_any: bool| if is_any { "any" } else { "listed" }.to_owned();
    let lines = |texts: Vec<String>| texts.join("\n");
    let sites: Vec<String> = view.sites.iter().flatten().map(ToString::to_string).collect();
    let networks = key.addresses.nets().unwrap_or_default();
    let mut fields = vec![
        ("name", key.name.to_string()),
        ("description", key.description.to_string()),
        ("sites-rule", rule(view.sites.is_none())),
        ("addresses-rule", rule(key.addresses.nets().is_none())),
        (
            "addresses",
            lines(networks.iter().map(ToString::to_string).collect()),
        ),
        (
            "limit",
            key.limit
                .map(RateLimit::per_minute)
                .map_or_else(String::new, |n| n.to_string()),
        ),
    ];
    if has_boxes {
        fields.extend(sites.into_iter().map(|site| ("sites", site)));
    } else {
        fields.push(("site-names", lines(sites)));
    }
    Form::with(fields)
}

async fn invalid(desk: &Desk, view: &KeyView, form: Form, errors: Errors) -> PageAnswer {
    Ok(HtmlAnswer::invalid(&edit_page(desk, view, form, errors, false).await?).into_response())
}

/// Somebody else was faster: what was typed is kept, and the key as it is now stands beside it.
async fn stale(desk: &Desk, id: &str, form: Form) -> PageAnswer {
    let view = desk.engine().get_key(desk.actor(), id).await?;
    let shown = edit_page(desk, &view, form, Errors::default(), true).await?;
    Ok(HtmlAnswer::with(StatusCode::CONFLICT, &shown).into_response())
}

async fn edit_page(
    desk: &Desk,
    view: &KeyView,
    form: Form,
    errors: Errors,
    is_stale: bool,
) -> Result<EditPage, EngineError> {
    let page = desk.page();
    let entry = desk.engine().catalogue().find(view.key.use_case.as_str());
    let sites = site_names(desk).await?;
    Ok(EditPage {
        revision: if errors.is_empty() {
            view.key.revision.0
        } else {
            seen(&form).0
        },
        key: KeyRow::of(&page, view),
        use_case_title: entry.map_or_else(String::new, |entry| title_of(&page, entry)),
        path: path_of(view.key.id),
        has_boxes: sites.len() <= MOST_BOXES,
        sites,
        address: desk
            .visit
            .visitor
            .address
            .map(|address| address.to_canonical().to_string()),
        is_stale,
        page,
        form,
        errors,
    })
}
