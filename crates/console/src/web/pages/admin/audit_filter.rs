//! Which lines of the audit log are asked for. The same for the page and for its export.

use super::links::with_query;
use crate::web::form::{Errors, Form};
use crate::web::page::Page;
use jiff::civil::Date;
use keyward_domain::Timestamp;
use keyward_engine::AuditFilter;

/// What can be done to things, in the order of the list to choose from.
pub(super) const ACTIONS: &[&str] = &[
    "key.create",
    "key.edit",
    "key.enable",
    "key.disable",
    "key.delete",
    "key.restore",
    "key.purge",
    "key.import",
    "user.create",
    "user.edit",
    "user.enable",
    "user.disable",
    "user.delete",
    "link.create",
    "link.redeem",
    "identity.add",
    "identity.remove",
    "signin.denied",
    "session.create",
    "session.end",
    "password.change",
    "second_factor.enable",
    "second_factor.disable",
    "second_factor.renew_codes",
    "second_factor.reset",
    "site.create",
    "site.rename",
    "site.enable",
    "site.disable",
    "setup.redeem",
    "database.went_back",
    "audit.archived",
];
/// What things are done to.
pub(super) const KINDS: &[&str] = &["key", "user", "site", "session", "database"];
/// The fields of the form.
const FIELDS: [&str; 6] = ["user", "action", "kind", "target", "from", "to"];

/// Reads the form. Days are those of the person's zone; `to` is counted in.
pub(super) fn read(form: &Form, page: &Page) -> (AuditFilter, Errors) {
    let mut errors = Errors::default();
    let mut day = |name: &'static str, after: i64| {
        let text = form.filled(name)?;
        let instant = start_of_day(text, after, page);
        if instant.is_none() {
            errors.add(name, page.t("admin-fault-day"));
        }
        instant.map(|instant| instant.to_string())
    };
    let text = |name: &str| form.filled(name).map(str::to_owned);
    let filter = AuditFilter {
        since: day("from", 0),
        until: day("to", 1),
        user: text("user"),
        target_kind: text("kind"),
        target_id: text("target"),
        action: text("action"),
        cursor: text("cursor"),
        limit: None,
        misread: Vec::new(),
    };
    (filter, errors)
}

/// The beginning of a day, or of one some days after it.
fn start_of_day(text: &str, after: i64, page: &Page) -> Option<Timestamp> {
    let day: Date = text.parse().ok()?;
    let day = day.checked_add(jiff::Span::new().try_days(after).ok()?).ok()?;
    let start = day.to_zoned_datetime(page.moments.zone.clone()).ok()?;
    (day.year() >= 1).then(|| Timestamp::from_millis(start.timestamp().as_millisecond()))
}

/// Where the same filter leads.
pub(super) fn place(path: &str, form: &Form, cursor: &str) -> String {
    let mut pairs: Vec<(&str, &str)> = FIELDS.iter().map(|name| (*name, form.text(name))).collect();
    pairs.push(("cursor", cursor));
    with_query(path, &pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::language::Language;
    use keyward_domain::Reason;

    #[test]
    fn every_word_of_the_domain_that_a_page_shows_has_a_text() {
        let code = |code: &str| code.replace(['.', '_'], "-");
        let mut ids: Vec<String> = ACTIONS
            .iter()
            .map(|action| format!("admin-action-{}", code(action)))
            .collect();
        ids.extend(KINDS.iter().map(|kind| format!("admin-kind-{kind}")));
        ids.extend(
            Reason::ALL
                .iter()
                .map(|reason| format!("admin-reason-{}", code(reason.code()))),
        );
        for kind in [
            "disable-user",
            "delete-user",
            "reset-factor",
            "reset-link",
            "disable-site",
        ] {
            ids.extend(["title", "point-1", "point-2", "button"].map(|part| format!("admin-{kind}-{part}")));
        }
        for language in Language::ALL {
            for id in &ids {
                assert_ne!(language.text(id), *id);
            }
        }
    }
}
