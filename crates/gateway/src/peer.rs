//! The other end of a connection.

use http::HeaderValue;
use std::net::IpAddr;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// The address as upstreams are told it; written once for all requests of a connection.
    pub(crate) text: HeaderValue,
    pub(crate) tls: bool,
}

impl Peer {
    pub(crate) fn new(address: IpAddr, tls: bool) -> Self {
        // A socket for both families shows IPv4 clients in IPv6 dress.
        let address = address.to_canonical();
        let text = HeaderValue::try_from(address.to_string()).unwrap_or(HeaderValue::from_static("unknown"));
        Self { address, text, tls }
    }
}
