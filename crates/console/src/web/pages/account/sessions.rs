//! `POST /account/sessions/…`, `POST /sign-out`: ending sessions, one's own alone.

use crate::app::App;
use crate::web::cookies::Cookie;
use crate::web::pages::{PageAnswer, done};
use crate::web::person::{OwnForm, Person};
use crate::web::visit::Visit;
use axum::extract::{Path, State};
use keyward_engine::EngineError;

pub(super) async fn end(
    State(app): State<App>,
    visit: Visit,
    person: Person,
    Path(id): Path<String>,
    OwnForm(_): OwnForm,
) -> PageAnswer {
    match app.engine.end_session(person.actor(), &id).await {
        // It has ended by itself: that is what was wanted.
        Ok(()) | Err(EngineError::NotFound(_)) => Ok(done(&visit, "/account", "flash-session-ended")),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn end_others(
    State(app): State<App>,
    visit: Visit,
    person: Person,
    OwnForm(_): OwnForm,
) -> PageAnswer {
    app.engine
        .end_other_sessions(person.actor(), person.session.id)
        .await?;
    Ok(done(&visit, "/account", "flash-sessions-ended"))
}

pub(super) async fn sign_out(
    State(app): State<App>,
    visit: Visit,
    person: Person,
    OwnForm(_): OwnForm,
) -> PageAnswer {
    app.engine.sign_out(&person.session).await?;
    let mut response = done(&visit, "/sign-in", "flash-signed-out");
    Cookie::Session.clear(response.headers_mut(), &visit.jar);
    Ok(response)
}
