use crate::ExpiryDraft;
use crate::ImportFormat::Kong;
use crate::import::rows::Row;
use crate::import::rows::tests::support::{read_as, refused};

mod names;
mod restriction;

const ADMIN_API: &str = include_str!("samples/admin-api.json");
const DECK: &str = include_str!("samples/deck.json");

#[test]
fn pages_of_the_admin_api_and_a_dump_give_the_same_keys() {
    for (file, places) in [
        (ADMIN_API, ["/data/0", "document 2 /data/0", "document 2 /data/1"]),
        (
            DECK,
            [
                "/consumers/0/keyauth_credentials/0",
                "/consumers/0/keyauth_credentials/1",
                "/consumers/1/keyauth_credentials/0",
            ],
        ),
    ] {
        let read = read_as(Kong, file);
        assert!(read.faults.is_empty(), "{:?}", read.faults);
        let rows = &read.rows;
        let seen: Vec<(&str, &str)> = rows
            .iter()
            .map(|(place, row)| (place.as_str(), row.name.as_str()))
            .collect();
        assert_eq!(
            seen,
            [(places[0], "acme"), (places[1], "acme 2"), (places[2], "iot")]
        );
        let secret = |nth: usize| rows[nth].1.secret.as_deref().map(String::as_str);
        assert_eq!(secret(0), Some("62eb165c070a41d5c1b58d9d3d725ca1"));
        assert_eq!(rows[0].1.description.as_deref(), Some("tags: production, eu"));
        assert_eq!(
            (until(&rows[0].1), rows[1].1.description.as_deref()),
            (None, None)
        );
        // A day after the clock of this test.
        assert_eq!(until(&rows[1].1), Some("2027-01-16T08:00:00Z"));
        assert_eq!(
            rows[0].1.foreign_owners,
            ["acme", "crm-17", "b2b0a0e4-1c3e-4a83-8c1c-52f4f0a5b1f1"]
        );
        assert_eq!(rows[2].1.foreign_owners[0], "iot");
    }
}

#[test]
fn what_is_not_taken_over_is_told() {
    let notes = read_as(Kong, DECK).notes;
    for part in ["other kinds", "services, routes", "seconds that a key has left"] {
        assert!(
            notes.iter().any(|note| note.2.contains(part)),
            "{part}: {notes:?}"
        );
    }
    let notes = read_as(Kong, ADMIN_API).notes;
    assert!(
        notes
            .iter()
            .any(|note| note.0 == "document 3 /data/1" && note.2.contains("tags")),
        "{notes:?}"
    );
    let file = r#"{"data":[{"key":"abcdef123456","strange":1},{"key":"abcdef123457","strange":1}]}"#;
    let notes = read_as(Kong, file).notes;
    assert_eq!((notes.len(), notes[0].3), (1, 2), "{notes:?}");
}

#[test]
fn a_declarative_configuration_names_its_consumers_by_user_name() {
    let file = r#"{"_format_version":"3.0","consumers":[{"username":"acme","custom_id":"crm-17"}],
        "keyauth_credentials":[{"consumer":"acme","key":"abcdef123456"},{"consumer":"unknown","key":"abcdef123457"}]}"#;
    let read = read_as(Kong, file);
    assert!(read.faults.is_empty(), "{:?}", read.faults);
    assert_eq!(read.rows[0].1.foreign_owners, ["acme", "crm-17"]);
    assert_eq!(read.rows[1].1.foreign_owners, ["unknown"]);
}

#[test]
fn a_file_without_its_last_page_is_refused() {
    let first = ADMIN_API.lines().next().unwrap();
    let last = ADMIN_API.lines().last().unwrap();
    refused(Kong, first, &[("document 1", Some("next"), "another page")]);
    // The consumers are not the rest of the keys.
    refused(
        Kong,
        &format!("{first}{last}"),
        &[("document 1", Some("next"), "another page")],
    );
}

