//! `GET` and `POST /integrations/keys/{id}/edit`: what may be changed of a key, and what may not, with the reason.

mod start;

use super::desk::{Desk, path_of};
use super::fields::{self, MOST_BOXES, SiteBox};
use super::new::{site_names, title_of};
use super::row::{KeyRow, limit_text};
use super::words::brief;
use crate::body::Named;
use crate::web::answer::HtmlAnswer;
use crate::web::form::{Errors, Form};
use crate::web::page::Page;
use crate::web::pages::PageAnswer;
use crate::web::person::OwnForm;
use askama::Template;
use axum::response::{IntoResponse, Redirect};
use http::StatusCode;
use keyward_domain::Revision;
use keyward_engine::{EngineError, KeyEdit, KeyView};
use start::{PARTS, Start};

/// What cannot be modified, as programs and forms call it, by the place on the page that shows it. What is not shown is said of
/// the form as a whole.
const LOCKED: [(&str, &[&str]); 3] = [
    ("use-case", &["use-case", "use_case"]),
    ("expiry", &["expiry", "expiry-date", "expires_at"]),
    (
        "form",
        &[
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
        ],
    ),
];

#[derive(Template)]
#[template(path = "keys/edit.html")]
struct EditPage {
    page: Page,
    form: Form,
    errors: Errors,
    /// What the person sees: an answer that has seen less is refused.
    revision: u64,
    /// What the form was filled with.
    was: String,
    key: KeyRow,
    use_case_title: String,
    path: String,
    sites: Vec<SiteBox>,
    has_boxes: bool,
    address: Option<String>,
    /// The key as it is, when somebody else has changed it since the form was opened.
    stale: Option<Vec<Fact>>,
}

/// What may be changed of a key, as it is now.
struct Fact {
    title: String,
    text: String,
    /// Whether this person began with something else.
    is_changed: bool,
}

pub(super) async fn show(desk: Desk, Named(id): Named) -> PageAnswer {
    let view = desk.engine().get_key(desk.actor(), &id).await?;
    if view.key.is_deleted() {
        return Ok(Redirect::to(&path_of(view.key.id)).into_response());
    }
    let mut shown = edit_page(&desk, &view).await?;
    let start = Start::of(&view, shown.has_boxes);
    shown.was = start.text();
    shown.form = start.into_form();
    Ok(HtmlAnswer::ok(&shown).into_response())
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
    let start = Start::read(&form, &view, seen(&form) == view.key.revision);
    let edit = read(&page, &start, &form, &mut errors);
    if !errors.is_empty() {
        return invalid(&desk, &view, &start, form, errors).await;
    }
    match desk
        .engine()
        .edit_key(desk.actor(), &id, &edit, Some(seen(&form)))
        .await
    {
        Ok(view) => Ok(desk.done_with(view.key.id, "flash-key-saved")),
        Err(EngineError::Stale) => stale(&desk, &id, &start, &form).await,
        Err(EngineError::Conflict { .. }) => Ok(desk.done_with(view.key.id, "flash-key-conflict")),
        Err(error) => {
            fields::note(&page, error, &mut errors)?;
            invalid(&desk, &view, &start, form, errors).await
        }
    }
}

/// What a person has changed. What they have not is not sent, and nothing is said against it.
fn read(page: &Page, start: &Start, form: &Form, errors: &mut Errors) -> KeyEdit {
    for (place, names) in LOCKED {
        let sent = names.iter().filter(|name| form.all(name).next().is_some());
        let sent: Vec<&str> = sent.copied().collect();
        if !sent.is_empty() {
            errors.add(place, page.t1("key-fault-locked", "field", sent.join(", ")));
        }
    }
    let mut found = Errors::default();
    let read = fields::read(page, form, &mut found);
    let changed = start.changed_in(form);
    for part in &changed {
        if let Some(fault) = found.of(part) {
            errors.add(*part, fault);
        }
    }
    let is = |part| changed.contains(&part);
    KeyEdit {
        name: is("name").then_some(read.name),
        description: is("description").then_some(read.description),
        sites: is("sites").then_some(read.sites),
        addresses: is("addresses").then_some(read.addresses),
        limit: is("limit").then_some(read.limit),
        misread: Vec::new(),
    }
}

