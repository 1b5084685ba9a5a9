//! Answers of the gateway's own, and the body type of all answers.

use crate::guard::{Fault, InFlight};
use crate::request_id::RequestId;
use crate::upstream_body::UpstreamBody;
use bytes::Bytes;
use http::header::{CONNECTION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use keyward_domain::{PathFault, Timestamp};
use keyward_tower::{Problem, Refusal};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The name of a request, on every answer of the gateway's own.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An answer to a client.
pub(crate) type Answer = Response<AnswerBody>;

/// What makes a body end early; nothing of it is told to the client.
pub(crate) type BodyFault = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer. While it lives, the answer is under way.
pub(crate) struct AnswerBody {
    kind: Kind,
    under_way: Option<UnderWay>,
}

enum Kind {
    Own(Option<Bytes>),
    Upstream(Box<UpstreamBody>),
}

/// What is noted when the last byte is handed over.
pub(crate) struct UnderWay {
    pub(crate) in_flight: InFlight,
    pub(crate) _access: Option<Box<crate::access_log::Access>>,
}

impl AnswerBody {
    pub(crate) fn own(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            kind: Kind::Own(Some(bytes).filter(|bytes| !bytes.is_empty())),
            under_way: None,
        }
    }

    pub(crate) fn upstream(body: UpstreamBody) -> Self {
        Self {
            kind: Kind::Upstream(Box::new(body)),
            under_way: None,
        }
    }

    pub(crate) fn note(&mut self, under_way: UnderWay) {
        self.under_way = Some(under_way);
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = &mut *self;
        if let Some(under_way) = &mut this.under_way {
            under_way.in_flight.taken();
        }
        let frame = match &mut this.kind {
            Kind::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Upstream(body) => Pin::new(&mut **body).poll_frame(cx),
        };
        if let (Poll::Ready(Some(Ok(_))), Some(under_way)) = (&frame, &mut this.under_way) {
            under_way.in_flight.handed_over();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Own(bytes) => bytes.is_none(),
            Kind::Upstream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Upstream(body) => body.size_hint(),
        }
    }
}

/// A problem document of the gateway's own.
pub(crate) fn problem(problem: Problem<'_>, id: RequestId) -> Answer {
    let mut answer = json(problem.status, problem.to_json(id.as_str()), id);
    Problem::headers(answer.headers_mut());
    answer
}

/// A refusal of a key, with the fields that it carries.
pub(crate) fn refusal(refusal: Refusal, challenge: &HeaderValue, now: Timestamp, id: RequestId) -> Answer {
    let mut answer = json(refusal.problem().status, refusal.to_json(id.as_str()), id);
    refusal.headers(challenge, now, answer.headers_mut());
    answer
}

fn json(status: StatusCode, document: String, id: RequestId) -> Answer {
    let mut answer = Response::new(AnswerBody::own(document));
    *answer.status_mut() = status;
    // Room for what is added on the way out, so that it is not moved again and again.
    *answer.headers_mut() = HeaderMap::with_capacity(16);
    answer.headers_mut().insert(X_REQUEST_ID, id.header());
    answer
}

