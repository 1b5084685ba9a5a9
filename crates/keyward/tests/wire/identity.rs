//! H4, H6: the headers that tell the upstream who is calling, and what `Connection` may take away.

use crate::header::{BAD, Wanted, ask};
use crate::spoken::{Ask, Way};
use crate::world::{BOTH, World};

#[tokio::test]
async fn h4_the_upstream_gets_one_value_of_each_identity_header_and_it_is_ours() {
    for world in [World::start("").await, World::start_tls("").await] {
        let key = &world.key;
        let names = [
            "Key-Id",
            "User-Id",
            "Site",
            "Use-Case",
            "Request-Id",
            "Role",
            "Anything",
        ];
        let spelled: Vec<String> = names
            .iter()
            .flat_map(|name| {
                [
                    format!("X-Keyward-{name}"),
                    format!("X_Keyward_{}", name.replace('-', "_")),
                    format!("x-keyward-{}", name.to_uppercase()),
                    format!("X.Keyward.{name}"),
                    format!("X-Keyward_{name}"),
                    format!("x_KEYWARD-{name}"),
                ]
            })
            .chain(["X_API_KEY".to_owned()])
            .collect();
        for way in BOTH {
            let mut with_all = ask().key(&world.k1);
            for name in &spelled {
                with_all = with_all.with(name, "forged").with(name, "forged");
            }
            let got = world.passed(*way, &with_all).await;
            assert!(
                !String::from_utf8_lossy(&got.head).contains("forged"),
                "{:?}",
                got.header_lines()
            );
            assert_eq!(got.header("x-keyward-key-id"), [key.id.as_str()]);
            assert_eq!(
                got.header("x-keyward-user-id"),
                [key.json["owner"]["id"].as_str().unwrap()]
            );
            assert_eq!(
                got.header("x-keyward-use-case"),
                [key.json["use_case"].as_str().unwrap()]
            );
            assert_eq!(got.header("x-keyward-site"), ["1"]);
            assert_eq!(got.header("x-keyward-request-id").len(), 1);
            assert_eq!(
                got.folded_lines(|name| name.starts_with("x-keyward-")).len(),
                5,
                "{:?}",
                got.header_lines()
            );
            // Where nobody was identified, nobody is named.
            for (method, target) in [
                ("GET", "/swagger/x"),
                ("OPTIONS", "/api/1/x"),
                ("HEAD", "/swagger"),
            ] {
                let mut open = Ask::new(method, target).key(&world.k1);
                for name in &spelled {
                    open = open.with(name, "forged");
                }
                let got = world.passed(*way, &open).await;
                assert!(
                    !String::from_utf8_lossy(&got.head).contains("forged"),
                    "{:?}",
                    got.header_lines()
                );
                assert_eq!(
                    got.folded_lines(|name| name.starts_with("x-keyward-")).len(),
                    1,
                    "the request id alone: {:?}",
                    got.header_lines()
                );
                assert!(
                    got.folded_lines(|name| name == "x-api-key").is_empty(),
                    "{:?}",
                    got.header_lines()
                );
            }
        }
    }
}

