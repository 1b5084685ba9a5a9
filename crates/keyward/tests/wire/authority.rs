//! P5: targets that name an authority, and other ways to move a path.

use crate::paths::{BAD, FORBIDDEN, NO_ROUTE, Wanted};
use crate::spoken::{Ask, Door, Way};
use crate::world::{BOTH, World, with_routes};
use keyward_testkit::{H2Outcome, KeySpec, OWNER};

#[tokio::test]
async fn p5_a_foreign_authority_is_refused_and_the_own_one_is_judged_by_its_path() {
    let world = World::start("").await;
    let foreign = &[(400, "bad_request")];
    let forms: &[(&str, Wanted)] = &[
        ("//evil/api/2", BAD),
        ("http://other/api/2", foreign),
        ("http://other/api/1/x", foreign),
        ("https://other/api/1/x", foreign),
        ("http://localhost@other/api/1/x", foreign),
        ("http://other@localhost/api/1/x", foreign),
        ("http://localhost:81/api/1/x", foreign),
        ("http://localhost./api/1/x", foreign),
        ("http:///api/1/x", foreign),
        ("http://", foreign),
        ("evil:80/api/2", foreign),
        ("evil:80", foreign),
        ("ftp://localhost/api/1/x", foreign),
        ("HTTP://localhost/api/2/x", foreign),
        ("localhost/api/1/x", foreign),
        ("api/1/x", foreign),
        ("?/api/1/x", foreign),
        ("/api/1/x#/../../2", foreign),
        ("http://localhost/api/1/x#y", foreign),
        ("*", BAD),
        ("http://localhost/api/2/x", FORBIDDEN),
        ("http://localhost//api/1/x", BAD),
        ("http://localhost/api/1/../2/x", BAD),
        ("http://localhost/swagger/../api/2/x", BAD),
        ("http://localhost", NO_ROUTE),
        ("http://localhost?/api/1/x", BAD),
    ];
    let table: Vec<_> = forms
        .iter()
        .map(|(target, wanted)| (Ask::get(target).key(&world.k1), *wanted))
        .collect();
    world.all_refused(&[Way::Http1], &table).await;
    let own = world
        .passed(
            Way::Http1,
            &Ask::get("http://localhost/api/1/x?y=%2e").key(&world.k1),
        )
        .await;
    assert_eq!(own.request_line(), "GET /api/1/x?y=%2e HTTP/1.1");
}

#[tokio::test]
async fn p5_over_http2_one_authority_and_a_path_or_nothing() {
    for world in [World::start("").await, World::start_tls("").await] {
        let door = world.door();
        let path = |path: &str| Ask::get(path).key(&world.k1);
        let table: Vec<(Ask, Wanted)> = vec![
            (path("/api/1/x").with("host", "other"), &[(400, "bad_request")]),
            (path("/api/1/x").host("user@localhost"), &[(400, "bad_request")]),
            (path("/api/1/x").host("local host"), &[(400, "bad_request")]),
            (path("/api/1/x").host(""), &[(400, "bad_request")]),
            (path("/api/1/x").host("localhost/api/2"), &[(400, "bad_request")]),
            (
                path("/api/1/x")
                    .with("host", "localhost")
                    .with("host", "localhost"),
                &[(400, "bad_request")],
            ),
            (path("http://other/api/2/x"), BAD),
            (path("http://localhost/api/1/x"), BAD),
            (path("api/1/x"), BAD),
            (path("*"), BAD),
            (path(""), BAD),
            (path("?/api/1/x"), BAD),
            (path("//localhost/api/1/x"), BAD),
        ];
        world.all_refused(&[Way::Http2], &table).await;
        // The HTTP/2 library cuts a fragment off before anybody sees it: what is judged is what goes on.
        let cut = world.passed(Way::Http2, &path("/api/1/x#/../../2")).await;
        assert_eq!(cut.request_line(), "GET /api/1/x HTTP/1.1");
        world
            .all_refused(
                &[Way::Http2],
                &[
                    (path("/api/2/x#/../../1"), FORBIDDEN),
                    (path("#/api/1/x"), NO_ROUTE),
                ],
            )
            .await;
        no_second_pseudo_header_is_believed(door, &world.k1).await;
        assert_eq!(world.upstream.count(), 0);
    }
}

async fn no_second_pseudo_header_is_believed(door: Door<'_>, secret: &str) {
    let good = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/api/1/x"),
    ];
    for extra in [
        (":path", "/api/2/x"),
        (":path", "/api/1/x"),
        (":authority", "other"),
        (":method", "OPTIONS"),
        (":protocol", "websocket"),
        (":keyward-site", "1"),
    ] {
        let mut h2 = door.connect_h2().await;
        let mut fields: Vec<(&str, &str)> = good.to_vec();
        fields.extend([extra, ("x-api-key", secret)]);
        h2.headers(1, &fields, true).await;
        let outcome = h2.outcome(1).await;
        assert!(
            !matches!(outcome, H2Outcome::Status(200..=299 | 401 | 403)),
            "{extra:?}: {outcome:?}"
        );
    }
    // A pseudo-header after a field.
    let mut h2 = door.connect_h2().await;
    let mut fields: Vec<(&str, &str)> = good[..3].to_vec();
    fields.extend([("x-api-key", secret), good[3]]);
    h2.headers(1, &fields, true).await;
    assert!(!matches!(h2.outcome(1).await, H2Outcome::Status(200..=299)));
}

#[tokio::test]
async fn p5_p6_a_path_cannot_be_moved_by_a_header_and_an_empty_one_goes_nowhere() {
    let everything = "[[gateway.routes]]\npath = \"/**\"\n";
    let world = World::of(with_routes(everything)).await;
    let any = world.secret_of(KeySpec::new(OWNER, "any")).await;
    for way in BOTH {
        let mut ask = Ask::get("/a").key(&any);
        for name in [
            "X-Original-URL",
            "X-Rewrite-URL",
            "X_Original_URL",
            "X-Original-URI",
            "X-Forwarded-Uri",
            "X-Forwarded-Path",
        ] {
            ask = ask.with(name, "/api/2/x");
        }
        let got = world.passed(*way, &ask).await;
        assert!(
            !String::from_utf8_lossy(&got.head).contains("/api/2/x"),
            "{:?}",
            got.header_lines()
        );
        assert_eq!(
            world.passed(*way, &Ask::get("/").key(&any)).await.request_line(),
            "GET / HTTP/1.1"
        );
    }
    world
        .all_refused(
            &[Way::Http1],
            &[(Ask::get("http://localhost?x=1").key(&any), BAD)],
        )
        .await;
    world
        .all_refused(&[Way::Http2], &[(Ask::get("?x=1").key(&any), BAD)])
        .await;
    let root = world
        .passed(Way::Http1, &Ask::get("http://localhost").key(&any))
        .await;
    assert_eq!(root.request_line(), "GET / HTTP/1.1");
}
