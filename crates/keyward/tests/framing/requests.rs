//! F1–F7: how clients frame their requests.

use crate::world::{World, assert_problem};
use keyward_testkit::{H2Outcome, RawH2};

/// A request that is refused, and what may be said to it.
struct Refused {
    lines: Vec<u8>,
    wanted: &'static [(u16, &'static str)],
}

const MALFORMED: &[(u16, &str)] = &[(400, "bad_request")];
const CODING: &[(u16, &str)] = &[(400, "bad_request"), (501, "unknown_transfer_coding")];

/// Sends each head after a good request on the same connection, with a body that would be read in several ways and a
/// request behind it. The head is refused, the connection closed, and nothing of either reaches the upstream.
async fn all_refused(world: &World, table: Vec<Refused>) {
    for (n, case) in table.iter().enumerate() {
        let shown = case.lines.escape_ascii().to_string();
        world.upstream.clear();
        let mut client = world.connect().await;
        let target = format!("/api/1/before-{n}");
        world.echoed(&mut client, &target).await;
        let rest = [
            b"5\r\nhello\r\n0\r\n\r\n".to_vec(),
            world.request("GET", "/api/1/smuggled", &[], b""),
        ];
        client.send([&case.lines[..], &rest.concat()].concat()).await;
        let answer = client.try_read_response("GET").await;
        let answer = answer.unwrap_or_else(|e| panic!("{shown}: {e}"));
        let said = (answer.status, answer.code());
        let fits = case
            .wanted
            .iter()
            .any(|(status, code)| said == (*status, (*code).to_owned()));
        assert!(fits, "{shown}: {said:?}, wanted {:?}", case.wanted);
        assert_problem(&answer, said.0, &said.1);
        assert_eq!(answer.header("connection"), Some("close"), "{shown}");
        let after = client.read_to_end().await;
        assert!(after.is_empty(), "{shown}: {}", after.escape_ascii());
        assert_eq!(world.whole_targets(), [target], "{shown}");
        assert_eq!(world.upstream.count(), 1, "{shown}");
    }
}

/// A POST with these further header lines, which must end with CR LF each.
fn post(world: &World, lines: &str) -> Vec<u8> {
    let key = world.secret();
    format!("POST /api/1/x HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {key}\r\n{lines}\r\n").into_bytes()
}

#[tokio::test]
async fn f1_f2_f3_ambiguous_framing_is_refused_and_closed() {
    let world = World::start("").await;
    let mut table = Vec::new();
    let mut add = |wanted, lines: &str| {
        table.push(Refused {
            lines: post(&world, lines),
            wanted,
        });
    };
    // F1
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "content-LENGTH: 0\r\nX: y\r\nTRANSFER-encoding: Chunked\r\n",
        "Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
        "Transfer-Encoding:\r\nContent-Length: 5\r\n",
    ] {
        add(MALFORMED, lines);
    }
    // F2
    for coding in [
        "xchunked",
        "chunkedx",
        "identity",
        "gzip",
        "compress",
        "chunked, identity",
        "chunked,chunked",
        "gzip, chunked",
        ",chunked",
        "chunked,",
        "chunked;q=1",
        "chunked ; x",
        "\"chunked\"",
        "chun ked",
        "",
        "chunked, ",
        "\tidentity",
        "cow",
        "chunked\u{e9}",
        "\u{17f}chunked",
        "chun\u{212a}ed",
    ] {
        add(CODING, &format!("Transfer-Encoding: {coding}\r\n"));
    }
    for lines in [
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\t: chunked\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding:\x0cchunked\r\n",
        "Transfer-Encoding: chunked\x0b\r\n",
        "Transfer-Encoding:\x00chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer-Encoding: chun\rked\r\n",
        "Transfer-Encoding\r\n: chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "X: y\r\n\tTransfer-Encoding: chunked\r\n",
    ] {
        add(CODING, lines);
    }
    // F3
    for length in [
        "+5",
        "-1",
        "-0",
        "5,5",
        "5, 5",
        "5,6",
        "0x5",
        "05",
        "00",
        "5_0",
        "",
        "' '",
        "\" \"",
        "5 5",
        "5.0",
        "5e0",
        "5;",
        "5h",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1000000000000000000000000000000",
        "\u{ff15}",
        "\u{665}",
        "5\x0b",
        "\x0c5",
        "5\x00",
        "NaN",
        "5\r",
    ] {
        add(MALFORMED, &format!("Content-Length: {length}\r\n"));
    }
    for lines in [
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nX: y\r\ncontent-length: 6\r\n",
        "Content-Length: 0\r\nContent-Length: 5\r\n",
        "Content-Length:\r\n 5\r\n",
        "Content-Length : 5\r\n",
    ] {
        add(MALFORMED, lines);
    }
    all_refused(&world, table).await;
    let key = world.secret();
    let old = format!(
        "POST /api/1/x HTTP/1.0\r\nHost: localhost\r\nX-API-KEY: {key}\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let table = vec![Refused {
        lines: old.into_bytes(),
        wanted: MALFORMED,
    }];
    all_refused(&world, table).await;
}

