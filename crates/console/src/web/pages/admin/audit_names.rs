//! Names of what lines of the audit log are about, so that nobody has to read ids.

use crate::app::App;
use crate::problem::Problem;
use crate::web::person::Person;
use keyward_engine::{AuditEvent, AuditView, EngineError};
use serde_json::Value;
use std::collections::HashMap;

/// Names by id.
#[derive(Default)]
pub(super) struct Names(HashMap<String, String>);

impl Names {
    /// Finds the names of all users and keys in some lines. What is gone keeps its id.
    pub(super) async fn find(app: &App, person: &Person, events: &[AuditView]) -> Result<Self, Problem> {
        let mut names = Self::default();
        for event in events.iter().map(|view| &view.event) {
            for user in users_in(event) {
                names.add_user(app, person, user).await?;
            }
            match event.target_kind.as_str() {
                "user" => names.add_user(app, person, &event.target_id).await?,
                "key" => names.add_key(app, person, &event.target_id).await?,
                _ => {}
            }
        }
        Ok(names)
    }

    /// The name of an id, or the id itself.
    pub(super) fn of<'n>(&'n self, id: &'n str) -> &'n str {
        self.0.get(id).map_or(id, String::as_str)
    }

    async fn add_user(&mut self, app: &App, person: &Person, id: &str) -> Result<(), Problem> {
        if !self.0.contains_key(id) {
            let found = app.engine.get_user(person.actor(), id).await;
            self.add(id, found.map(|view| view.user.email.to_string()))?;
        }
        Ok(())
    }

    async fn add_key(&mut self, app: &App, person: &Person, id: &str) -> Result<(), Problem> {
        if !self.0.contains_key(id) {
            let found = app.engine.get_key(person.actor(), id).await;
            self.add(id, found.map(|view| view.key.name.to_string()))?;
        }
        Ok(())
    }

    fn add(&mut self, id: &str, found: Result<String, EngineError>) -> Result<(), Problem> {
        match found {
            Ok(name) => {
                self.0.insert(id.to_owned(), name);
                Ok(())
            }
            // A denied line may be about what never was.
            Err(EngineError::NotFound(_)) => {
                self.0.insert(id.to_owned(), id.to_owned());
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The users that the fields of a line name.
fn users_in(event: &AuditEvent) -> Vec<&str> {
    let mut users = Vec::new();
    for side in [&event.before, &event.after].into_iter().flatten() {
        for field in ["owner", "user"] {
            users.extend(side.get(field).and_then(Value::as_str));
        }
    }
    users
}
