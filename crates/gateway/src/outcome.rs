//! An answer, and what the log says of it.

use crate::answer::Answer;
use keyward_domain::KeyId;

/// An answer of the gateway's own, with what the log is told.
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    pub(crate) code: &'static str,
    pub(crate) key: Option<KeyId>,
}

impl Outcome {
    pub(crate) fn new(code: &'static str, answer: Answer) -> Self {
        Self {
            answer,
            code,
            key: None,
        }
    }
}
