//! What can go wrong on the way to an upstream and back.

/// What makes a body end early; nothing of it is told to the client.
pub(crate) type BodyFault = Box<dyn std::error::Error + Send + Sync>;

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
