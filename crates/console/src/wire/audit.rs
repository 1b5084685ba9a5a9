//! The audit log.

use super::words::{ActorKindWord, OutcomeWord, TargetKindWord};
use keyward_engine::{AuditActor, AuditOutcome, AuditView};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A line of the audit log.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub struct AuditWire {
    /// Id, ordered by time.
    #[schema(format = "uuid")]
    pub id: String,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who.
    pub actor: ActorWire,
    /// From where, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What: `key.create`, `user.disable`, ….
    pub action: String,
    /// What it was done to.
    pub target: TargetWire,
    /// `done` or `denied`.
    #[schema(value_type = OutcomeWord)]
    pub outcome: &'static str,
    /// Why it was denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The changed fields before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// The changed fields after.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
}

/// Who did something.
#[derive(Serialize, ToSchema)]
#[schema(as = Actor)]
pub struct ActorWire {
    /// `user`, `operator` or `system`.
    #[schema(value_type = ActorKindWord)]
    pub kind: &'static str,
    /// The user's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub id: Option<String>,
    /// The user's e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The management key that spoke for the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub key_id: Option<String>,
}

/// What something was done to.
#[derive(Serialize, ToSchema)]
#[schema(as = Target)]
pub struct TargetWire {
    /// `key`, `user` or `site`.
    #[schema(value_type = TargetKindWord)]
    pub kind: String,
    /// Its id (a site's name).
    pub id: String,
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
