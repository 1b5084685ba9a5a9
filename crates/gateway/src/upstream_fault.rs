//! What can go wrong on the way to an upstream and back.

/// What makes the body of an answer end early; nothing of it is told to the client but the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum BodyFault {
    /// The upstream was silent for longer than it may be.
    #[error("the upstream was silent for too long within its answer")]
    Stalled,
    /// The upstream closed or reset before the end.
    #[error("the upstream ended before its answer did")]
    BrokenOff,
    /// What came is not what the head promised.
    #[error("{0}")]
    Malformed(&'static str),
    /// The client took nothing for longer than it may.
    #[error("the client took nothing for too long")]
    ClientStalled,
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

impl BodyFault {
    /// A word for metrics and logs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Stalled => "stalled",
            Self::BrokenOff => "broken_off",
            Self::Malformed(_) => "malformed_body",
            Self::ClientStalled => "client_stalled",
        }
    }
}

impl From<BodyFault> for UpstreamFault {
    /// The fault of a body of which nothing has gone on yet.
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::Stalled => Self::Timeout,
            BodyFault::BrokenOff => Self::BadAnswer("an answer that ends too early"),
            BodyFault::Malformed(what) => Self::BadAnswer(what),
            BodyFault::ClientStalled => Self::ClientBodyTimeout,
        }
    }
}
