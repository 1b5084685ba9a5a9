//! Which page may ask for a change.

use super::misfit::Kind;
use super::*;
use crate::public_url::PublicUrl;
use http::HeaderValue;

const TLS: OwnAddress<'_> = OwnAddress::AsAsked { scheme: "https://" };

fn source_of(
    headers: &[(&'static str, &'static str)],
    uri: &'static str,
    address: &OwnAddress<'_>,
) -> Source {
    let headers = headers
        .iter()
        .map(|(name, value)| {
            (
                http::header::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .fold(HeaderMap::new(), |mut map, (name, value)| {
            map.append(name, value);
            map
        });
    source(&headers, &Uri::from_static(uri), address)
}

fn own(headers: &[(&'static str, &'static str)], uri: &'static str, address: &OwnAddress<'_>) -> bool {
    source_of(headers, uri, address) == Source::Own
}

#[test]
fn c4_only_a_page_of_this_host_may_ask_for_changes() {
    let host = ("host", "my.example.com");
    let table: [(&[(&str, &str)], bool); 11] = [
        (&[host, ("origin", "https://my.example.com")], true),
        (
            &[
                host,
                ("origin", "https://my.example.com"),
                ("sec-fetch-site", "same-origin"),
            ],
            true,
        ),
        (&[host], false),
        (&[host, ("origin", "null")], false),
        (&[host, ("origin", "http://my.example.com")], false),
        (&[host, ("origin", "https://evil.my.example.com")], false),
        (&[host, ("origin", "https://my.example.com.evil.com")], false),
        (
            &[
                host,
                ("origin", "https://my.example.com"),
                ("sec-fetch-site", "same-site"),
            ],
            false,
        ),
        (
            &[
                host,
                ("origin", "https://my.example.com"),
                ("origin", "https://my.example.com"),
            ],
            false,
        ),
        (
            &[
                host,
                ("origin", "https://my.example.com"),
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "cross-site"),
            ],
            false,
        ),
        (
            &[
                host,
                ("origin", "https://my.example.com"),
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "same-origin"),
            ],
            false,
        ),
    ];
    for (headers, passes) in table {
        let headers: Vec<_> = headers.to_vec();
        assert_eq!(own(Box::leak(headers.into_boxed_slice()), "/x", &TLS), passes);
    }
    // HTTP/2 has the host in the target.
    assert!(own(
        &[("origin", "https://my.example.com")],
        "https://my.example.com/x",
        &TLS
    ));
}

#[test]
fn c4_behind_a_proxy_only_a_page_of_the_public_address_may_ask_for_changes() {
    let url = PublicUrl::new("https://keys.example.com").unwrap();
    let address = OwnAddress::Known(&url);
    // The proxy asks for the console by another name.
    let host = ("host", "10.0.0.7:8081");
    let table: [(&[(&str, &str)], bool); 6] = [
        (&[host, ("origin", "https://keys.example.com")], true),
        (&[host, ("origin", "http://keys.example.com")], false),
        (&[host, ("origin", "https://10.0.0.7:8081")], false),
        (&[host, ("origin", "http://10.0.0.7:8081")], false),
        (&[host, ("origin", "null")], false),
        (
            &[
                host,
                ("origin", "https://keys.example.com"),
                ("sec-fetch-site", "cross-site"),
            ],
            false,
        ),
    ];
    for (headers, passes) in table {
        let headers: Vec<_> = headers.to_vec();
        assert_eq!(own(Box::leak(headers.into_boxed_slice()), "/x", &address), passes);
    }
}

#[test]
fn what_only_a_setting_can_mend_is_told_apart_from_another_page() {
    let url = PublicUrl::new("https://keys.example.com").unwrap();
    let known = OwnAddress::Known(&url);
    let plain = OwnAddress::AsAsked { scheme: "http://" };
    let host = ("host", "127.0.0.1:8081");
    let same = ("sec-fetch-site", "same-origin");
    for (address, origin, wanted) in [
        // A proxy with TLS, whatever host it asks for, and no setting.
        (&plain, "https://keys.example.com", Some(Kind::NotNamed)),
        (&plain, "https://keys.example.com:8443", Some(Kind::NotNamed)),
        (&plain, "https://127.0.0.1:8081", Some(Kind::NotNamed)),
        (&TLS, "https://keys.example.com", Some(Kind::NotNamed)),
        (&plain, "http://keys.example.com", Some(Kind::HostRewritten)),
        (&TLS, "http://127.0.0.1:8081", Some(Kind::WithoutTls)),
        (&known, "https://old.example.com", Some(Kind::Another)),
        (&known, "http://keys.example.com", Some(Kind::Another)),
        (&known, "https://keys.example.com:8443", Some(Kind::Another)),
        (&plain, "null", None),
        (&plain, "chrome-extension://abc", None),
        (&plain, "https://a/b", None),
        (&plain, "https://a\"b", None),
        (&plain, "https://", None),
    ] {
        for headers in [
            vec![host, ("origin", origin)],
            vec![host, same, ("origin", origin)],
        ] {
            let found = match source_of(&headers, "/x", address) {
                Source::Own => panic!("{origin} passes"),
                Source::Foreign => None,
                Source::Unknown(misfit) => Some(misfit.kind),
            };
            assert_eq!(found, wanted, "{origin}");
        }
        for site in ["cross-site", "same-site", "none"] {
            let headers = [host, ("sec-fetch-site", site), ("origin", origin)];
            assert_eq!(
                source_of(&headers, "/x", address),
                Source::Foreign,
                "{origin} {site}"
            );
        }
    }
}
