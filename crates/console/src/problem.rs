//! Problem documents (RFC 9457). A handler returns a [`Problem`]; the one layer that knows the request id writes it.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use keyward_domain::Timestamp;
use keyward_engine::FieldFault;
use keyward_tower::wire::Refusal;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// What a 401 asks for.
const CHALLENGE: HeaderValue = HeaderValue::from_static("ApiKey realm=\"keyward\", header=\"X-API-KEY\"");

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
    pub(crate) headers: HeaderMap,
    /// For the log, never for the caller.
    pub(crate) cause: Option<String>,
}

/// An error (RFC 9457).
#[derive(ToSchema)]
#[schema(as = ProblemDocument, example = json!({
    "type": "about:blank", "title": "Unprocessable Entity", "status": 422, "code": "invalid",
    "detail": "Some fields cannot be taken; nothing was changed. Look at: limit.",
    "request_id": "01a20c66-800d-7474-ad47-c83966004113",
    "errors": [{ "field": "limit.per_minute", "message": "a limit is 1 to 1,000,000 requests a minute" }]
}))]
#[expect(dead_code, reason = "only described here")]
pub(crate) struct ProblemDocument {
    /// `about:blank`.
    r#type: String,
    /// For people.
    title: String,
    /// The HTTP status.
    status: u16,
    /// A stable word for programs.
    code: String,
    /// What happened and the way out.
    detail: String,
    /// Stands in the log too.
    request_id: String,
    /// The fields (or lines of an import) at fault.
    errors: Option<Vec<FieldProblem>>,
    /// Where a body that is not JSON stops being it: the line, from 1.
    line: Option<u64>,
    /// The place in that line, from 1.
    column: Option<u64>,
}

/// A field that cannot be taken as it was sent.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described here")]
pub(crate) struct FieldProblem {
    /// The field, parameter or header; absent when it is a whole line of an import.
    field: Option<String>,
    /// What is wrong and the way out.
    message: String,
    /// The line of an import, from 1.
    line: Option<u64>,
    /// The JSON document of an import in which it stands, from 1.
    document: Option<u64>,
    /// Its JSON pointer (RFC 6901) there.
    pointer: Option<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Facts {
            status,
            code,
            title: status.canonical_reason().unwrap_or("Error"),
            detail: detail.into(),
            extra: Map::new(),
            headers: HeaderMap::new(),
            cause: None,
        }))
    }

    /// A key that may not pass, with what tells its client how to go on.
    pub(crate) fn of_refusal(refusal: Refusal, now: Timestamp) -> Self {
        let shown = refusal.problem();
        let mut problem = Self::new(shown.status, shown.code, shown.detail);
        problem.0.title = shown.title;
        refusal.headers(&CHALLENGE, now, &mut problem.0.headers);
        problem
    }

    /// Fields that cannot be taken; one of them perhaps because it cannot be modified.
    pub(crate) fn of_fields(is_immutable: bool, faults: &[FieldFault]) -> Self {
        let names: Vec<&str> = faults.iter().map(|fault| &*fault.field).collect();
        let errors: Vec<Value> = faults
            .iter()
            .map(|fault| json!({ "field": fault.field, "message": fault.message }))
            .collect();
        let (code, wrong) = if is_immutable {
            ("immutable_field", "cannot be modified")
        } else {
            ("invalid", "cannot be taken")
        };
        let detail = format!(
            "Some fields {wrong}; nothing was changed. Look at: {}.",
            names.join(", ")
        );
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail).with_extra("errors", errors.into())
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
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
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

    /// The document.
    pub(crate) fn to_json(&self, request_id: &str) -> String {
        let facts = &*self.0;
        let problem = keyward_tower::wire::Problem {
            status: facts.status,
            code: facts.code,
            title: facts.title,
            detail: &facts.detail,
        };
        problem.to_json_with(request_id, &facts.extra)
    }
}

impl IntoResponse for Problem {
    /// Only the status; the outermost layer finds the problem in the extensions and writes it.
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
