//! Client addresses and the rule that limits a key to some of them.

use ipnet::IpNet;
use std::net::IpAddr;

/// The most entries of one address rule.
pub const MAX_ADDRESSES: usize = 1000;

/// Where a request came from, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientAddress {
    /// An address; an IPv4-mapped IPv6 address is held as the IPv4 address that it is.
    Known(IpAddr),
    /// Not known, or not readable: satisfies no restriction.
    Unknown,
}

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        Self::Known(address.to_canonical())
    }
}

impl From<Option<IpAddr>> for ClientAddress {
    fn from(address: Option<IpAddr>) -> Self {
        address.map_or(Self::Unknown, Self::from)
    }
}

/// Which client addresses are allowed. *Absent* is every client; an *empty* list is none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AddressRule(Nets);

/// One network, the usual case, stands in the record itself: a decision has one place less in memory to fetch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum Nets {
    #[default]
    Any,
    One(IpNet),
    Listed(Box<[IpNet]>),
}

/// Why a text is no entry of an address rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    /// Neither an address nor a network.
    #[error("`{0}` is no IPv4 or IPv6 address or CIDR network such as 192.0.2.0/24 or 2001:db8::/32")]
    NotAddress(String),
    /// A network whose host bits are set.
    #[error("`{given}` has host bits set: write `{network}` for the network or `{host}` for the one address")]
    HostBits {
        /// What was given.
        given: String,
        /// The network that it lies in.
        network: String,
        /// The single address.
        host: String,
    },
    /// An IPv4-mapped IPv6 network; clients are compared in their IPv4 form.
    #[error("`{0}` is an IPv4 address in IPv6 dress: write it as IPv4")]
    Mapped(String),
    /// More than [`MAX_ADDRESSES`] entries.
    #[error("at most {MAX_ADDRESSES} addresses, found {0}: use wider networks")]
    TooMany(usize),
}

impl AddressRule {
    /// Every client.
    pub const ANY: Self = Self(Nets::Any);

    /// Only clients in the networks named; repetitions are dropped, the order is kept.
    pub fn listed<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, AddressFault> {
        let mut nets: Vec<IpNet> = Vec::new();
        for entry in entries {
            let net = parse_net(entry)?;
            if !nets.contains(&net) {
                nets.push(net);
            }
            if nets.len() > MAX_ADDRESSES {
                return Err(AddressFault::TooMany(nets.len()));
            }
        }
        Ok(Self(match nets[..] {
            [net] => Nets::One(net),
            _ => Nets::Listed(nets.into()),
        }))
    }

    /// Nobody.
    pub fn nobody() -> Self {
        Self(Nets::Listed(Box::default()))
    }

    /// The networks, or `None` for every client.
    pub fn nets(&self) -> Option<&[IpNet]> {
        match &self.0 {
            Nets::Any => None,
            Nets::One(net) => Some(std::slice::from_ref(net)),
            Nets::Listed(nets) => Some(nets),
        }
    }

    /// Whether the rule allows a client. Looks at every entry: about 2 µs for the longest list.
    pub fn allows(&self, client: ClientAddress) -> bool {
        match (self.nets(), client) {
            (None, _) => true,
            (Some(_), ClientAddress::Unknown) => false,
            (Some(nets), ClientAddress::Known(address)) => nets.iter().any(|net| net.contains(&address)),
        }
    }
}

