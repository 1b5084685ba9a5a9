//! What every page of keys works with.

use crate::app::App;
use crate::problem::Problem;
use crate::web::page::{Page, Place};
use crate::web::pages::done;
use crate::web::person::Person;
use crate::web::visit::Visit;
use axum::extract::FromRequestParts;
use axum::response::Response;
use http::request::Parts;
use keyward_domain::KeyId;
use keyward_engine::{Actor, Engine};

/// Who asks, how they read, and the engine that answers.
pub(super) struct Desk {
    pub(super) app: App,
    pub(super) visit: Visit,
    pub(super) person: Person,
}

impl Desk {
    pub(super) fn page(&self) -> Page {
        self.page_at(Place::Keys)
    }

    pub(super) fn page_at(&self, place: Place) -> Page {
        self.person.page(&self.visit, place)
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.app.engine
    }

    pub(super) fn actor(&self) -> &Actor {
        self.person.actor()
    }

    pub(super) fn is_admin(&self) -> bool {
        self.actor().is_admin()
    }

    /// Sends the browser to a key's page, which says what was done.
    pub(super) fn done_with(&self, key: KeyId, flash: &str) -> Response {
        done(&self.visit, &path_of(key), flash)
    }
}

/// Where a key's page is.
pub(super) fn path_of(key: KeyId) -> String {
    format!("/integrations/keys/{key}")
}

impl FromRequestParts<App> for Desk {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Self {
            person: Person::from_request_parts(parts, app).await?,
            visit: Visit::of(parts, app),
            app: app.clone(),
        })
    }
}
