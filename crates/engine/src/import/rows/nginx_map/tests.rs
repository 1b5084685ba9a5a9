use crate::ImportFormat::NginxMap;
use crate::import::rows::tests::support::{read_as, refused};

const BLOCK: &str = include_str!("samples/api-keys.conf");
const LINES: &str = include_str!("samples/partners.map");

fn keys(file: &str) -> Vec<(String, String, String)> {
    let read = read_as(NginxMap, file);
    assert!(read.faults.is_empty(), "{:?}", read.faults);
    let rows = read.rows.into_iter();
    rows.map(|(place, row)| (place, row.secret.unwrap().to_string(), row.name))
        .collect()
}

fn key(line: u64, secret: &str, name: &str) -> (String, String, String) {
    (format!("line {line}"), secret.to_owned(), name.to_owned())
}

#[test]
fn a_block_gives_its_keys_and_what_nginx_refuses_is_told() {
    assert_eq!(
        keys(BLOCK),
        [
            key(6, "abcdef123456", "client-a"),
            key(7, "Kj8#mN2$pQ5;tR", "client b's batch"),
            key(8, "default1", "named like a word"),
            key(10, "0123456789abcdef", "mobile"),
            key(10, "fedcba9876543210", "kiosk"),
        ]
    );
    let notes = read_as(NginxMap, BLOCK).notes;
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert_eq!((notes[0].0.as_str(), notes[0].3), ("line 6", 5));
    assert!(notes[0].2.contains("becomes an active key"), "{notes:?}");
    assert!(notes[1].2.contains("included file"), "{notes:?}");
    assert_eq!((notes[2].0.as_str(), notes[2].3), ("line 11", 3));
    assert!(notes[2].2.contains("not imported"), "{notes:?}");
}

#[test]
fn the_lines_of_an_included_file_need_no_block() {
    assert_eq!(
        keys(LINES),
        [
            key(2, "7f3d9a1c5e8b2046", "acme"),
            key(3, "a8c1e5f902b7d364", "globex"),
        ]
    );
    assert_eq!(
        keys("\u{feff}abcdef123456\r\n\tn\r\n;"),
        [key(1, "abcdef123456", "n")]
    );
}

#[test]
fn a_backslash_and_a_quote_mean_what_they_mean_to_nginx() {
    assert_eq!(
        keys(r#"'a"b#c;d{e' "x\"y"; abc\"defg 'it\'s'; \default12 word; a#b}cdefg h;"#),
        [
            key(1, r#"a"b#c;d{e"#, r#"x"y"#),
            key(1, r#"abc"defg"#, "it's"),
            key(1, "default12", "word"),
            key(1, "a#b}cdefg", "h"),
        ]
    );
}

#[test]
fn what_stands_for_no_key_is_refused_by_its_line() {
    let file = "map $http_x_api_key $client {\n\
                hostnames;\n\
                ~^abc.*$ all;\n\
                \"~*ABC\" all;\n\
                *.example.com masked;\n\
                abcdef123456 $host;\n\
                abcdef123456;\n\
                abcdef123456 two names;\n\
                ;\n\
                }";
    refused(
        NginxMap,
        file,
        &[
            ("line 3", Some("secret"), "regular expression"),
            ("line 4", Some("secret"), "regular expression"),
            ("line 5", Some("secret"), "mask"),
            ("line 6", Some("name"), "variable"),
            ("line 7", None, "a key and a name"),
            ("line 8", None, "a key and a name"),
            ("line 1", None, "stands alone"),
        ],
    );
}

#[test]
fn what_is_no_map_is_refused_and_never_half_read() {
    let server = "server {\n  listen 80;\n}";
    let nested = "map $http_x_api_key $b {\n abcdef123456 n;\n map $c $d {\n }\n}";
    refused(NginxMap, server, &[("line 1", None, "only blocks of `map`")]);
    refused(NginxMap, nested, &[("line 3", None, "only blocks of `map`")]);
    refused(NginxMap, "}", &[("line 1", None, "only blocks of `map`")]);
    refused(
        NginxMap,
        "map $http_x_api_key b { }",
        &[("line 1", None, "only blocks of `map`")],
    );
    refused(
        NginxMap,
        "abcdef123456 n;\nabcdef123457 m",
        &[("line 2", None, "no `;`")],
    );
    refused(
        NginxMap,
        "map $http_x_api_key $b {\nabcdef123456 n;",
        &[("line 1", None, "no `}`")],
    );
    refused(
        NginxMap,
        "abcdef123456 \"n;\n",
        &[("line 1", None, "does not end")],
    );
    refused(
        NginxMap,
        "\"abcdef123456\"n x;",
        &[("line 1", None, "after a quoted text")],
    );
    refused(
        NginxMap,
        "{\"data\":[]}",
        &[("line 1", None, "only blocks of `map`")],
    );
}

#[test]
fn only_a_map_of_the_header_of_keys_holds_keys() {
    let file = "map $http_origin $cors {\n default \"\";\n ~^https:// $http_origin;\n https://app.example.com yes;\n}\n\
                map $http_x_api_key $client { abcdef123456 n; }\n\
                map\n $remote_addr $blocked { 192.0.2.1 1; }\n\
                map $arg_key $client { abcdef123457 n; }\n\
                map $http_x_api_key$arg_key $client { abcdef123458 n; }";
    let other = "put its lines";
    refused(
        NginxMap,
        file,
        &[
            ("line 1", None, other),
            ("line 7", None, other),
            ("line 9", None, other),
            ("line 10", None, other),
        ],
    );
    for source in [
        "$http_x_api_key",
        "\"$http_x_api_key\"",
        "${http_x_api_key}",
        "$HTTP_X_Api_Key",
    ] {
        let file = format!("map {source} $client {{ abcdef123456 n; }}");
        assert_eq!(keys(&file), [key(1, "abcdef123456", "n")]);
    }
}

#[test]
fn a_list_of_blocked_keys_cannot_be_told_from_one_of_keys_so_what_becomes_active_is_told() {
    for (file, place) in [
        (
            "map $http_x_api_key $is_blocked {\n default 0;\n abcdef123456 1;\n abcdef123457 1;\n}",
            "line 3",
        ),
        ("abcdef123456 1;\nabcdef123457 1;", "line 1"),
    ] {
        let notes = read_as(NginxMap, file).notes;
        assert_eq!((notes[0].0.as_str(), notes[0].3), (place, 2), "{notes:?}");
        assert!(notes[0].2.contains("blocked"), "{notes:?}");
    }
}

#[test]
fn no_text_stops_the_reader() {
    let deep = "map $a $b {".repeat(10_000);
    let long = format!("{} n;", "k".repeat(1 << 20));
    let many: String = (0..50_000).map(|n| format!("abcdef{n:08} n;\n")).collect();
    for file in [
        deep.as_str(),
        &long,
        "\\",
        "\"\\",
        "'",
        "#",
        "$",
        "${",
        "a\\",
        "\0\u{7f};",
        "é \u{2028};",
        "; ; ;",
    ] {
        read_as(NginxMap, file);
    }
    assert_eq!(read_as(NginxMap, &many).rows.len(), 50_000);
}

#[test]
fn k1_no_fault_quotes_a_key() {
    let file = "~abcdef123456 n;\nabcdef123456 $x;\nabcdef123456;\nabcdef123456 {";
    let read = read_as(NginxMap, file);
    assert_eq!(read.faults.len(), 4);
    assert!(
        read.faults.iter().all(|fault| !fault.2.contains("abcdef")),
        "{:?}",
        read.faults
    );
}
