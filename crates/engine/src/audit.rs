//! The audit log: one line for every change and every denied change.

use crate::access::SiteBook;
use crate::draft::Faults;
use crate::in_force::Refusal;
use crate::page::page_size;
use crate::{Actor, Engine, EngineError, ExpiryDraft, FieldFault, LimitDraft, Page, RestrictionDraft};
use keyward_domain::{AuditId, Key, Revision, Site, SiteStatus, User, UserId};
use keyward_store::{AuditActor, AuditEvent, AuditOutcome, AuditQuery};
use serde_json::{Map, Value, json};

/// What an event can be about.
const KINDS: [&str; 5] = ["key", "user", "site", "session", "database"];
/// What can have been done. Who adds an action adds it here, or nobody can filter by it.
pub const ACTIONS: [&str; 32] = [
    "key.create",
    "key.import",
    "key.edit",
    "key.enable",
    "key.disable",
    "key.delete",
    "key.restore",
    "key.purge",
    "user.create",
    "user.edit",
    "user.enable",
    "user.disable",
    "user.delete",
    "site.create",
    "site.rename",
    "site.enable",
    "site.disable",
    "setup.redeem",
    "session.create",
    "session.end",
    "signin.denied",
    "password.change",
    "link.create",
    "link.redeem",
    "identity.add",
    "identity.remove",
    "second_factor.enable",
    "second_factor.disable",
    "second_factor.renew_codes",
    "second_factor.reset",
    "database.went_back",
    "audit.archived",
];

/// Which audit events to show. Texts as they were sent; each fault is named.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only by this user (id or e-mail).
    pub user: Option<String>,
    /// Only about a `key`, `user` or `site`.
    pub target_kind: Option<String>,
    /// Only about this thing.
    pub target_id: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Only at or after this instant (RFC 3339).
    pub since: Option<String>,
    /// Only before this instant (RFC 3339).
    pub until: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// How many at most: 1 to 200, else 50.
    pub limit: Option<u32>,
    /// Fields that were sent and could not be read: told together with what else is wrong, and nothing is done.
    pub misread: Vec<FieldFault>,
}

/// An audit event, as people see it.
#[derive(Clone, Debug)]
pub struct AuditView {
    /// The event.
    pub event: AuditEvent,
    /// The acting user's e-mail address, when a user acted.
    pub actor_email: Option<String>,
}

/// A word that is none of the known ones finds nothing, which looks like a log without such events.
fn check_word(field: &'static str, word: Option<&str>, known: &[&str], faults: &mut Faults) {
    if word.is_some_and(|word| !known.contains(&word)) {
        faults.add(field, format!("must be one of: {}", known.join(", ")));
    }
}

impl Engine {
    /// Lists the audit log, newest first. Members see what they did themselves.
    ///
    /// # Errors
    /// `Invalid` names the filters that cannot be read; `NotFound` for users that the actor may not know of.
    pub async fn list_audit(
        &self,
        actor: &Actor,
        filter: &AuditFilter,
    ) -> Result<Page<AuditView>, EngineError> {
        let query = self.audit_query(actor, filter).await?;
        let views = self.audit_views(&query).await?;
        Ok(Page::cut(views, query.most - 1, |view| view.event.id.to_string()))
    }

    /// Reads a filter; asks for one event more than its page holds.
    async fn audit_query(&self, actor: &Actor, filter: &AuditFilter) -> Result<AuditQuery, EngineError> {
        let mut faults = Faults::of(&filter.misread);
        let since = filter
            .since
            .as_deref()
            .map(str::parse)
            .and_then(|at| faults.take("since", at));
        let until = filter
            .until
            .as_deref()
            .map(str::parse)
            .and_then(|at| faults.take("until", at));
        let after = filter
            .cursor
            .as_deref()
            .map(str::parse::<AuditId>)
            .and_then(|id| faults.take("cursor", id));
        let most = page_size(filter.limit, &mut faults);
        check_word("target_kind", filter.target_kind.as_deref(), &KINDS, &mut faults);
        check_word("action", filter.action.as_deref(), &ACTIONS, &mut faults);
        faults.into_result()?;
        let (user, user_text) = self.user_filter(actor, filter.user.as_deref()).await?;
        Ok(AuditQuery {
            user,
            user_text,
            target_kind: filter.target_kind.clone(),
            target_id: filter.target_id.clone(),
            action: filter.action.clone(),
            done: None,
            since,
            until,
            after,
            most: most + 1,
        })
    }

    pub(crate) async fn audit_views(&self, query: &AuditQuery) -> Result<Vec<AuditView>, EngineError> {
        self.views_of(self.store.list_audit(query).await?).await
    }

    pub(crate) async fn views_of(&self, events: Vec<AuditEvent>) -> Result<Vec<AuditView>, EngineError> {
        let users = self.users_of(events.iter().filter_map(acting_user)).await?;
        let view = |event: AuditEvent| {
            let user = acting_user(&event).and_then(|user| users.get(&user));
            let actor_email = user.map(|user| user.email.to_string());
            AuditView { event, actor_email }
        };
        Ok(events.into_iter().map(view).collect())
    }

