//! How a handler answers.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use keyward_domain::Revision;
use serde::Serialize;

/// A JSON answer.
pub(crate) fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    (status, axum::Json(body)).into_response()
}

/// A JSON answer about one thing, with its ETag.
pub(crate) fn tagged(status: StatusCode, revision: Revision, body: &impl Serialize) -> Response {
    let mut response = answer(status, body);
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The answer to a create: 201 and where the thing is, or, to a repetition, 200.
pub(crate) fn created(mut response: Response, replayed: bool, location: &str) -> Response {
    let headers = response.headers_mut();
    if replayed {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    } else if let Ok(location) = HeaderValue::from_str(location) {
        headers.insert(header::LOCATION, location);
    }
    response
}
