//! Where a request comes from: the socket's peer, or what listed proxies say.

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Where a request came from, hop by hop.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address. Only behind a trusted peer is `X-Forwarded-For` read: from the right, past trusted proxies, to
/// the first address that is not one. None where an entry cannot be read: the client is not known.
pub fn client_address(headers: &HeaderMap, peer: IpAddr, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return Some(peer);
    }
    let mut client = peer;
    let lines: Vec<_> = headers.get_all(X_FORWARDED_FOR).iter().collect();
    // What stands left of the client's entry is the client's own and may be anything.
    let entries = lines
        .iter()
        .rev()
        .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    for entry in entries.map(<[u8]>::trim_ascii) {
        if !entry.is_empty() {
            client = parse_entry(str::from_utf8(entry).ok()?)?;
            if !is_trusted(client, trusted) {
                return Some(client);
            }
        }
    }
    Some(client)
}

/// Whether an address is one of the listed proxies'.
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

/// An address, with or without a port; IPv6 in brackets when there is one.
fn parse_entry(entry: &str) -> Option<IpAddr> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn client(peer: &str, fields: &[&'static str]) -> Option<IpAddr> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(
                "x-forwarded-for",
                HeaderValue::from_bytes(field.as_bytes()).unwrap(),
            );
        }
        let trusted = ["10.0.0.1/32".parse().unwrap(), "10.1.0.0/16".parse().unwrap()];
        client_address(&headers, peer.parse().unwrap(), &trusted)
    }

    fn known(address: &str) -> Option<IpAddr> {
        Some(address.parse().unwrap())
    }

    #[test]
    fn i1_nobody_but_a_trusted_peer_is_believed() {
        assert_eq!(client("192.0.2.7", &["198.51.100.1"]), known("192.0.2.7"));
        assert_eq!(client("::ffff:192.0.2.7", &["198.51.100.1"]), known("192.0.2.7"));
    }

    #[test]
    fn i2_the_rightmost_address_that_is_no_trusted_proxy_is_the_client() {
        let real = known("192.0.2.7");
        for fields in [
            &["198.51.100.1, 192.0.2.7"][..],
            &["198.51.100.1", "192.0.2.7"],
            &[",,192.0.2.7"],
            &["192.0.2.7:443"],
            &[" 192.0.2.7 , 10.1.2.3"],
            &["192.0.2.7", "10.1.2.3, 10.0.0.1"],
            &["unknown, 192.0.2.7"],
            &["::ffff:192.0.2.7"],
            &["\u{e9}, 192.0.2.7"],
        ] {
            assert_eq!(client("10.0.0.1", fields), real, "{fields:?}");
        }
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]:443"]), known("2001:db8::1"));
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]"]), known("2001:db8::1"));
        assert_eq!(client("10.0.0.1", &["2001:db8::1"]), known("2001:db8::1"));
        assert_eq!(client("10.0.0.1", &[]), known("10.0.0.1"));
        assert_eq!(client("10.0.0.1", &["10.1.9.9"]), known("10.1.9.9"));
    }

    #[test]
    fn i2_i5_what_cannot_be_read_is_unknown() {
        for entry in [
            "unknown",
            "192.0.2.7, nonsense",
            "127.1",
            "0x7f.1",
            "192.0.2.09",
            "fe80::1%1",
            "[fe80::1%1]:80",
            "[::1",
            "_x",
        ] {
            assert_eq!(client("10.0.0.1", &[entry]), None, "{entry}");
        }
    }
}
