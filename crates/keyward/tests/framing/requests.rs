//! F1–F12 and L8: what clients send.

use crate::world::{OWNER, World, assert_problem, size, word};
use keyward_testkit::{H2Outcome, KeySpec, RawClient, RawH2, RawResponse, Reply, request};
use std::io::ErrorKind;
use std::time::Duration;

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
            world.good("GET", "/api/1/smuggled", &[], b""),
        ];
        client.send([&case.lines[..], &rest.concat()].concat()).await;
        let answer = client.try_read_response("GET").await;
        let answer = answer.unwrap_or_else(|e| panic!("{shown}: {e}"));
        let said = word(&answer);
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
    let key = &world.key;
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
    let key = &world.key;
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
    let key = &world.key;
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
    let key = &world.key;
    let mut client = world.connect().await;
    let odd = format!(
        "\r\n\r\nPOST /api/1/a HTTP/1.1\r\nhOST:localhost\r\nx-api-KEY:\t{key} \t\r\nX-Empty:\r\nX-Text: caf\u{e9}\r\nContent-Length: \t2 \r\n\r\nok"
    );
    let chunked = format!(
        "\r\nPOST /api/1/b HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {key}\r\nTransfer-Encoding:  ChunKed \r\nTE: trailers\r\n\r\n00A;x=\"y\"\r\n0123456789\r\n000\r\nX-Keyward-Key-Id: 1\r\nContent-Length: 9\r\n\r\n"
    );
    // All at once: three requests in one piece.
    let third = world.good("GET", "/api/1/c", &[], b"");
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
        assert!(lines[1..].iter().all(|line| plain(line)), "{head}");
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
            .send(world.good("POST", "/api/1/x", &[(name, "chunked")], b"hello"))
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
        let smuggled = world.good("GET", "/api/1/smuggled", &[], b"");
        client
            .send([&head[..], body.as_bytes(), &smuggled].concat())
            .await;
        match client.try_read_response("GET").await {
            Ok(answer) => assert_problem(&answer, 400, "bad_request"),
            Err(e) => assert_eq!(e.kind(), ErrorKind::UnexpectedEof, "{body:?}: {e}"),
        }
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
        let key = world.key.as_str();
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
    let key = &world.key;
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

#[tokio::test]
async fn f8_refusals_drain_or_close_and_no_body_is_read_as_a_request() {
    let world = World::start("").await;
    world.upstream.record_bodies(false);
    let spent = world
        .keyward
        .key(KeySpec::new(OWNER, "spent").limit(1))
        .await
        .secret;
    let inner = world.good("GET", "/api/1/inner", &[], b"");
    for (target, secret, status) in [
        ("/api/1/x", "kw_nonsense", 401),
        ("/api/2/x", world.k1.as_str(), 403),
        ("/nowhere", world.key.as_str(), 404),
        ("/api/1/x", spent.as_str(), 429),
    ] {
        for length in [1, 100, 64 * 1024, size(1 << 20, 1 << 30)] {
            for chunked in [false, true] {
                if status == 429 {
                    spend(&world, &spent).await;
                }
                refused_with_body(&world, (target, secret, status), length, chunked, &inner).await;
            }
        }
    }
}

/// Uses up a key's only request of this minute.
async fn spend(world: &World, secret: &str) {
    let ask = request("GET", "/api/1/spend", &[("X-API-KEY", secret)], "");
    let mut client = world.connect().await;
    loop {
        client.send(&ask).await;
        if client.read_response().await.status == 429 {
            return;
        }
    }
}

