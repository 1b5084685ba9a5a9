//! Who reaches which port, and what crosses the network in clear: what the manual advises (docs/operations.md, "Ports"), as
//! far as the configuration shows it.

use super::finding::Finding;
use crate::config::{Checked, Loaded};
use ipnet::IpNet;
use std::net::SocketAddr;

const CHECK: &str = "exposure";

/// What is looked at: the configuration alone, so that each rule can be tried without a port.
struct Seen<'a> {
    checked: &'a Checked,
    /// What `gateway.public_url` says, when it says something.
    gateway_url: Option<&'a str>,
}

pub(super) fn check(loaded: &Loaded, checked: &Checked) -> Vec<Finding> {
    let seen = Seen {
        checked,
        gateway_url: loaded.config.gateway.public_url.as_deref(),
    };
    let rules = [
        console_in_clear,
        console_behind_nobody,
        console_without_address,
        gateway_in_clear,
        gateway_without_address,
        authz_in_clear,
        ops_for_everybody,
    ];
    let found = rules.iter().filter_map(|rule| rule(&seen));
    found.chain(believed_by_everybody(checked)).collect()
}

fn is_elsewhere(listen: SocketAddr) -> bool {
    !listen.ip().to_canonical().is_loopback()
}

fn warning(key: &str, value: impl std::fmt::Display, what: &str, way_out: &str) -> Finding {
    Finding::warning(CHECK, format!("{key} {value}"), what, way_out)
}

/// Passwords, one-time links and sessions.
fn console_in_clear(seen: &Seen<'_>) -> Option<Finding> {
    let console = &seen.checked.console;
    let is_clear = console.tls.is_none() && console.public_url.is_none();
    (is_clear && is_elsewhere(console.listen)).then(|| {
        warning(
            "console.listen",
            console.listen,
            "other machines reach the console without TLS: passwords and sessions cross the network in clear",
            "give [console.tls]; or let a proxy in front speak TLS, and set console.public_url to its address and \
             console.trusted_proxies to the proxy; or listen on 127.0.0.1",
        )
    })
}

fn console_behind_nobody(seen: &Seen<'_>) -> Option<Finding> {
    let console = &seen.checked.console;
    let is_behind = console.public_url.is_some() && console.tls.is_none();
    (is_behind && console.trusted_proxies.is_empty()).then(|| {
        Finding::warning(
            CHECK,
            "console.trusted_proxies",
            "console.public_url says that a proxy stands in front, and none is listed: every visitor has its address, one \
             guesser slows everybody's sign-in, and keys that are restricted to addresses cannot manage",
            "list the address of the proxy",
        )
    })
}

fn console_without_address(seen: &Seen<'_>) -> Option<Finding> {
    let console = &seen.checked.console;
    let is_behind = !console.trusted_proxies.is_empty() && console.tls.is_none();
    (is_behind && console.public_url.is_none()).then(|| {
        Finding::warning(
            CHECK,
            "console.public_url",
            "a proxy stands in front, and the address under which people reach the console is not given: if that begins \
             with https, nobody can sign in",
            "set it to what the browser shows, such as https://keys.example.com",
        )
    })
}

/// Keys. A proxy in front is taken to speak TLS.
fn gateway_in_clear(seen: &Seen<'_>) -> Option<Finding> {
    let (gateway, rules) = (&seen.checked.gateway, &seen.checked.rules);
    if gateway.tls.is_some() || !rules.trusted_proxies.is_empty() {
        return None;
    }
    if seen.gateway_url.is_some_and(|url| url.starts_with("https:")) {
        return Some(Finding::warning(
            CHECK,
            "gateway.trusted_proxies",
            "gateway.public_url says that something in front speaks TLS, and none is listed: every client has its address, \
             and keys that are restricted to addresses are refused",
            "list the address of the proxy or load balancer",
        ));
    }
    is_elsewhere(gateway.listen).then(|| {
        warning(
            "gateway.listen",
            gateway.listen,
            "other machines reach the gateway without TLS: keys cross the network in clear",
            "give [gateway.tls]; or let a proxy in front speak TLS, and list it in gateway.trusted_proxies",
        )
    })
}

fn gateway_without_address(seen: &Seen<'_>) -> Option<Finding> {
    let is_unknown = seen.gateway_url.is_none() && seen.checked.gateway.listen.ip().is_unspecified();
    is_unknown.then(|| {
        let shown = &seen.checked.console.gateway_url;
        let what = format!("not given: the console shows people {shown}, which only this machine reaches");
        let way_out = "set it to the address that clients know, such as https://api.example.com";
        Finding::warning(CHECK, "gateway.public_url", what, way_out)
    })
}

