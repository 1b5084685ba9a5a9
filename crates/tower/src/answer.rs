//! The answers to requests that do not pass. To callers over gRPC, which cannot read a problem document, the same is said in
//! trailers.

use crate::ResponseBody;
use crate::authorizer::Outcome;
use crate::request_id::next_id;
use crate::rules::Unfit;
use crate::wire::{Problem, Refusal};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// In which form a caller is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    Document,
    Grpc,
}

impl Form {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        if kind.starts_with(b"application/grpc") {
            Self::Grpc
        } else {
            Self::Document
        }
    }

    /// Writes a problem.
    pub(crate) fn answer<R>(
        self,
        problem: &Problem<'_>,
        dress: impl FnOnce(&mut HeaderMap),
    ) -> Response<ResponseBody<R>> {
        let id = next_id();
        let document = match self {
            Self::Document => problem.to_json(&id),
            Self::Grpc => String::new(),
        };
        let mut answer = Response::new(ResponseBody::of_document(document));
        *answer.status_mut() = problem.status;
        let headers = answer.headers_mut();
        Problem::headers(headers);
        dress(headers);
        if let Ok(id) = HeaderValue::try_from(id) {
            headers.insert(X_REQUEST_ID, id);
        }
        if self == Self::Grpc {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.insert(GRPC_STATUS, HeaderValue::from(grpc_code(problem.status)));
            // A percent sign begins an escape there.
            if let Ok(message) = HeaderValue::try_from(problem.detail.replace('%', "%25")) {
                headers.insert(GRPC_MESSAGE, message);
            }
            *answer.status_mut() = StatusCode::OK;
        }
        answer
    }

    /// The answer to a request that does not pass; none when it does.
    pub(crate) fn of_outcome<R>(
        self,
        outcome: &Outcome,
        challenge: &HeaderValue,
    ) -> Option<Response<ResponseBody<R>>> {
        match outcome {
            Outcome::Granted(..) => None,
            Outcome::Denied(refusal, wait) => Some(self.refuse(refusal, *wait, challenge)),
            Outcome::Unavailable => Some(self.cannot_decide()),
        }
    }

    fn refuse<R>(
        self,
        refusal: &Refusal,
        wait: Option<i64>,
        challenge: &HeaderValue,
    ) -> Response<ResponseBody<R>> {
        self.answer(&refusal.problem(), |headers| {
            refusal.headers_with_wait(challenge, wait, headers);
        })
    }

    fn cannot_decide<R>(self) -> Response<ResponseBody<R>> {
        let problem = Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Service unavailable",
            "Keys cannot be checked at the moment. Try again.",
        );
        self.answer(&problem, |headers| {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        })
    }

    pub(crate) fn unfit<R>(self, unfit: &Unfit) -> Response<ResponseBody<R>> {
        let (status, code, title, detail) = match unfit {
            Unfit::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "Method not allowed",
                "TRACE and CONNECT are not served.".to_owned(),
            ),
            Unfit::Request(why) => (
                StatusCode::BAD_REQUEST,
                "bad_request",
                "Bad request",
                format!("The request was refused: {why}."),
            ),
            Unfit::Path(fault) => (
                StatusCode::BAD_REQUEST,
                "bad_path",
                "Bad path",
                format!("The request was refused: {fault}."),
            ),
            Unfit::NoRoute => (
                StatusCode::NOT_FOUND,
                "no_route",
                "Not found",
                "No route of this service leads to this path.".to_owned(),
            ),
        };
        self.answer(&Problem::new(status, code, title, &detail), |headers| {
            if *unfit == Unfit::Method {
                let allow = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
                headers.insert(ALLOW, allow);
            }
        })
    }
}

/// The code of gRPC that says what a status says.
fn grpc_code(status: StatusCode) -> u16 {
    match status.as_u16() {
        400 => 3,
        401 => 16,
        403 => 7,
        404 | 405 => 12,
        429 => 8,
        503 => 14,
        _ => 2,
    }
}
