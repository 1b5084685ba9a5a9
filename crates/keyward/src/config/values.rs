//! The small texts of a configuration, read one by one; faults are collected, not thrown.

use super::schema::Tls;
use super::{ConfigFault, ConfigFaults, Loaded, form};
use http::HeaderName;
use ipnet::{IpNet, Ipv4Net};
use jiff::SignedDuration;
use keyward_listener::TlsFiles;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Collects the faults of one configuration.
pub(crate) struct Checker<'a> {
    pub(crate) loaded: &'a Loaded,
    faults: Vec<ConfigFault>,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(loaded: &'a Loaded) -> Self {
        Self {
            loaded,
            faults: loaded.faults.clone(),
        }
    }

    /// Whether the form of a setting, of one beneath it or of its section is at fault, so that its value says nothing.
    pub(crate) fn is_unread(&self, key: &str) -> bool {
        self.loaded.faults.iter().any(|known| form::is_of(key, known))
    }

    /// Notes a fault.
    pub(crate) fn fault(&mut self, key: &str, message: impl Into<String>) {
        if self.is_unread(key) {
            return;
        }
        self.faults.push(ConfigFault {
            key: key.to_owned(),
            variable: self.loaded.variable(key),
            message: message.into(),
        });
    }

    /// Takes a value, or notes why there is none.
    pub(crate) fn take<T, E: std::fmt::Display>(&mut self, key: &str, read: Result<T, E>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(fault) => {
                self.fault(key, fault.to_string());
                None
            }
        }
    }

    /// A socket address.
    pub(crate) fn address(&mut self, key: &str, text: &str) -> Option<SocketAddr> {
        let read = text.parse::<SocketAddr>().map_err(|_| {
            format!("`{text}` is no address and port: write it as 127.0.0.1:8080 or [::1]:8080")
        });
        self.take(key, read)
    }

    /// A duration above zero, at most a day.
    pub(crate) fn duration(&mut self, key: &str, text: &str) -> Duration {
        self.take(key, read_duration(text))
            .unwrap_or(Duration::from_secs(1))
    }

    /// A duration, or `off`: then `never`.
    pub(crate) fn duration_or_off(&mut self, key: &str, text: &str, never: Duration) -> Duration {
        if text == "off" {
            never
        } else {
            self.duration(key, text)
        }
    }

    /// A duration of at least so much, at most a day.
    pub(crate) fn duration_from(&mut self, key: &str, text: &str, least: Duration) -> Duration {
        let read = read_duration(text).and_then(|time| {
            if time < least {
                return Err(format!("`{text}` is too short: at least {}s", least.as_secs()));
            }
            Ok(time)
        });
        self.take(key, read).unwrap_or(least)
    }

    /// A path, from the folder of the file.
    pub(crate) fn path(&mut self, key: &str, text: &str) -> PathBuf {
        if text.is_empty() {
            self.fault(key, "must not be empty: name a file");
        }
        self.loaded.folder().join(text)
    }

    /// One word of a few.
    pub(crate) fn word<T: Copy>(&mut self, key: &str, text: &str, words: &[(&str, T)]) -> Option<T> {
        let found = words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.fault(key, format!("`{text}` is none of: {}", known.join(", ")));
        }
        found
    }

    /// A number within bounds.
    pub(crate) fn within(&mut self, key: &str, number: usize, least: usize, most: usize) {
        if !(least..=most).contains(&number) {
            self.fault(key, format!("must be {least} to {most}, is {number}"));
        }
    }

    /// The faults, when there are any.
    pub(crate) fn finish(self) -> Result<(), ConfigFaults> {
        if self.faults.is_empty() {
            return Ok(());
        }
        Err(ConfigFaults {
            file: self.loaded.file.clone(),
            faults: self.faults,
        })
    }

    /// Names a fault for each text that is no HTTP method. They are compared exactly, so a lower-case one would never
    /// match.
    pub(crate) fn methods(&mut self, key: &str, list: &[String]) {
        for (n, method) in list.iter().enumerate() {
            let fits = http::Method::from_bytes(method.as_bytes()).is_ok();
            if !fits || method.bytes().any(|b| b.is_ascii_lowercase()) {
                self.fault(
                    &format!("{key}[{n}]"),
                    format!("`{method}` is no HTTP method in capital letters, such as GET"),
                );
            }
        }
    }

    /// A list of networks and single addresses.
    pub(crate) fn networks(&mut self, key: &str, list: &[String]) -> Option<Vec<IpNet>> {
        let read: Vec<Option<Vec<IpNet>>> = (0..)
            .zip(list)
            .map(|(n, text): (usize, _)| self.take(&format!("{key}[{n}]"), networks(text)))
            .collect();
        let whole: Option<Vec<Vec<IpNet>>> = read.into_iter().collect();
        whole.map(|whole| whole.concat())
    }

    /// Where certificate and key stand, if a plane speaks TLS.
    pub(crate) fn tls(&mut self, key: &str, tls: Option<&Tls>) -> Option<TlsFiles> {
        tls.map(|tls| TlsFiles {
            certificate: self.path(&format!("{key}.certificate"), &tls.certificate),
            key: self.path(&format!("{key}.key"), &tls.key),
        })
    }
}

