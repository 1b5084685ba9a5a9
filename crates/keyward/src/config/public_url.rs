//! Where clients find the gateway, for what the console shows to copy.

use super::values::Checker;
use crate::serve::reachable;
use keyward_domain::ServerUrl;
use std::net::SocketAddr;

/// The configured address, or the one that the gateway listens on; without a slash at its end.
pub(super) fn read(checker: &mut Checker<'_>, listen: Option<SocketAddr>) -> Option<String> {
    let gateway = &checker.loaded.config.gateway;
    match &gateway.public_url {
        Some(text) => checker.take("gateway.public_url", plain_url(text)),
        None => {
            let scheme = if gateway.tls.is_some() { "https" } else { "http" };
            Some(format!("{scheme}://{}", reachable(listen?)))
        }
    }
}

/// Scheme, host and port alone: it is pasted into shells and programs.
fn plain_url(text: &str) -> Result<String, String> {
    let way_out = "write it as https://api.example.com";
    let url = ServerUrl::parse(text).map_err(|fault| format!("`{text}` is no URL: {fault}; {way_out}"))?;
    if !matches!(url.scheme, "http" | "https") || !url.is_bare() {
        return Err(format!(
            "`{text}` must be http:// or https://, a host and perhaps a port alone: {way_out}"
        ));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::plain_url;

    #[test]
    fn a_public_url_is_a_scheme_a_host_and_perhaps_a_port() {
        let table = [
            ("https://api.example.com", Some("https://api.example.com")),
            ("https://api.example.com/", Some("https://api.example.com")),
            ("http://[::1]:8080", Some("http://[::1]:8080")),
            ("api.example.com", None),
            ("ftp://api.example.com", None),
            ("https://api.example.com/v1", None),
            ("https://api.example.com/?a", None),
            ("https://me@api.example.com", None),
            ("https://api.example.com#x", None),
            ("https://api.example.com:", None),
            ("https://api.example.com:99999", None),
            ("https://a'$b", None),
            ("", None),
        ];
        for (text, wanted) in table {
            assert_eq!(plain_url(text).ok().as_deref(), wanted, "{text}");
        }
    }
}
