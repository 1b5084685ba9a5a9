use crate::ImportFormat::Unkey;
use crate::import::rows::tests::support::{read_as, refused};
use crate::{ExpiryDraft, LimitDraft};

const PAGES: &str = include_str!("samples/list-keys.json");

/// A page with one key that has these fields beside its text.
fn page(fields: &str) -> String {
    format!(
        r#"{{"data":[{{"keyId":"key_1","plaintext":"abcdef123456",{fields}}}],"pagination":{{"hasMore":false}}}}"#
    )
}

#[test]
fn pages_give_what_can_be_said_here() {
    let read = read_as(Unkey, PAGES);
    assert!(read.faults.is_empty(), "{:?}", read.faults);
    let [(first_place, first), (second_place, second)] = read.rows.as_slice() else {
        panic!("{}", read.rows.len());
    };
    assert_eq!(
        (first_place.as_str(), second_place.as_str()),
        ("/data/0", "/data/1")
    );
    assert_eq!(first.name, "Billing service");
    assert_eq!(
        first.secret.as_deref().map(String::as_str),
        Some("prod_8fK2mVxq7TtN4cWb")
    );
    assert!(first.fingerprint.is_none() && first.hint.is_none() && first.status.is_none());
    assert_eq!(
        first.description.as_deref(),
        Some(r#"meta: {"plan":"premium","region":"eu-west-1"}"#)
    );
    assert_eq!(
        first.expires_at.as_ref().and_then(ExpiryDraft::at),
        Some("2028-01-01T00:00:00Z")
    );
    assert_eq!(
        (first.limit, second.limit),
        (Some(LimitDraft::PerMinute(100)), None)
    );
    assert_eq!(first.foreign_owners, ["user_17", "user_17", "id_5Qe7"]);
    // Its hash is base64 there, hexadecimal here.
    assert_eq!(second.name, "key_9Xw2TqPm4Ld6");
    let hash = "9a6f9c6908e6bdc117e65b19e7073a17cc40e52f66eb96d707c35fc92d2f64cd";
    assert_eq!(
        (second.fingerprint.as_deref(), second.hint.as_deref()),
        (Some(hash), Some("prod_Qz7a…"))
    );
    assert_eq!(second.status.as_deref(), Some("disabled"));
    let told: Vec<_> = read.notes.iter().map(|note| (note.0.as_str(), note.1)).collect();
    assert_eq!(
        told,
        [("/data/0", Some("ratelimits")), ("/data/0", Some("permissions"))]
    );
}

#[test]
fn what_narrows_a_key_down_and_cannot_be_said_is_refused() {
    for (fields, field, part) in [
        (
            r#""ratelimits":[{"limit":1000,"duration":3600000,"autoApply":true}]"#,
            "ratelimits",
            "60000",
        ),
        (
            r#""ratelimits":[{"limit":10,"duration":1000}]"#,
            "ratelimits",
            "60000",
        ),
        (
            r#""ratelimits":[{"limit":-1,"duration":60000}]"#,
            "ratelimits",
            "whole numbers",
        ),
        (r#""ratelimits":[7]"#, "ratelimits", "whole numbers"),
        (r#""ratelimits":{}"#, "ratelimits", "must be a list"),
        (
            r#""credits":{"remaining":1000}"#,
            "credits",
            "a number of requests for good",
        ),
        (r#""remaining":0"#, "remaining", "a number of requests for good"),
        (r#""credits":5"#, "credits", "a number of requests for good"),
        (r#""credits":"5""#, "credits", "a number of requests for good"),
        (
            r#""credits":{"remaining":null,"refill":{"interval":"daily","amount":9}}"#,
            "credits",
            "for good",
        ),
        (r#""credits":[0]"#, "credits", "a number of requests for good"),
        (r#""remaining":"7""#, "remaining", "a number of requests for good"),
        (
            r#""refill":{"interval":"daily","amount":9}"#,
            "refill",
            "take it out",
        ),
        (
            r#""ratelimit":{"type":"fast","limit":10,"refillRate":10,"refillInterval":60000}"#,
            "ratelimit",
            "`ratelimits`",
        ),
        (r#""ratelimit":0"#, "ratelimit", "`ratelimits`"),
        (r#""ipWhitelist":["192.0.2.1"]"#, "ipWhitelist", "take it out"),
        (
            r#""ipWhitelist":"192.0.2.1,192.0.2.2""#,
            "ipWhitelist",
            "take it out",
        ),
        (r#""deletedAt":1704067300000"#, "deletedAt", "deleted"),
        (r#""deletedAt":0"#, "deletedAt", "deleted"),
        (
            r#""identity":{"id":"i","ratelimits":[{"name":"r","limit":5,"duration":1000,"autoApply":false}]}"#,
            "identity",
            "ratelimits",
        ),
        (
            r#""identity":{"id":"i","ratelimits":{"r":5}}"#,
            "identity",
            "ratelimits",
        ),
        (r#""identity":["i"]"#, "identity", "must be an object"),
        (r#""enabled":"no""#, "enabled", "true or false"),
        (r#""expires":"tomorrow""#, "expires", "whole number"),
        (r#""expires":1.5"#, "expires", "whole number"),
        (r#""name":7"#, "name", "must be a text"),
        (r#""hash":"abc""#, "hash", "SHA-256"),
        // 43 digits of base64 hold two bits more than a hash.
        (
            r#""hash":"mm+caQjmvcEX5lsZ5wc6F8xA5S9m65bXB8NfyS0vZM1=""#,
            "hash",
            "SHA-256",
        ),
    ] {
        refused(Unkey, &page(fields), &[("/data/0", Some(field), part)]);
    }
    for fields in [
        r#""ratelimits":[{"limit":90,"duration":60000},{"limit":60,"duration":60000,"autoApply":true}]"#,
        r#""ratelimits":[{"limit":60,"duration":60000}],"credits":{"remaining":null},"remaining":null,"expires":0"#,
        r#""ratelimits":[{"limit":60,"duration":60000}],"credits":null,"refill":null,"ratelimit":null,"ipWhitelist":"","deletedAt":null"#,
        r#""ratelimits":[{"limit":60,"duration":60000}],"credits":{},"ipWhitelist":[],"identity":{"id":"i","ratelimits":[]}"#,
        r#""ratelimits":[{"limit":60,"duration":60000}],"identity":null,"workspaceId":"ws_1","apiId":"api_1""#,
    ] {
        let read = read_as(Unkey, &page(fields));
        assert!(read.faults.is_empty(), "{fields}: {:?}", read.faults);
        assert_eq!(
            (read.rows[0].1.limit, &read.rows[0].1.expires_at),
            (Some(LimitDraft::PerMinute(60)), &None),
            "{fields}"
        );
    }
}

#[test]
fn a_key_whose_text_nobody_has_is_told() {
    let file = r#"[{"keyId":"key_1","start":"prod_8fK2","enabled":true,"createdAt":1}, 7, {"plaintext":""}]"#;
    refused(
        Unkey,
        file,
        &[
            ("/0", Some("plaintext"), "recoverable"),
            ("/1", None, "must be an object"),
            ("/2", Some("plaintext"), "recoverable"),
        ],
    );
}

#[test]
fn what_is_no_whole_export_is_refused() {
    let first = &PAGES[..PAGES.rfind("{ \"meta\"").unwrap()];
    refused(Unkey, first, &[("document 1", Some("pagination"), "more keys")]);
    for file in ["{}", "7", r#"{"keys":[]}"#, r#"{"error":{"status":403}}"#] {
        refused(Unkey, file, &[("document 1", None, "no page of Unkey")]);
    }
    refused(Unkey, "data: []", &[("line 1", None, "not readable as JSON")]);
}

#[test]
fn metadata_that_have_no_room_and_unknown_fields_without_a_value_are_told() {
    let long = format!(
        r#""meta":{{"note":"{}"}},"strange":[],"stranger":null"#,
        "x".repeat(600)
    );
    let read = read_as(Unkey, &page(&long));
    assert!(read.faults.is_empty(), "{:?}", read.faults);
    assert_eq!(read.rows[0].1.description, None);
    let told: Vec<_> = read.notes.iter().map(|note| note.1).collect();
    assert_eq!(told, [Some("meta"), None]);
}

#[test]
fn an_unknown_field_with_a_value_may_restrict_the_key_and_is_named() {
    for value in ["1", "false", "\"x\"", "{\"a\":null}"] {
        let file = page(&format!(r#""allowedOrigins":{value}"#));
        let named = "`allowedOrigins` is not known here and may restrict the key: removing it";
        refused(Unkey, &file, &[("/data/0", None, named)]);
    }
    // Each of them is told, and a secret that became a field's name is not.
    let faults = read_as(Unkey, &page(r#""odd":1,"odder":2,"abcdef123456":1,"x y":1"#)).faults;
    assert_eq!(faults.len(), 4, "{faults:?}");
    assert!(
        faults.iter().all(|fault| !fault.2.contains("abcdef")),
        "{faults:?}"
    );
}

#[test]
fn k1_a_key_in_its_own_metadata_is_noticed() {
    let read = read_as(Unkey, &page(r#""meta":{"was":"abcdef123456"}"#));
    let all = read
        .rows
        .iter()
        .filter_map(|(_, row)| Some((row.known_by()?, 0)))
        .collect();
    assert_eq!(read.rows[0].1.shown_secrets(&all), ["description"]);
}

#[test]
fn instants_beyond_the_calendar_are_read_and_then_refused_as_an_expiry() {
    for millis in [i64::MAX, i64::MIN, -1, 253_402_300_800_000] {
        let read = read_as(Unkey, &page(&format!(r#""expires":{millis}"#)));
        assert!(read.faults.is_empty(), "{:?}", read.faults);
        let expiry = read.rows[0]
            .1
            .expires_at
            .as_ref()
            .and_then(ExpiryDraft::at)
            .unwrap();
        let is_instant = expiry.parse::<keyward_domain::Timestamp>().is_ok();
        assert_eq!(is_instant, millis == -1, "{millis}: {expiry}");
    }
}
