//! P: paths and sites. K1 is good for site `1` only.

use crate::spoken::{Ask, Door, Way};
use crate::world::{BOTH, OWNER, World, folded_fields};
use keyward_testkit::{H2Outcome, KeySpec};

const BAD: &[(u16, &str)] = &[(400, "bad_path")];
/// Refused as a path, or by the reader of heads before.
const MALFORMED: &[(u16, &str)] = &[(400, "bad_path"), (400, "bad_request")];
const FORBIDDEN: &[(u16, &str)] = &[(403, "site_forbidden")];
const NO_ROUTE: &[(u16, &str)] = &[(404, "no_route")];

type Wanted = &'static [(u16, &'static str)];

fn with_key(world: &World, table: &[(&[u8], Wanted)]) -> Vec<(Ask, Wanted)> {
    table
        .iter()
        .map(|(target, wanted)| (Ask::get(target).key(&world.k1), *wanted))
        .collect()
}

/// Spellings that must be refused whatever the key is: they could be read in two ways.
const AMBIGUOUS: &[&[u8]] = &[
    b"/api/1/;x/y",
    b"/api/1/%20/y",
    b"/;/api/1/x",
    b"/api/1/..%3f/2",
    b"/api/1/..%23/2",
    b"/api/1/.%3fx=y/2",
    b"/api/1/..%c2%a0/2",
    b"/api/1/..%e2%80%8b/2",
    b"/api/1/%ef%bb%bf../2",
    b"/api/1/%ef%bc%8e%ef%bc%8e/2",
    b"/api/1/.%EF%BC%8E/2",
    b"/api/1/%e2%80%a5/2",
    b"/api/1/..%ef%bc%8f2",
    b"/api/1/..%ef%bc%bc2",
    b"/api/1/x%c2%85",
    b"/api%3f/1/x",
    b"/api%23/1/x",
    // P1
    b"//api/2/x",
    b"/api//2/x",
    b"///api/2/x",
    b"//api/1/x",
    b"/api//1/x",
    b"/api/1//x",
    b"/api/1/x//",
    b"//swagger",
    b"/swagger//x",
    b"//",
    b"/wh//1",
    b"/wh/a//1",
    // P2
    b"/api/1/../2/x",
    b"/api/1/./x",
    b"/api/./1/x",
    b"/api/../api/2/x",
    b"/api/1/..",
    b"/api/1/.",
    b"/api/1/...",
    b"/api/1/%2e%2e/2/x",
    b"/api/1/.%2e/2",
    b"/api/1/%2E./2",
    b"/api/1/%2E%2e/2",
    b"/api/1/%2e/x",
    b"/api/..%20/1/x",
    b"/wh/../wh/a/1",
    b"/wh/a/..",
    b"/swagger/../api/2/x",
    b"/swagger/%2e%2e/api/2/x",
    // P3
    b"/api/1%2f..%2f2/x",
    b"/api/1%2F..%2F2/x",
    b"/api%2f2/x",
    b"/api%2F1/x/../../api/2/x",
    b"/api/1/..%2f..%2fswagger",
    b"/api/1/..%2f2",
    b"/api/1/x%2f..%2f..%2f2",
    b"/api/1/a%2fb",
    b"/wh/a%2f1/1",
    b"/wh/a/1%2f2",
    // P4
    b"/api/1%5c..%5c2",
    b"/api/1%5C..%5C2",
    b"/api\\2\\x",
    b"/api/1\\..\\2",
    b"/api/1/..;/2",
    b"/api/1/..;x=1/2",
    b"/api/1/..%3b/2",
    b"/api/1/.;/2",
    b"/api/1;x=/../2",
    b"/api/1;v=2/x",
    b"/api/1;/x",
    b"/api/1%3b/x",
    b"/wh/a;b/1",
    b"/wh/a/1;b",
    // P6
    b"/api/%2531/x",
    b"/api/%2532/x",
    b"/api/%252532/x",
    b"/api/%25%33%32/x",
    b"/api/%32/x",
    b"/api/%31/x",
    b"/api/1/%41",
    b"/api/1/%2541",
    b"/api/1/%252e%252e/2",
    b"/wh/%61/1",
    b"/wh/a/%31",
    // P7
    b"/api/+1/y",
    b"/api/1+/y",
    b"/api/~1/y",
    b"/api/1~/y",
    b"/api/1,2/y",
    b"/api/1:80/y",
    b"/api/1@2/y",
    b"/api/{site}/y",
    b"/api/%EF%BC%91/y",
    b"/wh/a/%EF%BC%91",
    // P8
    b"/api/1/a%00b",
    b"/api/1/a%09b",
    b"/api/1/a%0ab",
    b"/api/1/a%0Db",
    b"/api/1/a%7fb",
    b"/api/1%00/x",
    b"/api/1%20/x",
    b"/api/%201/x",
    b"/api/1/%1b[31m",
    // P9
    b"/api/1/%c0%af",
    b"/api/1/%c0%ae%c0%ae",
    b"/api/1/%e0%80%af",
    b"/api/1/%f8%80%80%80%af",
    b"/api/1/%80",
    b"/api/1/%ed%a0%80",
    b"/api/1/%f4%90%80%80",
    b"/api/1/%u002f",
    b"/api/1/%u002e%u002e/2",
    b"/api/1/%",
    b"/api/1/%zz",
    b"/api/1/%2",
    b"/api/1/%%32",
    b"/api/1/%2g",
    b"/api/1/%25u002f",
    // P11: an encoded question mark is no question mark
    b"/api/1%3f/2",
    b"/api/1%3F/../2",
    b"/wh/a%3f/1",
];

