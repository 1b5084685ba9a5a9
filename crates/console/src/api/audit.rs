//! `GET /v1/audit`

use crate::answer::answer;
use crate::api::Answer;
use crate::app::App;
use crate::body::Query;
use crate::caller::Caller;
use crate::fields::{Decode, Fields};
use crate::paging::{Listed, Paging};
use crate::wire::{AuditWire, PageWire, TargetKindWord};
use axum::extract::State;
use http::StatusCode;
use keyward_engine::AuditFilter;
use utoipa::IntoParams;

/// Which audit events to show.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Only by this user: id or e-mail address; to administrators, also by all users with this text in name or address.
    user: Option<String>,
    /// Only about a `key`, `user` or `site`.
    #[param(value_type = Option<TargetKindWord>)]
    target_kind: Option<String>,
    /// Only about this thing.
    target_id: Option<String>,
    /// Only this action.
    action: Option<String>,
    /// Only at or after this instant (RFC 3339).
    #[param(format = DateTime)]
    since: Option<String>,
    /// Only before this instant (RFC 3339).
    #[param(format = DateTime)]
    until: Option<String>,
}

impl Decode for AuditQuery {
    fn decode(fields: &mut Fields) -> Self {
        Self {
            user: fields.text("user"),
            target_kind: fields.text("target_kind"),
            target_id: fields.sought("target_id"),
            action: fields.text("action"),
            since: fields.text("since"),
            until: fields.text("until"),
        }
    }
}

impl From<Listed<AuditQuery>> for AuditFilter {
    fn from(Listed(query, page): Listed<AuditQuery>) -> Self {
        Self {
            user: query.user,
            target_kind: query.target_kind,
            target_id: query.target_id,
            action: query.action,
            since: query.since,
            until: query.until,
            cursor: page.cursor,
            limit: page.limit,
            misread: Vec::new(),
        }
    }
}

/// List the audit log, newest first
///
/// Members see what they did themselves.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(AuditQuery, Paging),
    responses((status = 200, body = PageWire<AuditWire>)))]
pub(crate) async fn list_audit(
    State(app): State<App>,
    Caller(actor): Caller,
    Query(query): Query<Listed<AuditQuery>>,
) -> Answer {
    let (filter, report) = query.into_draft::<AuditFilter>();
    let page = app.engine.list_audit(&actor, &filter).await;
    let page = page.map_err(|error| report.problem(error))?;
    Ok(answer(StatusCode::OK, &PageWire::<AuditWire>::of(&page)))
}
