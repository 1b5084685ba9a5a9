//! An answer, and what the log says of it.

use crate::answer::Answer;
use keyward_domain::{ClientAddress, KeyId};
use std::net::IpAddr;

/// An answer of the gateway's own, with what the log is told.
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    pub(crate) code: &'static str,
    pub(crate) key: Option<KeyId>,
    /// Where the request came from; none when that is not known, or not yet.
    pub(crate) client: Option<IpAddr>,
}

impl Outcome {
    pub(crate) fn new(code: &'static str, answer: Answer) -> Self {
        Self {
            answer,
            code,
            key: None,
            client: None,
        }
    }

    /// The outcome of a request of this client's.
    pub(crate) fn of(mut self, client: ClientAddress) -> Self {
        self.client = known(client);
        self
    }
}

/// The address of a client, for the log.
pub(crate) fn known(client: ClientAddress) -> Option<IpAddr> {
    match client {
        ClientAddress::Known(address) => Some(address),
        ClientAddress::Unknown => None,
    }
}
