//! What a person is told when a sign-in at a provider does not let them in. What the provider wrote is not repeated, but
//! for an address that it has verified as theirs.

use crate::web::answer::HtmlAnswer;
use crate::web::page::{Page, Place};
use crate::web::visit::Visit;
use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use keyward_oidc::Fault;

/// Seconds after which a provider that was away may be back.
const AWAY_SECS: u64 = 10;

/// Why somebody is not in, and the way out.
#[derive(Template)]
#[template(path = "account/outcome.html")]
pub(super) struct Outcome {
    page: Page,
    title: String,
    detail: String,
    note: Option<String>,
}

impl Outcome {
    pub(super) fn of_fault(visit: &Visit, name: &str, fault: &Fault) -> Response {
        let (status, text, wait) = match fault {
            Fault::Away(_) => (StatusCode::SERVICE_UNAVAILABLE, "oidc-away", Some(AWAY_SECS)),
            Fault::Busy => (StatusCode::SERVICE_UNAVAILABLE, "oidc-busy", Some(1)),
            Fault::Declined(_) => (StatusCode::FORBIDDEN, "oidc-declined", None),
            Fault::Refused(_) => (StatusCode::BAD_REQUEST, "oidc-refused", None),
        };
        Self::new(visit, name, text).answer(status, wait)
    }

    /// Nobody here is whom the provider vouches for, or they may not come in: the same words for both.
    pub(super) fn nobody(visit: &Visit, name: &str, email: Option<&str>) -> Response {
        let mut outcome = Self::new(visit, name, "oidc-nobody");
        let told = |email| {
            let text = outcome
                .page
                .t2("oidc-nobody-email", ("name", name), ("email", email));
            text.into_owned()
        };
        outcome.note = email.map(told);
        outcome.answer(StatusCode::FORBIDDEN, None)
    }

    pub(super) fn slowed(visit: &Visit, secs: u64) -> Response {
        let mut outcome = Self::new(visit, "", "oidc-busy");
        outcome.detail = outcome.page.t1("sign-in-slowed", "seconds", secs).into_owned();
        outcome.answer(StatusCode::TOO_MANY_REQUESTS, Some(secs))
    }

    fn new(visit: &Visit, name: &str, text: &str) -> Self {
        // Whoever switches the language here must not begin or finish anything by it.
        let page = Page::new(visit, Place::Outside, None).back_to("/sign-in");
        Self {
            title: page.t1(text, "name", name).into_owned(),
            detail: page.t1(&format!("{text}-detail"), "name", name).into_owned(),
            note: None,
            page,
        }
    }

    fn answer(&self, status: StatusCode, wait: Option<u64>) -> Response {
        let mut response = HtmlAnswer::with(status, self).into_response();
        if let Some(secs) = wait {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}
