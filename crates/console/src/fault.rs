//! The one place where an error of the engine becomes a problem document.

use crate::problem::Problem;
use http::{HeaderValue, StatusCode, header};
use keyward_domain::{KeyId, Reason, Timestamp};
use keyward_engine::{Denied, EngineError, LineFault, Place};
use keyward_tower::wire::Refusal;
use serde_json::{Value, json};
use std::error::Error;

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let text = sentence(&error.to_string());
        match error {
            EngineError::Invalid(faults) => Self::of_fields(false, &faults),
            EngineError::InvalidLines(faults) => invalid_lines(text, &faults),
            EngineError::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "not_found", text),
            EngineError::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, "forbidden", text),
            EngineError::Conflict { code, .. } => Self::new(StatusCode::CONFLICT, code, text),
            EngineError::Stale => Self::new(StatusCode::PRECONDITION_FAILED, "stale", text),
            EngineError::Unavailable(ref cause) => unavailable(text).with_cause(cause.to_string()),
            EngineError::NotWritable(ref cause) => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "not_writable", text)
                    .with_cause(cause.to_string())
            }
            EngineError::Unconfirmed(ref cause) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unconfirmed", text).with_cause(cause.to_string())
            }
            EngineError::Internal(_) | EngineError::NoEntropy => {
                Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
                    .with_cause(error.source().map_or(text, std::string::ToString::to_string))
            }
        }
    }
}

/// The engine's texts are parts of lines; a `detail` is a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

fn invalid_lines(detail: String, faults: &[LineFault]) -> Problem {
    let error = |fault: &LineFault| {
        let mut error = match &fault.place {
            Place::Line(line) => json!({ "line": line }),
            Place::Item {
                document, pointer, ..
            } => json!({ "document": document, "pointer": pointer }),
        };
        if let Some(field) = &fault.field {
            error["field"] = (**field).into();
        }
        error["message"] = fault.message.clone().into();
        error
    };
    let errors: Vec<Value> = faults.iter().map(error).collect();
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_lines", detail)
        .with_extra("errors", errors.into())
}

fn unavailable(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
        .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
}

/// This node cannot tell whether a key is good.
pub(crate) fn cannot_tell() -> Problem {
    unavailable("This node cannot decide about keys now: try again.")
}

/// A key that may not pass.
pub(crate) fn denied(denied: Denied, now: Timestamp) -> Problem {
    Problem::of_refusal(Refusal::new(denied.reason, denied.quota), now)
}

/// The owner of a good key is no longer valid, as the store has it.
pub(crate) fn owner_inactive(key: KeyId, now: Timestamp) -> Problem {
    let refusal = Denied {
        reason: Reason::OwnerInactive,
        key: Some(key),
        quota: None,
    };
    denied(refusal, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyward_domain::Quota;

    #[test]
    fn every_error_has_its_status_and_code() {
        let table = [
            (EngineError::field("name", "no"), 422, "invalid"),
            (EngineError::InvalidLines(Vec::new()), 422, "invalid_lines"),
            (EngineError::NotFound("key"), 404, "not_found"),
            (EngineError::Forbidden("no"), 403, "forbidden"),
            (EngineError::Stale, 412, "stale"),
            (EngineError::NoEntropy, 500, "internal"),
            (
                EngineError::Conflict {
                    code: "site_exists",
                    message: "there".into(),
                },
                409,
                "site_exists",
            ),
        ];
        for (error, status, code) in table {
            let problem = Problem::from(error);
            assert_eq!((problem.0.status.as_u16(), problem.0.code), (status, code));
        }
    }

    #[test]
    fn a_refusal_says_when_to_come_back() {
        let refusal = |reason, quota| Denied {
            reason,
            key: None,
            quota,
        };
        let quota = Quota {
            limit: 1,
            remaining: 0,
            reset: 120,
        };
        for (now, wait) in [(60, "60"), (119, "1"), (120, "1"), (500, "1")] {
            let now = Timestamp::from_millis(now * 1000);
            let problem = denied(refusal(Reason::RateLimited, Some(quota)), now);
            assert_eq!(problem.0.headers[header::RETRY_AFTER], wait);
        }
        for reason in Reason::ALL {
            let problem = denied(refusal(reason, None), Timestamp::from_millis(0));
            let challenged = problem.0.headers.contains_key(header::WWW_AUTHENTICATE);
            assert_eq!(challenged, reason.status() == 401, "{reason:?}");
        }
        assert!(cannot_tell().0.headers.contains_key(header::RETRY_AFTER));
    }
}