#[test]
fn faults_name_pointer_and_field() {
    let file = r#"{"data":[
        {"key":1}, {"key":null}, {"key":"{vault://env/acme-key}"}, {"key":"${{ env \"DECK_KEY\" }}"},
        {"key":"abcdef123456","ttl":"60"}, {"key":"abcdef123456","tags":"eu"}, {}, 7]}"#;
    refused(
        Kong,
        file,
        &[
            ("/data/0", Some("key"), "must be a text"),
            ("/data/1", Some("key"), "is required"),
            ("/data/2", Some("key"), "reference"),
            ("/data/3", Some("key"), "reference"),
            ("/data/4", Some("ttl"), "whole number"),
            ("/data/5", Some("tags"), "list of texts"),
            ("/data/6", None, "neither a key"),
            ("/data/7", None, "neither a key"),
        ],
    );
    refused(
        Kong,
        r#"{"consumers":{}}"#,
        &[("/consumers", None, "must be a list")],
    );
    for file in [
        "{}",
        "7",
        "\"x\"",
        r#"{"data":{}}"#,
        r#"{"message":"Unauthorized"}"#,
    ] {
        refused(Kong, file, &[("document 1", None, "neither a page")]);
    }
}

#[test]
fn what_is_no_json_is_refused_by_its_line_and_not_quoted() {
    for (file, line, part) in [
        (
            "{\"data\":[\n{\"key\":\"abcdef123456\",}]}",
            "line 2",
            "not readable as JSON",
        ),
        (
            "_format_version: \"3.0\"\nconsumers:\n",
            "line 1",
            "not readable as JSON",
        ),
        (
            "{\"data\":[{\"key\":\"abcdef123456\",\"key\":\"abcdef123457\"}]}",
            "line 1",
            "twice",
        ),
        ("{\"data\":[", "line 1", "not readable as JSON"),
    ] {
        refused(Kong, file, &[(line, None, part)]);
        assert!(
            read_as(Kong, file)
                .faults
                .iter()
                .all(|fault| !fault.2.contains("abcdef")),
            "{file}"
        );
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    refused(Kong, &deep, &[("line 1", None, "recursion")]);
    assert!(read_as(Kong, "").rows.is_empty());
}

#[test]
fn many_keys_are_read() {
    let keys: Vec<String> = (0..50_000)
        .map(|n| format!(r#"{{"key":"abcdef{n:08}"}}"#))
        .collect();
    let file = format!(r#"{{"data":[{}],"next":null}}"#, keys.join(","));
    assert_eq!(read_as(Kong, &file).rows.len(), 50_000);
}

#[test]
fn a_time_to_live_may_be_any_number() {
    for (ttl, wanted) in [("1", "2027-01-15T08:00:01Z"), ("-86400", "2027-01-14T08:00:00Z")] {
        let read = read_as(Kong, &format!(r#"[{{"key":"abcdef123456","ttl":{ttl}}}]"#));
        assert_eq!(until(&read.rows[0].1), Some(wanted));
    }
    for ttl in [i64::MAX, i64::MIN] {
        let read = read_as(Kong, &format!(r#"[{{"key":"abcdef123456","ttl":{ttl}}}]"#));
        let expiry = until(&read.rows[0].1).unwrap().to_owned();
        assert!(expiry.parse::<keyward_domain::Timestamp>().is_err(), "{expiry}");
    }
    for ttl in ["1.5", "1e3", "18446744073709551615"] {
        let file = format!(r#"[{{"key":"abcdef123456","ttl":{ttl}}}]"#);
        refused(Kong, &file, &[("/0", Some("ttl"), "whole number")]);
    }
}

#[test]
fn a_time_to_live_of_zero_is_none() {
    let read = read_as(Kong, r#"[{"key":"abcdef123456","ttl":0}]"#);
    assert_eq!(read.rows[0].1.expires_at, None);
    assert!(
        read.faults.is_empty() && read.notes.is_empty(),
        "{:?}",
        read.notes
    );
}

fn until(row: &Row) -> Option<&str> {
    row.expires_at.as_ref().and_then(ExpiryDraft::at)
}
