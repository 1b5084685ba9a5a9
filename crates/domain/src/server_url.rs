//! The URL of a server, as a configuration or a flag names it. Read strictly: what cannot be read is a fault that says so, and
//! never a default. Everybody who is told where a server is reads it here first, whatever library reads it afterwards.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest host name in bytes, and the longest label of one (RFC 1035, section 2.3.4).
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// `scheme://user@host:port/path?query#fragment`, taken apart. Only scheme, host and port are held to their form; what the others
/// may be, or whether they may be there at all, is for the caller to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerUrl<'t> {
    /// What stands before `://`.
    pub scheme: &'t str,
    /// What stands before `@`: a name, and perhaps a password.
    pub user: Option<&'t str>,
    /// A name of letters, digits, `-` and `_`, an IPv4 address, or an IPv6 address in brackets.
    pub host: &'t str,
    /// 1 to 65535; none when none is written.
    pub port: Option<u16>,
    /// Empty, or what begins with `/`.
    pub path: &'t str,
    /// What follows `?`.
    pub query: Option<&'t str>,
    /// What follows `#`.
    pub fragment: Option<&'t str>,
}

/// Where a server is: a host and a port. Shown as `host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// A name or an address; an IPv6 address stands without brackets.
    pub host: Box<str>,
    /// 1 to 65535.
    pub port: u16,
}

/// Why a text is no URL of a server. Nothing of the text is quoted: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerUrlFault {
    /// There is no `://`, or no scheme before it.
    #[error("it does not begin with a scheme such as https://")]
    Scheme,
    /// A blank or a control character.
    #[error("it holds a blank or a control character")]
    Blank,
    /// A backslash, which some read as a slash.
    #[error("it holds a backslash, which some read as a slash: write %5C")]
    Backslash,
    /// Nothing stands where the host is.
    #[error("it names no host")]
    NoHost,
    /// A name in another script than ASCII.
    #[error("its host is not in ASCII: write the form of the name that begins with xn--")]
    NotAscii,
    /// More than one colon outside of brackets.
    #[error("an IPv6 address stands in brackets: write it as [::1]")]
    NoBrackets,
    /// What stands in brackets is no IPv6 address.
    #[error("what stands in brackets is no IPv6 address")]
    Ipv6,
    /// The last label is a number, and the whole is no IPv4 address.
    #[error("its host ends with a number, and is no IPv4 address of four numbers from 0 to 255")]
    Ipv4,
    /// A sign that no host holds.
    #[error("its host holds something else than letters, digits, dots, - and _")]
    Sign,
    /// An empty or too long label, or too long a name.
    #[error("its host has an empty part between dots, or one that is too long")]
    Label,
    /// What follows the host's colon is no port.
    #[error("its port is no number from 1 to 65535")]
    Port,
}

impl<'t> ServerUrl<'t> {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn parse(text: &'t str) -> Result<Self, ServerUrlFault> {
        if text.chars().any(|sign| sign.is_whitespace() || sign.is_control()) {
            return Err(ServerUrlFault::Blank);
        }
        if text.contains('\\') {
            return Err(ServerUrlFault::Backslash);
        }
        let (scheme, rest) = text.split_once("://").ok_or(ServerUrlFault::Scheme)?;
        let sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(sign) {
            return Err(ServerUrlFault::Scheme);
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, behind) = rest.split_at(end);
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        let (host, port) = split_port(place)?;
        let (behind, fragment) = cut(behind, '#');
        let (path, query) = cut(behind, '?');
        Ok(Self {
            scheme,
            user,
            host,
            port,
            path,
            query,
            fragment,
        })
    }

    /// Whether there is no more than scheme, host and port, and perhaps a slash after them.
    pub fn is_bare(&self) -> bool {
        self.user.is_none()
            && matches!(self.path, "" | "/")
            && self.query.is_none()
            && self.fragment.is_none()
    }

    /// Where the server is; `default` is the port of the scheme.
    pub fn host_port(&self, default: u16) -> HostPort {
        HostPort {
            host: self.host.trim_matches(['[', ']']).into(),
            port: self.port.unwrap_or(default),
        }
    }
}

