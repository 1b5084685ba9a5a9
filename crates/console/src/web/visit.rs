//! One look at the console: what a request says of its sender, whoever it is.

use super::cookies::{Cookie, Jar};
use super::language::Language;
use super::moment::zone_of;
use super::own_path::own_path;
use super::page::Theme;
use crate::app::App;
use crate::caller::Client;
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};
use jiff::tz::TimeZone;
use keyward_domain::Timestamp;
use keyward_engine::Visitor;
use std::convert::Infallible;

/// What a request says of its sender.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) language: Language,
    pub(crate) theme: Theme,
    pub(crate) zone: TimeZone,
    /// The id of a text to say once.
    pub(crate) flash: Option<String>,
    /// The page that was asked for before signing in.
    pub(crate) destination: Option<String>,
    /// Where a browser that was answered comes back to the page: the path, and of a page that was asked for its query.
    pub(crate) path: String,
    /// Whether a page was asked for, rather than a change.
    pub(crate) is_safe: bool,
    pub(crate) now: Timestamp,
    pub(crate) visitor: Visitor,
    /// Whose cookies are read and written.
    pub(crate) jar: Jar,
}

impl Visit {
    pub(crate) fn of(parts: &Parts, app: &App) -> Self {
        let jar = app.jar(&parts.headers, &parts.uri);
        let cookie = |cookie: Cookie| cookie.read(&parts.headers, &jar);
        let flash = cookie(Cookie::Flash).filter(|id| id.starts_with("flash-"));
        Self {
            language: cookie(Cookie::Language)
                .and_then(Language::of_tag)
                .or_else(|| Language::preferred(text(&parts.headers, &header::ACCEPT_LANGUAGE)))
                .unwrap_or_default(),
            theme: cookie(Cookie::Theme).and_then(Theme::of_word).unwrap_or_default(),
            zone: zone_of(cookie(Cookie::Zone)),
            flash: flash.map(str::to_owned),
            destination: cookie(Cookie::Destination).and_then(own_path).map(str::to_owned),
            path: match parts.uri.query() {
                Some(query) if parts.method.is_safe() => format!("{}?{query}", parts.uri.path()),
                _ => parts.uri.path().to_owned(),
            },
            is_safe: parts.method.is_safe(),
            now: app.engine.clock().now(),
            visitor: Visitor {
                address: parts.extensions.get::<Client>().and_then(|client| client.0),
                agent: text(&parts.headers, &header::USER_AGENT)
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(200)
                    .collect(),
            },
            jar,
        }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> &'h str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

impl FromRequestParts<App> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::of(parts, app))
    }
}
