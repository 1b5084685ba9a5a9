//! The other end of a request's connection, as the service tells it.

use std::net::IpAddr;

/// The address at the other end of a request's connection. Whoever accepts connections puts it into the request's extensions;
/// or the layer is told where to find it ([`crate::KeywardLayerBuilder::client_ip`]). A request without one comes from an unknown
/// address, which satisfies no restriction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientIp(IpAddr);

impl ClientIp {
    /// The address.
    pub fn address(self) -> IpAddr {
        self.0
    }
}

impl From<IpAddr> for ClientIp {
    fn from(address: IpAddr) -> Self {
        Self(address)
    }
}