/// Bytes that stand in no path.
const RAW: &[&[u8]] = &[
    b"\\api\\2\\x",
    b"/api/1/a\0b",
    b"/api/1/a\tb",
    b"/api/1/a\x01b",
    b"/api/1/a\x0bb",
    b"/api/1/a\x1bb",
    b"/api/1/a\x7fb",
    b"/api/1/\x80",
    b"/api/1/\xff",
    b"/api/1/caf\xc3\xa9",
    b"/api/\xef\xbc\x91/y",
    b"/api/1\xa0/y",
    b"/api/1/\xc0\xaf",
    b"/api/1/x?a=\x80",
    b"/api/1/x?a=\x7f",
    b"/api/1/x?a=\xc3\xa9",
];

#[tokio::test]
async fn p1_p2_p3_p4_p6_p8_p9_p11_ambiguous_paths_are_refused_in_every_way() {
    for world in [World::start("").await, World::start_tls("").await] {
        let mut table: Vec<(Ask, Wanted)> = Vec::new();
        for target in AMBIGUOUS {
            table.push((Ask::get(target).key(&world.k1), BAD));
        }
        for target in RAW {
            table.push((Ask::get(target).key(&world.k1), MALFORMED));
        }
        // The same without a key, and with methods that need none.
        for target in [
            &b"//api/2/x"[..],
            b"/api/1/../2/x",
            b"/api/1%2f..%2f2/x",
            b"/api/1;v=2/x",
            b"/swagger/..;/api/2",
        ] {
            table.push((Ask::get(target), BAD));
            table.push((Ask::new("OPTIONS", target), BAD));
            table.push((Ask::new("HEAD", target), &[(400, "")]));
        }
        world.all_refused(BOTH, &table).await;
    }
}

