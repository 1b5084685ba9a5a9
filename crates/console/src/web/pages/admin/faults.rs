//! What the engine says against a form, as texts at its fields, in the person's language.

use crate::problem::Problem;
use crate::web::form::Errors;
use crate::web::page::Page;
use keyward_engine::EngineError;

/// What is wrong with a form about a `user` or a `site`.
///
/// # Errors
/// What no field of the form can help against.
pub(super) fn at_fields(error: EngineError, page: &Page, thing: &str) -> Result<Errors, Problem> {
    let mut errors = Errors::default();
    match error {
        EngineError::Invalid(faults) => {
            for fault in faults {
                let id = format!("admin-fault-{thing}-{}", fault.field);
                errors.add(fault.field, page.t(&id));
            }
        }
        EngineError::Conflict {
            code: "email_taken", ..
        } => {
            errors.add("email", page.t("admin-fault-email-taken"));
        }
        EngineError::Conflict {
            code: "last_admin", ..
        } => {
            errors.add("role", page.t("admin-fault-last-admin"));
        }
        EngineError::Conflict {
            code: "site_exists", ..
        } => {
            errors.add("name", page.t("admin-fault-site-exists"));
        }
        EngineError::Stale => errors.add("form", page.t("admin-fault-stale")),
        other => return Err(other.into()),
    }
    Ok(errors)
}
