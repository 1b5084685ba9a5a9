//! Who is signed in, and that a form carries the token of their session. Which page sent it is looked at before: `origin`.

use super::cookies::Cookie;
use super::form::Form;
use super::landing;
use super::page::{Page, Place, Viewer};
use super::pages::is_browser;
use super::visit::Visit;
use crate::app::App;
use crate::problem::Problem;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use keyward_engine::{Actor, EngineError, Session, SignedIn};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Bytes of a path that is kept while its visitor signs in.
const LONGEST_DESTINATION: usize = 1000;

/// Somebody who is signed in: only the layer below makes one, so that a handler cannot do without it.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) session: Session,
    /// What the forms of this session carry.
    pub(crate) token: String,
}

impl Person {
    /// Who acts.
    pub(crate) fn actor(&self) -> &Actor {
        &self.session.actor
    }

    pub(crate) fn viewer(&self) -> Viewer {
        Viewer {
            name: self.session.user.name.as_str().to_owned(),
            email: self.session.user.email.as_str().to_owned(),
            is_admin: self.session.actor.is_admin(),
        }
    }

    pub(crate) fn page(&self, visit: &Visit, place: Place) -> Page {
        Page::new(visit, place, Some(self))
    }

    /// The same person in the session that took the place of theirs.
    pub(crate) fn signed_in(signed_in: &SignedIn) -> Self {
        Self {
            session: signed_in.session.clone(),
            token: form_token(signed_in.token.reveal()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
                .with_cause("a page that needs a person lies outside the layer that finds one")
        })
    }
}

/// Finds who is signed in; others are sent to sign in, and from there to what they asked for.
pub(crate) async fn require_person(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let visit = Visit::of(&parts, &app);
    match find_person(&parts.headers, &visit, &app).await {
        Ok(Some(person)) => parts.extensions.insert(person),
        // A session that is over is not sent either, so the question is asked once more before anybody has to sign in.
        Ok(None) if landing::is_from_elsewhere(&parts) => return landing::land(&visit, visit.path.clone()),
        Ok(None) => return to_sign_in(&parts, &visit),
        Err(error) => return Problem::from(error).into_response(),
    };
    next.run(Request::from_parts(parts, body)).await
}

/// Who is signed in, if anybody is.
pub(crate) async fn find_person(
    headers: &HeaderMap,
    visit: &Visit,
    app: &App,
) -> Result<Option<Person>, EngineError> {
    let Some(secret) = Cookie::Session.read(headers, &visit.jar) else {
        return Ok(None);
    };
    let session = app.engine.find_session(secret, &visit.visitor).await?;
    Ok(session.map(|session| Person {
        session,
        token: form_token(secret),
    }))
}

fn to_sign_in(parts: &Parts, visit: &Visit) -> Response {
    let mut response = Redirect::to("/sign-in").into_response();
    if Cookie::Session.read(&parts.headers, &visit.jar).is_some() {
        Cookie::Session.clear(response.headers_mut(), &visit.jar);
        Cookie::Flash.set("flash-session-over", response.headers_mut(), &visit.jar);
    }
    let is_page = parts.method == Method::GET && is_browser(&parts.headers);
    if is_page && visit.path.len() <= LONGEST_DESTINATION {
        Cookie::Destination.set(&visit.path, response.headers_mut(), &visit.jar);
    }
    response
}

/// What the forms of a session carry: it cannot be guessed by who does not know the session's secret, and does not tell it.
fn form_token(secret: &str) -> String {
    let hash = Sha256::new()
        .chain_update("form\0")
        .chain_update(secret)
        .finalize();
    hash[..16].iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A form of somebody who is signed in, with the token of their session.
pub(crate) struct OwnForm(pub(crate) Form);

impl FromRequest<App> for OwnForm {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let person = Person::from_request_parts(&mut parts, app).await?;
        let form = Form::read(Request::from_parts(parts, body)).await?;
        if form.find("token") == Some(person.token.as_str()) {
            return Ok(Self(form));
        }
        let detail = "The form does not come from a page of this session: load the page again.";
        Err(Problem::new(StatusCode::FORBIDDEN, "foreign_form", detail))
    }
}

#[cfg(test)]
mod tests {
    use super::form_token;

    #[test]
    fn c4_a_forms_token_belongs_to_one_session_and_does_not_tell_its_secret() {
        assert_ne!(form_token("a"), form_token("b"));
        assert_eq!(form_token("a").len(), 32);
        assert!(!form_token("session_abc").contains("session_abc"));
    }
}
