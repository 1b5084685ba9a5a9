//! Imports of what other systems hold.

use crate::management::Plane;
use serde_json::{Value, json};

/// A file that the readers are tested with, too.
macro_rules! sample {
    ($path:literal) => {
        include_str!(concat!("../../../../engine/src/import/rows/", $path))
    };
}

/// Imports a file; status and answer.
async fn import(plane: &Plane, query: &str, kind: &str, file: &str) -> (u16, Value) {
    let path = format!("/v1/keys/import{query}");
    let answer = plane
        .send(
            Some(&plane.admin),
            "POST",
            &path,
            &[("Content-Type", kind)],
            file.as_bytes(),
        )
        .await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn the_forms_of_other_systems_are_taken_and_what_is_left_out_is_told() {
    let plane = Plane::start().await;
    let owner = "owner=admin@example.com";
    for (query, kind, file, keys, note) in [
        (
            "nginx-map",
            "text/plain",
            sample!("nginx_map/samples/api-keys.conf"),
            5,
            ("line 6", 5),
        ),
        (
            "kong",
            "application/json",
            sample!("kong/samples/admin-api.json"),
            3,
            ("document 2 /data/0", 1),
        ),
        (
            "unkey",
            "application/json",
            sample!("unkey/samples/list-keys.json"),
            2,
            ("/data/0", 1),
        ),
    ] {
        for (more, status) in [
            ("&dry_run=true", 200),
            ("&dry_run=true", 200),
            ("", 200),
            ("&dry_run=true", 422),
        ] {
            let (got, answer) = import(&plane, &format!("?format={query}&{owner}{more}"), kind, file).await;
            assert_eq!(got, status, "{query}{more}: {answer}");
            if status == 200 {
                assert_eq!(answer["keys"], keys, "{query}{more}: {answer}");
                let first = &answer["notes"][0];
                assert_eq!(
                    (first["place"].as_str(), first["times"].as_u64()),
                    (Some(note.0), Some(note.1)),
                    "{answer}"
                );
            }
        }
    }
    plane.assert_no_secret_was_shown(&[
        "62eb165c070a41d5c1b58d9d3d725ca1",
        "prod_8fK2mVxq7TtN4cWb",
        "Kj8#mN2$pQ5;tR",
    ]);
}

#[tokio::test]
async fn a_fault_in_json_names_document_pointer_and_field() {
    let plane = Plane::start().await;
    let file = r#"{"data":[{"key":"abcdef123456"}],"next":null}{"data":[{"key":7}],"next":null}"#;
    let (status, answer) = import(&plane, "?format=kong", "application/json", file).await;
    assert_eq!((status, &answer["code"]), (422, &json!("invalid_lines")));
    let faults = &answer["errors"];
    assert_eq!(
        (&faults[0]["document"], &faults[0]["pointer"], &faults[0]["field"]),
        (&json!(1), &json!("/data/0"), &json!("owner"))
    );
    assert_eq!(
        (&faults[1]["document"], &faults[1]["pointer"], &faults[1]["field"]),
        (&json!(2), &json!("/data/0"), &json!("key"))
    );
    assert_eq!(
        answer["detail"],
        "Nothing was imported: 2 places cannot be taken."
    );
}

#[tokio::test]
async fn use_case_and_sites_count_where_the_file_names_none() {
    let plane = Plane::start().await;
    let file = "abcdef123456 n;";
    let kind = "text/plain; charset=utf-8";
    for (more, field) in [
        ("use_case=none", "use_case"),
        ("sites=none", "sites"),
        ("dry_run=1", "dry_run"),
    ] {
        let (status, answer) = import(
            &plane,
            &format!("?format=nginx-map&owner=admin@example.com&{more}"),
            kind,
            file,
        )
        .await;
        assert_eq!(
            (status, &answer["errors"][0]["field"]),
            (422, &json!(field)),
            "{answer}"
        );
    }
    let (status, answer) = import(&plane, "?format=nginx-map", kind, file).await;
    assert_eq!((status, &answer["errors"][0]["field"]), (422, &json!("owner")));
}

#[tokio::test]
async fn the_form_and_the_content_type_must_agree() {
    let plane = Plane::start().await;
    for (query, kind) in [
        ("", "text/plain"),
        ("", "application/json"),
        ("?format=kong", "text/plain"),
        ("?format=nginx-map", "application/json"),
        ("?format=unkey", "application/jsonl"),
        ("?format=csv", "application/json"),
        ("?format=kong", "application/yaml"),
    ] {
        let (status, answer) = import(&plane, query, kind, "{}").await;
        assert_eq!(
            (status, &answer["code"]),
            (415, &json!("unsupported_media_type")),
            "{query} {kind}: {answer}"
        );
    }
}

#[tokio::test]
async fn every_fault_of_a_line_is_named_whatever_it_is() {
    let plane = Plane::start().await;
    let lines = [
        r#"{"owner":"admin@example.com","name":1,"secret":"abcdef123456","limit":{"per_minute":0},"zzz":1}"#,
        r#"{"owner":"nobody@example.com","name":"n","fingerprint":1,"sites":{"only":["nosuch"]},"status":"odd"}"#,
    ];
    let (status, answer) = import(&plane, "", "application/jsonl", &lines.join("\n")).await;
    assert_eq!(status, 422, "{answer}");
    let told: Vec<String> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| format!("{} {}", error["line"], error["field"].as_str().unwrap_or("-")))
        .collect();
    assert_eq!(
        told,
        [
            "1 name",
            "1 limit",
            "1 -",
            "2 owner",
            "2 fingerprint",
            "2 sites",
            "2 status"
        ]
    );
    let file = "owner,name,secret,limit,sites,status\nadmin@example.com,n,abcdef123456,x,nosuch,odd\n";
    let (status, answer) = import(&plane, "", "text/csv", file).await;
    assert_eq!(status, 422, "{answer}");
    let fields = answer["errors"].as_array().unwrap().iter();
    let fields: Vec<&str> = fields.filter_map(|error| error["field"].as_str()).collect();
    assert_eq!(fields, ["sites", "limit", "status"], "{answer}");
}
