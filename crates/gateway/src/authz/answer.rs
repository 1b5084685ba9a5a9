//! The answer in the words of a dialect.

use super::decide::Decision;
use super::dialect::Dialect;
use crate::answer::{Answer, AnswerBody, closing, guarded};
use crate::guard::Fault;
use crate::outcome::Outcome;
use crate::request_id::RequestId;
use http::header::CONTENT_LENGTH;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body::Body;
use std::fmt::Write;

/// The status that the client is to get.
const X_KEYWARD_STATUS: HeaderName = HeaderName::from_static("x-keyward-status");
/// The body that the client is to get.
const X_KEYWARD_BODY: HeaderName = HeaderName::from_static("x-keyward-body");

/// Takes the true answer out of a decision, and makes it one that a proxy understands.
pub(super) fn speak(dialect: Dialect, decision: Decision) -> (Decision, Answer) {
    let passes = decision.pass.is_some();
    let (decision, answer) = decision.take_answer();
    let answer = match dialect {
        Dialect::Nginx => for_nginx(answer, passes),
        Dialect::ForwardAuth | Dialect::ExtAuthz | Dialect::Grpc => answer,
    };
    (decision, answer)
}

/// The answer to a question of nginx's that the guard stopped, most of all for what the client sent.
pub(super) fn stopped(fault: Fault, id: RequestId) -> (Decision, Answer) {
    let refused = Decision::refused(Outcome::new("malformed", guarded(fault, id)));
    let (decision, answer) = speak(Dialect::Nginx, refused);
    (decision, closing(answer))
}

impl Decision {
    /// Takes the true answer out.
    pub(super) fn take_answer(mut self) -> (Self, Answer) {
        let answer = std::mem::replace(&mut self.answer, Response::new(AnswerBody::own("")));
        (self, with_length(answer))
    }
}

/// Some proxies wait for more when they are not told that there is none.
fn with_length(mut answer: Answer) -> Answer {
    if answer.status() != StatusCode::NO_CONTENT {
        let length = answer.body().size_hint().exact().unwrap_or_default();
        answer
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    answer
}

/// nginx takes 2xx, 401 and 403, and makes an error of its own of every other status. It sees no body, so that is told in a
/// field too.
fn for_nginx(mut answer: Answer, passes: bool) -> Answer {
    let status = answer.status();
    let body = answer.body().own_bytes().and_then(one_line);
    let headers = answer.headers_mut();
    headers.insert(X_KEYWARD_STATUS, HeaderValue::from(status.as_u16()));
    if let Some(body) = body {
        headers.insert(X_KEYWARD_BODY, body);
    }
    *answer.status_mut() = match status {
        _ if passes => StatusCode::OK,
        StatusCode::UNAUTHORIZED => StatusCode::UNAUTHORIZED,
        _ => StatusCode::FORBIDDEN,
    };
    // A 204 had none.
    with_length(answer)
}

/// A document of JSON as it may stand in a field: what is not ASCII is escaped.
fn one_line(json: &[u8]) -> Option<HeaderValue> {
    let mut line = String::with_capacity(json.len());
    for sign in str::from_utf8(json).ok()?.chars() {
        if sign.is_ascii() {
            line.push(sign);
        } else {
            for unit in sign.encode_utf16(&mut [0; 2]) {
                write!(line, "\\u{unit:04x}").ok()?;
            }
        }
    }
    HeaderValue::try_from(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_stands_in_a_field_whatever_it_says() {
        let value = one_line("{\"detail\":\"Zürich 🔑\"}".as_bytes()).unwrap();
        assert_eq!(value, "{\"detail\":\"Z\\u00fcrich \\ud83d\\udd11\"}");
        assert_eq!(one_line(b"two\nlines"), None);
    }
}
