//! The outermost layer: request ids, problem documents, the headers that every answer carries, the access log.

use crate::app::App;
use crate::caller::ActorKey;
use crate::metrics::Asked;
use crate::problem::Problem;
use crate::web::{IsPage, KeepForEver};
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use keyward_listener::{HostFault, http2_fault, one_host};
use std::time::Instant;
use uuid::Uuid;

/// What a page of ours may load: nothing from elsewhere, and no script or style that stands in the page itself.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";

/// Wraps every request.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = Uuid::now_v7().to_string();
    let method = request.method().clone();
    let path = path_for_log(&request);
    let asked = Asked::new(&method, request.uri().path());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = match check_form(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let mut response = write_problem(response, &id, &method);
    let base = app.base();
    base.dress_location(response.headers_mut());
    if response.extensions().get::<IsPage>().is_some() {
        response = base.dress_page(response).await;
    }
    let keep = response.extensions().get::<KeepForEver>().is_some();
    dress(response.headers_mut(), asked.is_management, app.secure, keep, &id);
    let (status, took) = (response.status(), started.elapsed());
    app.metrics.count(route.as_ref(), &asked, status, took);
    if app.access_log {
        let key = response
            .extensions()
            .get::<ActorKey>()
            .map(|key| key.0.to_string());
        tracing::info!(
            method = method_for_log(&method),
            %path,
            status = status.as_u16(),
            duration_ms = (took.as_secs_f64() * 100_000.0).round() / 100.0,
            request_id = %id,
            key = key.as_deref().unwrap_or("-"),
            "request"
        );
    }
    response
}

/// What two readers could read differently: not exactly one host, a body whose length is told in two ways, or what RFC 9113 calls
/// malformed.
fn check_form(request: &Request) -> Result<(), Problem> {
    let count = |name: HeaderName| request.headers().get_all(name).iter().count();
    let detail = if let Some(detail) = host_fault(request) {
        detail
    } else if http2_fault(request.version(), request.uri(), request.headers()).is_some() {
        "Send field values without blanks around them, and http or https as the scheme."
    } else if request
        .uri()
        .path_and_query()
        .is_some_and(|target| target.as_str().starts_with('?'))
    {
        "The path must begin with /."
    } else if count(header::CONTENT_LENGTH) + count(header::TRANSFER_ENCODING) > 1 {
        "Send one Content-Length or one Transfer-Encoding."
    } else if !is_plainly_chunked(request.headers()) {
        "The one Transfer-Encoding that is taken is chunked."
    } else {
        return Ok(());
    };
    let close = HeaderValue::from_static("close");
    Err(Problem::bad_request("malformed_request", detail).with_header(header::CONNECTION, close))
}

/// The gateway's rule. Before HTTP/1.1 a request need not say for which host it is, and simple health checks do not.
fn host_fault(request: &Request) -> Option<&'static str> {
    let fault = one_host(request.version(), request.uri(), request.headers()).err()?;
    let is_old = request.version() < Version::HTTP_11 && request.uri().authority().is_none();
    match fault {
        HostFault::Missing if is_old => None,
        HostFault::Missing | HostFault::Repeated => Some("Send exactly one Host header."),
        HostFault::Foreign => Some("The Host header must name the host of the target."),
        HostFault::Malformed => Some("The Host header must be a host, with or without a port."),
    }
}

fn is_plainly_chunked(headers: &HeaderMap) -> bool {
    let coding = headers.get(header::TRANSFER_ENCODING);
    coding.is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
}

/// A method of HTTP's own. Other words are left out, as other text of callers is.
fn method_for_log(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::OPTIONS => method.as_str(),
        _ => "(other)",
    }
}

/// The route, with the ids in it. Other text of callers is left out: a secret may have been pasted there.
fn path_for_log(request: &Request) -> String {
    let Some(route) = request.extensions().get::<MatchedPath>() else {
        return "(no route)".into();
    };
    let sent = request.uri().path().split('/');
    let parts = route.as_str().split('/').zip(sent);
    let shown = parts.map(|(template, sent)| {
        let is_id = template.starts_with('{') && sent.len() == 36 && Uuid::try_parse(sent).is_ok();
        if is_id { sent } else { template }
    });
    shown.collect::<Vec<_>>().join("/")
}

/// Turns every error into a problem document, and logs its cause, once.
fn write_problem(mut response: Response, id: &str, method: &Method) -> Response {
    let status = response.status();
    let is_page = response.extensions().get::<IsPage>().is_some();
    if is_page || (!status.is_client_error() && !status.is_server_error()) {
        return response;
    }
    let problem = response
        .extensions_mut()
        .remove::<Problem>()
        .unwrap_or_else(|| Problem::of_status(status));
    if let Some(cause) = &problem.0.cause {
        tracing::error!(request_id = %id, code = problem.0.code, cause = %cause.escape_debug(), "request failed");
    }
    let body = problem.to_json(id);
    let headers = response.headers_mut();
    keyward_tower::wire::Problem::headers(headers);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.extend(problem.0.headers);
    *response.body_mut() = if method == Method::HEAD {
        Body::empty()
    } else {
        Body::from(body)
    };
    response
}

fn dress(headers: &mut HeaderMap, under_v1: bool, secure: bool, keep: bool, id: &str) {
    let mut put =
        |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(header::REFERRER_POLICY, "no-referrer");
    put(header::CONTENT_SECURITY_POLICY, POLICY);
    put(header::X_FRAME_OPTIONS, "DENY");
    put(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    put(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    let cache = if keep {
        "public, max-age=31536000, immutable"
    } else {
        "no-store"
    };
    put(header::CACHE_CONTROL, cache);
    if under_v1 {
        put(header::VARY, "X-API-KEY");
    }
    if secure {
        put(
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=31536000; includeSubDomains",
        );
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
}
