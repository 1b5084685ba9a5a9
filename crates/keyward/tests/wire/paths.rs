//! P: paths. What can be read in two ways is refused, what passes goes on as it came. K1 is good for site `1` only.

use crate::spoken::{Ask, Way};
use crate::world::{ASKED, BOTH, World};

pub(crate) type Wanted = &'static [(u16, &'static str)];

pub(crate) const BAD: &[(u16, &str)] = &[(400, "bad_path")];

/// Refused as a path, or by the reader of heads before.
pub(crate) const MALFORMED: &[(u16, &str)] = &[(400, "bad_path"), (400, "bad_request")];

pub(crate) const FORBIDDEN: &[(u16, &str)] = &[(403, "site_forbidden")];

pub(crate) const NO_ROUTE: &[(u16, &str)] = &[(404, "no_route")];

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
    b"/api/1/%EF%B8%B0/2/x",
    b"/api/1/%ef%b8%b0/2/x",
    b"/api/1/%EF%B8%99/2/x",
    b"/api/1/%EF%BC%852e%EF%BC%852e/2",
    b"/api/1/%ef%b9%aa2e./2",
    b"/api/1/..%EF%BC%852f2",
    b"/api/1/..%EF%BC%8500/2",
    b"/api/1/..%E2%81%872",
    b"/api/1/..%EF%B8%94x/2",
    b"/api/1/..%C3%A9/2",
    b"/api/1/%EF%BC%85c0%EF%BC%85ae/2",
    b"/%EF%BD%81pi/1/x",
    b"/a%E2%80%8Bpi/1/x",
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
    b"/api/1/\xef\xb8\xb0/2/x",
    b"/api/1/\xef\xbc\x852e\xef\xbc\x852e/2",
    b"/api/1/<x>",
    b"/api/1/x?a=\x80",
    b"/api/1/x?a=\x7f",
    b"/api/1/x?a=\x00",
    b"/api/1/x?a=\tb",
    b"/api/1/x?a=\x1b[0m",
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
    // At its end every line is there.
    world.keyward.stop().await;
    let log = world.keyward.log();
    // The log names routes and sites, never what a client has put into a path.
    assert!(log.contains("bad_path") && !log.contains("forged"), "{log}");
    let stray = log
        .chars()
        .find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
    assert_eq!(stray, None, "{log:?}");
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
            "/api/1/%E4%BD%95%EF%BC%9F/50%EF%BC%85/wait%E2%80%A6",
            "/api/1/x?q={a}|b^c`d[e]&r=café&s=\u{fe30}/../2",
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
async fn p11_what_a_query_holds_goes_on_byte_for_byte() {
    let world = World::start("").await;
    for query in [
        r#"data={"a":1}"#,
        "a<b>c",
        "<script>alert(1)</script>",
        r#"q="quoted"&r=<a/href='//x'>"#,
        "\"",
        ">",
        r#"a=\"b\"\\c|d^e`f"#,
        "a=\"é\"",
        "site=2&x=\"/../../api/2",
    ] {
        let target = format!("/api/1/x?{query}");
        let ask = Ask::get(&target).key(&world.k1);
        let got = world.passed(Way::Http1, &ask).await;
        assert_eq!(got.request_line(), format!("GET {target} HTTP/1.1"));
        assert_eq!(got.header("x-keyward-site"), ["1"], "{target}");
        // It decides nothing.
        let other = Ask::get(format!("/api/2/x?{query}")).key(&world.k1);
        let table: Vec<(Ask, Wanted)> =
            vec![(Ask::get(&target), &[(401, "key_missing")]), (other, FORBIDDEN)];
        world.all_refused(&[Way::Http1], &table).await;
        for way in ASKED.iter().filter(|way| way.can_tell(&ask)) {
            let said = world.door().say(*way, &ask).await;
            assert_eq!(said.word(), (200, ""), "{way:?} {target}");
        }
        world.upstream.clear();
        // The library of HTTP/2 refuses some of it by itself: whoever speaks that has to percent-encode it.
        let said = world.door().say(Way::Http2, &ask).await;
        assert!(matches!(said.status, 0 | 200), "{target}: {said:?}");
    }
    // Each request has its own, whatever came before it on the connection, and behind it.
    let mut client = world.connect().await;
    let targets = ["/api/1/a?x=\"1\"", "/api/1/b?y=2", "/api/1/c?z=<3>", "/api/1/d"];
    world.upstream.clear();
    let all: Vec<u8> = targets
        .iter()
        .flat_map(|target| Ask::get(target).key(&world.k1).bytes())
        .collect();
    client.send(all).await;
    for target in targets {
        let answer = client.read_response().await;
        assert_eq!((answer.status, &answer.json()["target"]), (200, &target.into()));
    }
    let table: Vec<(Ask, Wanted)> = [
        r#"/api/1/x?a="b"#,
        "/api/1/x?a=#b",
        "/api/1/x?\"#\"",
        "/api/1/x#\"",
    ]
    .map(|target| (Ask::get(format!("{target} b")).key(&world.k1), MALFORMED))
    .to_vec();
    world.all_refused(&[Way::Http1], &table).await;
}