#[tokio::test]
async fn f6_heads_that_bend_the_grammar_are_refused_and_closed() {
    let world = World::start("").await;
    let key = world.secret();
    let mut table: Vec<Refused> = [
        "X: a\rb\r\n",
        "X: a\r\rb\r\n",
        "\rX: a\r\n",
        "X: a\r\n folded\r\n",
        "X: a\r\n\tfolded\r\n",
        "X : a\r\n",
        "X\t: a\r\n",
        ": a\r\n",
        "no colon\r\n",
        "X\r\n",
        "X: a\0b\r\n",
        "X\0: a\r\n",
        "X: a\x7f\r\n",
        "X: a\x01\r\n",
        "X: \x1b[31m\r\n",
        "X\u{e9}: a\r\n",
        "X Y: a\r\n",
        "X\"Y: a\r\n",
        "X(Y): a\r\n",
        "X: a\n",
        "X: a\n\r\n",
        "\nX: a\r\n",
        "X: a\r\nY: b\nZ: c\r\n",
        " : a\r\n",
        "\x0bX: a\r\n",
        "X: a\r\r\n",
        "{X}: a\r\n",
        "X@Y: a\r\n",
    ]
    .iter()
    .map(|lines| post(&world, lines))
    .map(|lines| Refused {
        lines,
        wanted: MALFORMED,
    })
    .collect();
    let fields = format!("Host: localhost\r\nX-API-KEY: {key}\r\n\r\n");
    for line in [
        "GET /api/1/x HTTP/1.1\n",
        "GET  /api/1/x HTTP/1.1\r\n",
        "GET\t/api/1/x\tHTTP/1.1\r\n",
        "GET /api/1/x  HTTP/1.1\r\n",
        "GET /api/1/x HTTP/1.1 \r\n",
        " GET /api/1/x HTTP/1.1\r\n",
        "GET /api/1/x\r\n",
        "GET /api/1/x http/1.1\r\n",
        "GET /api/1/x HTTP/1.1x\r\n",
        "GET /api/1/x HTTP/1\r\n",
        "GET /api/1/x HTTP/11\r\n",
        "GET /api/1/x HTTP/1.10\r\n",
        "GET /api/1/x HTTP/2.0\r\n",
        "GET /api/1/x HTTP/0.9\r\n",
        "GET /api/1/x HTTP/1.2\r\n",
        "GET /api/1/x HTTP/9.9\r\n",
        "GET /api/1/x y HTTP/1.1\r\n",
        "GET HTTP/1.1\r\n",
        "/api/1/x HTTP/1.1\r\n",
        "\rGET /api/1/x HTTP/1.1\r\n",
        "\nGET /api/1/x HTTP/1.1\r\n",
        "G\0T /api/1/x HTTP/1.1\r\n",
        "G(T /api/1/x HTTP/1.1\r\n",
        "GET /api/1/x\0 HTTP/1.1\r\n",
        "\u{feff}GET /api/1/x HTTP/1.1\r\n",
        "\x16\x03\x01 /api/1/x HTTP/1.1\r\n",
        "GET /api/1/x HTTP/1.1\r\r\n",
        "GET /api/1/x ICY/1.1\r\n",
    ] {
        table.push(Refused {
            lines: format!("{line}{fields}").into_bytes(),
            wanted: &[(400, "bad_request"), (400, "bad_path"), (505, "http_version")],
        });
    }
    let all_bare = post(&world, "X: y\r\n")
        .iter()
        .copied()
        .filter(|b| *b != b'\r')
        .collect();
    table.push(Refused {
        lines: all_bare,
        wanted: MALFORMED,
    });
    all_refused(&world, table).await;
}

