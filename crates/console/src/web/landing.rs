//! A page that goes on by itself, as a page of this host.
//!
//! All cookies of ours are `SameSite=Strict`: a browser sends none with a request that a page of another site began. It sends
//! them with the next one, which is begun here.

use super::answer::HtmlAnswer;
use super::page::{Page, Place};
use super::said::single;
use super::visit::Visit;
use askama::Template;
use axum::response::{IntoResponse, Response};
use http::Method;
use http::request::Parts;

#[derive(Template)]
#[template(path = "landing.html")]
struct LandingPage {
    page: Page,
    next: String,
}

/// Whether a link on a page of another site leads a browser's window here: its person may be signed in all the same.
pub(super) fn is_from_elsewhere(parts: &Parts) -> bool {
    let is = |name: &str, values: &[&str]| {
        let value = single(&parts.headers, name).ok().flatten();
        value.is_some_and(|value| values.contains(&value))
    };
    parts.method == Method::GET
        && is("sec-fetch-site", &["cross-site", "same-site"])
        && is("sec-fetch-mode", &["navigate"])
        && is("sec-fetch-dest", &["document"])
}

/// Goes on to a path of this host.
pub(super) fn land(visit: &Visit, next: String) -> Response {
    let page = Page::new(visit, Place::Outside, None);
    HtmlAnswer::ok(&LandingPage { page, next }).into_response()
}