    /// The one user that is named by id or e-mail address, or, for administrators, what names and addresses of users hold.
    async fn user_filter(
        &self,
        actor: &Actor,
        named: Option<&str>,
    ) -> Result<(Option<UserId>, Option<String>), EngineError> {
        let own = actor.user().filter(|_| !actor.is_admin());
        let Some(named) = named else {
            return Ok((own, None));
        };
        match self.find_user(named).await? {
            Some(user) if own.is_none_or(|own| own == user.id) => Ok((Some(user.id), None)),
            None if actor.is_admin() && self.is_part_of_a_user(named).await? => {
                Ok((None, Some(named.to_owned())))
            }
            _ => Err(EngineError::NotFound("user")),
        }
    }

    pub(crate) fn audit_event(
        &self,
        actor: &Actor,
        action: &str,
        (target_kind, target_id): (&str, &str),
        outcome: AuditOutcome,
        before: Option<Value>,
        after: Option<Value>,
    ) -> Result<AuditEvent, EngineError> {
        debug_assert!(
            ACTIONS.contains(&action) && KINDS.contains(&target_kind),
            "{action}"
        );
        let (millis, random) = self.id_parts()?;
        Ok(AuditEvent {
            id: AuditId::v7(millis, &random),
            at: self.clock.now(),
            actor: actor.for_audit(),
            address: actor.address,
            action: action.to_owned(),
            target_kind: target_kind.to_owned(),
            target_id: target_id.to_owned(),
            outcome,
            before,
            after,
        })
    }

    /// Writes down that the store went back: from which revision of this node to which of its own.
    pub(crate) async fn note_went_back(
        &self,
        (known, there): (Revision, Revision),
    ) -> Result<(), EngineError> {
        let mut event = self.audit_event(
            &Actor::OPERATOR,
            "database.went_back",
            ("database", "-"),
            AuditOutcome::Done,
            Some(json!({ "revision": known.0 })),
            Some(json!({ "revision": there.0 })),
        )?;
        event.actor = AuditActor::System;
        Ok(self.store.append_audit(&event).await?)
    }

    /// The event of a change of keys, users or sites. Whoever makes one has its fault told by [`Engine::answer`].
    pub(crate) fn change_event(
        &self,
        actor: &Actor,
        action: &str,
        target: (&str, &str),
        before: Option<Value>,
        after: Option<Value>,
    ) -> Result<AuditEvent, Refusal> {
        Ok(self.done_event(actor, action, target, before, after)?)
    }

    /// The event of what was done; of `before` and `after` only the fields that differ are kept. Of what no replica holds:
    /// sessions, links, passwords. Other changes have a [`Engine::change_event`].
    pub(crate) fn done_event(
        &self,
        actor: &Actor,
        action: &str,
        target: (&str, &str),
        before: Option<Value>,
        after: Option<Value>,
    ) -> Result<AuditEvent, EngineError> {
        let (before, after) = match (before, after) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                let (before, after) = differing(before, after);
                (Some(before), Some(after))
            }
            other => other,
        };
        self.audit_event(actor, action, target, AuditOutcome::Done, before, after)
    }
}

fn acting_user(event: &AuditEvent) -> Option<UserId> {
    match event.actor {
        AuditActor::User { user, .. } => Some(user),
        AuditActor::Operator | AuditActor::System => None,
    }
}

fn differing(mut before: Map<String, Value>, mut after: Map<String, Value>) -> (Value, Value) {
    let same: Vec<String> = before
        .iter()
        .filter(|(field, value)| after.get(*field) == Some(value))
        .map(|(field, _)| field.clone())
        .collect();
    for field in same {
        before.remove(&field);
        after.remove(&field);
    }
    (Value::Object(before), Value::Object(after))
}

/// A key as the audit log shows it: no secret, no fingerprint.
pub(crate) fn key_snapshot(key: &Key, sites: &SiteBook) -> Value {
    let status = match key.status {
        keyward_domain::KeyStatus::Active => "active",
        keyward_domain::KeyStatus::Disabled => "disabled",
        keyward_domain::KeyStatus::Deleted { .. } => "deleted",
    };
    json!({
        "name": key.name.as_str(),
        "description": key.description.as_str(),
        "owner": key.owner.to_string(),
        "use_case": key.use_case.as_str(),
        "hint": key.hint.as_str(),
        "status": status,
        "expires_at": ExpiryDraft::from(key.expires_at),
        "sites": site_names(sites, &key.sites),
        "addresses": RestrictionDraft::of_addresses(&key.addresses),
        "limit": LimitDraft::from(key.limit),
    })
}

/// A user as the audit log shows it.
pub(crate) fn user_snapshot(user: &User, sites: &SiteBook) -> Value {
    json!({
        "email": user.email.as_str(),
        "name": user.name.as_str(),
        "role": user.role.as_str(),
        "status": user.status.as_str(),
        "sites": site_names(sites, &user.sites),
    })
}

/// A site as the audit log shows it.
pub(crate) fn site_snapshot(site: &Site) -> Value {
    json!({ "name": site.name.as_str(), "active": site.status == SiteStatus::Active })
}

fn site_names(sites: &SiteBook, rule: &keyward_domain::SiteRule) -> RestrictionDraft {
    RestrictionDraft::of_sites(sites.names(rule).as_deref())
}
