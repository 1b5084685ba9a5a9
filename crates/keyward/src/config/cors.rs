//! Pages of which origins may read answers.

use super::schema;
use super::values::{Checker, header_name};
use keyward_gateway::Cors;
use url::Url;

pub(super) fn read(checker: &mut Checker<'_>, cors: &schema::Cors) -> Cors {
    if cors.origins.is_empty() {
        checker.fault(
            "gateway.cors.origins",
            "must name at least one origin such as https://app.example.com, or \"*\"",
        );
    }
    for (n, origin) in cors
        .origins
        .iter()
        .enumerate()
        .filter(|(_, origin)| *origin != "*")
    {
        checker.take(&format!("gateway.cors.origins[{n}]"), check_origin(origin));
    }
    checker.methods("gateway.cors.methods", &cors.methods);
    for (n, name) in cors.headers.iter().enumerate() {
        checker.take(&format!("gateway.cors.headers[{n}]"), header_name(name));
    }
    Cors {
        origins: cors.origins.clone(),
        methods: cors.methods.clone(),
        headers: cors.headers.clone(),
        max_age: checker.duration("gateway.cors.max_age", &cors.max_age),
    }
}

/// Origins are compared as browsers send them, so that one in another spelling would never match.
fn check_origin(text: &str) -> Result<(), String> {
    if text.contains('*') {
        return Err(format!(
            "`{text}`: an origin has no `*` in it: name each as https://app.example.com, or all by \"*\""
        ));
    }
    let no_origin = || format!("`{text}` is no origin: write it as https://app.example.com, without a path");
    let url = Url::parse(text).map_err(|_| no_origin())?;
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or_else(no_origin)?;
    // What is no address of the web has no form that all browsers agree on, but these parts.
    let sent = match (url.origin(), url.port()) {
        (origin, _) if origin.is_tuple() => origin.ascii_serialization(),
        (_, Some(port)) => format!("{}://{host}:{port}", url.scheme()),
        (_, None) => format!("{}://{host}", url.scheme()),
    };
    if sent == text {
        return Ok(());
    }
    Err(format!(
        "`{text}` is no origin as browsers send it: write it as {sent}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_send_it() {
        for good in [
            "https://app.example.com",
            "http://localhost:3000",
            "https://app.example.com:8443",
            "http://[::1]:3000",
            "https://xn--bcher-kva.example",
            "capacitor://localhost",
            "chrome-extension://abcdefgh",
        ] {
            assert_eq!(check_origin(good), Ok(()), "{good}");
        }
        for (bad, way_out) in [
            ("https://*.example.com", "name each as"),
            ("HTTPS://App.example.com", "write it as https://app.example.com"),
            ("https://App.example.com", "write it as https://app.example.com"),
            (
                "https://app.example.com:443",
                "write it as https://app.example.com",
            ),
            ("http://app.example.com:80", "write it as http://app.example.com"),
            ("https://app.example.com/", "write it as https://app.example.com"),
            ("https://app.example.com/x", "write it as https://app.example.com"),
            ("https://a@app.example.com", "write it as https://app.example.com"),
            (
                "https://b\u{fc}cher.example",
                "write it as https://xn--bcher-kva.example",
            ),
            ("app.example.com", "is no origin"),
            ("localhost:3000", "is no origin"),
            ("://x", "is no origin"),
            ("https://", "is no origin"),
            ("null", "is no origin"),
            ("file:///x", "is no origin"),
            ("", "is no origin"),
        ] {
            let told = check_origin(bad).unwrap_err();
            assert!(told.contains(way_out), "{bad}: {told}");
        }
    }
}