/// The connection ends after this answer.
pub(crate) fn closing(mut answer: Answer) -> Answer {
    answer
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// 400: the request can be read in more than one way, or in none.
pub(crate) fn bad_request(detail: &str, id: RequestId) -> Answer {
    let (status, code, title) = (StatusCode::BAD_REQUEST, "bad_request", "Bad request");
    closing(problem(
        Problem {
            status,
            code,
            title,
            detail: &format!("The request was refused: {detail}."),
        },
        id,
    ))
}

/// 400 for a path.
pub(crate) fn bad_path(fault: PathFault, id: RequestId) -> Answer {
    let (status, code, title) = (StatusCode::BAD_REQUEST, "bad_path", "Bad path");
    closing(problem(
        Problem {
            status,
            code,
            title,
            detail: &format!("The request was refused: {fault}."),
        },
        id,
    ))
}

/// The answer to a request that the guard stopped.
pub(crate) fn guarded(fault: Fault, id: RequestId) -> Answer {
    let (status, code, title, detail) = match fault {
        Fault::Malformed(what) => return bad_request(&format!("it has {what}"), id),
        Fault::UnknownCoding => (
            StatusCode::NOT_IMPLEMENTED,
            "unknown_transfer_coding",
            "Unknown transfer coding",
            "Send the body with Content-Length or with Transfer-Encoding: chunked.",
        ),
        Fault::TargetTooLong => (
            StatusCode::URI_TOO_LONG,
            "target_too_long",
            "Target too long",
            "Shorten the URL.",
        ),
        Fault::HeadTooLarge => (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "head_too_large",
            "Header fields too large",
            "Send fewer or shorter header fields.",
        ),
        Fault::HeadTimeout => (
            StatusCode::REQUEST_TIMEOUT,
            "head_timeout",
            "Request timeout",
            "The header fields did not arrive in time.",
        ),
        Fault::Version => (
            StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            "http_version",
            "HTTP version not supported",
            "Speak HTTP/1.1, or HTTP/2 with prior knowledge.",
        ),
    };
    closing(problem(
        Problem {
            status,
            code,
            title,
            detail,
        },
        id,
    ))
}

/// 404: no route names the path.
pub(crate) fn no_route(id: RequestId) -> Answer {
    let (status, code, title) = (StatusCode::NOT_FOUND, "no_route", "Not found");
    problem(
        Problem {
            status,
            code,
            title,
            detail: "No route of this gateway leads to this path.",
        },
        id,
    )
}

/// 405: methods that are never forwarded.
pub(crate) fn method_refused(id: RequestId) -> Answer {
    let (status, code, title) = (
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "Method not allowed",
    );
    let mut answer = problem(
        Problem {
            status,
            code,
            title,
            detail: "TRACE and CONNECT are not served.",
        },
        id,
    );
    let allow = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    answer.headers_mut().insert(http::header::ALLOW, allow);
    closing(answer)
}

/// 503: this node cannot decide.
pub(crate) fn cannot_decide(id: RequestId) -> Answer {
    let (status, code, title) = (
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "Service unavailable",
    );
    let detail = "Keys cannot be checked at the moment. Try again.";
    let mut answer = problem(
        Problem {
            status,
            code,
            title,
            detail,
        },
        id,
    );
    answer
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

/// Why an upstream gave no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UpstreamFault {
    /// Nobody there, or gone before an answer.
    Unreachable,
    /// What came is no HTTP answer that could be passed on.
    BadAnswer(&'static str),
    /// Too slow.
    Timeout,
    /// The client's body broke off, or was malformed.
    ClientBody,
    /// The client's body came too slowly.
    ClientBodyTimeout,
}

impl UpstreamFault {
    /// The answer to the client, which says nothing of the upstream's whereabouts.
    pub(crate) fn answer(self, id: RequestId) -> Answer {
        let (status, code, title, detail) = match self {
            Self::Unreachable => (
                StatusCode::BAD_GATEWAY,
                "upstream_unreachable",
                "Bad gateway",
                "The API behind this gateway cannot be reached. Try again later.",
            ),
            Self::BadAnswer(_) => (
                StatusCode::BAD_GATEWAY,
                "upstream_bad_answer",
                "Bad gateway",
                "The API behind this gateway gave an answer that cannot be passed on.",
            ),
            Self::Timeout => (
                StatusCode::GATEWAY_TIMEOUT,
                "upstream_timeout",
                "Gateway timeout",
                "The API behind this gateway did not answer in time.",
            ),
            Self::ClientBody => return bad_request("its body broke off or is malformed", id),
            Self::ClientBodyTimeout => (
                StatusCode::REQUEST_TIMEOUT,
                "body_timeout",
                "Request timeout",
                "The request's body did not arrive in time.",
            ),
        };
        let answer = problem(
            Problem {
                status,
                code,
                title,
                detail,
            },
            id,
        );
        if self == Self::ClientBodyTimeout {
            closing(answer)
        } else {
            answer
        }
    }

    /// A word for metrics and logs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::BadAnswer(_) => "bad_answer",
            Self::Timeout => "timeout",
            Self::ClientBody => "client_body",
            Self::ClientBodyTimeout => "client_body_timeout",
        }
    }
}
