//! Administration: users, sites, use cases, audit log, system. To others it is as if it were not there.
//!
//! A page takes [`Admin`] instead of a person. A change begins with [`may_change`], so that a member's try stands in the
//! audit log, and its use case checks the rights again. Who adds a page names it here: the tests of rights are made from
//! these lines.

mod audit;
mod audit_csv;
mod audit_filter;
mod audit_line;
mod audit_names;
mod confirm;
mod faults;
mod links;
mod one_time_link;
mod site;
mod site_choice;
mod sites;
mod system;
mod use_cases;
mod user;
mod user_new;
mod user_state;
mod users;
mod words;

use super::only_admins;
use crate::app::App;
use crate::problem::Problem;
use crate::web::person::Person;
use axum::Router;
use axum::extract::FromRequestParts;
use axum::response::Redirect;
use axum::routing::{get, post};
use http::request::Parts;
use keyward_engine::{EngineError, Subject};
use user_state::{Delete, Disable, ResetFactor, Unbind};

/// How many lines a list shows at once.
const LINES: u32 = 50;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/admin", get(async || Redirect::to("/admin/users")))
        .route("/admin/users", get(users::show))
        .route("/admin/users/new", get(user_new::show).post(user_new::invite))
        .route("/admin/users/{id}", get(user::show).post(user::edit))
        .route("/admin/users/{id}/enable", post(user_state::enable))
        .route(
            "/admin/users/{id}/disable",
            get(user_state::ask::<Disable>).post(user_state::carry_out::<Disable>),
        )
        .route(
            "/admin/users/{id}/delete",
            get(user_state::ask::<Delete>).post(user_state::carry_out::<Delete>),
        )
        .route(
            "/admin/users/{id}/link",
            get(one_time_link::ask).post(one_time_link::issue),
        )
        .route(
            "/admin/users/{id}/factor",
            get(user_state::ask::<ResetFactor>).post(user_state::carry_out::<ResetFactor>),
        )
        .route(
            "/admin/users/{id}/identities",
            get(user_state::ask::<Unbind>).post(user_state::carry_out::<Unbind>),
        )
        .route("/admin/sites", get(sites::show).post(sites::create))
        .route("/admin/sites/{name}", get(site::show).post(site::rename))
        .route("/admin/sites/{name}/enable", post(site::enable))
        .route(
            "/admin/sites/{name}/disable",
            get(site::ask_disable).post(site::disable),
        )
        .route("/admin/use-cases", get(use_cases::show))
        .route("/admin/audit", get(audit::show))
        .route("/admin/audit.csv", get(audit_csv::export))
        .route("/admin/system", get(system::show))
}

/// Somebody who administers; to others there is nothing here.
struct Admin(Person);

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let person = Person::from_request_parts(parts, state).await?;
        only_admins(&person)?;
        Ok(Self(person))
    }
}

/// Lets administrators change something. A member's try is written into the audit log, and finds nothing here.
async fn may_change(app: &App, person: &Person, action: &str, subject: Subject<'_>) -> Result<(), Problem> {
    match app.engine.require_admin(person.actor(), action, subject).await {
        Err(EngineError::Forbidden(_)) => only_admins(person),
        other => Ok(other?),
    }
}
