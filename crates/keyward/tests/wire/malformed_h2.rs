//! What RFC 9113 calls malformed (sections 8.2 and 8.3) is refused over HTTP/2, on every port that speaks it.

use crate::world::World;
use keyward_testkit::{H2Outcome, RawH2};
use std::net::SocketAddr;

type Fields<'f> = Vec<(&'f str, &'f str)>;

/// What becomes of a request: nothing of it may pass, and what is said is 400 (404 where nobody asks), or the stream or the connection
/// ends.
async fn is_refused(port: SocketAddr, fields: &Fields<'_>) {
    let mut h2 = RawH2::connect(port).await;
    h2.headers(1, fields, true).await;
    let outcome = h2.outcome(1).await;
    assert!(
        !matches!(outcome, H2Outcome::Status(status) if !matches!(status, 400 | 404)),
        "{port} {fields:?}: {outcome:?}"
    );
}

#[tokio::test]
async fn h9_what_http2_calls_malformed_is_refused_on_every_port() {
    let world = World::start("").await;
    let keyward = &world.keyward;
    let manager = keyward.management_secret();
    let grpc = "/envoy.service.auth.v3.Authorization/Check";
    for (port, method, path, key) in [
        (keyward.gateway(), "GET", "/api/1/x", world.k1.as_str()),
        (keyward.gateway(), "GET", "/swagger", ""),
        (
            keyward.authz(),
            "GET",
            "/authz/ext-authz/api/1/x",
            world.k1.as_str(),
        ),
        (keyward.authz(), "POST", grpc, ""),
        (keyward.console(), "GET", "/v1/me", manager),
    ] {
        let good = || -> Fields<'_> {
            vec![
                (":method", method),
                (":scheme", "http"),
                (":authority", "localhost"),
                (":path", path),
                ("x-forwarded-for", "127.0.0.1"),
                ("x-api-key", key),
            ]
        };
        for field in [
            ("a", " b"),
            ("a", "b "),
            ("a", "\tb"),
            ("a", "b\t"),
            ("a", " "),
            ("x-forwarded-for", "127.0.0.1 "),
            ("cookie", "a=b "),
            ("connection", "close"),
            ("connection", "keep-alive"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "close"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("te", "gzip"),
            ("A", "b"),
            ("X-Api-Key", "b"),
            ("a b", "c"),
            ("a", "b\r\nc: d"),
            ("a", "b\0"),
            ("", "b"),
            (":path", "/api/2/x"),
            ("host", "other"),
            (":status", "200"),
            (":unknown", "x"),
        ] {
            let mut fields = good();
            fields.push(field);
            is_refused(port, &fields).await;
        }
        for (name, value) in [
            (":scheme", "ftp"),
            (":scheme", "javascript"),
            (":scheme", "x"),
            (":scheme", ""),
            (":scheme", "http "),
            (":scheme", "ht tp"),
            (":authority", "user@localhost"),
            (":authority", "user:secret@localhost"),
            (":authority", "local host"),
            (":authority", ""),
            (":path", ""),
            (":path", "api/1/x"),
            (":path", "?x"),
            (":path", "/api/1/x y"),
            (":method", ""),
            (":method", "G ET"),
        ] {
            let fields: Fields<'_> = good()
                .into_iter()
                .map(|(name_of, old)| (name_of, if name_of == name { value } else { old }))
                .collect();
            is_refused(port, &fields).await;
        }
        for missing in [":method", ":scheme", ":path"] {
            let fields: Fields<'_> = good().into_iter().filter(|(name, _)| *name != missing).collect();
            is_refused(port, &fields).await;
        }
        let mut scheme_without_authority = good();
        scheme_without_authority.retain(|(name, _)| *name != ":authority");
        is_refused(port, &scheme_without_authority).await;
    }
    assert_eq!(world.upstream.count(), 0);
    // Both schemes pass: who ends TLS in front says https.
    for scheme in ["http", "https"] {
        let mut h2 = RawH2::connect(keyward.gateway()).await;
        let fields = [
            (":method", "GET"),
            (":scheme", scheme),
            (":authority", "localhost"),
            (":path", "/api/1/x"),
            ("te", "trailers"),
            ("x-api-key", &world.k1),
        ];
        h2.headers(1, &fields, true).await;
        assert_eq!(h2.outcome(1).await, H2Outcome::Status(200), "{scheme}");
    }
}

#[tokio::test]
async fn h7_no_pseudo_header_of_a_trailer_goes_anywhere() {
    let world = World::start("").await;
    let mut h2 = RawH2::connect(world.keyward.gateway()).await;
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/api/1/x"),
        ("x-api-key", &world.k1),
    ];
    h2.headers(1, &fields, false).await;
    h2.data(1, "body", false).await;
    h2.headers(1, &[(":path", "/api/2/x"), ("x-api-key", "other")], true)
        .await;
    let outcome = h2.outcome(1).await;
    assert!(
        matches!(outcome, H2Outcome::Status(200 | 400) | H2Outcome::Reset(_)),
        "{outcome:?}"
    );
    for got in world.upstream.requests() {
        assert_eq!(got.target(), "/api/1/x");
        assert!(!String::from_utf8_lossy(&got.body).contains("/api/2"), "{got:?}");
    }
}
