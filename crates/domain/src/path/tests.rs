use super::*;
use proptest::prelude::*;

fn fault(path: &str) -> Option<PathFault> {
    StrictPath::parse(path.as_bytes()).err()
}

#[test]
fn plain_paths_pass_unchanged() {
    for path in [
        "/",
        "/api/1",
        "/api/1/",
        "/api/1/x.y/~z",
        "/a/.well-known/b",
        "/a/..b",
        "/a/b..",
        "/a/100%25",
        "/a/100%25%20of",
        "/a/%25%25",
        "/a/%252%20",
        "/a/%25%3F%25%22",
        "/a/%20b",
        "/a/caf%C3%A9",
        "/a/%F0%9F%94%91",
        "/a/b;v=2",
        "/a/%3Fq",
        "/a/{x}|^",
        "/a/%25zz",
        "/a/..%25",
        "/a/x..%3f",
        "/a/%3F",
        "/a/%C2%A0",
        "/a/;jsessionid=1",
        "/a/%20b/c",
        "/a/%3F/c",
        "/a/1%EF%BC%8E2",
        "/a/1%EF%BC%8F2",
        "/a/wait%E2%80%A6",
    ] {
        assert_eq!(StrictPath::parse(path.as_bytes()).map(|p| p.as_str()), Ok(path));
    }
}

#[test]
fn p1_to_p9_ambiguous_paths_are_refused_not_cleaned() {
    use PathFault::*;
    let table = [
        ("//api/2/x", EmptySegment),
        ("/api//2/x", EmptySegment),
        ("///api/2/x", EmptySegment),
        ("//", EmptySegment),
        ("/api/1//", EmptySegment),
        ("/;/api/2", EmptySegment),
        ("/;x=1/api/2", EmptySegment),
        ("/%3b/api/2", EmptySegment),
        ("/%20/api/2", EmptySegment),
        ("/%E2%80%8B;x/api/2", EmptySegment),
        ("/api/1/%C2%A0/x", EmptySegment),
        ("/api/1/../2/x", DotSegment),
        ("/api/1/./x", DotSegment),
        ("/api/1/..", DotSegment),
        ("/api/1/...", DotSegment),
        ("/api/1/..%20/2", DotSegment),
        ("/api/1/%2e%2e/2/x", NeedlessEscape),
        ("/api/1/.%2e/2", NeedlessEscape),
        ("/api/1/%2E./2", NeedlessEscape),
        ("/api/1%2f..%2f2/x", DotSegment),
        ("/api%2f2/x", EscapedSlash),
        ("/api/1/..%2f..%2fswagger", DotSegment),
        ("/api/1%5c..%5c2", Backslash),
        ("/api\\2\\x", Backslash),
        ("/api/1/..;/2", DotSegment),
        ("/api/1/..;x=1/2", DotSegment),
        ("/api/1/..%3b/2", DotSegment),
        ("/api/1;x=/../2", DotSegment),
        ("/api/%2532/x", DoubleEscape),
        ("/api/%252532/x", DoubleEscape),
        ("/api/1/%25u002f", DoubleEscape),
        ("/api/1/%25%2541", DoubleEscape),
        ("/api/1/%25%EF%BC%92%EF%BC%A6", DoubleEscape),
        ("/api/1/%252%EF%BC%A6", DoubleEscape),
        ("/%61pi/2/x", NeedlessEscape),
        ("/api/%32/x", NeedlessEscape),
        ("/%7Eme/1", NeedlessEscape),
        ("/a\0", RawByte),
        ("/a\tb", RawByte),
        ("/a\rb", RawByte),
        ("/a\nb", RawByte),
        ("/a\x7f", RawByte),
        ("/a b", RawByte),
        ("/api/１/y", RawByte),
        ("/a%00", EscapedControl),
        ("/a%09", EscapedControl),
        ("/a%0a", EscapedControl),
        ("/a%0d", EscapedControl),
        ("/a%7f", EscapedControl),
        ("/%c0%af", NotUtf8),
        ("/%c0%ae%c0%ae", NotUtf8),
        ("/%e2%82", NotUtf8),
        ("/%ed%a0%80", NotUtf8),
        ("/%80", NotUtf8),
        ("/%u002f", BadEscape),
        ("/%zz", BadEscape),
        ("/%2", BadEscape),
        ("/%", BadEscape),
        ("/api/1/..%3f/2", DotSegment),
        ("/api/1/..%3Fx=1/2", DotSegment),
        ("/api/1/.%23/2", DotSegment),
        ("/api/1/..%c2%a0/2", DotSegment),
        ("/api/1/%e3%80%80../2", DotSegment),
        ("/api/1/.%e2%80%8b./2", DotSegment),
        ("/api/1/..%ef%bb%bf/2", DotSegment),
        ("/api/1/%ef%bc%8e%ef%bc%8e/2", DotSegment),
        ("/api/1/.%EF%BC%8E/2", DotSegment),
        ("/api/1/%e2%80%a5/2", DotSegment),
        ("/api/1/%e2%80%a4%e2%80%a4/2", DotSegment),
        ("/api/1/..%ef%bc%8f2", DotSegment),
        ("/api/1/x%ef%bc%8f..%ef%bc%8f2", DotSegment),
        ("/api/1/..%ef%bc%bc2", DotSegment),
        ("/api/1/..%e2%88%95..%e2%81%842", DotSegment),
        ("/a%c2%85", EscapedControl),
        ("/a%C2%9b31m", EscapedControl),
        ("/a#b", Delimiter),
        ("/a?b", Delimiter),
        ("api", NotAbsolute),
        ("", NotAbsolute),
        ("*", NotAbsolute),
    ];
    for (path, wanted) in table {
        assert_eq!(fault(path), Some(wanted), "{path:?}");
    }
    assert_eq!(fault(&format!("/{}", "a".repeat(8192))), Some(TooLong));
}

