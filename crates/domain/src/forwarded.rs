//! Where a request comes from: the peer, or what listed proxies say.

use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Who the client is when a trusted proxy names none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unnamed {
    /// Nobody knows: that a proxy says nothing is no statement.
    Unknown,
    /// The proxy itself: it is one of those that also send requests of their own.
    IsProxy,
}

/// The client's address. Only behind a trusted peer are the lines of `X-Forwarded-For` read, given from the last to the first:
/// from the right, past trusted proxies, to the first address that is not one. Each entry is the word of the proxy to its
/// right. None where that word cannot be read: the client is not known. Where there is none, `unnamed` says.
pub fn forwarded_client<'l>(
    peer: IpAddr,
    last_lines_first: impl IntoIterator<Item = &'l [u8]>,
    trusted: &[IpNet],
    unnamed: Unnamed,
) -> Option<IpAddr> {
    let mut client = peer.to_canonical();
    // What stands left of the client's entry is the client's own and may be anything.
    let mut entries = last_lines_first
        .into_iter()
        .flat_map(|line| line.rsplit(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii);
    while is_trusted(client, trusted) {
        match entries.next() {
            None | Some([]) if unnamed == Unnamed::Unknown => return None,
            None | Some([]) => break,
            Some(entry) => client = parse_forwarded(str::from_utf8(entry).ok()?)?,
        }
    }
    Some(client)
}

/// Whether an address is one of the listed proxies'.
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

/// An address, with or without a port; IPv6 in brackets when there is one.
pub fn parse_forwarded(entry: &str) -> Option<IpAddr> {
    let bracketed = |text: &str| {
        text.strip_prefix('[')?
            .strip_suffix(']')?
            .parse()
            .ok()
            .map(IpAddr::V6)
    };
    let address = entry
        .parse::<IpAddr>()
        .ok()
        .or_else(|| bracketed(entry))
        .or_else(|| {
            entry
                .parse::<SocketAddr>()
                .ok()
                .filter(|_| !entry.contains('%'))
                .map(|socket| socket.ip())
        });
    address.map(|address| address.to_canonical())
}
