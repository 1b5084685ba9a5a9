//! The audit log: its lines, and which to list.

use keyward_domain::{AuditId, KeyId, Timestamp, UserId};
use std::net::IpAddr;

/// One immutable line of the audit log. Holds no secret and no fingerprint.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEvent {
    /// Id, ordered by time.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: AuditActor,
    /// From where.
    pub address: Option<IpAddr>,
    /// What: `key.create`, `user.disable`, ….
    pub action: String,
    /// The kind of thing it was done to: `key`, `user`, `site`.
    pub target_kind: String,
    /// Its id (a site's name).
    pub target_id: String,
    /// Done or denied.
    pub outcome: AuditOutcome,
    /// The changed fields before, as a JSON object.
    pub before: Option<serde_json::Value>,
    /// The changed fields after, as a JSON object.
    pub after: Option<serde_json::Value>,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditActor {
    /// Somebody with a shell on the node.
    Operator,
    /// Keyward itself (purging, …).
    System,
    /// A user, through one of their management keys (or, without one, in a session).
    User {
        /// The user.
        user: UserId,
        /// The management key.
        key: Option<KeyId>,
    },
}

/// Whether something was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditOutcome {
    /// Done.
    Done,
    /// Denied, for the reason of this code.
    Denied(String),
}

/// How far the instant of a line may be from that of its id, in milliseconds; lines of which it is farther have an index of their own.
pub(crate) const SKEW: i64 = 60_000;

/// The first 16 bytes of all ids of an instant.
pub(crate) fn first_id(at: Timestamp) -> [u8; 16] {
    let millis = u64::try_from(at.millis()).unwrap_or(0).to_be_bytes();
    let mut id = [0; 16];
    id[..6].copy_from_slice(&millis[2..]);
    id
}

/// Which audit events to list.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Only by this user.
    pub user: Option<UserId>,
    /// Only by users with this text in name or e-mail, as [`Search`](keyward_domain::Search) finds it.
    pub user_text: Option<String>,
    /// Only about this kind of thing.
    pub target_kind: Option<String>,
    /// Only about this thing.
    pub target_id: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Only what was done (true), or what was denied (false).
    pub done: Option<bool>,
    /// Only at or after this instant.
    pub since: Option<Timestamp>,
    /// Only before this instant.
    pub until: Option<Timestamp>,
    /// Only after this id (in the order of the list).
    pub after: Option<AuditId>,
    /// At most so many.
    pub most: u32,
}
