//! H: the header that carries a key, and the secret in it.

use crate::spoken::{Ask, Way};
use crate::world::{BOTH, World};
use keyward_domain::{Prefix, SecretFormat};
use keyward_testkit::{H2Outcome, KeySpec, OWNER};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(crate) type Wanted = &'static [(u16, &'static str)];

const MISSING: Wanted = &[(401, "key_missing")];

const MALFORMED: Wanted = &[(401, "key_malformed")];

const INVALID: Wanted = &[(401, "key_invalid")];

const REFUSED: Wanted = &[(401, "key_malformed"), (401, "key_invalid")];

pub(crate) const BAD: Wanted = &[(400, "bad_request")];

pub(crate) fn ask() -> Ask {
    Ask::get("/api/1/x")
}

#[tokio::test]
async fn h1_two_key_fields_are_malformed_whatever_they_hold() {
    for world in [World::start("").await, World::start_tls("").await] {
        let (k1, other) = (
            world.k1.as_str(),
            world.secret_of(KeySpec::new(OWNER, "other")).await,
        );
        let pairs = [
            (k1, k1),
            (k1, other.as_str()),
            (&other, k1),
            (k1, ""),
            ("", k1),
            ("", ""),
            (k1, "x"),
            ("x", k1),
        ];
        let mut table: Vec<(Ask, Wanted)> = Vec::new();
        for (one, two) in pairs {
            table.push((ask().key(one).key(two), MALFORMED));
            table.push((
                ask()
                    .with("x-api-key", one)
                    .with("Accept", "*/*")
                    .with("X-Api-Key", two),
                MALFORMED,
            ));
            table.push((Ask::new("POST", "/wh/a/1").key(one).key(two), MALFORMED));
        }
        table.push((ask().key(k1).key(k1).key(k1), MALFORMED));
        world.all_refused(BOTH, &table).await;
    }
}

#[tokio::test]
async fn h2_a_key_is_the_whole_value_without_list_quotes_or_scheme() {
    for world in [World::start("").await, World::start_tls("").await] {
        let k = world.k1.as_str();
        let values = [
            format!("{k}, {k}"),
            format!("{k},{k}"),
            format!("{k},"),
            format!(",{k}"),
            format!("{k};"),
            format!("{k};q=1"),
            format!("\"{k}\""),
            format!("'{k}'"),
            format!("<{k}>"),
            format!("ApiKey {k}"),
            format!("Bearer {k}"),
            format!("key={k}"),
            format!("{k} {k}"),
            format!("{k}\t{k}"),
            format!("{k}="),
            format!("{k}%20"),
            k.to_uppercase(),
            k.to_lowercase(),
            k[..k.len() - 1].to_owned(),
            format!("{k}{k}"),
            "x".repeat(256),
            "x".repeat(8000),
            "cl\u{e9}".to_owned(),
            "\u{feff}x".to_owned(),
        ];
        let table: Vec<(Ask, Wanted)> = values.iter().map(|value| (ask().key(value), REFUSED)).collect();
        world.all_refused(BOTH, &table).await;
        for blank in ["", " ", " \t "] {
            world
                .all_refused(&[Way::Http1], &[(ask().key(blank), MISSING)])
                .await;
        }
        // Blanks around a value are no part of it in HTTP/1.1, and a fault in HTTP/2 (RFC 9110, 5.5; RFC 9113, 8.2.1).
        let blanks = [
            format!(" {k}"),
            format!("{k} "),
            format!("\t{k}\t "),
            format!("  {k}  "),
        ];
        for value in &blanks {
            world.passed(Way::Http1, &ask().key(value)).await;
            let said = world.door().say(Way::Http2, &ask().key(value)).await;
            assert!(matches!(said.status, 0 | 400), "{value:?}: {said:?}");
        }
    }
}

#[tokio::test]
async fn h3_no_other_spelling_of_the_header_is_a_credential_or_reaches_the_upstream() {
    for config in ["", "[gateway]\nforward_key = true\n"] {
        let world = World::start(config).await;
        let spellings = [
            "X_API_KEY",
            "X-API_KEY",
            "X_API-KEY",
            "X.API.KEY",
            "x_api_key",
            "X~API!KEY",
            "X-API.KEY",
        ];
        let near = [
            "XAPIKEY",
            "X-APIKEY",
            "API-KEY",
            "ApiKey",
            "X-API-KEYS",
            "X-Api-Key-2",
            "HTTP_X_API_KEY",
            "XX-API-KEY",
        ];
        let table: Vec<(Ask, Wanted)> = spellings
            .iter()
            .chain(&near)
            .map(|name| (ask().with(name, &world.k1), MISSING))
            .collect();
        world.all_refused(BOTH, &table).await;
        for name in [
            "X API KEY",
            "X-API-KEY ",
            " X-API-KEY",
            "X-API-KEY\t",
            "X-API\u{2010}KEY",
            "X-API-KEY\0",
        ] {
            world
                .all_refused(&[Way::Http1], &[(ask().with(name, &world.k1), BAD)])
                .await;
        }
        for way in BOTH {
            for target in ["/api/1/x", "/swagger/x"] {
                let mut with_all = Ask::get(target).key(&world.k1);
                for name in spellings {
                    with_all = with_all.with(name, "other");
                }
                let got = world.passed(*way, &with_all).await;
                let forwarded = got.folded_lines(|name| name == "x-api-key");
                if config.is_empty() || target == "/swagger/x" {
                    assert!(forwarded.is_empty(), "{forwarded:?}");
                } else {
                    assert_eq!(forwarded, [format!("x-api-key: {}", world.k1)]);
                }
            }
        }
    }
}

