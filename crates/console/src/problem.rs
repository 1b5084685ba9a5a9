//! Problem documents (RFC 9457). A handler returns a [`Problem`]; the one layer that knows the request id writes it.

use crate::fields::{FieldError, FieldsFault};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

/// What went wrong.
#[derive(Clone, Debug)]
pub(crate) struct Problem(pub(crate) Box<Facts>);

/// What callers may read of a problem, and the cause, for the log alone.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
    pub(crate) detail: String,
    /// Further members of the document.
    pub(crate) extra: Map<String, Value>,
    /// Headers that belong to the answer.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// For the log, never for the caller.
    pub(crate) cause: Option<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Facts {
            status,
            code,
            title: status.canonical_reason().unwrap_or("Error"),
            detail: detail.into(),
            extra: Map::new(),
            headers: Vec::new(),
            cause: None,
        }))
    }

    /// A 400.
    pub(crate) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// The document of a status that the router or the server chose.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("not_found", "There is nothing at this path."),
            StatusCode::METHOD_NOT_ALLOWED => (
                "method_not_allowed",
                "This path has no such method: the Allow header names those it has.",
            ),
            status if status.is_client_error() => ("bad_request", "The request cannot be taken."),
            _ => ("internal", "Something went wrong on our side."),
        };
        Self::new(status, code, detail)
    }

    #[must_use]
    pub(crate) fn with_title(mut self, title: &'static str) -> Self {
        self.0.title = title;
        self
    }

    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    #[must_use]
    pub(crate) fn with_extra(mut self, name: &str, value: Value) -> Self {
        self.0.extra.insert(name.to_owned(), value);
        self
    }

    #[must_use]
    pub(crate) fn with_cause(mut self, cause: impl Into<String>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// The document's bytes.
    pub(crate) fn to_json(&self, request_id: &str) -> Vec<u8> {
        let facts = &*self.0;
        let extra = facts.extra.clone();
        problem_json(
            facts.status,
            facts.code,
            facts.title,
            &facts.detail,
            request_id,
            extra,
        )
    }
}

impl From<FieldsFault> for Problem {
    fn from(fault: FieldsFault) -> Self {
        let (code, detail, errors) = match fault {
            FieldsFault::Immutable(errors) => (
                "immutable_field",
                "Some fields cannot be modified; nothing was changed.",
                errors,
            ),
            FieldsFault::Invalid(errors) => (
                "invalid",
                "Some fields cannot be taken; nothing was changed.",
                errors,
            ),
        };
        let names: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        let detail = format!("{detail} Look at: {}.", names.join(", "));
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
            .with_extra("errors", errors.iter().map(error_json).collect())
    }
}

fn error_json(error: &FieldError) -> Value {
    json!({ "field": error.field, "message": error.message })
}

impl IntoResponse for Problem {
    /// Only the status; the outermost layer finds the problem in the extensions and writes it.
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes a problem document.
pub(crate) fn problem_json(
    status: StatusCode,
    code: &str,
    title: &str,
    detail: &str,
    request_id: &str,
    mut extra: Map<String, Value>,
) -> Vec<u8> {
    extra.insert("type".into(), "about:blank".into());
    extra.insert("title".into(), title.into());
    extra.insert("status".into(), status.as_u16().into());
    extra.insert("code".into(), code.into());
    extra.insert("detail".into(), detail.into());
    extra.insert("request_id".into(), request_id.into());
    Value::Object(extra).to_string().into_bytes()
}
