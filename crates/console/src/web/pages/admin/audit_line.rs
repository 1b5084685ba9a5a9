//! A line of the audit log, as people read it.

use super::audit_names::Names;
use super::links::encoded;
use super::words::text_or;
use crate::web::difference;
use crate::web::page::Page;
use keyward_domain::Timestamp;
use keyward_engine::{AuditActor, AuditOutcome, AuditView};
use serde_json::Value;

/// The most characters of a value that a page shows; the export has them all.
const MOST: usize = 200;

/// A line.
pub(super) struct AuditLine {
    pub(super) at: Timestamp,
    pub(super) actor: String,
    /// What else there is to say of who acted.
    pub(super) actor_note: Option<String>,
    /// The page of who acted.
    pub(super) actor_page: Option<String>,
    /// Whether a management key spoke for them.
    pub(super) by_key: bool,
    pub(super) address: String,
    pub(super) action: String,
    pub(super) kind: String,
    pub(super) target: String,
    pub(super) target_page: Option<String>,
    /// Why it was denied.
    pub(super) denied: Option<String>,
    pub(super) changes: Vec<FieldChange>,
}

/// What became of a field.
pub(super) struct FieldChange {
    pub(super) field: String,
    /// Absent when the thing was not there before.
    pub(super) before: Option<String>,
    /// Absent when it is not there any more.
    pub(super) after: Option<String>,
}

impl AuditLine {
    pub(super) fn new(page: &Page, view: &AuditView, names: &Names) -> Self {
        let event = &view.event;
        let (actor, actor_page, by_key) = match &event.actor {
            AuditActor::Operator => (page.t("admin-actor-operator").into_owned(), None, false),
            AuditActor::System => (page.t("admin-actor-system").into_owned(), None, false),
            AuditActor::User { user, key } => {
                let name = view.actor_email.clone().unwrap_or_else(|| user.to_string());
                (name, Some(format!("/admin/users/{user}")), key.is_some())
            }
        };
        Self {
            at: event.at,
            actor,
            actor_note: matches!(event.actor, AuditActor::Operator)
                .then(|| page.t("admin-actor-operator-note").into_owned()),
            actor_page,
            by_key,
            address: event
                .address
                .map(|address| address.to_string())
                .unwrap_or_default(),
            action: action(page, &event.action),
            kind: kind(page, &event.target_kind),
            target: shortened(names.of(&event.target_id)),
            target_page: target_page(&event.target_kind, &event.target_id),
            denied: match &event.outcome {
                AuditOutcome::Done => None,
                AuditOutcome::Denied(reason) => Some(text_or(
                    page,
                    &format!("admin-denied-{}", reason.replace('_', "-")),
                    reason,
                )),
            },
            changes: changes(page, names, event.before.as_ref(), event.after.as_ref()),
        }
    }
}

/// What was done, in words.
pub(super) fn action(page: &Page, code: &str) -> String {
    text_or(
        page,
        &format!("admin-action-{}", code.replace(['.', '_'], "-")),
        code,
    )
}

/// What it was done to, in words.
pub(super) fn kind(page: &Page, code: &str) -> String {
    text_or(page, &format!("admin-kind-{code}"), code)
}

fn target_page(kind: &str, id: &str) -> Option<String> {
    let folder = match kind {
        "key" => "/integrations/keys/",
        "user" => "/admin/users/",
        "site" => "/admin/sites/",
        _ => return None,
    };
    (!id.is_empty()).then(|| format!("{folder}{}", encoded(id)))
}

fn changes(page: &Page, known: &Names, before: Option<&Value>, after: Option<&Value>) -> Vec<FieldChange> {
    let fields = |side: Option<&Value>| -> Vec<String> {
        let object = side.and_then(Value::as_object);
        object
            .into_iter()
            .flat_map(|object| object.keys().cloned())
            .collect()
    };
    let mut names = fields(after);
    names.extend(fields(before));
    names.sort_unstable();
    names.dedup();
    let of = |side: Option<&Value>, name: &str| {
        side.and_then(|side| side.get(name))
            .map(|at| shown(page, known, name, at))
    };
    let change = |name: &String| {
        let sides = (
            before.and_then(|side| side.get(name)),
            after.and_then(|side| side.get(name)),
        );
        let (before, after) = match (of(before, name), of(after, name)) {
            (Some(before), Some(after)) => different(sides, &before, &after),
            (before, after) => (
                before.map(|text| shortened(&text)),
                after.map(|text| shortened(&text)),
            ),
        };
        FieldChange {
            field: text_or(page, &format!("admin-field-{}", name.replace('_', "-")), name),
            before,
            after,
        }
    };
    names.iter().map(change).collect()
}

/// Before and after, cut around where they differ; of long lists, what was taken away and what was added.
fn different(
    sides: (Option<&Value>, Option<&Value>),
    before: &str,
    after: &str,
) -> (Option<String>, Option<String>) {
    let is_long = |text: &str| text.chars().count() > MOST;
    if let (Some(old), Some(new)) = (sides.0.and_then(listed), sides.1.and_then(listed))
        && (is_long(before) || is_long(after))
    {
        let (removed, added) = difference::of_lists(old, new);
        let joined = |sign: &str, values: Vec<&Value>| {
            let texts = values
                .into_iter()
                .map(|value| format!("{sign}{}", value.as_str().unwrap_or_default()));
            let texts: Vec<String> = texts.collect();
            (!texts.is_empty()).then(|| shortened(&texts.join(", ")))
        };
        return (joined("−", removed), joined("+", added));
    }
    let (before, after) = difference::around(before, after, MOST);
    (Some(before), Some(after))
}

/// The list in a value that may also be left open.
fn listed(value: &Value) -> Option<&[Value]> {
    value.get("only")?.as_array().map(Vec::as_slice)
}

/// A value in words. What can be left open has one member.
fn shown(page: &Page, known: &Names, field: &str, value: &Value) -> String {
    match value {
        Value::Object(members) => match (field, members.iter().next()) {
            ("sites", Some((word, _))) if word == "any" => page.t("admin-sites-every").into_owned(),
            ("addresses", Some((word, _))) if word == "any" => page.t("admin-addresses-every").into_owned(),
            ("limit", Some((word, _))) if word == "unlimited" => page.t("admin-limit-none").into_owned(),
            ("expires_at", Some((word, _))) if word == "never" => page.t("admin-expires-never").into_owned(),
            (_, Some((_, value))) if members.len() == 1 => shown(page, known, field, value),
            _ => value.to_string(),
        },
        Value::Null => page.t("none").into_owned(),
        Value::Bool(true) => page.t("yes").into_owned(),
        Value::Bool(false) => page.t("no").into_owned(),
        Value::String(text) if matches!(field, "status" | "role") => {
            text_or(page, &format!("admin-{field}-{text}"), text)
        }
        Value::String(text) if matches!(field, "expires_at" | "until") => text
            .parse()
            .map_or_else(|_| text.clone(), |at| page.moment(&at).exact),
        Value::String(text) if text.is_empty() => page.t("admin-empty").into_owned(),
        Value::String(text) if matches!(field, "by" | "proved_by" | "purpose" | "sessions") => {
            text_or(page, &format!("admin-value-{}", text.replace(' ', "-")), text)
        }
        Value::String(text) if matches!(field, "owner" | "user") => known.of(text).to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => page.t("none").into_owned(),
        Value::Array(values) => {
            let texts: Vec<String> = values.iter().map(|value| shown(page, known, "", value)).collect();
            texts.join(", ")
        }
        other => other.to_string(),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