#[tokio::test]
async fn p8_line_ends_and_spaces_in_a_target_are_refused_and_never_reach_a_log_unescaped() {
    let world = World::start("").await;
    for target in [
        "/api/1/a b",
        "/api/1/a\rb",
        "/api/1/a\nb",
        "/api/1/a\r\nb",
        "/api/1/ HTTP/1.1 ",
        " /api/1",
        "/api/1/\u{202e}",
    ] {
        let said = world.say(&Ask::get(target).key(&world.k1)).await;
        assert_eq!(said.word(), (400, "bad_request"), "{target:?}");
    }
    for (target, way) in [
        ("/api/1/%1b[31m%0aforged", Way::Http1),
        ("/api/1/\u{85}\u{202e}forged", Way::Http2),
    ] {
        let said = world.door().say(way, &Ask::get(target).key(&world.k1)).await;
        assert!(matches!(said.status, 0 | 400), "{target:?}: {said:?}");
    }
    assert_eq!(world.upstream.count(), 0);
    let log = world.keyward.log();
    // The log names routes and sites, never what a client has put into a path.
    assert!(log.contains("bad_path") && !log.contains("forged"), "{log}");
    let stray = log
        .chars()
        .find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
    assert_eq!(stray, None, "{log:?}");
}

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
async fn p6_p7_no_other_spelling_of_a_site_or_a_route_is_taken_for_it() {
    for world in [World::start("").await, World::start_tls("").await] {
        let table: &[(&[u8], Wanted)] = &[
            (b"/api/2/x", FORBIDDEN),
            (b"/api/2", FORBIDDEN),
            (b"/api/2/", FORBIDDEN),
            (b"/api/2/x/1", FORBIDDEN),
            (b"/api/01/y", FORBIDDEN),
            (b"/api/001/y", FORBIDDEN),
            (b"/api/1.0/y", FORBIDDEN),
            (b"/api/1./y", FORBIDDEN),
            (b"/api/.1/y", FORBIDDEN),
            (b"/api/-1/y", FORBIDDEN),
            (b"/api/1_/y", FORBIDDEN),
            (b"/api/0x1/y", FORBIDDEN),
            (b"/api/1e0/y", FORBIDDEN),
            (b"/wh/a/2", FORBIDDEN),
            (b"/wh/a/01", FORBIDDEN),
            (b"/wh/1/2", FORBIDDEN),
            (b"/enc/2/a%2fb", FORBIDDEN),
            (b"/apix/2", NO_ROUTE),
            (b"/api1/2", NO_ROUTE),
            (b"/api.1/x", NO_ROUTE),
            (b"/API/1/x", NO_ROUTE),
            (b"/Api/1/x", NO_ROUTE),
            (b"/api", NO_ROUTE),
            (b"/api/", NO_ROUTE),
            (b"/", NO_ROUTE),
            (b"/1/x", NO_ROUTE),
            (b"/wh/1", NO_ROUTE),
            (b"/wh/a/1/", NO_ROUTE),
            (b"/wh/a/1/x", NO_ROUTE),
            (b"/WH/a/1", NO_ROUTE),
            (b"/x/api/1/x", NO_ROUTE),
            (b"/api;x/1/x", BAD),
            (b"/%41pi/1/x", BAD),
            (b"/%61pi/2/x", BAD),
        ];
        world.all_refused(BOTH, &with_key(&world, table)).await;
        // Nothing is routed without a key, either.
        let bare: Vec<(Ask, Wanted)> = [b"/api/1/x", b"/api/2/x"]
            .iter()
            .map(|target| (Ask::get(target), &[(401, "key_missing")][..]))
            .collect();
        world.all_refused(BOTH, &bare).await;
    }
}

#[tokio::test]
async fn p3_p6_p11_what_passes_goes_on_byte_for_byte() {
    for world in [World::start("").await, World::start_tls("").await] {
        for target in [
            "/api/1",
            "/api/1/",
            "/api/1/resource",
            "/api/1/..a/b..",
            "/api/1/.well-known/x",
            "/api/1/a;v=2/b;c",
            "/api/1/caf%C3%A9/%F0%9F%94%91",
            "/api/1/100%25/%25zz",
            "/api/1/a%20b%3Fc%23d%3bf",
            "/api/1/~me/!$&'()*+,=:@-._",
            "/api/1?",
            "/api/1?/../../api/2",
            "/api/1/x?site=2&x-site=2&a=%2e%2e%2f&b=%00%zz&c=//../\\",
            "/api/1/x?api_key=other",
            "/api/1/x??y=?",
            "/wh/any/1",
            "/wh/2/1",
            "/wh/a..b/1?site=2",
            "/enc/1/a%2fb%2Fc",
            "/enc/1/https:%2f%2fexample.com%2f",
        ] {
            for way in BOTH {
                let got = world.passed(*way, &Ask::get(target).key(&world.k1)).await;
                assert_eq!(got.request_line(), format!("GET {target} HTTP/1.1"));
                assert_eq!(got.header("x-keyward-site"), ["1"], "{target}");
                assert_eq!(got.header("host"), ["localhost"], "{target}");
            }
        }
        let table: &[(&[u8], Wanted)] = &[
            (b"/enc/1%2fa", BAD),
            (b"/enc/1%2f..%2f2/x", BAD),
            (b"/enc%2f1/x", BAD),
            (b"/enc/1/a%2f..%2f..%2f..%2f2", BAD),
            (b"/enc/1/..%2f2/x", BAD),
            (b"/enc/1/%2e%2e%2f2/x", BAD),
            (b"/enc/1/a%2f.;x%2fb", BAD),
            (b"/enc/1/a%5cb", BAD),
            (b"/enc/1/a%252fb", BAD),
        ];
        world.all_refused(BOTH, &with_key(&world, table)).await;
    }
}

