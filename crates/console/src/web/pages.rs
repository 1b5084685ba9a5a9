//! The pages, area by area. Each area has a router of its own; those that need a person stand in `with_person`.

mod account;
mod admin;
mod design;
mod keys;
mod preferences;
mod sign_in;

pub use sign_in::CALLBACK;

use super::answer::HtmlAnswer;
use super::answer::IsPage;
use super::cookies::Cookie;
use super::origin::require_own_origin;
use super::person::require_person;
use super::visit::Visit;
use super::{assets, person::Person};
use crate::app::App;
use crate::problem::Problem;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::header::{ACCEPT, ALLOW};
use http::{HeaderMap, StatusCode, Uri};

/// What a page's handler gives: an answer, or a problem that becomes a page of its own.
pub(crate) type PageAnswer = Result<Response, Problem>;

/// All pages.
pub(crate) fn router(app: &App) -> Router<App> {
    with_person(app)
        .merge(open(app))
        .layer(from_fn_with_state(app.clone(), require_own_origin))
        .layer(from_fn_with_state(app.clone(), render_faults))
        .merge(assets::router())
}

/// Pages for whoever comes.
fn open(app: &App) -> Router<App> {
    Router::new()
        .route("/", get(async || Redirect::to("/integrations/keys")))
        .route("/preferences", post(preferences::save))
        .route("/design", get(design::show))
        .merge(sign_in::router(app))
}

/// Pages for people who are signed in.
fn with_person(app: &App) -> Router<App> {
    Router::new()
        .route("/integrations", get(async || Redirect::to("/integrations/keys")))
        .merge(keys::router())
        .merge(account::router())
        .merge(admin::router())
        .route_layer(from_fn_with_state(app.clone(), require_person))
}

/// Turns problems into pages in the person's language, and takes away what has been said.
async fn render_faults(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let visit = Visit::of(&parts, &app);
    let is_browser = is_browser(&parts.headers);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if is_browser && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let problem = Problem::of_status(StatusCode::METHOD_NOT_ALLOWED);
        let headers = response.headers().get(ALLOW).cloned();
        response = HtmlAnswer::of_fault(&visit, &problem).into_response();
        response
            .headers_mut()
            .extend(headers.map(|allowed| (ALLOW, allowed)));
    }
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let headers = problem.0.headers.clone();
        response = HtmlAnswer::of_fault(&visit, &problem).into_response();
        response.headers_mut().extend(headers);
    }
    let is_page = response.extensions().get::<IsPage>().is_some();
    if visit.flash.is_some() && is_page {
        Cookie::Flash.clear(response.headers_mut(), &visit.jar);
    }
    response
}

/// Where there is nothing: a page for a browser, a problem document for a program.
pub(crate) async fn show_nothing(visit: Visit, uri: Uri, headers: HeaderMap) -> Response {
    let problem = Problem::of_status(StatusCode::NOT_FOUND);
    if is_browser(&headers) && !uri.path().starts_with("/v1") {
        HtmlAnswer::of_fault(&visit, &problem).into_response()
    } else {
        problem.into_response()
    }
}

/// Whether it is a page that the client wants.
pub(super) fn is_browser(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

/// Sends a browser on after a change, and says there what was done.
pub(crate) fn done(visit: &Visit, to: &str, flash: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    Cookie::Flash.set(flash, response.headers_mut(), &visit.jar);
    response
}

/// Lets administrators alone see a page; to others it is as if it were not there.
pub(crate) fn only_admins(person: &Person) -> Result<(), Problem> {
    if person.actor().is_admin() {
        Ok(())
    } else {
        Err(Problem::of_status(StatusCode::NOT_FOUND))
    }
}