/// A network, an address, or the two addresses of this machine: which of them a proxy on it comes from is the resolver's choice.
fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    if text == "localhost" {
        let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        return Ok(both.map(IpNet::from).to_vec());
    }
    network(text).map(|network| vec![network])
}

fn network(text: &str) -> Result<IpNet, String> {
    let net = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| format!("`{text}` is no IP address or network: write it as 10.0.0.0/8"))?;
    if let Some(plain) = unmapped(net) {
        return Err(format!(
            "`{text}` is an IPv4 address in IPv6 dress, and peers are compared in their IPv4 form: write `{plain}`"
        ));
    }
    // Who wrote one address may not mean to trust its whole network.
    if net.trunc() == net {
        Ok(net)
    } else {
        let (whole, one) = (net.trunc(), net.addr());
        Err(format!(
            "`{text}` has host bits set: write `{whole}` for the network or `{one}` for the one address"
        ))
    }
}

/// The network of IPv4 that an IPv4-mapped one is, as it is to be written.
fn unmapped(net: IpNet) -> Option<String> {
    let IpAddr::V6(address) = net.addr() else {
        return None;
    };
    let address = address.to_ipv4_mapped()?;
    let length = net.prefix_len().checked_sub(96)?;
    match Ipv4Net::new(address, length).ok()?.trunc() {
        one if length == 32 => Some(one.addr().to_string()),
        network => Some(network.to_string()),
    }
}

fn read_duration(text: &str) -> Result<Duration, String> {
    let way_out = "write it as 500ms, 10s, 2m or 1h";
    let read: SignedDuration = text
        .parse()
        .map_err(|_| format!("`{text}` is no duration: {way_out}"))?;
    let length = Duration::try_from(read).map_err(|_| format!("`{text}` is negative: {way_out}"))?;
    if length.is_zero() || length > Duration::from_secs(86_400) {
        return Err(format!("`{text}` must be more than nothing and at most 24h"));
    }
    Ok(length)
}

pub(crate) fn header_name(name: &str) -> Result<HeaderName, String> {
    name.parse().map_err(|_| format!("`{name}` is no header name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_stands_for_both_addresses_of_this_machine() {
        let read = |text| networks(text).map(|nets| nets.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(
            read("localhost").unwrap(),
            ["127.0.0.1/32", "::1/128"].map(str::to_owned)
        );
        assert_eq!(read("10.0.0.0/8").unwrap(), ["10.0.0.0/8".to_owned()]);
        assert!(read("proxy.example").unwrap_err().contains("is no IP address"));
    }
}