fn parse_net(entry: &str) -> Result<IpNet, AddressFault> {
    let fault = || AddressFault::NotAddress(entry.chars().filter(|c| !c.is_control()).take(64).collect());
    let net: IpNet = match entry.split_once('/') {
        None => IpNet::from(entry.parse::<IpAddr>().map_err(|_| fault())?),
        Some((_, length)) if length.starts_with('+') || (length.len() > 1 && length.starts_with('0')) => {
            return Err(fault());
        }
        Some(_) => entry.parse().map_err(|_| fault())?,
    };
    if matches!(net.addr(), IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()) {
        return Err(AddressFault::Mapped(entry.to_owned()));
    }
    if net.trunc() != net {
        return Err(AddressFault::HostBits {
            given: entry.to_owned(),
            network: net.trunc().to_string(),
            host: net.addr().to_string(),
        });
    }
    Ok(net)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(rules: &[&str], client: &str) -> bool {
        let rule = AddressRule::listed(rules.iter().copied()).unwrap();
        rule.allows(ClientAddress::from(client.parse::<IpAddr>().unwrap()))
    }

    #[test]
    fn i3_mapped_clients_are_their_ipv4_address() {
        for client in [
            "192.0.2.9",
            "::ffff:192.0.2.9",
            "::ffff:c000:209",
            "0:0:0:0:0:ffff:192.0.2.9",
        ] {
            assert!(allows(&["192.0.2.0/24"], client), "{client}");
        }
    }

    #[test]
    fn i4_other_embeddings_of_ipv4_are_not_the_ipv4_host() {
        for client in ["::192.0.2.9", "64:ff9b::192.0.2.9", "2002:c000:0209::"] {
            assert!(!allows(&["192.0.2.0/24"], client), "{client}");
        }
    }

    #[test]
    fn i5_what_is_no_plain_address_is_refused_at_save() {
        let bad = [
            "127.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "192.0.2.09",
            " 192.0.2.9",
            "192.0.2.9%eth0",
            "fe80::1%1",
            "",
            "192.0.2.0/33",
            "192.0.2.0/-1",
            "192.0.2.0/+8",
            "192.0.2.0/08",
            "192.0.2.0/",
            "::/129",
            "localhost",
            "*",
        ];
        for entry in bad {
            assert!(
                matches!(AddressRule::listed([entry]), Err(AddressFault::NotAddress(_))),
                "{entry}"
            );
        }
        assert!(matches!(
            AddressRule::listed(["192.0.2.9/24"]),
            Err(AddressFault::HostBits { .. })
        ));
        assert!(matches!(
            AddressRule::listed(["::ffff:192.0.2.0/120"]),
            Err(AddressFault::Mapped(_))
        ));
    }

    #[test]
    fn i7_network_edges_are_exact() {
        let table = [
            ("0.0.0.0/0", "0.0.0.0", true),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "ffff::", true),
            ("::/0", "192.0.2.1", false),
            ("192.0.2.4/31", "192.0.2.3", false),
            ("192.0.2.4/31", "192.0.2.4", true),
            ("192.0.2.4/31", "192.0.2.5", true),
            ("192.0.2.4/31", "192.0.2.6", false),
            ("192.0.2.4/32", "192.0.2.4", true),
            ("192.0.2.4", "192.0.2.5", false),
            ("2001:db8::1/128", "2001:db8::1", true),
            ("2001:db8::1/128", "2001:db8::2", false),
            ("2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true),
            ("2001:db8::/32", "2001:db9::", false),
        ];
        for (rule, client, allowed) in table {
            assert_eq!(allows(&[rule], client), allowed, "{rule} {client}");
        }
    }

    #[test]
    fn i7_a_list_holds_1000_entries_and_drops_repetitions() {
        let many: Vec<String> = (0..1001)
            .map(|i| format!("10.{}.{}.0/24", i / 256, i % 256))
            .collect();
        assert!(AddressRule::listed(many[..1000].iter().map(String::as_str)).is_ok());
        assert_eq!(
            AddressRule::listed(many.iter().map(String::as_str)),
            Err(AddressFault::TooMany(1001))
        );
        let twice = AddressRule::listed(["10.0.0.0/8", "10.0.0.0/8"]).unwrap();
        assert_eq!(twice.nets().map(<[IpNet]>::len), Some(1));
    }

    #[test]
    fn i10_absent_is_everyone_empty_is_no_one_and_unknown_satisfies_no_restriction() {
        let known = ClientAddress::from(IpAddr::from([192, 0, 2, 1]));
        let empty = AddressRule::listed([]).unwrap();
        assert_eq!(AddressRule::nobody(), empty);
        let everything = AddressRule::listed(["0.0.0.0/0", "::/0"]).unwrap();
        assert!(AddressRule::ANY.allows(known) && AddressRule::ANY.allows(ClientAddress::Unknown));
        assert!(!empty.allows(known) && !empty.allows(ClientAddress::Unknown));
        assert!(everything.allows(known) && !everything.allows(ClientAddress::Unknown));
    }
}