#[tokio::test]
async fn f6_what_may_be_forgiven_reaches_the_upstream_in_clean_form() {
    let world = World::start("").await;
    let key = world.secret();
    let mut client = world.connect().await;
    let odd = format!(
        "\r\n\r\nPOST /api/1/a HTTP/1.1\r\nhOST:localhost\r\nx-api-KEY:\t{key} \t\r\nX-Empty:\r\nX-Text: caf\u{e9}\r\nContent-Length: \t2 \r\n\r\nok"
    );
    let chunked = format!(
        "\r\nPOST /api/1/b HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {key}\r\nTransfer-Encoding:  ChunKed \r\nTE: trailers\r\n\r\n00A;x=\"y\"\r\n0123456789\r\n000\r\nX-Keyward-Key-Id: 1\r\nContent-Length: 9\r\n\r\n"
    );
    // All at once: three requests in one piece.
    let third = world.request("GET", "/api/1/c", &[], b"");
    client
        .send([odd.into_bytes(), chunked.into_bytes(), third].concat())
        .await;
    for target in ["/api/1/a", "/api/1/b", "/api/1/c"] {
        let answer = client.read_response().await;
        assert_eq!((answer.status, &answer.json()["target"]), (200, &target.into()));
    }
    let got = world.upstream.wait_for(3).await;
    assert_eq!(got.len(), 3);
    for request in &got {
        let head = String::from_utf8_lossy(&request.head).into_owned();
        let lines: Vec<&str> = head.trim_end_matches("\r\n").split("\r\n").collect();
        let plain = |line: &&str| {
            line.split_once(": ")
                .is_some_and(|(name, value)| !name.contains(' ') && value.trim() == value)
        };
        assert!(lines[1..].iter().all(plain), "{head}");
        assert!(request.trailers.is_empty(), "{head}");
        assert_eq!(request.header("x-keyward-key-id").len(), 1);
    }
    assert_eq!(got[0].body, b"ok");
    assert_eq!(got[0].header("content-length"), ["2"]);
    assert_eq!(got[1].chunked_body, b"a\r\n0123456789\r\n0\r\n\r\n");
    assert_eq!(got[1].header("transfer-encoding"), ["chunked"]);
    assert!(got[1].header("content-length").is_empty() && got[1].header("te").is_empty());
}

#[tokio::test]
async fn f2_f3_fields_that_fold_to_framing_do_not_reach_the_upstream() {
    let world = World::start("").await;
    for name in [
        "Transfer_Encoding",
        "Transfer.Encoding",
        "Content_Length",
        "CONTENT.LENGTH",
        "transfer_encoding",
    ] {
        world.upstream.clear();
        let mut client = world.connect().await;
        client
            .send(world.request("POST", "/api/1/x", &[(name, "chunked")], b"hello"))
            .await;
        assert_eq!(client.read_response().await.status, 200, "{name}");
        let got = world.upstream.last();
        assert_eq!(got.body, b"hello");
        let others: Vec<String> = got
            .header_lines()
            .into_iter()
            .filter(|line| line.to_ascii_lowercase().starts_with(&name.to_ascii_lowercase()))
            .collect();
        assert!(others.is_empty(), "{name}: {others:?}");
    }
}

#[tokio::test]
async fn f2_broken_chunks_end_the_request_and_what_follows_is_never_one() {
    let world = World::start("").await;
    for body in [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "5\r\nhel\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 ;x\r\nhello\r\n0\r\n\r\n",
        "\r\n",
        "g\r\n",
        "-1\r\n",
        "ffffffffffffffff\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "5;\x01\r\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5\r\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "0\r\n folded\r\n\r\n",
        "0\r\nno colon\r\n\r\n",
        "0\r\nX: y\n\r\n",
        "0\n\n",
        "5,\r\nhello\r\n0\r\n\r\n",
        "5\0\r\nhello\r\n0\r\n\r\n",
    ] {
        world.upstream.clear();
        let mut client = world.connect().await;
        let head = post(&world, "Transfer-Encoding: chunked\r\n");
        let smuggled = world.request("GET", "/api/1/smuggled", &[], b"");
        client
            .send([&head[..], body.as_bytes(), &smuggled].concat())
            .await;
        let answer = client.try_read_response("GET").await;
        let answer = answer.unwrap_or_else(|e| panic!("{body:?}: {e}"));
        assert_problem(&answer, 400, "bad_request");
        assert_eq!(answer.header("connection"), Some("close"), "{body:?}");
        let after = client.read_to_end().await;
        assert!(after.is_empty(), "{body:?}: {}", after.escape_ascii());
        assert!(
            world.whole_targets().is_empty(),
            "{body:?}: {:?}",
            world.whole_targets()
        );
        assert!(world.upstream.count() <= 1, "{body:?}");
        world.echoed(&mut world.connect().await, "/api/1/next").await;
    }
}

#[tokio::test]
async fn f3_bodies_that_are_cut_short_never_end_as_whole_ones() {
    let world = World::start("").await;
    for lines in ["Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n"] {
        world.upstream.clear();
        let mut client = world.connect().await;
        client
            .send(
                [&post(&world, lines)[..], b"5\r\nhello\r\n"].concat()[..post(&world, lines).len() + 8]
                    .to_vec(),
            )
            .await;
        world.upstream.wait_for_heads(1).await;
        client.finish_sending().await;
        let after = client.read_to_end().await;
        assert!(
            after.is_empty() || after.starts_with(b"HTTP/1.1 400"),
            "{}",
            after.escape_ascii()
        );
        assert!(world.whole_targets().is_empty(), "{lines}");
        // The upstream's connection is not used for anything else.
        let broken = world.upstream.requests()[0].connection as u64;
        assert_ne!(
            world.echoed(&mut world.connect().await, "/api/1/next").await,
            broken
        );
    }
}

