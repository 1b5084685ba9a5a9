//! What was done with one key, as those who may see the key are told it.
//!
//! An owner sees every act on their key, but of other people neither name nor address: the audit log itself, with both, is
//! for administrators.

use crate::audit::AuditView;
use crate::{Actor, Engine, EngineError};
use keyward_domain::Timestamp;
use keyward_store::{AuditActor, AuditOutcome, AuditQuery};
use serde_json::Value;
use std::net::IpAddr;

/// One act.
#[derive(Clone, Debug)]
pub struct KeyAct {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: ActBy,
    /// From where, when it is known and may be told.
    pub address: Option<IpAddr>,
    /// What: `key.create`, `key.edit`, ….
    pub action: String,
    /// Whether it was done.
    pub outcome: AuditOutcome,
    /// The changed fields before.
    pub before: Option<Value>,
    /// The changed fields after.
    pub after: Option<Value>,
}

/// Who did something with a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ActBy {
    /// A user: their e-mail address, or their id when they are gone.
    User(String),
    /// An administrator whose name is not told.
    Administrator,
    /// Somebody who tried in vain, whose name is not told.
    Somebody,
    /// Somebody with a shell on the node.
    Operator,
    /// Keyward itself.
    System,
}

/// The most denied acts that are listed.
const MOST_DENIED: u32 = 5;

impl Engine {
    /// Lists the latest acts on a key, newest first: at most so many that were done, and a few that were denied. Anybody can
    /// try in vain, and must not push out of sight what was done.
    ///
    /// # Errors
    /// `NotFound` for keys that the actor may not know of.
    pub async fn list_key_acts(
        &self,
        actor: &Actor,
        id: &str,
        most: u32,
    ) -> Result<Vec<KeyAct>, EngineError> {
        let key = self.get_key_for(actor, id).await?;
        let query = |done, most| AuditQuery {
            target_kind: Some("key".to_owned()),
            target_id: Some(key.id.to_string()),
            done: Some(done),
            most,
            ..AuditQuery::default()
        };
        let mut views = self.audit_views(&query(true, most)).await?;
        views.extend(self.audit_views(&query(false, MOST_DENIED)).await?);
        views.sort_by_key(|view| std::cmp::Reverse(view.event.id));
        Ok(views.into_iter().map(|view| told(actor, view)).collect())
    }
}

/// An event, as far as it may be told to the actor.
fn told(actor: &Actor, AuditView { event, actor_email }: AuditView) -> KeyAct {
    let is_told = match event.actor {
        AuditActor::User { user, .. } => actor.is_admin() || actor.user() == Some(user),
        AuditActor::Operator | AuditActor::System => actor.is_admin(),
    };
    let by = match event.actor {
        AuditActor::Operator => ActBy::Operator,
        AuditActor::System => ActBy::System,
        AuditActor::User { user, .. } if is_told => {
            ActBy::User(actor_email.unwrap_or_else(|| user.to_string()))
        }
        // Besides its owner only an administrator can change a key.
        AuditActor::User { .. } if event.outcome == AuditOutcome::Done => ActBy::Administrator,
        AuditActor::User { .. } => ActBy::Somebody,
    };
    KeyAct {
        at: event.at,
        by,
        address: event.address.filter(|_| is_told),
        action: event.action,
        outcome: event.outcome,
        before: event.before,
        after: event.after,
    }
}