#[tokio::test]
async fn p12_only_exact_members_of_the_list_pass() {
    let world = World::start("").await;
    let longest = "s".repeat(64);
    for site in [longest.as_str(), "a.b_c-D"] {
        world.keyward.site(site).await;
    }
    let k13 = world
        .secret(KeySpec::new(OWNER, "K13").sites(&["1", "3", &longest, "a.b_c-D"]))
        .await;
    for site in ["1", "3", longest.as_str(), "a.b_c-D"] {
        for target in [format!("/api/{site}/x"), format!("/wh/hook/{site}")] {
            for way in BOTH {
                let got = world.passed(*way, &Ask::get(&target).key(&k13)).await;
                assert_eq!(got.header("x-keyward-site"), [site]);
            }
        }
    }
    let mut table: Vec<(Ask, Wanted)> = Vec::new();
    let mut add = |site: &str, wanted: Wanted| {
        table.push((Ask::get(format!("/api/{site}/x")).key(&k13), wanted));
        table.push((Ask::get(format!("/wh/hook/{site}")).key(&k13), wanted));
    };
    for site in [
        "2",
        "4",
        "13",
        "31",
        "0",
        "_",
        "1.3",
        "1-3",
        "1_3",
        "null",
        "all",
        "any",
        "A.b_c-D",
        "a.b_c-d",
        "a",
        &"s".repeat(63),
        &"S".repeat(64),
    ] {
        add(site, FORBIDDEN);
    }
    for site in [
        "*",
        "**",
        "1*",
        "?",
        "%",
        "%25",
        "'%20or%201=1--",
        "'or'1'='1",
        "1,3",
        "1%2c3",
        "1|3",
        "1&3",
        "[1]",
        "{1}",
        "(1)",
        "1$",
        "^1",
        "1%0a",
        "1%00",
        &"s".repeat(65),
        &"1".repeat(4096),
    ] {
        if site != "?" {
            add(site, BAD);
        }
    }
    world.all_refused(BOTH, &table).await;
    let raw = [(Ask::get("/api/' or 1=1--/x").key(&k13), MALFORMED)];
    world.all_refused(&[Way::Http1], &raw).await;
    // A key that names no site reaches none, nor a route without one; a route without a site is closed to both.
    let none = world.secret(KeySpec::new(OWNER, "none").sites(&[])).await;
    let closed: Vec<(Ask, Wanted)> = [
        ("/api/1/x", &none),
        ("/api/*/x", &none),
        ("/free/x", &none),
        ("/free/x", &k13),
    ]
    .iter()
    .map(|(target, key)| {
        (
            Ask::get(target).key(key),
            if target.contains('*') { BAD } else { FORBIDDEN },
        )
    })
    .collect();
    world.all_refused(BOTH, &closed).await;
}

