//! Cross-origin rules: preflights answered here, and what a page may read of other answers.

use crate::answer::{Answer, AnswerBody, X_REQUEST_ID};
use crate::request_id::RequestId;
use crate::rules::Compiled;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

const EXPOSED: &str = "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, RateLimit, RateLimit-Policy, \
    Retry-After, X-Request-Id";

/// The answer to a preflight (`OPTIONS` with `Origin` and `Access-Control-Request-Method`), when the rules have one. An
/// origin that is not listed gets the same answer without permission. [`allow`] adds the origin itself.
pub(crate) fn preflight(rules: &Compiled, headers: &HeaderMap, id: RequestId) -> Option<Answer> {
    let cors = rules.cors.as_ref()?;
    if !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let origin = headers.get(ORIGIN)?;
    let mut answer = Response::new(AnswerBody::own(""));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let fields = answer.headers_mut();
    fields.insert(X_REQUEST_ID, id.header());
    if cors.allows(origin) {
        fields.insert(ACCESS_CONTROL_ALLOW_METHODS, cors.methods.clone());
        fields.insert(ACCESS_CONTROL_ALLOW_HEADERS, cors.headers.clone());
        fields.insert(ACCESS_CONTROL_MAX_AGE, cors.max_age.clone());
    }
    Some(answer)
}

/// Lets a page of a listed origin read an answer, errors included, and what remains of its limit.
pub(crate) fn allow(rules: &Compiled, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    let Some(cors) = &rules.cors else { return };
    headers.append(VARY, HeaderValue::from_static("Origin"));
    match origin {
        Some(origin) if cors.allows(origin) => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
        // The gateway's rules are the rules: an upstream's own permission does not widen them.
        _ => drop(headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN)),
    }
    // An upstream may let a page of a listed origin send cookies, but not the pages of every origin.
    if !origin.is_some_and(|origin| cors.lists(origin)) {
        headers.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
    }
}
