//! `GET /admin/audit.csv`: the audit log that a filter leaves, for a spreadsheet. It is read page by page, as fast as the
//! browser takes it, so that a long log needs no memory.

use super::{Admin, audit_filter};
use crate::app::App;
use crate::csv::{audit_csv_head, audit_csv_rows};
use crate::problem::Problem;
use crate::web::form::Form;
use crate::web::page::Place;
use crate::web::pages::PageAnswer;
use crate::web::visit::Visit;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::{HeaderValue, StatusCode, header};
use keyward_engine::{Actor, AuditFilter, EngineError};

/// Events that are read at once.
const PAGE: u32 = 200;

/// An export on its way.
struct Export {
    app: App,
    actor: Actor,
    filter: AuditFilter,
}

impl Export {
    /// The next lines, and what is left after them.
    async fn step(mut self) -> Result<(Vec<u8>, Option<Self>), EngineError> {
        let page = self.app.engine.list_audit(&self.actor, &self.filter).await?;
        let rows = audit_csv_rows(&page.items);
        self.filter.cursor = page.next;
        let rest = self.filter.cursor.is_some().then_some(self);
        Ok((rows, rest))
    }
}

pub(super) async fn export(
    State(app): State<App>,
    visit: Visit,
    Admin(person): Admin,
    RawQuery(query): RawQuery,
) -> PageAnswer {
    let page = person.page(&visit, Place::Audit);
    let (filter, errors) = audit_filter::read(&Form::of_query(query.as_deref()), &page);
    if !errors.is_empty() {
        return Err(Problem::of_status(StatusCode::UNPROCESSABLE_ENTITY));
    }
    let export = Export {
        app,
        actor: person.actor().clone(),
        filter: AuditFilter {
            cursor: None,
            limit: Some(PAGE),
            ..filter
        },
    };
    // What stands against the filter is known with the first lines, before the answer begins.
    let (first, rest) = export.step().await?;
    let first = [audit_csv_head(), first].concat();
    Ok(file(first, rest))
}

/// The file. When the store fails on the way, the answer breaks off, and the browser says so.
fn file(first: Vec<u8>, rest: Option<Export>) -> Response {
    let first = stream::iter([Ok(first)]);
    let rest = stream::try_unfold(rest, async |rest| match rest {
        Some(export) => export.step().await.map(Some),
        None => Ok::<_, EngineError>(None),
    });
    let mut response = Body::from_stream(futures_util::StreamExt::chain(first, rest)).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/csv; charset=utf-8; header=present"),
    );
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"keyward-audit.csv\""),
    );
    response
}