#[tokio::test]
async fn p12_a_site_from_a_header_is_one_plain_value_and_no_other_spelling_goes_on() {
    for world in [World::start("").await, World::start_tls("").await] {
        let ask = || Ask::get("/hdr/x").key(&world.k1);
        let bad: Wanted = &[(400, "bad_request")];
        let table: Vec<(Ask, Wanted)> = vec![
            (ask().with("X-Site", "2"), FORBIDDEN),
            (ask().with("X-Site", "01"), FORBIDDEN),
            (ask().with("X-Site", "1").with("X-Site", "2"), bad),
            (ask().with("X-Site", "1").with("X-Site", "1"), bad),
            (ask().with("X-Site", "2").with("x-site", "1"), bad),
            (ask(), bad),
            (ask().with("X-Site", ""), bad),
            (ask().with("X-Site", "1, 2"), bad),
            (ask().with("X-Site", "1;2"), bad),
            (ask().with("X-Site", "*"), bad),
            (ask().with("X-Site", "%31"), bad),
            (ask().with("X-Site", "\"1\""), bad),
            (ask().with("X-Site", b"\xef\xbc\x91"), bad),
            (ask().with("X-Site", "s".repeat(65)), bad),
            (ask().with("X_Site", "1"), bad),
            (Ask::get("/hdr/x?X-Site=1").key(&world.k1), bad),
        ];
        world.all_refused(BOTH, &table).await;
        let told = world.say(&ask()).await.head.unwrap().text();
        assert!(told.contains("x-site"), "{told}");
        // Over HTTP/2 there is no `Connection` at all.
        let listed = [(ask().with("X-Site", "1").with("Connection", "X-Site"), bad)];
        world.all_refused(&[Way::Http1], &listed).await;
        for way in BOTH {
            let got = world
                .passed(
                    *way,
                    &ask().with("X-Site", "1").with("X_Site", "2").with("X.Site", "2"),
                )
                .await;
            assert_eq!(got.header("x-site"), ["1"]);
            assert_eq!(got.header("x-keyward-site"), ["1"]);
            assert_eq!(folded_fields(&got, "x-site"), ["x-site: 1"]);
        }
    }
}

#[tokio::test]
async fn p12_a_site_from_a_host_label_is_that_of_the_one_host() {
    for world in [World::start("").await, World::start_tls("").await] {
        let at = |host: &str| Ask::get("/host/x").key(&world.k1).host(host);
        let bad: Wanted = &[(400, "bad_request")];
        let table: Vec<(Ask, Wanted)> = vec![
            (at("2.example.com"), FORBIDDEN),
            (at("example.1.com"), FORBIDDEN),
            (at("01.example.com"), FORBIDDEN),
            (at("1-2.example.com"), FORBIDDEN),
            (at("%31.example.com"), bad),
            (at("1,2.example.com"), bad),
            (at("2.example.com@1.example.com"), bad),
            (at("1.example.com/2"), bad),
            (at("1.example.com, 2.example.com"), bad),
            (at(".example.com"), bad),
            (at("[::1]"), bad),
            (at("[1.2::]"), bad),
            (at("*.example.com"), bad),
            (at("1.example.com:x"), bad),
            (at("1.example.com:80:80"), bad),
            (at("1.example.com").with("Host", "2.example.com"), bad),
            (
                at("2.example.com").with("X-Forwarded-Host", "1.example.com"),
                FORBIDDEN,
            ),
            (at("2.example.com").with("X-Host", "1.example.com"), FORBIDDEN),
        ];
        world.all_refused(BOTH, &table).await;
        for way in BOTH {
            for host in ["1.example.com", "1.example.com:8080", "1.", "1"] {
                let ask = at(host)
                    .with("X-Forwarded-Host", "2.example.com")
                    .with("Forwarded", "host=2.example.com");
                let got = world.passed(*way, &ask).await;
                assert_eq!(got.header("host"), [host]);
                assert_eq!(got.header("x-keyward-site"), ["1"]);
                assert!(
                    !String::from_utf8_lossy(&got.head).contains("2.example.com"),
                    "{:?}",
                    got.header_lines()
                );
            }
        }
        let absolute = [(
            Ask::get("http://2.example.com/host/x")
                .host("1.example.com")
                .key(&world.k1),
            bad,
        )];
        world.all_refused(&[Way::Http1], &absolute).await;
    }
}

#[tokio::test]
async fn p5_p6_a_path_cannot_be_moved_by_a_header_and_an_empty_one_goes_nowhere() {
    let everything = "[[gateway.routes]]\npath = \"/**\"\n";
    let world = World::start_with(everything, "", None).await;
    let any = world.secret(KeySpec::new(OWNER, "any")).await;
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
