//! Errors as RFC 9457 problem documents.

use crate::rate_limit::{rate_limit_headers, retry_after};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use keyward_domain::Timestamp;
use keyward_engine::Denied;
use serde::Serialize;

/// A problem, before it becomes an answer.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// HTTP status.
    pub status: StatusCode,
    /// A stable word for programs.
    pub code: &'a str,
    /// A short title for people; the same for every occurrence.
    pub title: &'a str,
    /// What happened and the way out.
    pub detail: &'a str,
}

/// A problem as it is sent.
#[derive(Serialize)]
struct Document<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    request_id: &'a str,
}

impl Problem<'_> {
    /// The document: `type`, `title`, `status`, `code`, `detail`, `request_id`.
    pub fn to_json(&self, request_id: &str) -> String {
        let document = Document {
            r#type: "about:blank",
            title: self.title,
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail,
            request_id,
        };
        // Texts and a number: there is nothing in it that could fail to become JSON.
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// The header fields that every problem carries.
    pub fn headers(headers: &mut HeaderMap) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// A denial, as an answer.
#[derive(Clone, Copy, Debug)]
pub struct Refusal(pub Denied);

impl Refusal {
    /// The problem that it is.
    pub fn problem(&self) -> Problem<'static> {
        let reason = self.0.reason;
        Problem {
            status: StatusCode::from_u16(reason.status()).unwrap_or(StatusCode::UNAUTHORIZED),
            code: reason.code(),
            title: reason.title(),
            detail: reason.detail(),
        }
    }

    /// Sets what a refusal carries: the challenge of a 401, `Retry-After` of a 429, what remains, `Vary`. `challenge`
    /// is the value of `WWW-Authenticate`.
    pub fn headers(&self, challenge: &HeaderValue, now: Timestamp, headers: &mut HeaderMap) {
        Problem::headers(headers);
        headers.insert(VARY, HeaderValue::from_static("X-API-KEY"));
        let status = self.0.reason.status();
        if status == 401 {
            headers.insert(WWW_AUTHENTICATE, challenge.clone());
        }
        if let Some(quota) = self.0.quota {
            rate_limit_headers(quota, headers);
            if status == 429 {
                headers.insert(RETRY_AFTER, HeaderValue::from(retry_after(quota, now)));
            }
        }
    }
}
