//! `GET /v1/audit`

use crate::api::Answer;
use crate::app::App;
use crate::body::Query;
use crate::caller::Caller;
use crate::fields::{Decode, Fields};
use crate::wire::{PageWire, answer};
use axum::extract::State;
use http::StatusCode;
use keyward_engine::{AuditActor, AuditFilter, AuditOutcome, AuditView};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// Which audit events to show.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Only by this user: id or e-mail address.
    user: Option<String>,
    /// Only about a `key`, `user` or `site`.
    target_kind: Option<String>,
    /// Only about this thing.
    target_id: Option<String>,
    /// Only this action.
    action: Option<String>,
    /// Only at or after this instant (RFC 3339).
    since: Option<String>,
    /// Only before this instant (RFC 3339).
    until: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// How many at most: 1 to 200, else 50.
    limit: Option<u32>,
}

impl Decode for AuditQuery {
    fn decode(fields: &mut Fields) -> Self {
        Self {
            user: fields.text("user"),
            target_kind: fields.text("target_kind"),
            target_id: fields.text("target_id"),
            action: fields.text("action"),
            since: fields.text("since"),
            until: fields.text("until"),
            cursor: fields.text("cursor"),
            limit: fields.query_number("limit"),
        }
    }
}

impl From<AuditQuery> for AuditFilter {
    fn from(query: AuditQuery) -> Self {
        Self {
            user: query.user,
            target_kind: query.target_kind,
            target_id: query.target_id,
            action: query.action,
            since: query.since,
            until: query.until,
            cursor: query.cursor,
            limit: query.limit,
        }
    }
}

/// A line of the audit log.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub(crate) struct AuditWire {
    /// Id, ordered by time.
    id: String,
    /// When.
    at: String,
    /// Who.
    actor: ActorWire,
    /// From where, when known.
    #[schema(required)]
    address: Option<String>,
    /// What: `key.create`, `user.disable`, ….
    action: String,
    /// What it was done to.
    target: TargetWire,
    /// `done` or `denied`.
    outcome: &'static str,
    /// Why it was denied.
    #[schema(required)]
    reason: Option<String>,
    /// The changed fields before.
    #[schema(required, value_type = Option<Object>)]
    before: Option<Value>,
    /// The changed fields after.
    #[schema(required, value_type = Option<Object>)]
    after: Option<Value>,
}

/// Who did something.
#[derive(Serialize, ToSchema)]
#[schema(as = Actor)]
pub(crate) struct ActorWire {
    /// `user`, `operator` or `system`.
    kind: &'static str,
    /// The user's id.
    #[schema(required)]
    id: Option<String>,
    /// The user's e-mail address.
    #[schema(required)]
    email: Option<String>,
    /// The management key that spoke for the user.
    #[schema(required)]
    key_id: Option<String>,
}

/// What something was done to.
#[derive(Serialize, ToSchema)]
#[schema(as = Target)]
pub(crate) struct TargetWire {
    /// `key`, `user` or `site`.
    kind: String,
    /// Its id (a site's name).
    id: String,
}

impl From<&AuditView> for AuditWire {
    fn from(view: &AuditView) -> Self {
        let event = &view.event;
        let (kind, id, key_id) = match &event.actor {
            AuditActor::Operator => ("operator", None, None),
            AuditActor::System => ("system", None, None),
            AuditActor::User { user, key } => {
                ("user", Some(user.to_string()), key.map(|key| key.to_string()))
            }
        };
        let (outcome, reason) = match &event.outcome {
            AuditOutcome::Done => ("done", None),
            AuditOutcome::Denied(reason) => ("denied", Some(reason.clone())),
        };
        Self {
            id: event.id.to_string(),
            at: event.at.to_string(),
            actor: ActorWire {
                kind,
                id,
                email: view.actor_email.clone(),
                key_id,
            },
            address: event.address.map(|address| address.to_string()),
            action: event.action.clone(),
            target: TargetWire {
                kind: event.target_kind.clone(),
                id: event.target_id.clone(),
            },
            outcome,
            reason,
            before: event.before.clone(),
            after: event.after.clone(),
        }
    }
}

/// List the audit log, newest first
///
/// Members see what they did themselves.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, body = PageWire<AuditWire>)))]
pub(crate) async fn list_audit(
    State(app): State<App>,
    Caller(actor): Caller,
    Query(query): Query<AuditQuery>,
) -> Answer {
    let page = app.engine.list_audit(&actor, &query.into()).await?;
    Ok(answer(StatusCode::OK, &PageWire::<AuditWire>::of(&page)))
}