/// Reads `host` or `host:port`.
fn split_port(place: &str) -> Result<(&str, Option<u16>), ServerUrlFault> {
    let (host, port) = if place.starts_with('[') {
        let end = place.find(']').ok_or(ServerUrlFault::Ipv6)? + 1;
        let (host, behind) = place.split_at(end);
        match behind {
            "" => (host, None),
            _ => (host, Some(behind.strip_prefix(':').ok_or(ServerUrlFault::Ipv6)?)),
        }
    } else {
        match place.split_once(':') {
            Some((_, port)) if port.contains(':') && place.parse::<Ipv6Addr>().is_ok() => {
                return Err(ServerUrlFault::NoBrackets);
            }
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        }
    };
    check_host(host)?;
    Ok((host, port.map(read_port).transpose()?))
}

fn read_port(text: &str) -> Result<u16, ServerUrlFault> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err(ServerUrlFault::Port),
    }
}

fn check_host(host: &str) -> Result<(), ServerUrlFault> {
    if host.is_empty() {
        return Err(ServerUrlFault::NoHost);
    }
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').unwrap_or_default();
        return match address.parse::<Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err(ServerUrlFault::Ipv6),
        };
    }
    if !host.is_ascii() {
        return Err(ServerUrlFault::NotAscii);
    }
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if !host.bytes().all(sign) {
        return Err(ServerUrlFault::Sign);
    }
    // One dot at the end says that the name is whole, and no search domain is to be tried.
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| (1..=LONGEST_LABEL).contains(&label.len());
    if name.len() > LONGEST_NAME || !name.split('.').all(is_label) {
        return Err(ServerUrlFault::Label);
    }
    // What ends with a number is read as an address, by some in forms of one, two or three numbers, octal or hexadecimal.
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || (last.len() > 1
            && last[..2].eq_ignore_ascii_case("0x")
            && last[2..].bytes().all(|b| b.is_ascii_hexdigit()));
    if is_number && host.parse::<Ipv4Addr>().is_err() {
        return Err(ServerUrlFault::Ipv4);
    }
    Ok(())
}

