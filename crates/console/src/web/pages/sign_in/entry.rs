//! Letting a browser in: the cookies of somebody who has proved who they are.

use crate::web::cookies::Cookie;
use crate::web::language::Language;
use crate::web::visit::Visit;
use axum::response::{IntoResponse, Redirect, Response};
use keyward_engine::{SignIn, SignedIn};

/// Where people go when they are in.
pub(super) const START: &str = "/integrations/keys";

/// Lets somebody in, or asks for the code that is still missing.
pub(super) fn go_on(visit: &Visit, sign_in: &SignIn) -> Response {
    match sign_in {
        SignIn::Done(signed_in) => enter(visit, signed_in, START),
        SignIn::CodeNeeded { pending } => {
            let mut response = Redirect::to("/sign-in/code").into_response();
            Cookie::Pending.set(pending.reveal(), response.headers_mut(), visit.secure);
            response
        }
    }
}

/// Lets somebody in and sends them on, in the language of their account.
pub(in crate::web::pages) fn enter(visit: &Visit, signed_in: &SignedIn, to: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    keep_session(visit, signed_in, &mut response);
    let headers = response.headers_mut();
    Cookie::Pending.clear(headers, visit.secure);
    if let Some(device) = &signed_in.device {
        Cookie::Device.set(device.reveal(), headers, visit.secure);
    }
    let language = signed_in.session.language.as_deref().and_then(Language::of_tag);
    if let Some(language) = language {
        Cookie::Language.set(language.tag(), headers, visit.secure);
    }
    response
}

/// Hands out the token of a session that has begun.
pub(in crate::web::pages) fn keep_session(visit: &Visit, signed_in: &SignedIn, response: &mut Response) {
    Cookie::Session.set(signed_in.token.reveal(), response.headers_mut(), visit.secure);
}
