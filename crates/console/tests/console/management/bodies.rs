//! What a body may look like.

use crate::management::Plane;
use serde_json::json;

#[tokio::test]
async fn a5_bodies_are_json_of_known_fields_and_nothing_else() {
    let plane = Plane::start().await;
    let deep = format!("{{\"name\": {}{}}}", "[".repeat(128), "]".repeat(128));
    let table: Vec<(Vec<u8>, u16, &str)> = vec![
        (b"".to_vec(), 400, "malformed_json"),
        (b"{\"name\": \"n\"".to_vec(), 400, "malformed_json"),
        (b"{\"name\": \"n\"} x".to_vec(), 400, "malformed_json"),
        (b"{\"name\": \"n\"}{}".to_vec(), 400, "malformed_json"),
        (
            b"{\"name\": \"a\", \"name\": \"b\"}".to_vec(),
            400,
            "malformed_json",
        ),
        (
            b"{\"name\": \"a\", \"na\\u006de\": \"b\"}".to_vec(),
            400,
            "malformed_json",
        ),
        (
            b"{\"name\": {\"a\": 1, \"a\": 2}}".to_vec(),
            400,
            "malformed_json",
        ),
        (b"{\"name\": NaN}".to_vec(), 400, "malformed_json"),
        (b"\xef\xbb\xbf{\"name\": \"n\"}".to_vec(), 400, "malformed_json"),
        (b"{\"name\": \"\xff\"}".to_vec(), 400, "malformed_json"),
        (b"{\"name\": \"\\ud800\"}".to_vec(), 400, "malformed_json"),
        (deep.into_bytes(), 400, "malformed_json"),
        (b"[]".to_vec(), 422, "invalid"),
        (b"\"n\"".to_vec(), 422, "invalid"),
        (b"null".to_vec(), 422, "invalid"),
        (b"{}".to_vec(), 422, "invalid"),
        (b"{\"name\": 1}".to_vec(), 422, "invalid"),
        (b"{\"name\": null}".to_vec(), 422, "invalid"),
        (b"{\"name\": [\"n\"]}".to_vec(), 422, "invalid"),
        (b"{\"name\": \"n\", \"sites\": \"1\"}".to_vec(), 422, "invalid"),
        (
            b"{\"name\": \"n\", \"sites\": { \"only\": [1] }}".to_vec(),
            422,
            "invalid",
        ),
        (b"{\"name\": \"n\", \"addresses\": {}}".to_vec(), 422, "invalid"),
        (b"{\"name\": \"n\", \"unknown\": 1}".to_vec(), 422, "invalid"),
        (b"{\"name\": \"n\", \"__proto__\": {}}".to_vec(), 422, "invalid"),
    ];
    for (body, status, code) in table {
        let headers = [("Content-Type", "application/json")];
        let answer = plane
            .send(Some(&plane.admin), "POST", "/v1/keys", &headers, &body)
            .await;
        let shown = String::from_utf8_lossy(&body).into_owned();
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{shown}");
        if status == 400 {
            assert!(
                answer.json()["line"].is_u64() && answer.json()["column"].is_u64(),
                "{shown}"
            );
        }
    }
}

#[tokio::test]
async fn a5_a_body_of_more_than_a_mebibyte_is_refused() {
    let plane = Plane::start().await;
    let body = |bytes: usize| {
        let empty = "{\"name\": \"\"}".len();
        format!("{{\"name\": \"{}\"}}", "n".repeat(bytes - empty))
    };
    let fits = plane
        .json(&plane.admin, "POST", "/v1/keys", &[], &body(1 << 20))
        .await;
    assert_eq!((fits.status, fits.fields()), (422, vec!["name".to_owned()]));
    let answer = plane
        .json(&plane.admin, "POST", "/v1/keys", &[], &body((1 << 20) + 1))
        .await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", (1 << 20) + 1, body((1 << 20) + 1));
    let head = format!(
        "POST /v1/keys HTTP/1.1\r\nHost: k\r\nConnection: close\r\nX-API-KEY: {}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        plane.admin
    );
    assert_eq!(plane.raw(format!("{head}{chunk}").as_bytes()).await.status, 413);
}