async fn refused_with_body(
    world: &World,
    (target, secret, status): (&str, &str, u16),
    length: u64,
    chunked: bool,
    inner: &[u8],
) {
    let shown = format!("{target} {status}, {length} bytes, chunked: {chunked}");
    let after = world.good("GET", "/api/1/after", &[], b"");
    // The body's content begins with a whole request.
    let mut content = inner.to_vec();
    content.truncate(usize::try_from(length).unwrap());
    let filler = length - content.len() as u64;
    let size = length.to_string();
    let fields = if chunked {
        ("Transfer-Encoding", "chunked")
    } else {
        ("Content-Length", size.as_str())
    };
    let mut first = request("POST", target, &[("X-API-KEY", secret), fields], "");
    if chunked {
        first.extend_from_slice(format!("{length:x}\r\n").as_bytes());
    }
    first.extend_from_slice(&content);
    let end: &[u8] = if chunked { b"\r\n0\r\n\r\n" } else { b"" };
    for answer_first in [false, true] {
        world.upstream.clear();
        let mut client = world.connect().await;
        client.send(&first).await;
        let mut answer = None;
        if answer_first {
            answer = Some(client.read_response().await);
        }
        // The gateway may close while this is on its way.
        let mut sent = client.try_send_filler(filler).await;
        if sent.is_ok() {
            sent = client.try_send([end, &after[..]].concat()).await;
        }
        drop(sent);
        let answer = match answer {
            Some(answer) => answer,
            None => match client.try_read_response("GET").await {
                Ok(answer) => answer,
                // A client that does not read while it sends may lose the answer to a reset, once more than was
                // drained is on its way.
                Err(e) if length > 64 * 1024 => {
                    assert_ne!(e.kind(), ErrorKind::TimedOut, "{shown}");
                    continue;
                }
                Err(e) => panic!("{shown}: {e}"),
            },
        };
        assert_eq!(answer.status, status, "{shown}: {}", answer.text());
        let left = client_end(&mut client, answer.header("connection") == Some("close")).await;
        let targets = world.whole_targets();
        match left {
            Some(second) => assert_eq!(
                (second, targets),
                (200, vec!["/api/1/after".to_owned()]),
                "{shown}"
            ),
            None => assert!(
                targets.iter().all(|t| t == "/api/1/spend"),
                "{shown}: {targets:?}"
            ),
        }
    }
}

/// What comes after an answer: the status of a second one, or nothing and a close.
async fn client_end(client: &mut RawClient, closes: bool) -> Option<u16> {
    if closes {
        let rest = client.read_to_end().await;
        assert!(rest.is_empty(), "{}", rest.escape_ascii());
        return None;
    }
    match client.try_read_response("GET").await {
        Ok(second) => Some(second.status),
        Err(e) => {
            assert_ne!(e.kind(), ErrorKind::TimedOut, "{e}");
            None
        }
    }
}

#[tokio::test]
async fn f9_only_a_websocket_that_the_upstream_takes_becomes_a_tunnel() {
    let world = World::start("").await;
    let wish = [
        ("Connection", "keep-alive, Upgrade"),
        ("Upgrade", "WebSocket"),
        ("Sec-WebSocket-Key", "x"),
    ];
    // 101: bytes go both ways, those too that came with the request.
    world.upstream.queue(Reply::Upgrade);
    let mut client = world.connect().await;
    client
        .send([world.good("GET", "/api/1/ws", &wish, b""), b"early".to_vec()].concat())
        .await;
    let answer = client.read_response().await;
    assert_eq!(
        (answer.status, answer.header("upgrade")),
        (101, Some("websocket"))
    );
    let got = world.upstream.last();
    assert_eq!(
        (got.header("upgrade"), got.header("connection")),
        (vec!["websocket".into()], vec!["upgrade".into()])
    );
    let inside = world.good("GET", "/api/2/inside", &[], b"");
    client.send(&inside).await;
    assert_eq!(
        client.read_exact(5 + inside.len()).await,
        [b"early", &inside[..]].concat()
    );
    assert_eq!(
        world.upstream.count(),
        1,
        "what goes through a tunnel is no request"
    );
    client.finish_sending().await;
    assert!(client.read_to_end().await.is_empty());
    // Declined: what follows is the next request, and is judged.
    for status in [200, 403, 426] {
        world.upstream.clear();
        world.upstream.queue(Reply::http(status, "no"));
        let denied = request("GET", "/api/2/denied", &[("X-API-KEY", world.k1.as_str())], "");
        let mut client = world.connect().await;
        client
            .send(
                [
                    world.good("GET", "/api/1/ws", &wish, b""),
                    denied,
                    world.good("GET", "/api/1/next", &[], b""),
                ]
                .concat(),
            )
            .await;
        let statuses = [
            client.read_response().await,
            client.read_response().await,
            client.read_response().await,
        ]
        .map(|a| a.status);
        assert_eq!(statuses, [status, 403, 200]);
        assert_eq!(world.whole_targets(), ["/api/1/ws", "/api/1/next"]);
    }
    // A refused key: nothing is forwarded.
    world.upstream.clear();
    let mut client = world.connect().await;
    client.send(request("GET", "/api/1/ws", &wish, "")).await;
    assert_eq!(client.read_response().await.status, 401);
    world.echoed(&mut client, "/api/1/after").await;
    assert_eq!(world.whole_targets(), ["/api/1/after"]);
}

