//! One line per request, when it is over.

use crate::request_id::RequestId;
use http::Method;
use keyward_domain::KeyId;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::time::Instant;

/// What is written when the last byte of an answer is handed over. Never a header, a query or a body, and of method and
/// path only what the configuration and the registered sites name: a secret may have been pasted anywhere else.
pub(crate) struct Access {
    pub(crate) id: RequestId,
    /// The plane that it came to.
    pub(crate) plane: &'static str,
    pub(crate) method: &'static str,
    pub(crate) place: Place,
    pub(crate) client: Option<IpAddr>,
    pub(crate) key: Option<KeyId>,
    pub(crate) code: &'static str,
    pub(crate) status: u16,
    pub(crate) began: Instant,
}

/// Where a request was led.
#[derive(Clone, Default)]
pub(crate) struct Place {
    /// The template of the route, or the public path; none when there is no route.
    pub(crate) route: Option<Arc<str>>,
    /// The site, when it is a registered one.
    pub(crate) site: Option<Box<str>>,
}

/// The word for a method in the log.
pub(crate) fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "(other)",
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        let millis = self.began.elapsed().as_secs_f64() * 1000.0;
        tracing::info!(
            target: "keyward::access",
            request_id = %self.id,
            plane = self.plane,
            method = self.method,
            route = self.place.route.as_deref().unwrap_or("(none)"),
            site = self.place.site.as_deref(),
            client = self.client.map(tracing::field::display),
            key = self.key.map(tracing::field::display),
            outcome = self.code,
            status = self.status,
            // A number, which logs in JSON can be searched by.
            duration_ms = (millis * 100.0).round() / 100.0,
            "request"
        );
    }
}
