//! Whether a change was asked for from a page of ours (CSRF), and what is said when it was not.
//!
//! A change is any method that is not safe (RFC 9110 §9.2.1). It passes when its `Origin` is this host and its
//! `Sec-Fetch-Site`, where the browser says it, is `same-origin`. A request that does not say where it comes from is refused:
//! every browser does. So is one that says it twice.
//!
//! Most of what is refused comes from pages of the console all the same: nobody has told it under which address people reach
//! it. That is the operator's to mend, so it is told as such, on the page, in the log, and to `keyward doctor`.

mod misfit;

use super::said::single;
use super::visit::Visit;
use crate::app::{App, OwnAddress, asked_host};
use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri};
pub(super) use misfit::Misfit;

/// Where a change comes from, by what its browser says.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// A page of the console.
    Own,
    /// Another page, or nobody knows.
    Foreign,
    /// A page under an address that the settings do not know: one of ours, if people reach the console there.
    Unknown(Misfit),
}

/// Refuses changes that were not asked for from a page of this host.
pub(crate) async fn require_own_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match source(request.headers(), request.uri(), &app.address()) {
        Source::Own => next.run(request).await,
        Source::Foreign => {
            let detail = "Changes are taken from pages of this console alone.";
            Problem::new(StatusCode::FORBIDDEN, "foreign_origin", detail).into_response()
        }
        Source::Unknown(misfit) => {
            misfit.tell_operator(&app);
            misfit.answer(&Visit::of(&request.into_parts().0, &app))
        }
    }
}

/// Reads what the browser says. Where no setting says under which address people reach the console, it is the host that they
/// ask for; over HTTP/2 that is the `:authority`.
fn source(headers: &HeaderMap, uri: &Uri, address: &OwnAddress<'_>) -> Source {
    let (Ok(Some(origin)), Ok(fetch_site)) = (single(headers, "origin"), single(headers, "sec-fetch-site"))
    else {
        return Source::Foreign;
    };
    if fetch_site.is_some_and(|site| site != "same-origin") {
        return Source::Foreign;
    }
    let asked = || asked_host(headers, uri);
    let same = match *address {
        OwnAddress::Known(url) => origin.eq_ignore_ascii_case(url.origin()),
        OwnAddress::AsAsked { scheme } => asked().is_some_and(|host| {
            let authority = origin.strip_prefix(scheme);
            authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
        }),
    };
    if same {
        Source::Own
    } else {
        Misfit::of(origin, address).map_or(Source::Foreign, Source::Unknown)
    }
}

#[cfg(test)]
mod tests;
