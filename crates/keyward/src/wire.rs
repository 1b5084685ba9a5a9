//! Keys, users, sites and the rest as JSON: the same shapes as the management API's.

use keyward_domain::SiteStatus;
use keyward_engine::{
    AuditActor, AuditOutcome, AuditView, KeyView, LastUsed, Page, Period, SiteView, UsageSeries, UserView,
};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) owner: Owner,
    pub(crate) use_case: String,
    pub(crate) hint: String,
    pub(crate) status: &'static str,
    pub(crate) sites: Option<Vec<String>>,
    pub(crate) addresses: Option<Vec<String>>,
    pub(crate) limit: Option<u32>,
    pub(crate) expires_at: Option<String>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    pub(crate) last_used: Option<Used>,
    pub(crate) revision: u64,
}

#[derive(Serialize)]
pub(crate) struct Owner {
    pub(crate) id: String,
    pub(crate) email: String,
}

#[derive(Serialize)]
pub(crate) struct Used {
    pub(crate) at: String,
    pub(crate) address: Option<String>,
}

/// A key at the one time that its secret is shown.
#[derive(Serialize)]
pub(crate) struct NewKey<'a> {
    #[serde(flatten)]
    pub(crate) key: Key,
    pub(crate) secret: &'a str,
}

#[derive(Serialize)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: &'static str,
    pub(crate) status: &'static str,
    pub(crate) sites: Option<Vec<String>>,
    pub(crate) created_at: String,
    pub(crate) revision: u64,
}

#[derive(Serialize)]
pub(crate) struct Site {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) active: bool,
    pub(crate) created_at: String,
    pub(crate) revision: u64,
}

#[derive(Serialize)]
pub(crate) struct Audit {
    pub(crate) id: String,
    pub(crate) at: String,
    pub(crate) actor: Actor,
    pub(crate) address: Option<String>,
    pub(crate) action: String,
    pub(crate) target: Target,
    pub(crate) outcome: &'static str,
    pub(crate) reason: Option<String>,
    pub(crate) before: Option<serde_json::Value>,
    pub(crate) after: Option<serde_json::Value>,
}

#[derive(Serialize)]
pub(crate) struct Actor {
    pub(crate) kind: &'static str,
    pub(crate) id: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) key_id: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Target {
    pub(crate) kind: String,
    pub(crate) id: String,
}

#[derive(Serialize)]
pub(crate) struct Usage {
    pub(crate) period: &'static str,
    pub(crate) from: String,
    pub(crate) until: String,
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) last_used: Option<Used>,
}

#[derive(Serialize)]
pub(crate) struct Bucket {
    pub(crate) start: String,
    pub(crate) granted: u64,
    pub(crate) refused: BTreeMap<&'static str, u64>,
}

/// A page of a list.
#[derive(Serialize)]
pub(crate) struct Listed<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

impl<T> Listed<T> {
    pub(crate) fn of<V>(page: Page<V>) -> Self
    where
        T: for<'a> From<&'a V>,
    {
        Self {
            items: page.items.iter().map(T::from).collect(),
            next: page.next,
        }
    }
}

fn texts<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

impl From<&KeyView> for Key {
    fn from(view: &KeyView) -> Self {
        let key = &view.key;
        Self {
            id: key.id.to_string(),
            name: key.name.to_string(),
            description: key.description.to_string(),
            owner: Owner {
                id: key.owner.to_string(),
                email: view.owner_email.to_string(),
            },
            use_case: key.use_case.to_string(),
            hint: key.hint.as_str().to_owned(),
            status: view.state,
            sites: view.sites.as_deref().map(texts),
            addresses: key.addresses.nets().map(texts),
            limit: key.limit.map(keyward_domain::RateLimit::per_minute),
            expires_at: key.expires_at.map(|at| at.to_string()),
            created_at: key.created_at.to_string(),
            updated_at: key.updated_at.to_string(),
            last_used: view.last_used.as_ref().map(Used::from),
            revision: key.revision.0,
        }
    }
}

impl From<&LastUsed> for Used {
    fn from(used: &LastUsed) -> Self {
        Self {
            at: used.at.to_string(),
            address: used.address.map(|address| address.to_string()),
        }
    }
}

impl From<&UserView> for User {
    fn from(view: &UserView) -> Self {
        let user = &view.user;
        Self {
            id: user.id.to_string(),
            email: user.email.to_string(),
            name: user.name.to_string(),
            role: user.role.as_str(),
            status: user.status.as_str(),
            sites: view.sites.as_deref().map(texts),
            created_at: user.created_at.to_string(),
            revision: user.revision.0,
        }
    }
}

impl From<&SiteView> for Site {
    fn from(site: &SiteView) -> Self {
        Self {
            id: site.id.0,
            name: site.name.to_string(),
            active: site.status == SiteStatus::Active,
            created_at: site.created_at.to_string(),
            revision: site.revision.0,
        }
    }
}

impl From<&AuditView> for Audit {
    fn from(view: &AuditView) -> Self {
        let event = &view.event;
        let (outcome, reason) = match &event.outcome {
            AuditOutcome::Done => ("done", None),
            AuditOutcome::Denied(reason) => ("denied", Some(reason.clone())),
        };
        Self {
            id: event.id.to_string(),
            at: event.at.to_string(),
            actor: Actor::of(&event.actor, view.actor_email.clone()),
            address: event.address.map(|address| address.to_string()),
            action: event.action.clone(),
            target: Target {
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

impl Actor {
    fn of(actor: &AuditActor, email: Option<String>) -> Self {
        let (kind, id, key_id) = match actor {
            AuditActor::Operator => ("operator", None, None),
            AuditActor::System => ("system", None, None),
            AuditActor::User { user, key } => {
                ("user", Some(user.to_string()), key.map(|key| key.to_string()))
            }
        };
        Self {
            kind,
            id,
            email,
            key_id,
        }
    }
}

impl From<&UsageSeries> for Usage {
    fn from(series: &UsageSeries) -> Self {
        let mut buckets: BTreeMap<_, Bucket> = BTreeMap::new();
        for found in &series.buckets {
            let bucket = buckets.entry(found.start).or_insert_with(|| Bucket {
                start: found.start.to_string(),
                granted: 0,
                refused: BTreeMap::new(),
            });
            match found.refused {
                None => bucket.granted += found.count,
                Some(reason) => *bucket.refused.entry(reason.code()).or_default() += found.count,
            }
        }
        Self {
            period: match series.period {
                Period::Minute => "minute",
                Period::Hour => "hour",
                Period::Day => "day",
            },
            from: series.from.to_string(),
            until: series.until.to_string(),
            buckets: buckets.into_values().collect(),
            last_used: series.last_used.as_ref().map(Used::from),
        }
    }
}