#[tokio::test]
async fn a6_only_plain_utf_8_json_is_read() {
    let plane = Plane::start().await;
    let body = json!({ "name": "n" }).to_string();
    let table: [(&[(&str, &str)], u16); 16] = [
        (&[], 415),
        (&[("Content-Type", "text/plain")], 415),
        (&[("Content-Type", "application/x-www-form-urlencoded")], 415),
        (&[("Content-Type", "multipart/form-data; boundary=x")], 415),
        (&[("Content-Type", "application/json;charset=utf-16")], 415),
        (&[("Content-Type", "application/json;charset=latin1")], 415),
        (&[("Content-Type", "application/json;v=1")], 415),
        (&[("Content-Type", "application/jsonx")], 415),
        (
            &[
                ("Content-Type", "application/json"),
                ("Content-Type", "application/json"),
            ],
            415,
        ),
        (
            &[("Content-Type", "application/json"), ("Content-Encoding", "gzip")],
            415,
        ),
        (
            &[
                ("Content-Type", "application/json"),
                ("Content-Encoding", "deflate"),
            ],
            415,
        ),
        (
            &[("Content-Type", "application/json"), ("Content-Encoding", "br")],
            415,
        ),
        (
            &[("Content-Type", "application/json"), ("Content-Encoding", "zstd")],
            415,
        ),
        (
            &[
                ("Content-Type", "application/json"),
                ("Content-Encoding", "identity"),
            ],
            415,
        ),
        (&[("Content-Type", "application/json; charset=utf-8")], 201),
        (&[("Content-Type", "Application/JSON;charset=\"UTF-8\"")], 201),
    ];
    for (headers, status) in table {
        let answer = plane
            .send(Some(&plane.admin), "POST", "/v1/keys", headers, body.as_bytes())
            .await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
}

#[tokio::test]
async fn a7_names_have_1_to_64_code_points_and_stay_as_sent() {
    let plane = Plane::start().await;
    for name in [
        "a",
        &"é".repeat(64),
        "مفتاح",
        "🔑",
        "<script>alert(1)</script>",
        "=cmd()",
        "a\"b\\c",
    ] {
        let made = plane.make_key(json!({ "name": name })).await;
        let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
        let answer = plane.get(&plane.admin, &path).await;
        assert_eq!(answer.json()["name"], name);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    for name in ["", "   ", &"é".repeat(65), "a\0b", "a\r\nb", "\u{1b}[31m"] {
        let answer = plane
            .call(&plane.admin, "POST", "/v1/keys", &json!({ "name": name }))
            .await;
        assert_eq!(
            (answer.status, answer.fields()),
            (422, vec!["name".to_owned()]),
            "{name:?}"
        );
    }
}

#[tokio::test]
async fn r9_every_field_of_an_import_is_checked_as_in_a_create() {
    let plane = Plane::start().await;
    let (csv, jsonl) = (
        [("Content-Type", "text/csv")],
        [("Content-Type", "application/jsonl")],
    );
    for (field, value) in [
        ("name", ""),
        ("name", "abcdef123456"),
        ("description", "it was abcdef123456"),
        ("use_case", "none"),
        ("expires_at", "2999-02-30T00:00:00Z"),
        ("expires_at", "2999-01-01"),
        ("expires_at", "never"),
        ("sites", "none"),
        ("addresses", "127.1"),
        ("addresses", "192.0.2.9/24"),
        ("limit", "0"),
        ("status", "deleted"),
    ] {
        let mut row = json!({ "owner": "admin@example.com", "name": "one", "secret": "abcdef123456" });
        row[field] = match field {
            "sites" | "addresses" => json!({ "only": [value] }),
            "limit" => json!({ "per_minute": 0 }),
            "expires_at" => json!({ "at": value }),
            _ => json!(value),
        };
        let cell = |name: &str| match (name == field, name) {
            (true, _) => value,
            (_, "name") => "one",
            _ => "",
        };
        let columns = [
            "name",
            "description",
            "use_case",
            "expires_at",
            "sites",
            "addresses",
            "limit",
            "status",
        ];
        let cells = columns.map(cell).join(",");
        let lines = format!(
            "owner,secret,{}\nadmin@example.com,abcdef123456,{cells}\n",
            columns.join(",")
        );
        for (kind, file) in [(&csv, lines), (&jsonl, row.to_string())] {
            let path = "/v1/keys/import";
            let answer = plane
                .send(Some(&plane.admin), "POST", path, kind, file.as_bytes())
                .await;
            assert_eq!(
                (answer.status, answer.fields()),
                (422, vec![field.to_owned()]),
                "{file}: {:?}",
                answer.json()
            );
        }
    }
}

#[tokio::test]
async fn an_import_is_all_or_nothing_and_names_its_lines() {
    let plane = Plane::start().await;
    let csv = [("Content-Type", "text/csv")];
    let path = "/v1/keys/import?format=csv";
    let bad =
        b"owner,name,secret\nadmin@example.com,one,abcdef123456\nnobody@example.com,two,abcdef1234567\n";
    let answer = plane.send(Some(&plane.admin), "POST", path, &csv, bad).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "invalid_lines"));
    assert_eq!(
        (&answer.json()["errors"][0]["line"], answer.fields()[0].as_str()),
        (&json!(3), "owner")
    );
    let good = b"owner,name,secret\nadmin@example.com,one,abcdef123456\n";
    assert_eq!(
        plane
            .send(Some(&plane.admin), "POST", path, &csv, good)
            .await
            .json(),
        json!({ "keys": 1 })
    );
    let again = plane.send(Some(&plane.admin), "POST", path, &csv, good).await;
    assert_eq!(
        (again.status, again.json()["errors"][0]["line"].as_u64()),
        (422, Some(2))
    );
    let utf8 = plane
        .send(Some(&plane.admin), "POST", path, &csv, b"owner,name\n\xff")
        .await;
    assert_eq!((utf8.status, utf8.code().as_str()), (400, "malformed_file"));
    for (kind, query) in [
        ("text/plain", ""),
        ("application/jsonl", "?format=csv"),
        ("text/csv", "?format=jsonl"),
    ] {
        let path = format!("/v1/keys/import{query}");
        let answer = plane
            .send(Some(&plane.admin), "POST", &path, &[("Content-Type", kind)], good)
            .await;
        assert_eq!(answer.status, 415, "{kind}{query}");
    }
    let lines =
        br#"{"owner":"admin@example.com","name":"two","secret":"abcdef654321","sites": { "only": [] }}"#;
    let jsonl = [("Content-Type", "application/x-ndjson")];
    assert_eq!(
        plane
            .send(Some(&plane.admin), "POST", "/v1/keys/import", &jsonl, lines)
            .await
            .status,
        200
    );
    let lines = b"{\"owner\":\"admin@example.com\",\"name\":1,\"fingerprint\":\"zz\"}\n\
        {\"owner\":\"admin@example.com\",\"name\":\"n\",\"fingerprint\":\"zz\"}\n{\"name\":\"n\",\"secret\":\"abcdef654322\"}\n";
    let faulty = plane
        .send(Some(&plane.admin), "POST", "/v1/keys/import", &jsonl, lines)
        .await;
    assert_eq!(faulty.fields(), ["name", "fingerprint", "fingerprint", "owner"]);
    assert_eq!(
        faulty.json()["detail"],
        "Nothing was imported: 3 lines cannot be taken."
    );
    let unknown = plane
        .send(
            Some(&plane.admin),
            "POST",
            "/v1/keys/import?format=xml",
            &csv,
            good,
        )
        .await;
    assert_eq!(
        (unknown.status, unknown.fields()),
        (422, vec!["format".to_owned()])
    );
    plane.assert_no_secret_was_shown(&["abcdef123456", "abcdef1234567", "abcdef654321"]);
}
