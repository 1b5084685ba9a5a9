//! Pages as answers.

use super::page::{Page, Place};
use super::visit::Visit;
use crate::problem::Problem;
use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;

/// Marks an answer whose body is a page, so that the outermost layer leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IsPage;

/// A page with its status.
pub(crate) struct HtmlAnswer {
    status: StatusCode,
    body: Result<String, askama::Error>,
}

impl HtmlAnswer {
    /// A page.
    pub(crate) fn ok(template: &impl Template) -> Self {
        Self::with(StatusCode::OK, template)
    }

    /// A form that was sent with errors in it.
    pub(crate) fn invalid(template: &impl Template) -> Self {
        Self::with(StatusCode::UNPROCESSABLE_ENTITY, template)
    }

    pub(crate) fn with(status: StatusCode, template: &impl Template) -> Self {
        Self {
            status,
            body: template.render(),
        }
    }

    /// A page that says what went wrong, in the person's language.
    pub(crate) fn of_fault(visit: &Visit, problem: &Problem) -> Self {
        if let Some(cause) = &problem.0.cause {
            tracing::error!(code = problem.0.code, cause = %cause.escape_debug(), "a page failed");
        }
        let page = Page::new(visit, Place::Outside, None).back_to(way_back(visit, problem.0.status));
        let known = match problem.0.status {
            StatusCode::FORBIDDEN if problem.0.code == "foreign_origin" => "fault-foreign-page",
            StatusCode::FORBIDDEN if problem.0.code == "foreign_form" => "fault-old-form",
            StatusCode::METHOD_NOT_ALLOWED => "fault-method",
            StatusCode::NOT_FOUND => "fault-not-found",
            StatusCode::FORBIDDEN => "fault-forbidden",
            StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => "fault-conflict",
            StatusCode::PAYLOAD_TOO_LARGE => "fault-too-large",
            status if status.is_client_error() => "fault-bad-request",
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE => "fault-unavailable",
            _ => "fault-internal",
        };
        let template = FaultPage {
            title: page.t(known).into_owned(),
            detail: page.t(&format!("{known}-detail")).into_owned(),
            page,
        };
        Self::with(problem.0.status, &template)
    }
}

/// From a page of a fault one comes back to what was asked for; never to a path that only takes changes, nor with a query
/// that may have done something.
fn way_back(visit: &Visit, status: StatusCode) -> &str {
    if visit.is_safe && status != StatusCode::METHOD_NOT_ALLOWED {
        visit.path.split('?').next().unwrap_or("/")
    } else {
        "/"
    }
}

/// What went wrong.
#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage {
    page: Page,
    title: String,
    detail: String,
}

impl IntoResponse for HtmlAnswer {
    fn into_response(self) -> Response {
        match self.body {
            Ok(body) => {
                let mut response = (self.status, Html(body)).into_response();
                response.extensions_mut().insert(IsPage);
                response
            }
            Err(error) => Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
                .with_cause(format!("a page cannot be rendered: {error}"))
                .into_response(),
        }
    }
}
