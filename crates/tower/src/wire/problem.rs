//! Errors as RFC 9457 problem documents.

use crate::wire::rate_limit::{rate_limit_headers, retry_after};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use keyward_domain::{Quota, Reason, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::LazyLock;

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
    #[serde(flatten)]
    more: &'a Map<String, Value>,
}

impl<'a> Problem<'a> {
    /// A problem of these four parts.
    pub const fn new(status: StatusCode, code: &'a str, title: &'a str, detail: &'a str) -> Self {
        Self {
            status,
            code,
            title,
            detail,
        }
    }

    /// The document: `type`, `title`, `status`, `code`, `detail`, `request_id`.
    pub fn to_json(&self, request_id: &str) -> String {
        self.to_json_with(request_id, &Map::new())
    }

    /// The document with further members of the caller's own, after those of [`Problem::to_json`].
    pub fn to_json_with(&self, request_id: &str, more: &Map<String, Value>) -> String {
        let document = Document {
            r#type: "about:blank",
            title: self.title,
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail,
            request_id,
            more,
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
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// What is left of the key's limit, when it has one.
    pub quota: Option<Quota>,
}

impl Refusal {
    /// A denial for a reason.
    pub const fn new(reason: Reason, quota: Option<Quota>) -> Self {
        Self { reason, quota }
    }

    /// The problem that it is.
    pub fn problem(&self) -> Problem<'static> {
        let reason = self.reason;
        Problem {
            status: StatusCode::from_u16(reason.status()).unwrap_or(StatusCode::UNAUTHORIZED),
            code: reason.code(),
            title: reason.title(),
            detail: reason.detail(),
        }
    }

    /// The document. All of it but the request's id is the same each time, and rendered once.
    pub fn to_json(&self, request_id: &str) -> String {
        static RENDERED: LazyLock<Vec<String>> = LazyLock::new(|| {
            Reason::ALL
                .iter()
                .map(|reason| Refusal::new(*reason, None).problem().to_json(""))
                .collect()
        });
        let rendered = &RENDERED[self.reason as usize];
        // The id stands last, between the quotes before the closing brace.
        let (before, after) = rendered.split_at(rendered.len() - 2);
        [before, request_id, after].concat()
    }

    /// Sets what a refusal carries: the challenge of a 401, `Retry-After` of a 429, what remains, `Vary`. `challenge`
    /// is the value of `WWW-Authenticate`.
    pub fn headers(&self, challenge: &HeaderValue, now: Timestamp, headers: &mut HeaderMap) {
        let wait = self.quota.map(|quota| retry_after(quota, now));
        self.headers_with_wait(challenge, wait, headers);
    }

    /// The same for one who knows how long to wait, but not whose time the window ends by.
    pub fn headers_with_wait(&self, challenge: &HeaderValue, wait: Option<i64>, headers: &mut HeaderMap) {
        Problem::headers(headers);
        headers.insert(VARY, HeaderValue::from_static("X-API-KEY"));
        let status = self.reason.status();
        if status == 401 {
            headers.insert(WWW_AUTHENTICATE, challenge.clone());
        }
        if let Some(quota) = self.quota {
            rate_limit_headers(quota, headers);
        }
        if status == 429 {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.unwrap_or(60)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_members_stand_beside_those_of_every_problem() {
        let problem = Problem {
            status: StatusCode::BAD_REQUEST,
            code: "malformed_json",
            title: "Bad Request",
            detail: "The body is not JSON.",
        };
        let more = Map::from_iter([("line".to_owned(), Value::from(7))]);
        let document: Value = serde_json::from_str(&problem.to_json_with("x", &more)).unwrap();
        let expected = serde_json::json!({
            "type": "about:blank", "title": "Bad Request", "status": 400, "code": "malformed_json",
            "detail": "The body is not JSON.", "request_id": "x", "line": 7,
        });
        assert_eq!(document, expected);
    }

    #[test]
    fn every_refusal_is_a_whole_document_with_the_requests_id() {
        for reason in Reason::ALL {
            let refusal = Refusal::new(reason, None);
            let document: serde_json::Value = serde_json::from_str(&refusal.to_json("0123abcd")).unwrap();
            assert_eq!(document["code"], reason.code());
            assert_eq!(document["status"], reason.status());
            assert_eq!(document["request_id"], "0123abcd");
            assert_eq!(refusal.to_json("x"), refusal.problem().to_json("x"));
        }
    }
}