#[tokio::test]
async fn h7_a_key_anywhere_but_in_its_header_is_no_key() {
    for world in [World::start("").await, World::start_tls("").await] {
        let k = world.k1.as_str();
        let mut table: Vec<(Ask, Wanted)> = Vec::new();
        for query in [
            "api_key",
            "X-API-KEY",
            "x-api-key",
            "apikey",
            "key",
            "access_token",
        ] {
            table.push((Ask::get(format!("/api/1/x?{query}={k}")), MISSING));
        }
        for (name, value) in [
            ("Cookie", format!("X-API-KEY={k}")),
            ("Cookie", format!("api_key={k}; x-api-key={k}")),
            ("Authorization", format!("Bearer {k}")),
            ("Authorization", format!("ApiKey {k}")),
            ("Authorization", k.to_owned()),
            ("Proxy-Authorization", format!("Bearer {k}")),
            ("X-Auth-Token", k.to_owned()),
            ("X-Forwarded-Api-Key", k.to_owned()),
        ] {
            table.push((ask().with(name, value), MISSING));
        }
        world.all_refused(BOTH, &table).await;
        keys_in_bodies_and_trailers_are_none(&world).await;
    }
}

async fn keys_in_bodies_and_trailers_are_none(world: &World) {
    let k = &world.k1;
    let in_body = format!("api_key={k}&X-API-KEY={k}");
    let in_trailer = format!("5\r\nhello\r\n0\r\nX-API-KEY: {k}\r\nX-Keyward-Key-Id: root\r\n\r\n");
    for (fields, body) in [
        (
            format!(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                in_body.len()
            ),
            &in_body,
        ),
        ("Transfer-Encoding: chunked\r\n".to_owned(), &in_trailer),
        (
            "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n".to_owned(),
            &in_trailer,
        ),
    ] {
        world.upstream.clear();
        let mut client = world.connect().await;
        drop(
            client
                .try_send(format!(
                    "POST /api/1/x HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n{body}"
                ))
                .await,
        );
        let answer = client.read_response().await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (401, Some("key_missing"))
        );
        assert_eq!(world.upstream.count(), 0);
    }
    // With a key in its place, a trailer is dropped and never merged into the fields.
    let mut client = world.connect().await;
    let head = format!(
        "POST /api/1/x HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {k}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    client.send(head + &in_trailer).await;
    assert_eq!(client.read_response().await.status, 200);
    let got = world.upstream.last();
    assert_eq!(
        (got.body.as_slice(), got.trailers.as_slice()),
        (&b"hello"[..], &b""[..])
    );
    assert!(
        !String::from_utf8_lossy(&got.head).contains("root"),
        "{:?}",
        got.header_lines()
    );
    assert!(!String::from_utf8_lossy(&got.chunked_body).contains("root"));
    world.upstream.clear();
    // The same over HTTP/2: the key comes after the body.
    let mut h2 = world.door().connect_h2().await;
    let post = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/api/1/x"),
    ];
    h2.headers(1, &post, false).await;
    h2.data(1, "hello", false).await;
    h2.headers(1, &[("x-api-key", k.as_str())], true).await;
    assert_eq!(h2.outcome(1).await, H2Outcome::Status(401));
    assert_eq!(world.upstream.count(), 0);
    let keyed: Vec<(&str, &str)> = post.iter().copied().chain([("x-api-key", k.as_str())]).collect();
    h2.headers(3, &keyed, false).await;
    h2.data(3, "hello", false).await;
    h2.headers(3, &[("x-keyward-key-id", "root"), ("x-api-key", "other")], true)
        .await;
    assert_eq!(h2.outcome(3).await, H2Outcome::Status(200));
    let got = world.upstream.last();
    assert_eq!(
        (got.body.as_slice(), got.trailers.as_slice()),
        (&b"hello"[..], &b""[..])
    );
    assert_eq!(got.header("x-keyward-key-id"), [world.key.id.as_str()]);
}

