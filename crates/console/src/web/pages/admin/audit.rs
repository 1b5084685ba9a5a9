//! `GET /admin/audit`: who did what, when, from where.

use super::Admin;
use super::audit_filter::{self, ACTIONS, KINDS};
use super::audit_line::{self, AuditLine};
use super::audit_names::Names;
use crate::app::App;
use crate::web::answer::HtmlAnswer;
use crate::web::form::{Errors, Form};
use crate::web::page::{Page, Place};
use crate::web::pages::PageAnswer;
use crate::web::visit::Visit;
use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use keyward_engine::EngineError;

/// Lines of a page: each may name every field of a key.
const LINES: u32 = 25;

#[derive(Template)]
#[template(path = "admin/audit.html")]
struct AuditPage {
    page: Page,
    form: Form,
    errors: Errors,
    actions: Vec<(&'static str, String)>,
    kinds: Vec<(&'static str, String)>,
    lines: Vec<AuditLine>,
    next: Option<String>,
    first: Option<String>,
    export: String,
}

impl AuditPage {
    fn new(page: Page, form: Form, errors: Errors) -> Self {
        Self {
            actions: ACTIONS
                .iter()
                .map(|code| (*code, audit_line::action(&page, code)))
                .collect(),
            kinds: KINDS
                .iter()
                .map(|code| (*code, audit_line::kind(&page, code)))
                .collect(),
            export: audit_filter::place("/admin/audit.csv", &form, ""),
            lines: Vec::new(),
            next: None,
            first: form
                .filled("cursor")
                .map(|_| audit_filter::place("/admin/audit", &form, "")),
            page,
            form,
            errors,
        }
    }
}

pub(super) async fn show(
    State(app): State<App>,
    visit: Visit,
    Admin(person): Admin,
    RawQuery(query): RawQuery,
) -> PageAnswer {
    let page = person.page(&visit, Place::Audit);
    let form = Form::of_query(query.as_deref());
    let (mut filter, mut errors) = audit_filter::read(&form, &page);
    filter.limit = Some(LINES);
    let found = if errors.is_empty() {
        app.engine.list_audit(person.actor(), &filter).await
    } else {
        Err(EngineError::Invalid(Vec::new()))
    };
    match found {
        Ok(events) => {
            let mut template = AuditPage::new(page, form, errors);
            let names = Names::find(&app, &person, &events.items).await?;
            let line = |view| AuditLine::new(&template.page, view, &names);
            template.lines = events.items.iter().map(line).collect();
            let place = |cursor: &str| audit_filter::place("/admin/audit", &template.form, cursor);
            template.next = events.next.as_deref().map(place);
            Ok(HtmlAnswer::ok(&template).into_response())
        }
        Err(EngineError::NotFound("user")) => {
            errors.add("user", page.t("admin-fault-no-user"));
            Ok(HtmlAnswer::invalid(&AuditPage::new(page, form, errors)).into_response())
        }
        Err(EngineError::Invalid(_)) if !errors.is_empty() => {
            Ok(HtmlAnswer::invalid(&AuditPage::new(page, form, errors)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}