/// The revision that a form was filled from. No row is at 0: a form that does not say it has seen nothing that is there.
fn seen(form: &Form) -> Revision {
    Revision(form.text("revision").parse().unwrap_or(0))
}

async fn invalid(desk: &Desk, view: &KeyView, start: &Start, form: Form, errors: Errors) -> PageAnswer {
    let shown = EditPage {
        revision: seen(&form).0,
        was: start.text(),
        form,
        errors,
        ..edit_page(desk, view).await?
    };
    Ok(HtmlAnswer::invalid(&shown).into_response())
}

/// Somebody else was faster: the key as it is now is shown, and what was typed is kept in a form of it.
async fn stale(desk: &Desk, id: &str, start: &Start, form: &Form) -> PageAnswer {
    let view = desk.engine().get_key(desk.actor(), id).await?;
    let shown = edit_page(desk, &view).await?;
    let now = Start::of(&view, shown.has_boxes);
    let shown = EditPage {
        stale: Some(facts(&shown.page, &view, &start.changed_by_others(&now))),
        was: now.text(),
        form: start.rebased(form, &now),
        ..shown
    };
    Ok(HtmlAnswer::with(StatusCode::CONFLICT, &shown).into_response())
}

fn facts(page: &Page, view: &KeyView, changed: &[&str]) -> Vec<Fact> {
    let key = &view.key;
    let whole = usize::MAX;
    let text = |part: &str| match part {
        "name" => key.name.to_string(),
        "description" if key.description.as_str().is_empty() => page.t("none").into_owned(),
        "description" => key.description.to_string(),
        "sites" => brief(page, view.sites.as_deref(), whole, "key-all-sites"),
        "addresses" => brief(page, key.addresses.nets(), whole, "key-all-addresses"),
        _ => limit_text(page, key.limit),
    };
    let fact = |(part, _): (&str, _)| Fact {
        title: page.t(&format!("key-{part}")).into_owned(),
        text: text(part),
        is_changed: changed.contains(&part),
    };
    PARTS.map(fact).into()
}

/// The page around a form that is still empty.
async fn edit_page(desk: &Desk, view: &KeyView) -> Result<EditPage, EngineError> {
    let page = desk.page();
    let entry = desk.engine().catalogue().find(view.key.use_case.as_str());
    let sites = boxes(desk, view).await?;
    Ok(EditPage {
        revision: view.key.revision.0,
        was: String::new(),
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
        stale: None,
        page,
        form: Form::default(),
        errors: Errors::default(),
    })
}

/// The sites to choose of: those that the owner may use, then those that the key has still.
async fn boxes(desk: &Desk, view: &KeyView) -> Result<Vec<SiteBox>, EngineError> {
    let owner = view.key.owner.to_string();
    let allowed = match desk.engine().get_user(desk.actor(), &owner).await {
        Ok(owner) => owner.sites,
        Err(EngineError::NotFound(_)) => None,
        Err(error) => return Err(error),
    };
    let is_allowed = |name: &str| {
        let mut names = allowed.iter().flatten();
        allowed.is_none() || names.any(|allowed| allowed.as_str() == name)
    };
    let mut boxes: Vec<SiteBox> = site_names(desk).await?.into_iter().map(SiteBox::of).collect();
    boxes.retain(|site| is_allowed(&site.name));
    let own = view.sites.iter().flatten().map(ToString::to_string);
    let lost = own.filter(|own| boxes.iter().all(|site| site.name != *own));
    let lost: Vec<String> = lost.collect();
    boxes.extend(lost.into_iter().map(|name| SiteBox { name, is_lost: true }));
    Ok(boxes)
}