#[tokio::test]
async fn f9_other_protocols_are_never_forwarded_and_a_101_to_them_is_none() {
    let world = World::start("").await;
    let follows = world.good("GET", "/api/1/next", &[], b"");
    for (method, protocols) in [
        ("GET", &["h2c"][..]),
        ("GET", &["foo"]),
        ("GET", &["websocket, h2c"]),
        ("GET", &["websocket", "h2c"]),
        ("GET", &["websocket", "websocket"]),
        ("GET", &["websocket/13"]),
        ("GET", &[" "]),
        ("GET", &["TLS/1.0"]),
        ("POST", &["websocket"]),
        ("HEAD", &["websocket"]),
    ] {
        for (reply, status) in [
            (Reply::Echo, 200),
            (Reply::http(403, "no"), 403),
            (Reply::Upgrade, 502),
        ] {
            world.upstream.clear();
            world.upstream.queue(reply);
            let mut fields = vec![
                ("Connection", "Upgrade, HTTP2-Settings"),
                ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
            ];
            fields.extend(protocols.iter().map(|protocol| ("Upgrade", *protocol)));
            let mut client = world.connect().await;
            client
                .send([world.good(method, "/api/1/ws", &fields, b""), follows.clone()].concat())
                .await;
            let answer = client.read_response_to(method).await;
            assert_eq!(answer.status, status, "{method} {protocols:?}");
            assert_eq!(
                client.read_response().await.json()["target"],
                "/api/1/next",
                "{method} {protocols:?}"
            );
            let got = &world.upstream.requests()[0];
            for name in ["upgrade", "http2-settings", "connection"] {
                assert!(got.header(name).is_empty(), "{method} {protocols:?} {name}");
            }
        }
    }
    // 101 to another protocol than was asked for, and to nobody's wish.
    let wish = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
    for fields in [
        "Connection: upgrade\r\nUpgrade: foo\r\n",
        "Upgrade: h2c\r\n",
        "Upgrade: websocket\r\nUpgrade: foo\r\n",
        "Upgrade: websocket, foo\r\n",
        "",
    ] {
        world.queue(
            format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n").as_bytes(),
            false,
        );
        let mut client = world.connect().await;
        client.send(world.good("GET", "/api/1/ws", &wish, b"")).await;
        assert_problem(&client.read_response().await, 502, "upstream_bad_answer");
        world.echoed(&mut client, "/api/1/next").await;
    }
    world.upstream.queue(Reply::Upgrade);
    let mut client = world.connect().await;
    client.send(world.good("POST", "/api/1/x", &[], b"hello")).await;
    assert_problem(&client.read_response().await, 502, "upstream_bad_answer");
}