/// What stands before a sign, and what follows it.
fn cut(text: &str, sign: char) -> (&str, Option<&str>) {
    match text.split_once(sign) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

impl HostPort {
    /// As a `Host` field names it: without the port that its scheme has anyway.
    pub fn authority(&self, default: u16) -> String {
        let whole = self.to_string();
        match whole.strip_suffix(&format!(":{default}")) {
            Some(host) if self.port == default => host.to_owned(),
            _ => whole,
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn host_and_port(text: &str) -> Result<String, ServerUrlFault> {
        ServerUrl::parse(text).map(|url| url.host_port(80).to_string())
    }

    #[test]
    fn a_host_and_a_port_are_read_as_they_are_written() {
        for (text, place) in [
            ("http://localhost", "localhost:80"),
            ("http://localhost:3000", "localhost:3000"),
            ("http://localhost:3000/", "localhost:3000"),
            ("http://a:1", "a:1"),
            ("http://a:65535", "a:65535"),
            ("http://a:080", "a:80"),
            ("http://my_app-1.internal:8080", "my_app-1.internal:8080"),
            ("http://api.example.com.", "api.example.com.:80"),
            ("http://xn--bcher-kva.example", "xn--bcher-kva.example:80"),
            ("http://10.0.0.1:3000", "10.0.0.1:3000"),
            ("http://[::1]", "[::1]:80"),
            ("http://[2001:db8::1]:3000", "[2001:db8::1]:3000"),
            ("http://1a", "1a:80"),
            ("http://user:p@ss:w@h:1/p", "h:1"),
        ] {
            assert_eq!(host_and_port(text).as_deref(), Ok(place), "{text}");
        }
        let whole = ServerUrl::parse("rediss://me:pw@h:1/p/q?x=/#f?").unwrap();
        assert_eq!(
            (whole.scheme, whole.user, whole.host, whole.port),
            ("rediss", Some("me:pw"), "h", Some(1))
        );
        assert_eq!(
            (whole.path, whole.query, whole.fragment),
            ("/p/q", Some("x=/"), Some("f?"))
        );
        assert!(!whole.is_bare());
        assert!(ServerUrl::parse("http://h:1/").unwrap().is_bare());
    }

    #[test]
    fn what_cannot_be_read_is_a_fault_and_never_a_default() {
        use ServerUrlFault::*;
        let long = format!("http://{}", "a".repeat(64));
        let longer = format!("http://{}", "a.".repeat(127) + "aa");
        for (text, fault) in [
            ("", Scheme),
            ("localhost:3000", Scheme),
            ("//localhost", Scheme),
            ("http:/localhost", Scheme),
            ("://localhost", Scheme),
            ("1http://localhost", Scheme),
            ("ht_tp://localhost", Scheme),
            (" http://localhost", Blank),
            ("http://localhost ", Blank),
            ("http://local host", Blank),
            ("http://localhost:3000\n", Blank),
            ("http://local\u{a0}host", Blank),
            ("http://a/\0", Blank),
            ("http://", NoHost),
            ("http:///x", NoHost),
            ("http://:80", NoHost),
            ("http://me@", NoHost),
            ("http://?x", NoHost),
            ("http://b\u{fc}cher.example", NotAscii),
            ("http://127.0.0.1\u{ff1a}80", NotAscii),
            ("http://::1", NoBrackets),
            ("http://2001:db8::1", NoBrackets),
            ("http://::1:3000", NoBrackets),
            ("http://[::1", Ipv6),
            ("http://[::1]3000", Ipv6),
            ("http://[]", Ipv6),
            ("http://[127.0.0.1]", Ipv6),
            ("http://[fe80::1%25eth0]", Ipv6),
            ("http://[localhost]:80", Ipv6),
            ("http://127.1", Ipv4),
            ("http://2130706433", Ipv4),
            ("http://0x7f.1", Ipv4),
            ("http://a.0x7f", Ipv4),
            ("http://127.0.0.256", Ipv4),
            ("http://127.0.0.01", Ipv4),
            ("http://127.0.0.1.", Ipv4),
            ("http://a.1", Ipv4),
            ("http://a%41", Sign),
            ("http://a\\b", Backslash),
            ("http://a'$b", Sign),
            ("http://*.example.com", Sign),
            ("http://a,b", Sign),
            ("http://a..b", Label),
            ("http://.a", Label),
            ("http://a..", Label),
            ("http://.", Label),
            (long.as_str(), Label),
            (longer.as_str(), Label),
            ("http://a:", Port),
            ("http://a:/", Port),
            ("http://a:0", Port),
            ("http://a:00", Port),
            ("http://a:65536", Port),
            ("http://127.0.0.1:99999", Port),
            ("http://a:80abc", Port),
            ("http://a:+80", Port),
            ("http://a:-1", Port),
            ("http://a:8 0", Blank),
            ("http://a:\u{664}", Port),
            ("http://a:80:80", Port),
            ("http://[::1]:", Port),
            ("http://[::1]:99999", Port),
        ] {
            assert_eq!(ServerUrl::parse(text).err(), Some(fault), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_was_written(scheme in "[a-z]{1,5}", user in proptest::option::of("[!-~&&[^/?#]]{0,9}"),
            host in "[!-~&&[^/?#@]]{0,12}", rest in "(/[!-~]{0,9})?") {
            let user = user.map(|user| format!("{user}@")).unwrap_or_default();
            let text = format!("{scheme}://{user}{host}{rest}");
            if let Ok(read) = ServerUrl::parse(&text) {
                let port = &host[read.host.len()..];
                prop_assert!(host.starts_with(read.host));
                prop_assert_eq!(read.port.is_none(), port.is_empty());
                if let Some(number) = read.port {
                    prop_assert_eq!(port[1..].parse::<u16>(), Ok(number));
                }
                prop_assert_eq!(read.scheme, scheme);
            }
        }
    }
}
