//! What a client may say to the upstream: by name, which of its fields go on. Who adds a field that decides something adds
//! it here.

use crate::judged::Pass;
use crate::rules::Compiled;
use crate::upstream_connection::is_hop_by_hop;
use http::HeaderName;
use keyward_tower::wire::{OVERRIDES, REROUTES, fold, folds_alike, folds_to, is_keyward_field};

/// Fields that tell where a request comes from, or for which host it is; only a trusted proxy's go on.
const ORIGINS: [&str; 10] = [
    "forwarded",
    "x-envoy-external-address",
    "cf-connecting-ipv6",
    "x-url-scheme",
    "x-scheme",
    "front-end-https",
    "x-host",
    "x-original-host",
    "x-http-host",
    "x-http-host-override",
];
/// So is every field that begins like this.
const ORIGIN_START: &str = "x-forwarded";
/// And every one that ends as those of proxies and CDNs do: `X-Real-IP`, `True-Client-IP`, `CF-Connecting-IP`, ….
const ORIGIN_ENDS: [&str; 13] = [
    "real-ip",
    "realip",
    "client-ip",
    "clientip",
    "connecting-ip",
    "remote-ip",
    "originating-ip",
    "original-ip",
    "user-ip",
    "remote-addr",
    "forwarded-for",
    "forward-for",
    "forwarder-for",
];

/// Fields that have a meaning of their own in HTTP.
const READ: [&str; 8] = [
    "host",
    "content-length",
    "transfer-encoding",
    "content-type",
    "origin",
    "expect",
    "authorization",
    "cookie",
];

/// What decides whether a client's field goes on.
pub(crate) struct Onward<'a> {
    pub(crate) rules: &'a Compiled,
    pub(crate) pass: &'a Pass,
    /// Whether the peer is a proxy that is trusted.
    pub(crate) from_proxy: bool,
}

impl Onward<'_> {
    /// Whether a field goes on as the client's word.
    pub(crate) fn may_say(&self, name: &HeaderName) -> bool {
        let text = name.as_str();
        if self.rules.folds_to_site_header(text) {
            return false;
        }
        // Most fields are none of those below, and are told by their first and last letter.
        if !matches!(
            text.as_bytes(),
            [b'x' | b'f' | b't' | b'c' | b'p', ..] | [.., b'p' | b'r']
        ) {
            return true;
        }
        // The plain spelling of these is about the body, and is looked at elsewhere.
        if ["content-length", "transfer-encoding"]
            .iter()
            .any(|field| text != *field && folds_to(text, field))
        {
            return false;
        }
        if folds_to(text, "x-api-key") {
            let keyed = matches!(self.pass, Pass::Key(_));
            return self.rules.forward_key && text == "x-api-key" && keyed;
        }
        if is_keyward_field(text) || REROUTES.iter().any(|field| folds_to(text, field)) {
            return false;
        }
        if is_origin(text) {
            // A proxy sets the field itself; another spelling of it is the client's.
            let replaced = matches!(text, "x-forwarded-for" | "x-forwarded-proto");
            return self.from_proxy && !replaced && text.bytes().all(|byte| fold(byte) == byte);
        }
        let overrides = OVERRIDES.iter().any(|field| folds_to(text, field));
        !overrides || matches!(self.pass, Pass::Key(identity) if !identity.strip_overrides)
    }
}

/// Whether a field tells where a request comes from, in any spelling.
fn is_origin(name: &str) -> bool {
    let begins = name.len() >= ORIGIN_START.len() && folds_to(&name[..ORIGIN_START.len()], ORIGIN_START);
    let ends = |end: &&str| name.len() >= end.len() && folds_to(&name[name.len() - end.len()..], end);
    begins || ORIGIN_ENDS.iter().any(ends) || ORIGINS.iter().any(|field| folds_to(name, field))
}

/// Whether a field is one that this gateway reads or sets, so that no `Connection` may list it (it would vanish after it
/// was judged).
pub(crate) fn is_protected(name: &str, rules: &Compiled) -> bool {
    folds_to(name, "x-api-key")
        || is_keyward_field(name)
        || READ.contains(&name)
        || is_origin(name)
        || OVERRIDES
            .iter()
            .chain(&REROUTES)
            .any(|field| folds_to(name, field))
        || name.starts_with("access-control-")
        || rules
            .site_headers
            .iter()
            .any(|header| folds_alike(name, header.as_str()))
}

/// Whether a route's site may come from a field of this name. What HTTP or this gateway reads in another way may not: it is
/// taken away, or set anew, and a field that holds a secret would go on in clear as the site.
pub fn may_name_site(name: &HeaderName) -> bool {
    // As a reader sees it that takes every other sign for a hyphen.
    let seen: Vec<u8> = name.as_str().bytes().map(fold).collect();
    let Ok(name) = HeaderName::from_bytes(&seen) else {
        return false;
    };
    let text = name.as_str();
    !READ.contains(&text)
        && !is_hop_by_hop(&name)
        && !OVERRIDES.contains(&text)
        && !REROUTES.contains(&text)
        && text != "x-api-key"
        && !is_keyward_field(text)
        && !is_origin(text)
        && !["access-control-", "sec-", "content-"]
            .iter()
            .any(|start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k8_a_site_comes_from_no_field_that_means_something_else() {
        for name in [
            "x-api-key",
            "x_api_key",
            "host",
            "connection",
            "keep-alive",
            "content-length",
            "transfer-encoding",
            "transfer_encoding",
            "upgrade",
            "te",
            "proxy-authorization",
            "authorization",
            "cookie",
            "forwarded",
            "x-forwarded-host",
            "x-real-ip",
            "x-keyward-site",
            "x-original-url",
            "x-http-method-override",
            "sec-fetch-site",
        ] {
            assert!(!may_name_site(&HeaderName::from_static(name)), "{name}");
        }
        for name in ["x-site", "site", "x-tenant-id", "x-customer", "accept-site"] {
            assert!(may_name_site(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn i1_every_field_that_tells_of_an_origin_is_known() {
        for name in [
            "forwarded",
            "x-forwarded",
            "x-forwarded-for",
            "x_forwarded_for",
            "x-forwarded-host",
            "x-forwarded-user",
            "x-forwarded-client-cert",
            "forwarded-for",
            "x-original-forwarded-for",
            "x-vercel-forwarded-for",
            "client-ip",
            "x-client-ip",
            "x-cluster-client-ip",
            "true-client-ip",
            "fastly-client-ip",
            "wl-proxy-client-ip",
            "x-azure-clientip",
            "real-ip",
            "x-real_ip",
            "cf-connecting-ip",
            "do-connecting-ip",
            "x-originating-ip",
            "x-remote-ip",
            "x-http-host",
            "x-http-host-override",
            "x-forward-for",
            "x-forwarder-for",
            "x-remote-addr",
            "x-original-ip",
            "x-proxyuser-ip",
            "x-appengine-user-ip",
        ] {
            assert!(is_origin(name), "{name}");
        }
        for name in [
            "x-forward",
            "x-request-id",
            "x-target-ip",
            "host",
            "x-remote-user",
            "ip",
        ] {
            assert!(!is_origin(name), "{name}");
        }
    }
}
