//! Letting a browser in: the cookies of somebody who has proved who they are.

use crate::app::App;
use crate::problem::Problem;
use crate::web::cookies::Cookie;
use crate::web::language::Language;
use crate::web::person::find_person;
use crate::web::visit::Visit;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use keyward_engine::{EngineError, SignIn, SignedIn};

/// Where people go when they are in, and asked for no page before.
pub(super) const START: &str = "/integrations/keys";

/// Lets somebody in, or asks for the code that is still missing.
pub(super) fn go_on(visit: &Visit, sign_in: &SignIn) -> Response {
    match sign_in {
        SignIn::Done(signed_in) => enter_where_asked(visit, signed_in),
        SignIn::CodeNeeded { pending } => {
            let mut response = Redirect::to("/sign-in/code").into_response();
            Cookie::Pending.set(pending.reveal(), response.headers_mut(), &visit.jar);
            response
        }
    }
}

/// Lets somebody in and sends them to the page that they asked for, if they did.
pub(super) fn enter_where_asked(visit: &Visit, signed_in: &SignedIn) -> Response {
    enter(visit, signed_in, visit.destination.as_deref().unwrap_or(START))
}

/// Lets somebody in and sends them on, in the language of their account.
pub(in crate::web::pages) fn enter(visit: &Visit, signed_in: &SignedIn, to: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    keep_session(visit, signed_in, &mut response);
    let headers = response.headers_mut();
    Cookie::Pending.clear(headers, &visit.jar);
    if visit.destination.is_some() {
        Cookie::Destination.clear(headers, &visit.jar);
    }
    if let Some(device) = &signed_in.device {
        Cookie::Device.set(device.reveal(), headers, &visit.jar);
    }
    let language = signed_in.session.language.as_deref().and_then(Language::of_tag);
    if let Some(language) = language {
        Cookie::Language.set(language.tag(), headers, &visit.jar);
    }
    response
}

/// Ends the session with which somebody came who is let in anew: nobody goes on with what the browser had before
/// (session fixation).
pub(super) async fn replace_session(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let visit = Visit::of(&parts, &app);
    let earlier = Cookie::Session.read(&parts.headers, &visit.jar).is_some();
    let earlier = earlier.then(|| (parts.headers.clone(), visit));
    let response = next.run(Request::from_parts(parts, body)).await;
    if let Some((headers, visit)) = earlier
        && Cookie::Session.is_set(response.headers(), &visit.jar)
        && let Err(error) = end_earlier(&headers, &visit, &app).await
    {
        return Problem::from(error).into_response();
    }
    response
}

async fn end_earlier(headers: &HeaderMap, visit: &Visit, app: &App) -> Result<(), EngineError> {
    match find_person(headers, visit, app).await? {
        Some(person) => app.engine.sign_out(&person.session).await,
        None => Ok(()),
    }
}

/// Hands out the token of a session that has begun.
pub(in crate::web::pages) fn keep_session(visit: &Visit, signed_in: &SignedIn, response: &mut Response) {
    Cookie::Session.set(signed_in.token.reveal(), response.headers_mut(), &visit.jar);
}
