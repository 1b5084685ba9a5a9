//! The console's part of the configuration.

use super::schema::Oidc;
use super::values::Checker;
use keyward_console::{About, PublicUrl, Settings};
use keyward_oidc::Issuer;
use std::net::IpAddr;

/// The most characters of what the button of a provider says.
const LONGEST_NAME: usize = 64;

pub(super) fn settings(
    checker: &mut Checker<'_>,
    access_log: bool,
    gateway_url: Option<String>,
) -> Option<Settings> {
    let console = &checker.loaded.config.console;
    let listen = checker.address("console.listen", &console.listen);
    let tls = checker.tls("console.tls", console.tls.as_ref());
    let trusted_proxies = checker.networks("console.trusted_proxies", &console.trusted_proxies);
    let provider = console.oidc.as_ref().map(|given| provider(checker, given));
    if let (Some(_), None, Some(listen)) = (&console.oidc, &console.public_url, listen) {
        check_way_back(checker, listen.ip(), console.tls.is_some());
    }
    let public_url = match &console.public_url {
        None => None,
        Some(text) => Some(checker.take("console.public_url", PublicUrl::new(text))?),
    };
    Some(Settings {
        listen: listen?,
        tls,
        public_url,
        trusted_proxies: trusted_proxies?,
        access_log,
        gateway_url: gateway_url?,
        provider: match provider {
            None => None,
            Some(read) => Some(read?),
        },
        about: About::default(),
    })
}

/// Where a provider sends people back to must be one address, and nobody in between may read or write what passes there: the
/// cookies of a plain connection can be planted, and with them a sign-in as somebody else.
fn check_way_back(checker: &mut Checker<'_>, listen: IpAddr, has_tls: bool) {
    if listen.is_unspecified() {
        let why = "must be given with [console.oidc] when the console listens on every address: the provider sends \
                   people back to it";
        checker.fault("console.public_url", why);
    } else if !has_tls && !listen.is_loopback() {
        let why = "needs https where the console is reached from other machines: give console.tls, or console.public_url \
                   with a proxy in front that speaks TLS, or listen on 127.0.0.1";
        checker.fault("console.oidc", why);
    }
}

fn provider(checker: &mut Checker<'_>, given: &Oidc) -> Option<keyward_oidc::Settings> {
    let issuer = checker.take("console.oidc.issuer", Issuer::new(&given.issuer));
    if given.client_id.is_empty() || !given.client_id.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        checker.fault(
            "console.oidc.client_id",
            "must be the name of this client at the provider",
        );
    }
    let length = given.name.chars().count();
    let is_line = given.name.trim() == given.name && !given.name.chars().any(char::is_control);
    if !(1..=LONGEST_NAME).contains(&length) || !is_line {
        let why = "must be 1 to 64 characters on one line: it stands on the button, after `Sign in with`";
        checker.fault("console.oidc.name", why);
    }
    for (n, scope) in given.scopes.iter().enumerate() {
        if scope.is_empty() || !scope.bytes().all(is_of_scope) {
            let why = format!("{scope:?} is no scope: write each on its own, such as \"profile\"");
            checker.fault(&format!("console.oidc.scopes[{n}]"), why);
        }
    }
    let mut path = |name: &str, file: &Option<String>| {
        file.as_deref()
            .map(|file| checker.path(&format!("console.oidc.{name}"), file))
    };
    Some(keyward_oidc::Settings {
        client_secret_file: path("client_secret_file", &given.client_secret_file),
        ca_file: path("ca_file", &given.ca_file),
        issuer: issuer?,
        client_id: given.client_id.clone(),
        name: given.name.clone(),
        scopes: given.scopes.clone(),
    })
}

/// What a scope is made of (RFC 6749, section 3.3).
fn is_of_scope(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}
