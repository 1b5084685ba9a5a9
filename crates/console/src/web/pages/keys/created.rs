//! The answer that shows a secret: this once, and nowhere else. It is the answer to the form itself, so that there is no
//! address at which the secret could be had again.

use super::desk::{Desk, path_of};
use super::row::KeyRow;
use super::snippets::{Call, Snippet, snippets};
use super::words::hindrance_text;
use crate::web::answer::HtmlAnswer;
use crate::web::page::Page;
use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use keyward_domain::{RoutePattern, SiteName, UseCase};
use keyward_engine::{IssuedKey, KeyView};

/// The site of a call when there is none to take: that of the documentation.
const SOME_SITE: &str = "123";

#[derive(Template)]
#[template(path = "keys/created.html")]
struct CreatedPage<'a> {
    page: Page,
    key: KeyRow,
    path: String,
    secret: &'a str,
    /// Why no call would be let in.
    hindrance: Option<String>,
    snippets: Vec<Snippet>,
}

#[derive(Template)]
#[template(path = "keys/again.html")]
struct AgainPage {
    page: Page,
    key: KeyRow,
    path: String,
}

pub(super) fn show(desk: &Desk, headers: &HeaderMap, issued: &IssuedKey) -> Response {
    let page = desk.page().once();
    let secret = issued.secret.reveal();
    let url = url_of_call(desk, headers, &issued.view);
    let shown = CreatedPage {
        key: KeyRow::of(&page, &issued.view),
        path: path_of(issued.view.key.id),
        hindrance: hindrance_text(&page, &issued.view),
        snippets: snippets(&Call { url: &url, secret }),
        secret,
        page,
    };
    HtmlAnswer::with(StatusCode::CREATED, &shown).into_response()
}

/// The form came again: by a second click, a reload, from another tab. The key is there; its secret is not to be had.
pub(super) fn show_again(page: Page, view: &KeyView) -> Response {
    let shown = AgainPage {
        key: KeyRow::of(&page, view),
        path: path_of(view.key.id),
        page,
    };
    HtmlAnswer::ok(&shown).into_response()
}

/// An address that the key opens: at the gateway, or, for a key that manages Keyward, here.
fn url_of_call(desk: &Desk, headers: &HeaderMap, view: &KeyView) -> String {
    if view.key.use_case.is_management() {
        // The layer outside has compared it with the host.
        let origin = headers
            .get(header::ORIGIN)
            .and_then(|origin| origin.to_str().ok());
        return format!("{}/v1/me", origin.unwrap_or_default());
    }
    let site = view.open_site.as_ref().map_or(SOME_SITE, SiteName::as_str);
    let entry = desk.engine().catalogue().find(view.key.use_case.as_str());
    let path = path_of_call(entry, site);
    format!("{}{path}", desk.app.gateway_url)
}

/// A path of the use case, with a site in it.
fn path_of_call(entry: Option<&UseCase>, site: &str) -> String {
    let routes = entry
        .and_then(|entry| entry.routes.as_deref())
        .unwrap_or_default();
    let gets = |route: &&RoutePattern| route.methods.is_empty() || route.methods.iter().any(|m| m == "GET");
    let route = routes.iter().find(gets).or(routes.first());
    let template = route.map_or_else(|| "/api/{site}/**".to_owned(), |route| route.path.to_string());
    let path = template
        .replace("{site}", site)
        .replace("**", "resource")
        .replace('*', "resource");
    // It is pasted into shells and programs.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    if path.bytes().all(plain) {
        path
    } else {
        format!("/api/{site}/resource")
    }
}