#[tokio::test]
async fn h6_connection_cannot_take_away_what_decides() {
    let world = World::start("[gateway.cors]\norigins = [\"https://app.example.com\"]\n").await;
    let mut table: Vec<(Ask, Wanted)> = Vec::new();
    for list in [
        "X-API-KEY",
        "x-api-key",
        "X_API_KEY",
        "close, X-API-KEY",
        "keep-alive,X-Api-Key",
        ",,X-API-KEY,,",
        "X-API-KEY\t",
        "close, X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Real-IP",
        "Forwarded",
        "X-Keyward-Key-Id",
        "x_keyward_key_id",
        "X-Keyward-Anything",
        "X-Site",
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "close, transfer-encoding",
        "X_Site",
        "Client-IP",
        "Origin",
        "Access-Control-Request-Method",
        "X-HTTP-Method-Override",
        "Authorization",
        "Cookie",
        "Content-Type",
        "X API KEY",
        "\"X-API-KEY\"",
        "a=b",
        "a;b",
    ] {
        table.push((ask().key(&world.k1).with("Connection", list), BAD));
        table.push((Ask::new("OPTIONS", "/api/1/x").with("Connection", list), BAD));
        table.push((
            Ask::get("/swagger")
                .with("Connection", "close")
                .with("Connection", list),
            BAD,
        ));
    }
    for name in ["Keep-Alive", "TE", "Trailer", "Proxy-Connection"] {
        for list in [
            "X-API-KEY",
            "a, X_API_KEY",
            "X-Keyward-Key-Id",
            "x_keyward_site",
            "X-Forwarded-For",
            "X-Site",
            "X-API-KEY;q=0.5",
            "timeout=5, X-API-KEY=1",
            "trailers;X-Keyward-Site",
            "Content-Length",
        ] {
            table.push((ask().key(&world.k1).with(name, list), BAD));
        }
    }
    world.all_refused(&[Way::Http1], &table).await;
    let tls = World::start_tls("").await;
    let some = [(ask().key(&tls.k1).with("Connection", "X-API-KEY"), BAD)];
    tls.all_refused(&[Way::Http1], &some).await;
    // HTTP/2 has no such fields at all (RFC 9113, 8.2.2).
    for (name, value) in [
        ("connection", "x-api-key"),
        ("connection", "close"),
        ("keep-alive", "x"),
        ("proxy-connection", "x"),
        ("te", "gzip"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
    ] {
        let said = tls
            .door()
            .say(Way::Http2, &ask().key(&tls.k1).with(name, value))
            .await;
        assert!(matches!(said.status, 0 | 400), "{name}: {said:?}");
    }
    assert_eq!(tls.upstream.count(), 0);
}

#[tokio::test]
async fn h6_hop_by_hop_headers_end_at_the_gateway_before_ours_are_added() {
    let world = World::start("").await;
    let hops = ask()
        .key(&world.k1)
        .with("Connection", "keep-alive, X-Once, X-Absent")
        .with("Connection", "X-Twice")
        .with("Keep-Alive", "timeout=5")
        .with("Proxy-Connection", "keep-alive")
        .with("Proxy-Authorization", "Basic eDp5")
        .with("Proxy-Authenticate", "Basic")
        .with("TE", "trailers")
        .with("Trailer", "X-Sum")
        .with("Upgrade", "foo")
        .with("HTTP2-Settings", "AAMAAABk")
        .with("X-Once", "1")
        .with("X-Twice", "2")
        .with("X-Kept", "3");
    let got = world.passed(Way::Http1, &hops).await;
    let gone = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "proxy-authenticate",
        "te",
        "trailer",
        "upgrade",
        "http2-settings",
        "x-once",
        "x-twice",
    ];
    for name in gone {
        assert!(got.header(name).is_empty(), "{name}: {:?}", got.header_lines());
    }
    assert_eq!(got.header("x-kept"), ["3"]);
    assert_eq!(got.header("x-keyward-key-id").len(), 1);
}

#[tokio::test]
async fn h4_cookies_that_http2_splits_reach_an_http1_upstream_in_one_field() {
    let world = World::start("").await;
    let split = ask()
        .key(&world.k1)
        .with("Cookie", "a=1")
        .with("Accept", "*/*")
        .with("Cookie", "b=2")
        .with("Cookie", "c=3; d=4");
    let got = world.passed(Way::Http2, &split).await;
    assert_eq!(got.header("cookie"), ["a=1; b=2; c=3; d=4"]);
    let whole = world
        .passed(Way::Http1, &ask().key(&world.k1).with("Cookie", "a=1; b=2"))
        .await;
    assert_eq!(whole.header("cookie"), ["a=1; b=2"]);
}