#[tokio::test]
async fn f12_an_expectation_of_a_denied_key_is_answered_at_once() {
    let world = World::start("").await;
    let fields = |secret| {
        [
            ("X-API-KEY", secret),
            ("Expect", "100-continue"),
            ("Content-Length", "5"),
        ]
    };
    for (secret, target, status) in [("kw_no", "/api/1/x", 401), (world.k1.as_str(), "/api/2/x", 403)] {
        let mut client = world.connect().await;
        client.send(request("POST", target, &fields(secret), "")).await;
        let answer = client.read_response().await;
        assert_eq!((answer.status, answer.interim.len()), (status, 0));
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(client.is_closed_within(Duration::from_secs(20)).await);
    }
    assert_eq!(world.upstream.count(), 0);
    let mut client = world.connect().await;
    client
        .send(request("POST", "/api/1/x", &fields(&world.key), ""))
        .await;
    assert_eq!(client.read_exact(25).await, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello").await;
    assert_eq!(client.read_response().await.json()["body_length"], 5);
    assert!(world.upstream.last().header("expect").is_empty());
    world.echoed(&mut client, "/api/1/next").await;
}

#[tokio::test]
async fn l8_every_answer_to_a_limited_key_tells_its_limit() {
    let world = World::start("").await;
    let secret = world
        .keyward
        .key(KeySpec::new(OWNER, "limited").limit(5).sites(&["1"]))
        .await
        .secret;
    // A minute may end in the middle: then the round is repeated.
    let round = loop {
        let mut client = world.connect().await;
        let mut round = Vec::new();
        world.upstream.clear_scripts();
        world.upstream.script(
            "/api/1/bad",
            Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n".to_vec()),
        );
        world.upstream.script("/api/1/gone", Reply::CloseWithoutAnswer);
        world.upstream.script("/api/1/404", Reply::http(404, ""));
        for (target, status, remaining) in [
            ("/api/1/x", 200, 4),
            ("/api/2/x", 403, 4),
            ("/api/1/404", 404, 3),
            ("/api/1/bad", 502, 2),
            ("/api/1/gone", 502, 1),
            ("/api/1/x", 200, 0),
            ("/api/2/x", 403, 0),
            ("/api/1/x", 429, 0),
            ("/api/1/x", 429, 0),
        ] {
            client
                .send(request("GET", target, &[("X-API-KEY", &secret)], ""))
                .await;
            round.push((target, status, remaining, client.read_response().await));
        }
        let resets: Vec<_> = round
            .iter()
            .map(|(_, _, _, answer)| answer.header("x-ratelimit-reset").map(str::to_owned))
            .collect();
        let told: Vec<_> = resets.iter().flatten().collect();
        if told.iter().all(|reset| *reset == told[0])
            && round[0].3.header("x-ratelimit-remaining") == Some("4")
        {
            break round;
        }
        // Within the next minute the count begins anew.
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    for (target, status, remaining, answer) in &round {
        assert_eq!(answer.status, *status, "{target}");
        let number = |name: &str| number(answer, name);
        assert_eq!(
            (number("x-ratelimit-limit"), number("x-ratelimit-remaining")),
            (5, *remaining),
            "{target} {status}"
        );
        assert_eq!(number("x-ratelimit-reset") % 60, 0);
        assert!(
            answer
                .header_all("vary")
                .iter()
                .any(|v| v.eq_ignore_ascii_case("x-api-key")),
            "{target} {status}"
        );
        match answer.header("retry-after") {
            Some(seconds) => assert!(*status == 429 && (1..=60).contains(&seconds.parse::<u64>().unwrap())),
            None => assert_ne!(*status, 429),
        }
    }
    // Who has no key, or one without a limit, is told none.
    let mut client = world.connect().await;
    client
        .send(request("GET", "/api/1/x", &[("X-API-KEY", "kw_no")], ""))
        .await;
    let unknown = client.read_response().await;
    let unlimited = world.ask(&mut client, "GET", "/api/1/x").await;
    for answer in [unknown, unlimited] {
        assert!(
            answer
                .headers
                .iter()
                .all(|(name, _)| !name.to_ascii_lowercase().starts_with("x-ratelimit"))
        );
    }
}

fn number(answer: &RawResponse, name: &str) -> u64 {
    let all = answer.header_all(name);
    assert_eq!(all.len(), 1, "{name}: {all:?} in {answer:?}");
    all[0].parse().unwrap()
}