#[tokio::test]
async fn h9_line_ends_in_a_value_split_nothing() {
    for world in [World::start("").await, World::start_tls("").await] {
        let k = world.k1.as_str();
        let table: Vec<(Ask, Wanted)> = vec![
            (ask().key("a%0d%0aX-Keyward-User-Id: root"), REFUSED),
            (ask().key(&format!("{k}%0d%0aX-Keyward-User-Id:root")), REFUSED),
            (ask().key(&format!("{k}\\r\\nX-Keyward-User-Id:root")), REFUSED),
        ];
        world.all_refused(BOTH, &table).await;
        for value in [
            "\rX-Keyward-User-Id: root",
            "\nX-Keyward-User-Id: root",
            "\0",
            "\r",
            "\x01",
            "\x7f",
            "\r\n root",
            "\n root",
        ] {
            let raw = ask().key(&format!("{k}{value}"));
            world.all_refused(&[Way::Http1], &[(raw, BAD)]).await;
            let other_field = ask().key(k).with("X-Other", format!("a{value}"));
            world.all_refused(&[Way::Http1], &[(other_field, BAD)]).await;
        }
        let pseudo = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", "/api/1/x"),
        ];
        let with = |more: &[(&str, String)]| -> Vec<(String, String)> {
            let given = pseudo.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
            given
                .chain(more.iter().map(|(n, v)| ((*n).to_owned(), v.clone())))
                .collect()
        };
        let key = ("x-api-key", k.to_owned());
        for fields in [
            with(&[("x-api-key", format!("{k}\r\nx-keyward-user-id: root"))]),
            with(&[
                key.clone(),
                ("x-other", "a\r\nx-keyward-user-id: root".to_owned()),
            ]),
            with(&[key.clone(), ("x-other", "a\nb".to_owned())]),
            with(&[key.clone(), ("x-other", "a\0b".to_owned())]),
            with(&[key.clone(), ("x-other\r\nx-keyward-user-id", "root".to_owned())]),
            with(&[key.clone(), ("x-other: a", "b".to_owned())]),
            with(&[key.clone(), ("X-Keyward-User-Id", "root".to_owned())]),
            with(&[("X-API-KEY", k.to_owned())]),
            with(&[key.clone(), ("", "x".to_owned())]),
            with(&[key.clone(), ("x other", "x".to_owned())]),
        ] {
            let mut h2 = world.door().connect_h2().await;
            h2.headers(1, &fields, true).await;
            let outcome = h2.outcome(1).await;
            assert!(
                !matches!(outcome, H2Outcome::Status(status) if !matches!(status, 400 | 401)),
                "{fields:?}: {outcome:?}"
            );
            assert_eq!(world.upstream.count(), 0, "{fields:?}");
        }
    }
}

#[tokio::test]
async fn h11_nothing_that_is_known_of_a_key_is_a_key() {
    let world = World::start("").await;
    let key = &world.key;
    let digest = Sha256::digest(key.secret.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let of_id: String = Sha256::digest(key.id.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let random = SecretFormat::new(Prefix::new("kw").unwrap(), Vec::new());
    let mut known = vec![
        key.id.clone(),
        key.id.replace('-', ""),
        format!("kw_{}", key.id),
        "kw".to_owned(),
        "kw_".to_owned(),
        key.secret[..4].to_owned(),
        key.secret[3..].to_owned(),
        key.json["hint"].as_str().unwrap().to_owned(),
        hex.clone(),
        hex.to_uppercase(),
        format!("kw_{}", &hex[..38]),
        format!("sha256:{hex}"),
        of_id.clone(),
        format!("kw_{}", &of_id[..38]),
        "K1".to_owned(),
        OWNER.to_owned(),
    ];
    let mut noise = 0u8;
    for _ in 0..200 {
        let secret = random.generate(&mut |bytes| {
            for byte in bytes {
                noise = noise.wrapping_mul(5).wrapping_add(17);
                *byte = noise ^ 0x5a;
            }
            noise = noise.wrapping_add(1);
        });
        known.push(secret.reveal().to_owned());
    }
    // The digest's own bytes are no legal value of a field, or a wrong one.
    let table: Vec<(Ask, Wanted)> = known.iter().map(|value| (ask().key(value), REFUSED)).collect();
    world.all_refused(BOTH, &table).await;
    let raw = ask().with("X-API-KEY", digest);
    let said = world.say(&raw).await;
    assert!(matches!(said.status, 400 | 401), "{said:?}");
    // An imported fingerprint opens for its secret, and not for itself.
    let fingerprint: String = Sha256::digest(b"abcdef")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let line = serde_json::json!({ "owner": OWNER, "name": "imported", "fingerprint": fingerprint, "sites": { "only": ["1"] } });
    let file = world.keyward.dir().join("keys.jsonl");
    std::fs::write(&file, format!("{line}\n")).unwrap();
    world.keyward.cli_ok(&["import", file.to_str().unwrap()]).await;
    world.eventually_passes(&ask().key("abcdef")).await;
    world
        .all_refused(BOTH, &[(ask().key(&fingerprint), INVALID)])
        .await;
    let shown: Value = world
        .keyward
        .api_ok("GET", &format!("/v1/keys/{}", key.id), &Value::Null)
        .await;
    assert!(!shown.to_string().contains(&hex), "{shown}");
}
