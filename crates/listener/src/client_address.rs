//! Where a request comes from: the socket's peer, or what listed proxies say.

use crate::told::Told;
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use keyward_domain::forwarded_client;
pub use keyward_domain::{Unnamed, is_trusted};
use std::net::IpAddr;

/// Where a request came from, hop by hop.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address, by the one rule for it: [`forwarded_client`]. `setting` is what lists the trusted proxies: the log tells
/// once of a peer that says something of a client and is none of them, and of one of them that names no client.
pub fn client_address(
    headers: &HeaderMap,
    peer: IpAddr,
    setting: &str,
    trusted: &[IpNet],
    unnamed: Unnamed,
) -> Option<IpAddr> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter();
    let client = forwarded_client(peer, lines.rev().map(HeaderValue::as_bytes), trusted, unnamed);
    let peer = peer.to_canonical();
    match client {
        None => tell_of_unknown(peer, setting),
        Some(client) if client == peer && headers.contains_key(X_FORWARDED_FOR) => {
            if !is_trusted(peer, trusted) {
                tell_of_stranger(peer, setting);
            }
        }
        Some(_) => {}
    }
    client
}

fn tell_of_stranger(peer: IpAddr, setting: &str) {
    static TOLD: Told = Told::new();
    if TOLD.is_news(peer) {
        tracing::warn!(
            %peer,
            "X-Forwarded-For comes from an address that {setting} does not list, and is not believed: if that is your proxy, \
             list it there (`localhost` stands for 127.0.0.1 and ::1)"
        );
    }
}

fn tell_of_unknown(peer: IpAddr, setting: &str) {
    static TOLD: Told = Told::new();
    if TOLD.is_news(peer) {
        tracing::warn!(
            %peer,
            "a proxy that {setting} lists names no address of its client in X-Forwarded-For (none at all, a proxy's of that list, or \
             `unix:` of one that is reached by a Unix socket): keys that are restricted to addresses are refused there"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn client(peer: &str, fields: &[&'static str]) -> Option<IpAddr> {
        client_where(peer, fields, Unnamed::Unknown)
    }

    fn client_where(peer: &str, fields: &[&'static str], unnamed: Unnamed) -> Option<IpAddr> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(
                "x-forwarded-for",
                HeaderValue::from_bytes(field.as_bytes()).unwrap(),
            );
        }
        let trusted = ["10.0.0.1/32".parse().unwrap(), "10.1.0.0/16".parse().unwrap()];
        client_address(
            &headers,
            peer.parse().unwrap(),
            "trusted_proxies",
            &trusted,
            unnamed,
        )
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
    }

    #[test]
    fn i2_that_a_trusted_proxy_names_no_client_is_no_statement() {
        // Last, whom the proxy is taken for where it may be the client.
        for (fields, proxy) in [
            (&[][..], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&[" \t "], "10.0.0.1"),
            (&[","], "10.0.0.1"),
            (&[", ,\t,"], "10.0.0.1"),
            (&["", ""], "10.0.0.1"),
            (&["192.0.2.7,"], "10.0.0.1"),
            (&["192.0.2.7, "], "10.0.0.1"),
            (&["192.0.2.7", ""], "10.0.0.1"),
            (&["192.0.2.7", ","], "10.0.0.1"),
            (&["10.0.0.1"], "10.0.0.1"),
            (&["10.1.9.9"], "10.1.9.9"),
            (&[", 10.1.9.9"], "10.1.9.9"),
            (&["192.0.2.7,, 10.1.9.9"], "10.1.9.9"),
            (&["192.0.2.7", "", "10.1.9.9"], "10.1.9.9"),
            (&["::ffff:10.1.9.9"], "10.1.9.9"),
        ] {
            assert_eq!(client("10.0.0.1", fields), None, "{fields:?}");
            assert_eq!(
                client_where("10.0.0.1", fields, Unnamed::IsProxy),
                known(proxy),
                "{fields:?}"
            );
        }
        let unread = client_where("10.0.0.1", &["192.0.2.7, unknown"], Unnamed::IsProxy);
        assert_eq!(unread, None, "what cannot be read is another matter");
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