/// One key of HTTP/2's own: two lengths, or one that is no plain number, must not become a field of HTTP/1.1.
#[tokio::test]
async fn f1_f3_lengths_over_http2_reach_the_upstream_only_when_they_are_true() {
    let world = World::start("").await;
    let tables: [(&[(&str, &str)], &str); 9] = [
        (&[("content-length", "5"), ("content-length", "6")], "hello"),
        (&[("content-length", "5"), ("content-length", "5")], "hello"),
        (&[("content-length", "5,5")], "hello"),
        (&[("content-length", "+5")], "hello"),
        (&[("content-length", "05")], "hello"),
        (&[("content-length", "6")], "hello"),
        (&[("content-length", "4")], "hello"),
        (
            &[("content-length", "5"), ("transfer-encoding", "chunked")],
            "hello",
        ),
        (&[("transfer-encoding", "chunked")], "hello"),
    ];
    for (fields, body) in tables {
        world.upstream.clear();
        let mut client = RawH2::connect(world.keyward.gateway()).await;
        let key = world.secret();
        let pseudo = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/api/1/x"),
            (":authority", "localhost"),
            ("x-api-key", key),
        ];
        client.headers(1, &[&pseudo, fields].concat(), false).await;
        client.data(1, body, true).await;
        let outcome = client.outcome(1).await;
        let refused = match outcome {
            H2Outcome::Status(status) => status == 400,
            _ => true,
        };
        assert!(refused, "{fields:?}: {outcome:?}");
        assert!(
            world.whole_targets().is_empty(),
            "{fields:?}: {:?}",
            world.upstream.requests()
        );
    }
}

#[tokio::test]
async fn f7_hosts_that_are_missing_doubled_foreign_or_malformed_are_refused() {
    let world = World::start("").await;
    let key = world.secret();
    let long = format!("Host: {}\r\n", "a".repeat(300));
    let mut table = Vec::new();
    for (target, hosts) in [
        ("/api/1/x", ""),
        ("/api/1/x", "Host: localhost\r\nHost: localhost\r\n"),
        ("/api/1/x", "Host: localhost\r\nhost: other\r\n"),
        ("http://localhost/api/1/x", ""),
        ("http://other/api/1/x", "Host: localhost\r\n"),
        ("http://localhost:81/api/1/x", "Host: localhost\r\n"),
        ("http://u@localhost/api/1/x", "Host: localhost\r\n"),
        ("https://other/api/1/x", "Host: localhost\r\n"),
        ("/api/1/x", "Host:\r\n"),
        ("/api/1/x", "Host: a/b\r\n"),
        ("/api/1/x", "Host: a@b\r\n"),
        ("/api/1/x", "Host: a b\r\n"),
        ("/api/1/x", "Host: a,b\r\n"),
        ("/api/1/x", "Host: a;b\r\n"),
        ("/api/1/x", "Host: a?b\r\n"),
        ("/api/1/x", "Host: a#b\r\n"),
        ("/api/1/x", "Host: a\\b\r\n"),
        ("/api/1/x", "Host: http://a\r\n"),
        ("/api/1/x", "Host: a:b\r\n"),
        ("/api/1/x", "Host: a:80:80\r\n"),
        ("/api/1/x", "Host: a:99999999\r\n"),
        ("/api/1/x", "Host: a%2eb\r\n"),
        ("/api/1/x", "Host: \"a\"\r\n"),
        ("/api/1/x", "Host: caf\u{e9}\r\n"),
        ("/api/1/x", "Host: ::1\r\n"),
        ("/api/1/x", "Host: :80\r\n"),
        ("/api/1/x", "Host: []\r\n"),
        ("/api/1/x", "Host: []:80\r\n"),
        ("/api/1/x", "Host: [v1.a]\r\n"),
        ("/api/1/x", "Host: [127.0.0.1]\r\n"),
        ("/api/1/x", "Host: a[b]\r\n"),
        ("/api/1/x", "Host: [::1]a\r\n"),
        ("/api/1/x", "Host : localhost\r\n"),
        ("/api/1/x", " Host: localhost\r\n"),
        ("/api/1/x", &long),
    ] {
        let lines = format!("GET {target} HTTP/1.1\r\n{hosts}X-API-KEY: {key}\r\n\r\n").into_bytes();
        let wanted = MALFORMED;
        table.push(Refused { lines, wanted });
    }
    all_refused(&world, table).await;
}
