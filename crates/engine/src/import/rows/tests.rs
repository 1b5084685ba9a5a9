use super::*;

/// What the readers of every form are tested with.
pub(super) mod support {
    use super::*;
    use std::borrow::Cow;

    /// Place (as it is told), field and message.
    pub(crate) type Line = (String, Option<&'static str>, String);

    /// Rows with their places, faults, and notes with how often.
    pub(crate) struct Read {
        pub(crate) rows: Vec<(String, Row)>,
        pub(crate) faults: Vec<Line>,
        pub(crate) notes: Vec<(String, Option<&'static str>, &'static str, usize)>,
    }

    pub(crate) fn read_as(format: ImportFormat, file: &str) -> Read {
        read_with_owners(format, file, &[])
    }

    /// With a table that gives these names an owner.
    pub(crate) fn read_with_owners(format: ImportFormat, file: &str, names: &[&str]) -> Read {
        let owners = names.iter().map(|name| (String::from(*name), String::new()));
        let reading = Reading {
            format,
            needs_owner: true,
            owners: &owners.collect(),
            now: Timestamp::from_millis(1_800_000_000_000),
        };
        let mut rows = Vec::new();
        let mut take = |place: Place, row| {
            rows.push((place.to_string(), row));
            true
        };
        let mut out = Out::new(100_000, &mut take);
        read_rows(reading, file, &mut out);
        let told = out.told;
        Read {
            rows,
            faults: told
                .faults
                .into_iter()
                .map(|fault| match fault.field {
                    Some(Cow::Borrowed(field)) => (fault.place.to_string(), Some(field), fault.message),
                    _ => (fault.place.to_string(), None, fault.message),
                })
                .collect(),
            notes: told
                .notes
                .into_iter()
                .map(|note| (note.place.to_string(), note.field, note.message, note.times))
                .collect(),
        }
    }

    /// A file that must have faults: place, field, and a part of what is told.
    #[track_caller]
    pub(crate) fn refused(format: ImportFormat, file: &str, wanted: &[(&str, Option<&str>, &str)]) {
        let faults = read_as(format, file).faults;
        assert_eq!(faults.len(), wanted.len(), "{file}: {faults:?}");
        for (told, wanted) in faults.iter().zip(wanted) {
            assert_eq!((told.0.as_str(), told.1), (wanted.0, wanted.1), "{told:?}");
            assert!(told.2.contains(wanted.2), "{told:?}: {wanted:?}");
        }
    }
}

/// Line, field and message.
type Line = (u64, Option<&'static str>, String);

fn read(format: ImportFormat, file: &str) -> (Vec<(u64, Row)>, Vec<Line>) {
    let line = |place: &str| place.strip_prefix("line ").unwrap().parse().unwrap();
    let read = support::read_as(format, file);
    let rows = read.rows.into_iter().map(|(place, row)| (line(&place), row));
    let faults = read.faults.into_iter();
    let faults = faults.map(|(place, field, message)| (line(&place), field, message));
    (rows.collect(), faults.collect())
}

/// The faults of a file that must have some: line, field, and a part of what is told.
#[track_caller]
fn faults(format: ImportFormat, file: &str, wanted: &[(u64, Option<&str>, &str)]) {
    let (_, told) = read(format, file);
    assert_eq!(told.len(), wanted.len(), "{told:?}");
    for (told, wanted) in told.iter().zip(wanted) {
        assert_eq!((told.0, told.1), (wanted.0, wanted.1), "{told:?}");
        assert!(told.2.contains(wanted.2), "{told:?}: {wanted:?}");
    }
}

#[test]
fn both_forms_say_the_same() {
    let csv = "owner,name,secret,sites,addresses,limit,status\n\
               a@b.c,n,abcdef123456,1; 2,10.0.0.0/8,60,disabled\na@b.c,m,abcdef123457,,,,\n";
    let json = "{\"owner\":\"a@b.c\",\"name\":\"n\",\"secret\":\"abcdef123456\",\"sites\":{\"only\":[\"1\",\"2\"]},\
                \"addresses\":{\"only\":[\"10.0.0.0/8\"]},\"limit\":{\"per_minute\":60},\"status\":\"disabled\"}\n\n\
                {\"owner\":\"a@b.c\",\"name\":\"m\",\"secret\":\"abcdef123457\"}\n";
    for (format, file, lines) in [
        (ImportFormat::Csv, csv, [2, 3]),
        (ImportFormat::JsonLines, json, [1, 3]),
    ] {
        for start in ["", "\u{feff}"] {
            let (rows, told) = read(format, &format!("{start}{file}"));
            assert!(told.is_empty(), "{told:?}");
            let row = &rows[0].1;
            assert_eq!([rows[0].0, rows[1].0], lines);
            assert_eq!((row.owner.as_str(), row.name.as_str()), ("a@b.c", "n"));
            assert_eq!(row.secret.as_deref().map(String::as_str), Some("abcdef123456"));
            assert_eq!(row.sites, Some(RestrictionDraft::only(["1", "2"])));
            assert_eq!(row.addresses, Some(RestrictionDraft::only(["10.0.0.0/8"])));
            assert_eq!(
                (row.limit, row.status.as_deref()),
                (Some(LimitDraft::PerMinute(60)), Some("disabled"))
            );
            let row = &rows[1].1;
            assert!(
                row.sites.is_none() && row.addresses.is_none() && row.limit.is_none() && row.status.is_none()
            );
        }
    }
}

#[test]
fn a_fault_of_a_json_line_names_its_field() {
    let file = r#"{"owner": 1, "name": ["n"], "secret": {}, "sites": ["1"], "addresses": null, "limit": 60, "expires_at": "x", "status": true}
{"owner": "a", "name": "n", "limit": {"per_minute": -1}, "description": null}
{"owner": "a", "name": "n", "limit": {"unlimited": false}}
{"owner": "a", "name": "n", "limit": {"per_minute": 18446744073709551616}}
{"owner": "a", "nam": "n", "owner": "b"}
["owner"]
{"owner" "a"}
{"owner": "a"
{"owner": "a"} {"owner": "a"}"#;
    let text = "must be a text";
    let (sites, addresses, limit, expiry) = (
        r#"with one member: write {"any": true} or {"only": ["123"]}"#,
        r#"null does not say what is meant: write {"any": true} or {"only": ["192.0.2.0/24"]}"#,
        r#"write {"unlimited": true} or {"per_minute": 60}"#,
        r#"write {"never": true} or {"at": "2027-12-31T00:00:00Z"}"#,
    );
    let wanted = [
        (1, Some("owner"), text),
        (1, Some("name"), text),
        (1, Some("secret"), text),
        (1, Some("sites"), sites),
        (1, Some("addresses"), addresses),
        (1, Some("limit"), limit),
        (1, Some("expires_at"), expiry),
        (1, Some("status"), text),
        (2, Some("limit"), limit),
        (2, Some("description"), "null is not taken: leave the field out"),
        (3, Some("limit"), limit),
        (4, Some("limit"), limit),
        (5, None, "field 2 is none of: owner, name, secret"),
        (5, Some("owner"), "is given twice"),
        (6, None, "must be a JSON object"),
        (7, None, "column 10"),
        (8, None, "column 13"),
        (9, None, "trailing characters"),
    ];
    faults(ImportFormat::JsonLines, file, &wanted);
}

#[test]
fn a_fault_of_a_csv_file_names_its_column() {
    let header = [
        (1, None, "column 2 is none of: owner, name"),
        (1, None, "no column `name`"),
    ];
    faults(ImportFormat::Csv, "owner,nam,secret\na,n,s\n", &header);
    let twice = [(1, None, "`owner` is there twice")];
    faults(ImportFormat::Csv, "owner,name,owner\na,n,b\n", &twice);
    let number = "must be a whole number such as 60";
    let cells = [
        (2, Some("limit"), number),
        (3, Some("limit"), number),
        (4, Some("limit"), number),
        (5, Some("limit"), number),
        (6, None, "the header has 3 columns, this line 2"),
    ];
    let file = "owner,name,limit\na,n,sixty\na,n,+5\na,n,18446744073709551616\na,n,007\na,n\na,n,60\n";
    faults(ImportFormat::Csv, file, &cells);
    let (rows, _) = read(ImportFormat::Csv, file);
    let whole = rows.iter().filter(|(_, row)| row.misread.is_empty());
    assert_eq!(whole.count(), 1);
    faults(ImportFormat::Csv, &file.replace('\n', "\r\n"), &cells);
    assert!(read(ImportFormat::Csv, "").1.is_empty());
}

#[test]
fn k1_a_secret_in_the_wrong_place_is_not_quoted() {
    let files = [
        // No header line, or one that lacks a column.
        (ImportFormat::Csv, "a@b.c,n,123456789012\na@b.c,n,abcdef\n"),
        (ImportFormat::Csv, "owner,name,123456789012\na,b,c\n"),
        (
            ImportFormat::Csv,
            "owner,name,secret,limit\na,n,123456789012,123456789012x\na,b\n",
        ),
        (
            ImportFormat::JsonLines,
            r#"{"owner": "a", "name": "n", "secret": 123456789012}"#,
        ),
        (ImportFormat::JsonLines, r#"{"123456789012": "a"}"#),
        (
            ImportFormat::JsonLines,
            r#"{"owner": "a", "name": "n", "123456789012\"x": 1}"#,
        ),
        (
            ImportFormat::JsonLines,
            r#"{"owner": "a", "name": "n", "limit": "\"123456789012"}"#,
        ),
        (
            ImportFormat::JsonLines,
            r#"{"owner": "a", "name": "n", "limit": "`, expected 123456789012"}"#,
        ),
        (
            ImportFormat::JsonLines,
            r#"{"owner": "a", "name": "n", "limit": 123456789012.5}"#,
        ),
        (ImportFormat::JsonLines, "123456789012"),
        (ImportFormat::JsonLines, r#""123456789012""#),
        (ImportFormat::JsonLines, r#"{"owner": "a", 123456789012"#),
        (
            ImportFormat::JsonLines,
            r#"{"owner": "a", "secret": "123456789012"#,
        ),
        (
            ImportFormat::JsonLines,
            r#"{"owner": "a", "secret": "123456789012\q"}"#,
        ),
    ];
    for (format, file) in files {
        let (_, told) = read(format, file);
        assert!(!told.is_empty(), "{file}");
        assert!(!format!("{told:?}").contains("123456789012"), "{told:?}");
    }
}

#[test]
fn k1_a_secret_in_a_field_that_is_shown_is_noticed() {
    let digest = "da4ec3358a10c9b0872eb877953cc7b07af5f4d75e4c1cb0597cbbf41e5dbe35";
    let shown = |line: &str| {
        let (rows, told) = read(ImportFormat::JsonLines, line);
        assert!(told.is_empty(), "{told:?}");
        let all = rows.iter().filter_map(|(_, row)| Some((row.known_by()?, 0)));
        rows[0].1.shown_secrets(&all.collect())
    };
    for (fields, wanted) in [
        (r#""name": "n", "secret": "abcdef123456""#.to_owned(), &[][..]),
        (
            r#""name": "abcdef123456", "secret": "abcdef123456""#.to_owned(),
            &["name"],
        ),
        (
            r#""name": "n", "description": "was abcdef123456", "secret": "abcdef123456""#.to_owned(),
            &["description"],
        ),
        (
            format!(r#""name": "n", "hint": "abcdef123456", "fingerprint": "{digest}""#),
            &["hint"],
        ),
        (
            format!(r#""name": "abcdef123456", "hint": "3456", "fingerprint": "{digest}""#),
            &["name"],
        ),
        (
            format!(r#""name": "n", "hint": "3456", "fingerprint": "{digest}""#),
            &[],
        ),
        (r#""name": "n", "hint": "x", "fingerprint": "x""#.to_owned(), &[]),
    ] {
        assert_eq!(
            shown(&format!("{{\"owner\": \"a\", {fields}}}")),
            wanted,
            "{fields}"
        );
    }
}

/// A file that ends too early, as after a broken download, or that has a character too much.
#[test]
fn k1_a_broken_file_of_another_system_is_refused_without_a_quote_or_gives_what_it_holds() {
    let samples = [
        (
            ImportFormat::NginxMap,
            include_str!("nginx_map/samples/api-keys.conf"),
        ),
        (ImportFormat::Kong, include_str!("kong/samples/admin-api.json")),
        (ImportFormat::Kong, include_str!("kong/samples/deck.json")),
        (ImportFormat::Unkey, include_str!("unkey/samples/list-keys.json")),
    ];
    for (format, sample) in samples {
        let whole = support::read_as(format, sample).rows.len();
        let secrets: Vec<String> = support::read_as(format, sample)
            .rows
            .into_iter()
            .filter_map(|(_, row)| row.secret.map(|secret| secret.to_string()))
            .collect();
        for end in (0..sample.len()).filter(|end| sample.is_char_boundary(*end)) {
            let (head, tail) = sample.split_at(end);
            for sign in ["", "\"", "{", "}", "\\", ";", "\0"] {
                let rest = if sign.is_empty() { "" } else { tail };
                let read = support::read_as(format, &format!("{head}{sign}{rest}"));
                assert!(!sign.is_empty() || read.rows.len() <= whole, "{end}");
                let quoted = |message: &str| secrets.iter().any(|secret| message.contains(secret.as_str()));
                assert!(
                    !read.faults.iter().any(|fault| quoted(&fault.2)),
                    "{end} {sign}: {:?}",
                    read.faults
                );
            }
        }
    }
}

#[test]
fn a_file_of_more_keys_than_are_taken_is_refused_at_the_first_of_them() {
    let owners = HashMap::new();
    let reading = Reading {
        format: ImportFormat::JsonLines,
        needs_owner: true,
        owners: &owners,
        now: Timestamp::from_millis(0),
    };
    for (most, wanted) in [(3, None), (2, Some(Place::Line(3)))] {
        let mut rows = 0;
        let mut take = |_, _| {
            rows += 1;
            true
        };
        let mut out = Out::new(most, &mut take);
        read_rows(reading, &"{\"name\":\"n\"}\n".repeat(3), &mut out);
        let fault = out.told.faults.first().map(|fault| fault.place.clone());
        assert_eq!((fault, rows), (wanted, most));
    }
}

#[test]
fn what_is_larger_than_a_row_may_be_is_refused_in_every_format() {
    let long = "a".repeat(70_000);
    for (format, file) in [
        (ImportFormat::Csv, format!("owner,name,secret\na,{long},s\n")),
        (ImportFormat::JsonLines, format!("{{\"name\":\"{long}\"}}\n")),
        (ImportFormat::NginxMap, format!("{long} name;\n")),
        (ImportFormat::NginxMap, format!("key \"{long}\";\n")),
        (ImportFormat::Kong, format!("[{{\"key\":\"{long}\"}}]")),
        (
            ImportFormat::Unkey,
            format!("{{\"data\":[{{\"meta\":[{}0]}}]}}", "0,".repeat(40_000)),
        ),
    ] {
        let read = support::read_as(format, &file);
        let told = &read.faults;
        assert!(
            read.rows.is_empty() && told.iter().any(|fault| fault.2.contains("64 KiB")),
            "{format:?}: {told:?}"
        );
    }
}
