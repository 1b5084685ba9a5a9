//! Answers of the gateway's own.

mod body;

pub(crate) use body::{AnswerBody, UnderWay};

use crate::guard::Fault;
use crate::request_id::RequestId;
use crate::upstream_fault::UpstreamFault;
use http::header::{CONNECTION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use keyward_domain::{PathFault, Timestamp};
use keyward_tower::wire::{Problem, Refusal};

/// The name of a request, on every answer of the gateway's own.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An answer to a client.
pub(crate) type Answer = Response<AnswerBody>;

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
    let detail = format!("The request was refused: {detail}.");
    let bad = Problem::new(StatusCode::BAD_REQUEST, "bad_request", "Bad request", &detail);
    closing(problem(bad, id))
}

/// 400 for a path.
pub(crate) fn bad_path(fault: PathFault, id: RequestId) -> Answer {
    let detail = format!("The request was refused: {fault}.");
    let bad = Problem::new(StatusCode::BAD_REQUEST, "bad_path", "Bad path", &detail);
    closing(problem(bad, id))
}

/// The answer to a request that the guard stopped.
pub(crate) fn guarded(fault: Fault, id: RequestId) -> Answer {
    let stopped = match fault {
        Fault::Malformed(what) => return bad_request(&format!("it has {what}"), id),
        Fault::UnknownCoding => Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "unknown_transfer_coding",
            "Unknown transfer coding",
            "Send the body with Content-Length or with Transfer-Encoding: chunked.",
        ),
        Fault::TargetTooLong => Problem::new(
            StatusCode::URI_TOO_LONG,
            "target_too_long",
            "Target too long",
            "Shorten the URL.",
        ),
        Fault::HeadTooLarge => Problem::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "head_too_large",
            "Header fields too large",
            "Send fewer or shorter header fields.",
        ),
        Fault::HeadTimeout => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "head_timeout",
            "Request timeout",
            "The header fields did not arrive in time.",
        ),
        Fault::NoRoom => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Service unavailable",
            "Too many requests are unfinished. Send the header fields in one piece.",
        ),
        Fault::Version => Problem::new(
            StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            "http_version",
            "HTTP version not supported",
            "Speak HTTP/1.1, or HTTP/2 with prior knowledge.",
        ),
    };
    closing(problem(stopped, id))
}

/// 404: no route names the path.
pub(crate) fn no_route(id: RequestId) -> Answer {
    let detail = "No route of this gateway leads to this path.";
    problem(
        Problem::new(StatusCode::NOT_FOUND, "no_route", "Not found", detail),
        id,
    )
}

/// 404: the plane that answers proxies was asked nothing.
pub(crate) fn no_question(id: RequestId) -> Answer {
    let detail = "Proxies ask at /authz/nginx, /authz/forward-auth, /authz/ext-authz or by gRPC.";
    problem(
        Problem::new(StatusCode::NOT_FOUND, "no_question", "Not found", detail),
        id,
    )
}

/// 403: somebody asks who is no listed proxy.
pub(crate) fn proxy_not_listed(id: RequestId) -> Answer {
    let detail = "This address is not among those that may ask. Add the proxy's to authz.proxies.";
    closing(problem(
        Problem::new(StatusCode::FORBIDDEN, "proxy_not_listed", "Forbidden", detail),
        id,
    ))
}

/// 405: methods that are never forwarded.
pub(crate) fn method_refused(id: RequestId) -> Answer {
    let refused = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "Method not allowed",
        "TRACE and CONNECT are not served.",
    );
    let mut answer = problem(refused, id);
    let allow = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    answer.headers_mut().insert(http::header::ALLOW, allow);
    closing(answer)
}

/// 429: requests without a key come faster from one client than the gateway answers them.
pub(crate) fn too_many_preflights(id: RequestId) -> Answer {
    let detail =
        "This client sends more OPTIONS requests in a second than are answered. Send them more slowly.";
    let mut answer = problem(
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_preflights",
            "Too many preflights",
            detail,
        ),
        id,
    );
    answer
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

/// 503: this node cannot decide.
pub(crate) fn cannot_decide(id: RequestId) -> Answer {
    let unavailable = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "Service unavailable",
        "Keys cannot be checked at the moment. Try again.",
    );
    let mut answer = problem(unavailable, id);
    answer
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

/// The answer when the upstream gave none, which says nothing of the upstream's whereabouts.
pub(crate) fn without_upstream(fault: UpstreamFault, id: RequestId) -> Answer {
    let failed = match fault {
        UpstreamFault::Unreachable => Problem::new(
            StatusCode::BAD_GATEWAY,
            "upstream_unreachable",
            "Bad gateway",
            "The API behind this gateway cannot be reached. Try again later.",
        ),
        UpstreamFault::BadAnswer(_) => Problem::new(
            StatusCode::BAD_GATEWAY,
            "upstream_bad_answer",
            "Bad gateway",
            "The API behind this gateway gave an answer that cannot be passed on.",
        ),
        UpstreamFault::Timeout => Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "upstream_timeout",
            "Gateway timeout",
            "The API behind this gateway did not answer in time.",
        ),
        UpstreamFault::ClientBody => return bad_request("its body broke off or is malformed", id),
        UpstreamFault::ClientBodyTimeout => {
            let late = Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "body_timeout",
                "Request timeout",
                "The request's body did not arrive in time.",
            );
            return closing(problem(late, id));
        }
    };
    problem(failed, id)
}
