use super::*;
use proptest::prelude::*;

fn fault(text: &str) -> (usize, usize, &'static str) {
    let fault = parse(text.as_bytes()).unwrap_err();
    (fault.line, fault.column, fault.fault)
}

#[test]
fn a5_a_fault_has_a_place_and_no_content() {
    let table = [
        ("", 1, 1),
        ("{\n  \"a\": 1,\n  \"a\": 2}", 3, 3),
        ("{\"a\": {\"b\": 1, \"b\": 2}}", 1, 16),
        ("[{\"b\":1,\"b\":2}]", 1, 9),
        ("{\"a\":1}x", 1, 8),
        ("{\"a\":1}{}", 1, 8),
        ("\u{feff}{}", 1, 1),
        ("NaN", 1, 1),
        ("{\"a\": NaN}", 1, 7),
        ("Infinity", 1, 1),
        ("-Infinity", 1, 2),
        ("{'a':1}", 1, 2),
        ("{\"a\":1,}", 1, 8),
        ("[1,]", 1, 4),
        ("01", 1, 2),
        ("1.", 1, 3),
        ("\"\\ud800\"", 1, 2),
        ("\"\\udc00\"", 1, 2),
        ("\"\\ud800\\u0041\"", 1, 2),
        ("\"a\u{1}\"", 1, 3),
        ("\"\\x\"", 1, 2),
        ("// c\n1", 1, 1),
    ];
    for (text, line, column) in table {
        let found = fault(text);
        assert_eq!((found.0, found.1), (line, column), "{text:?}: {}", found.2);
    }
    assert_eq!(parse(b"{\"a\": \"\xff\"}").unwrap_err().column, 8);
}

#[test]
fn a5_nesting_ends_at_128() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(128).as_bytes()).is_ok());
    assert!(parse(nested(129).as_bytes()).is_err());
    assert!(parse("[".repeat(1_000_000).as_bytes()).is_err());
}

#[test]
fn l6_numbers_stay_as_they_were_written() {
    for text in ["1e400", "9223372036854775808", "-1", "1.5", "-0", "0E-1"] {
        assert_eq!(parse(text.as_bytes()), Ok(Json::Number(text.into())));
    }
}

fn same(ours: &Json, theirs: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (ours, theirs) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(a), Value::Bool(b)) => a == b,
        (Json::Number(a), Value::Number(b)) => a.parse::<f64>().ok() == b.as_f64(),
        (Json::Text(a), Value::String(b)) => a == b,
        (Json::List(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((n, a), (m, b))| n == m && same(a, b))
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn a5_what_we_read_another_parser_reads_the_same(
        text in r#"[\[\]{},: "\\a-c0-2.eE+\-u/d8tnl]{0,24}"#
    ) {
        if let Ok(ours) = parse(text.as_bytes()) {
            // The other parser refuses numbers that are out of its range.
            if let Ok(theirs) = serde_json::from_str::<serde_json::Value>(&text) {
                prop_assert!(same(&ours, &theirs), "{text}");
            } else {
                prop_assert!(text.contains(['e', 'E']), "{text}");
            }
        }
    }

    #[test]
    fn a5_what_another_parser_writes_we_read(text in any::<String>(), number in any::<i64>()) {
        let value = serde_json::json!({ "a": [text, number, null, true], "b": { "c": {} } });
        let ours = parse(value.to_string().as_bytes()).unwrap();
        prop_assert!(same(&ours, &value));
    }

    #[test]
    fn a5_no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = parse(&bytes);
    }
}