fn escaped(sign: char) -> String {
    let mut bytes = [0; 4];
    let text = sign.encode_utf8(&mut bytes);
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn p3_what_a_code_page_folds_to_a_slash_never_follows_dots() {
    for sign in "／⁄∕⧸＼﹨∖⧵⧹¥￥₩￦".chars() {
        let sign = escaped(sign);
        for path in [
            format!("/api/1/..{sign}2"),
            format!("/api/1/..{sign}..{sign}x"),
            format!("/api/1/x{sign}.."),
        ] {
            assert_eq!(fault(&path), Some(PathFault::DotSegment), "{path}");
        }
        for path in [
            format!("/api/1/5{sign}"),
            format!("/api/1/{sign}5"),
            format!("/api/1/a{sign}b"),
        ] {
            assert_eq!(fault(&path), None, "{path}");
        }
    }
}

#[test]
fn p1_what_no_reader_sees_hides_no_dots() {
    for sign in [
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{1160}',
        '\u{17b4}',
        '\u{180b}',
        '\u{180e}',
        '\u{200b}',
        '\u{202e}',
        '\u{2060}',
        '\u{2061}',
        '\u{2064}',
        '\u{206a}',
        '\u{206f}',
        '\u{3164}',
        '\u{fe00}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{fff0}',
        '\u{1bca0}',
        '\u{1d173}',
        '\u{e0001}',
        '\u{e0020}',
        '\u{e007f}',
        '\u{e0100}',
    ] {
        let sign = escaped(sign);
        for path in [
            format!("/api/1/..{sign}/2"),
            format!("/api/1/.{sign}./2"),
            format!("/api/1/{sign}.."),
        ] {
            assert_eq!(fault(&path), Some(PathFault::DotSegment), "{path}");
        }
        assert_eq!(
            fault(&format!("/api/{sign}/2")),
            Some(PathFault::EmptySegment),
            "{sign}"
        );
        assert_eq!(fault(&format!("/api/1/%E2%9D%A4{sign}")), None, "{sign}");
    }
}

#[test]
fn p3_encoded_slashes_never_hide_dots() {
    let parse = |path: &'static str| StrictPath::parse_with_encoded_slashes(path.as_bytes());
    assert_eq!(parse("/api/1/a%2Fb").map(|p| p.encoded_slash()), Ok(Some(8)));
    for path in [
        "/api/1/..%2fb",
        "/api/1/a%2f..%2fb",
        "/api/1/a%2f..",
        "/api/1/a%2f.;x%2fb",
    ] {
        assert_eq!(parse(path).err(), Some(PathFault::DotSegment), "{path}");
    }
}

#[test]
fn m5_a_prefix_holds_by_whole_plain_segments() {
    let under = |path: &str| StrictPath::parse(path.as_bytes()).is_ok_and(|p| p.is_plainly_under("/swagger"));
    for path in [
        "/swagger",
        "/swagger/",
        "/swagger/index.html",
        "/swagger/v1/swagger.json",
    ] {
        assert!(under(path), "{path}");
    }
    for path in [
        "/swaggerx",
        "/swagger..",
        "/SWAGGER",
        "/swagger;a=b",
        "/swagger/..;/api/2",
        "/swagger/a;b",
        "/swagger/%20",
        "/swagger/%252e%252e/api/2",
        "/swagger%2f..%2fapi/2",
        "/api/swagger",
    ] {
        assert!(!under(path), "{path}");
    }
}

/// What the most lenient reader could make of a path: decodes twice, takes `\` for `/`, cuts parameters, resolves dots.
fn lenient(path: &str) -> Vec<String> {
    let decode = |bytes: Vec<u8>| {
        let (mut out, mut rest) = (Vec::new(), &bytes[..]);
        while !rest.is_empty() {
            let escaped = match rest {
                [b'%', high, low, ..] => hex(*high).zip(hex(*low)),
                _ => None,
            };
            out.push(escaped.map_or(rest[0], |(high, low)| high << 4 | low));
            rest = &rest[if escaped.is_some() { 3 } else { 1 }..];
        }
        out
    };
    let twice = decode(decode(path.as_bytes().to_vec()));
    let text = String::from_utf8_lossy(&twice).replace('\\', "/");
    let mut stack: Vec<String> = Vec::new();
    for segment in text
        .split('/')
        .map(|s| s.split(';').next().unwrap_or("").trim_matches(' '))
    {
        match segment {
            "" | "." => {}
            ".." => drop(stack.pop()),
            other => stack.push(other.to_owned()),
        }
    }
    stack
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn no_accepted_path_leads_a_lenient_reader_out_of_its_prefix(
        tail in "([a2./;\\\\ ]|%2e|%2f|%25|%5c|%3b|%20|%00|%c0%af|\\.\\.|/){0,12}"
    ) {
        let path = format!("/api/1/{tail}");
        if let Ok(path) = StrictPath::parse(path.as_bytes()) {
            let read = lenient(path.as_str());
            prop_assert!(read.starts_with(&["api".to_owned(), "1".to_owned()]), "{path:?} reads as {read:?}");
        }
    }

    #[test]
    fn an_encoded_percent_sign_is_refused_when_an_escape_would_come_of_it_and_only_then(
        tail in "([a-gu29.]|%25|%20|%22|%7b|%3F){0,12}"
    ) {
        let mut once = tail.clone();
        for (escape, sign) in [("%20", " "), ("%22", "\""), ("%7b", "{"), ("%3F", "?"), ("%25", "%")] {
            once = once.replace(escape, sign);
        }
        let is_escape = |rest: &str| {
            let mut signs = rest.chars();
            let (first, second) = (signs.next(), signs.next());
            first == Some('u') || [first, second].iter().all(|sign| sign.is_some_and(|sign| sign.is_ascii_hexdigit()))
        };
        let comes_of_it = once.split('%').skip(1).any(is_escape);
        let path = format!("/api/1/x{tail}");
        let refused = StrictPath::parse(path.as_bytes()) == Err(PathFault::DoubleEscape);
        prop_assert_eq!(refused, comes_of_it, "{}", path);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = StrictPath::parse_with_encoded_slashes(&bytes);
    }
}
