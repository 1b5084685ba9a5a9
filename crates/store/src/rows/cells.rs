//! Domain values as the cells that the readers read.

use crate::{AuditActor, AuditOutcome};
use keyward_domain::{AddressRule, KeyId, KeyStatus, SiteRule, SiteStatus, UserId, UserStatus};

/// A site rule as it is stored.
pub(crate) fn site_rule_text(rule: &SiteRule) -> Option<String> {
    rule.ids().map(|ids| {
        let ids: serde_json::Value = ids.iter().map(|id| id.0).collect();
        ids.to_string()
    })
}

/// An address rule as it is stored.
pub(crate) fn address_rule_text(rule: &AddressRule) -> Option<String> {
    rule.nets().map(|nets| {
        let nets: serde_json::Value = nets.iter().map(ToString::to_string).collect();
        nets.to_string()
    })
}

/// `status`, `deleted_at`, `was_active` of a key.
pub(crate) fn key_status_cells(status: KeyStatus) -> (&'static str, Option<i64>, Option<bool>) {
    match status {
        KeyStatus::Active => ("active", None, None),
        KeyStatus::Disabled => ("disabled", None, None),
        KeyStatus::Deleted { at, was_active } => ("deleted", Some(at.millis()), Some(was_active)),
    }
}

/// `deleted_at` of a user.
pub(crate) fn deleted_at(status: UserStatus) -> Option<i64> {
    match status {
        UserStatus::Deleted { at } => Some(at.millis()),
        UserStatus::Active | UserStatus::Disabled => None,
    }
}

/// `status` of a site.
pub(crate) const fn site_status_text(status: SiteStatus) -> &'static str {
    match status {
        SiteStatus::Active => "active",
        SiteStatus::Disabled => "disabled",
    }
}

/// `actor`, `actor_user`, `actor_key` of an audit event.
pub(crate) fn actor_cells(actor: &AuditActor) -> (&'static str, Option<&UserId>, Option<&KeyId>) {
    match actor {
        AuditActor::Operator => ("operator", None, None),
        AuditActor::System => ("system", None, None),
        AuditActor::User { user, key } => ("user", Some(user), key.as_ref()),
    }
}

/// `denied` of an audit event.
pub(crate) fn denied_cell(outcome: &AuditOutcome) -> Option<&str> {
    match outcome {
        AuditOutcome::Done => None,
        AuditOutcome::Denied(code) => Some(code),
    }
}
