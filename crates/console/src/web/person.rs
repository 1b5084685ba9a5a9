//! Who is signed in, and whether a change was asked for from a page of ours (CSRF).
//!
//! A change is any method that is not safe (RFC 9110 §9.2.1). It passes when its `Origin` is this host, its `Sec-Fetch-Site`, where the
//! browser says it, is `same-origin`, and its form carries the token of the session. A request that does not say where it
//! comes from is refused: every browser does. So is one that says it twice.

use super::cookies::Cookie;
use super::form::Form;
use super::landing;
use super::page::{Page, Place, Viewer};
use super::pages::is_browser;
use super::said::single;
use super::visit::Visit;
use crate::app::{App, OwnAddress};
use crate::problem::Problem;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri};
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
    let Some(secret) = Cookie::Session.read(headers, visit.secure) else {
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
    if Cookie::Session.read(&parts.headers, visit.secure).is_some() {
        Cookie::Session.clear(response.headers_mut(), visit.secure);
        Cookie::Flash.set("flash-session-over", response.headers_mut(), visit.secure);
    }
    let is_page = parts.method == Method::GET && is_browser(&parts.headers);
    if is_page && visit.path.len() <= LONGEST_DESTINATION {
        Cookie::Destination.set(&visit.path, response.headers_mut(), visit.secure);
    }
    response
}

/// Refuses changes that were not asked for from a page of this host.
pub(crate) async fn require_own_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method().is_safe() || is_own_origin(request.headers(), request.uri(), &app.address()) {
        return next.run(request).await;
    }
    Problem::new(
        StatusCode::FORBIDDEN,
        "foreign_origin",
        "Changes are taken from pages of this console alone.",
    )
    .into_response()
}

/// Whether a browser says that a page of the console sent the request. Where no setting says under which address people
/// reach it, it is the host that they ask for; over HTTP/2 that is the `:authority`.
fn is_own_origin(headers: &HeaderMap, uri: &Uri, address: &OwnAddress<'_>) -> bool {
    let (Ok(Some(origin)), Ok(fetch_site)) = (single(headers, "origin"), single(headers, "sec-fetch-site"))
    else {
        return false;
    };
    let asked = || {
        let authority = uri.authority().map(http::uri::Authority::as_str);
        authority.or_else(|| single(headers, "host").ok().flatten())
    };
    let same = match *address {
        OwnAddress::Known(url) => origin.eq_ignore_ascii_case(url.as_str()),
        OwnAddress::AsAsked { scheme } => asked().is_some_and(|host| {
            let authority = origin.strip_prefix(scheme);
            authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
        }),
    };
    same && fetch_site.is_none_or(|site| site == "same-origin")
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
    use super::*;
    use crate::public_url::PublicUrl;
    use http::HeaderValue;

    const TLS: OwnAddress<'_> = OwnAddress::AsAsked { scheme: "https://" };

    fn own(headers: &[(&'static str, &'static str)], uri: &'static str, address: &OwnAddress<'_>) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (
                    http::header::HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .fold(HeaderMap::new(), |mut map, (name, value)| {
                map.append(name, value);
                map
            });
        is_own_origin(&headers, &Uri::from_static(uri), address)
    }

    #[test]
    fn c4_only_a_page_of_this_host_may_ask_for_changes() {
        let host = ("host", "my.example.com");
        let table: [(&[(&str, &str)], bool); 11] = [
            (&[host, ("origin", "https://my.example.com")], true),
            (
                &[
                    host,
                    ("origin", "https://my.example.com"),
                    ("sec-fetch-site", "same-origin"),
                ],
                true,
            ),
            (&[host], false),
            (&[host, ("origin", "null")], false),
            (&[host, ("origin", "http://my.example.com")], false),
            (&[host, ("origin", "https://evil.my.example.com")], false),
            (&[host, ("origin", "https://my.example.com.evil.com")], false),
            (
                &[
                    host,
                    ("origin", "https://my.example.com"),
                    ("sec-fetch-site", "same-site"),
                ],
                false,
            ),
            (
                &[
                    host,
                    ("origin", "https://my.example.com"),
                    ("origin", "https://my.example.com"),
                ],
                false,
            ),
            (
                &[
                    host,
                    ("origin", "https://my.example.com"),
                    ("sec-fetch-site", "same-origin"),
                    ("sec-fetch-site", "cross-site"),
                ],
                false,
            ),
            (
                &[
                    host,
                    ("origin", "https://my.example.com"),
                    ("sec-fetch-site", "same-origin"),
                    ("sec-fetch-site", "same-origin"),
                ],
                false,
            ),
        ];
        for (headers, passes) in table {
            let headers: Vec<_> = headers.to_vec();
            assert_eq!(own(Box::leak(headers.into_boxed_slice()), "/x", &TLS), passes);
        }
        // HTTP/2 has the host in the target.
        assert!(own(
            &[("origin", "https://my.example.com")],
            "https://my.example.com/x",
            &TLS
        ));
    }

    #[test]
    fn c4_behind_a_proxy_only_a_page_of_the_public_address_may_ask_for_changes() {
        let url = PublicUrl::new("https://keys.example.com").unwrap();
        let address = OwnAddress::Known(&url);
        // The proxy asks for the console by another name.
        let host = ("host", "10.0.0.7:8081");
        let table: [(&[(&str, &str)], bool); 6] = [
            (&[host, ("origin", "https://keys.example.com")], true),
            (&[host, ("origin", "http://keys.example.com")], false),
            (&[host, ("origin", "https://10.0.0.7:8081")], false),
            (&[host, ("origin", "http://10.0.0.7:8081")], false),
            (&[host, ("origin", "null")], false),
            (
                &[
                    host,
                    ("origin", "https://keys.example.com"),
                    ("sec-fetch-site", "cross-site"),
                ],
                false,
            ),
        ];
        for (headers, passes) in table {
            let headers: Vec<_> = headers.to_vec();
            assert_eq!(own(Box::leak(headers.into_boxed_slice()), "/x", &address), passes);
        }
    }

    #[test]
    fn c4_a_forms_token_belongs_to_one_session_and_does_not_tell_its_secret() {
        assert_ne!(form_token("a"), form_token("b"));
        assert_eq!(form_token("a").len(), 32);
        assert!(!form_token("session_abc").contains("session_abc"));
    }
}
