//! What was done with a key, by whom: its part of the audit log.

use super::desk::Desk;
use crate::web::difference;
use crate::web::page::Page;
use keyward_domain::Timestamp;
use keyward_engine::{ActBy, AuditOutcome, EngineError, KeyAct};
use serde_json::Value;

/// The most lines.
const MOST: u32 = 20;
/// The most characters of a value that are shown.
const LONGEST: usize = 80;

/// One line.
pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) who: String,
    pub(super) what: String,
    pub(super) changes: Vec<String>,
    pub(super) address: Option<String>,
    pub(super) is_denied: bool,
}

/// The latest lines about a key.
pub(super) async fn of_key(desk: &Desk, page: &Page, id: &str) -> Result<Vec<Line>, EngineError> {
    let acts = desk.engine().list_key_acts(desk.actor(), id, MOST).await?;
    Ok(acts.into_iter().map(|act| line(page, act)).collect())
}

fn line(page: &Page, act: KeyAct) -> Line {
    let who = match act.by {
        ActBy::User(name) => name,
        ActBy::Administrator => page.t("key-trail-administrator").into_owned(),
        ActBy::Somebody => page.t("key-trail-somebody").into_owned(),
        ActBy::Operator => page.t("key-trail-operator").into_owned(),
        ActBy::System => page.t("key-trail-system").into_owned(),
    };
    Line {
        at: act.at,
        who,
        what: what(page, &act.action),
        changes: changes(page, act.before.as_ref(), act.after.as_ref()),
        address: act.address.map(|address| address.to_string()),
        is_denied: matches!(act.outcome, AuditOutcome::Denied(_)),
    }
}

fn what(page: &Page, action: &str) -> String {
    let text = match action {
        "key.create" => page.t("key-trail-create"),
        "key.import" => page.t("key-trail-import"),
        "key.edit" => page.t("key-trail-edit"),
        "key.enable" => page.t("key-trail-enable"),
        "key.disable" => page.t("key-trail-disable"),
        "key.delete" => page.t("key-trail-delete"),
        "key.restore" => page.t("key-trail-restore"),
        "key.purge" => page.t("key-trail-purge"),
        other => return other.to_owned(),
    };
    text.into_owned()
}

/// What an edit changed. What a key began with stands in the facts.
fn changes(page: &Page, before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let (Some(Value::Object(before)), Some(Value::Object(after))) = (before, after) else {
        return Vec::new();
    };
    let change = |field: &String| {
        let name = match field.as_str() {
            "name" => page.t("key-name"),
            "description" => page.t("key-description"),
            "sites" => page.t("key-sites"),
            "addresses" => page.t("key-addresses"),
            "limit" => page.t("key-limit"),
            // The line says it already.
            _ => return None,
        };
        Some(format!(
            "{name}{}",
            changed(page, before.get(field), after.get(field))
        ))
    };
    after.keys().filter_map(change).collect()
}

/// Before and after; of long lists, what was taken away and what was added.
fn changed(page: &Page, before: Option<&Value>, after: Option<&Value>) -> String {
    let (old, new) = (shown(page, before), shown(page, after));
    if let (Some(Value::Array(before)), Some(Value::Array(after))) = (of(before), of(after))
        && (old.chars().count() > LONGEST || new.chars().count() > LONGEST)
    {
        let (removed, added) = difference::of_lists(before, after);
        let sign =
            |sign: &'static str| move |value: &Value| format!("{sign}{}", value.as_str().unwrap_or_default());
        let (removed, added) = (
            removed.into_iter().map(sign("−")),
            added.into_iter().map(sign("+")),
        );
        let parts = removed.chain(added).collect::<Vec<_>>().join(", ");
        let (parts, _) = difference::around(&parts, "", 2 * LONGEST);
        return page.t1("key-trail-list", "changes", parts).into_owned();
    }
    let (old, new) = difference::around(&old, &new, LONGEST);
    page.t2("key-trail-change", ("before", old), ("after", new))
        .into_owned()
}

/// What stands in the one member of what can be left open; a word for open is `true`.
fn of(value: Option<&Value>) -> Option<&Value> {
    match value {
        Some(Value::Object(members)) => members.values().next(),
        other => other,
    }
}

fn shown(page: &Page, value: Option<&Value>) -> String {
    match of(value) {
        None | Some(Value::Null | Value::Bool(true)) => page.t("key-trail-all").into_owned(),
        Some(Value::String(text)) if text.is_empty() => page.t("none").into_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(list)) if list.is_empty() => page.t("none").into_owned(),
        Some(Value::Array(list)) => {
            let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            texts.join(", ")
        }
        Some(other) => other.to_string(),
    }
}