fn authz_in_clear(seen: &Seen<'_>) -> Option<Finding> {
    let authz = seen.checked.authz.as_ref()?;
    (authz.tls.is_none() && is_elsewhere(authz.listen)).then(|| {
        warning(
            "authz.listen",
            authz.listen,
            "proxies on other machines ask without TLS: keys cross the network in clear",
            "give [authz.tls], or keep the port to a private network",
        )
    })
}

fn ops_for_everybody(seen: &Seen<'_>) -> Option<Finding> {
    let ops = seen.checked.ops;
    is_elsewhere(ops).then(|| {
        warning(
            "ops.listen",
            ops,
            "other machines reach the operator's port, which asks for no key",
            "listen on 127.0.0.1, or open it to probes and Prometheus alone",
        )
    })
}

/// A list that names every address believes whatever anybody says of theirs.
fn believed_by_everybody(checked: &Checked) -> Vec<Finding> {
    let authz = checked.authz.as_ref().map(|authz| &authz.proxies[..]);
    let lists: [(&str, &[IpNet]); 3] = [
        ("gateway.trusted_proxies", &checked.rules.trusted_proxies),
        ("console.trusted_proxies", &checked.console.trusted_proxies),
        ("authz.proxies", authz.unwrap_or_default()),
    ];
    let open = lists.iter().flat_map(|(key, list)| {
        let whole = list.iter().filter(|network| network.prefix_len() == 0);
        whole.map(move |network| {
            warning(
                key,
                network,
                "everybody is taken for a proxy, and may name any address as the client's",
                "list the addresses of your proxies alone",
            )
        })
    });
    open.collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::config::from_text;
    use std::path::Path;

    /// Where doctor sees something, for a configuration of these lines.
    fn places(lines: &str) -> Vec<String> {
        let upstream = "[[gateway.upstreams]]\nname = \"default\"\nurl = \"http://127.0.0.1:3000\"";
        let loaded = from_text(&format!("{lines}\n{upstream}\n"), Path::new("keyward.toml")).unwrap();
        let checked = loaded.check_for_serve().unwrap();
        let found = check(&loaded, &checked);
        found
            .iter()
            .map(|finding| {
                serde_json::to_value(finding).unwrap()["where"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }

    #[test]
    fn what_the_manual_says_of_ports_and_proxies_is_seen() {
        let table: [(&str, &[&str]); 19] = [
            ("", &[]),
            ("[console]\nlisten = \"[::1]:8081\"", &[]),
            (
                "[console]\nlisten = \"0.0.0.0:8081\"",
                &["console.listen 0.0.0.0:8081"],
            ),
            ("[console]\nlisten = \"[::]:8081\"", &["console.listen [::]:8081"]),
            (
                "[console]\nlisten = \"192.0.2.7:8081\"",
                &["console.listen 192.0.2.7:8081"],
            ),
            (
                "[console]\nlisten = \"0.0.0.0:8081\"\ntls = { certificate = \"a\", key = \"b\" }",
                &[],
            ),
            (
                "[console]\nlisten = \"0.0.0.0:8081\"\npublic_url = \"https://k.example\"",
                &["console.trusted_proxies"],
            ),
            (
                "[console]\npublic_url = \"https://k.example\"\ntrusted_proxies = [\"127.0.0.1\"]",
                &[],
            ),
            (
                "[console]\ntrusted_proxies = [\"127.0.0.1\"]",
                &["console.public_url"],
            ),
            (
                "[gateway]\nlisten = \"0.0.0.0:8080\"",
                &["gateway.listen 0.0.0.0:8080", "gateway.public_url"],
            ),
            (
                "[gateway]\nlisten = \"0.0.0.0:8080\"\ntrusted_proxies = [\"10.0.0.1\"]",
                &["gateway.public_url"],
            ),
            (
                "[gateway]\nlisten = \"0.0.0.0:8080\"\npublic_url = \"https://a.example\"",
                &["gateway.trusted_proxies"],
            ),
            (
                "[gateway]\npublic_url = \"https://a.example\"\ntrusted_proxies = [\"127.0.0.1\"]",
                &[],
            ),
            (
                "[gateway]\npublic_url = \"https://a.example\"",
                &["gateway.trusted_proxies"],
            ),
            ("[authz]\nproxies = [\"127.0.0.1\"]", &[]),
            (
                "[authz]\nlisten = \"0.0.0.0:8082\"\nproxies = [\"10.0.0.1\"]",
                &["authz.listen 0.0.0.0:8082"],
            ),
            ("[authz]\nproxies = [\"0.0.0.0/0\"]", &["authz.proxies 0.0.0.0/0"]),
            (
                "[gateway]\ntrusted_proxies = [\"::/0\"]",
                &["gateway.trusted_proxies ::/0"],
            ),
            ("[ops]\nlisten = \"0.0.0.0:9090\"", &["ops.listen 0.0.0.0:9090"]),
        ];
        for (lines, wanted) in table {
            assert_eq!(places(lines), wanted, "{lines}");
        }
    }
}
