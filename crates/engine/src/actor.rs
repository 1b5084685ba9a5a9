//! Who acts, and what they may do.

use keyward_domain::{KeyId, Role, UserId};
use keyward_store::AuditActor;
use std::net::IpAddr;

/// Who acts, and from where: the first argument of every use case.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Who.
    pub who: Who,
    /// The client's address, when there is one.
    pub address: Option<IpAddr>,
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Somebody with a shell on the node: may do everything.
    Operator,
    /// A user.
    User {
        /// Id.
        id: UserId,
        /// Their role, read at this request.
        role: Role,
        /// The management key that spoke for them.
        key: Option<KeyId>,
    },
}

impl Actor {
    /// Somebody with a shell on the node.
    pub const OPERATOR: Self = Self {
        who: Who::Operator,
        address: None,
    };

    /// Whether the actor manages users, sites and other people's keys.
    pub fn is_admin(&self) -> bool {
        match self.who {
            Who::Operator => true,
            Who::User { role, .. } => role == Role::Admin,
        }
    }

    /// The acting user, if it is one.
    pub fn user(&self) -> Option<UserId> {
        match self.who {
            Who::Operator => None,
            Who::User { id, .. } => Some(id),
        }
    }

    /// Whether the actor may see and change the keys of `owner`.
    pub fn may_manage_keys_of(&self, owner: UserId) -> bool {
        self.is_admin() || self.user() == Some(owner)
    }

    pub(crate) fn for_audit(&self) -> AuditActor {
        match self.who {
            Who::Operator => AuditActor::Operator,
            Who::User { id, key, .. } => AuditActor::User { user: id, key },
        }
    }

    /// The name under which idempotency claims of this actor are kept.
    pub(crate) fn claimant(&self) -> String {
        match self.who {
            Who::Operator => "operator".into(),
            Who::User { id, .. } => id.to_string(),
        }
    }
}
