//! The proxies in front, by what the configuration says of them. What they then send, the log tells.

use super::finding::Finding;
use crate::config::Checked;
use ipnet::IpNet;
use keyward_listener::is_trusted;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(super) fn check(checked: &Checked) -> Vec<Finding> {
    let authz = checked.authz.as_ref();
    [
        Some((
            "gateway.trusted_proxies",
            checked.gateway.listen,
            &checked.rules.trusted_proxies,
        )),
        Some((
            "console.trusted_proxies",
            checked.console.listen,
            &checked.console.trusted_proxies,
        )),
        authz.map(|authz| ("authz.proxies", authz.listen, &authz.proxies)),
    ]
    .into_iter()
    .flatten()
    .filter_map(|(key, listen, proxies)| {
        let (trusted, comes) = left_out(listen, proxies)?;
        let fault = format!(
            "{trusted} is listed and {comes} is not, and a proxy on this machine can come to {listen} by {comes}"
        );
        let way_out = format!("write `localhost` in {key}: it stands for both");
        Some(Finding::warning("proxies", key, fault, way_out))
    })
    .collect()
}

/// The one address of this machine that is listed, and the other by which a proxy can come to this port.
fn left_out(listen: SocketAddr, proxies: &[IpNet]) -> Option<(IpAddr, IpAddr)> {
    let (four, six) = (
        IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::from(Ipv6Addr::LOCALHOST),
    );
    let can_come = |address: IpAddr| {
        let takes_both = listen.ip() == IpAddr::from(Ipv6Addr::UNSPECIFIED);
        takes_both || (listen.is_ipv4() == address.is_ipv4())
    };
    match (is_trusted(four, proxies), is_trusted(six, proxies)) {
        (true, false) if can_come(six) => Some((four, six)),
        (false, true) if can_come(four) => Some((six, four)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_this_machine_that_is_left_out_is_told() {
        for (listen, proxies, told) in [
            ("127.0.0.1:1", &["127.0.0.1/32"][..], None),
            ("0.0.0.0:1", &["127.0.0.1/32"], None),
            ("0.0.0.0:1", &["::1/128"], Some("127.0.0.1")),
            ("[::]:1", &["127.0.0.1/32"], Some("::1")),
            ("[::1]:1", &["127.0.0.0/8"], Some("::1")),
            ("[::]:1", &["::1/128"], Some("127.0.0.1")),
            ("[::]:1", &["127.0.0.1/32", "::1/128"], None),
            ("[::]:1", &["10.0.0.0/8"], None),
            ("[::]:1", &[], None),
        ] {
            let proxies: Vec<IpNet> = proxies.iter().map(|net| net.parse().unwrap()).collect();
            let found = left_out(listen.parse().unwrap(), &proxies).map(|(_, comes)| comes.to_string());
            assert_eq!(found.as_deref(), told, "{listen} {proxies:?}");
        }
    }
}
