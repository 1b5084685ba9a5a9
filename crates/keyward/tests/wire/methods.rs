//! M2, M3, M4: methods. Only the exact `OPTIONS` needs no key, and it carries nothing.

use crate::cors::{CORS, ORIGIN};
use crate::spoken::{Ask, Way};
use crate::world::{BOTH, World};
use keyward_testkit::{H2Client, H2Outcome, KeySpec, OWNER, request};

pub(crate) type Wanted = &'static [(u16, &'static str)];

pub(crate) const MISSING: Wanted = &[(401, "key_missing")];

const OVERRIDES: &[&str] = &[
    "X-HTTP-Method-Override",
    "X_HTTP_Method_Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X-Method_Override",
    "X-Forwarded-Method",
    "X-Original-Method",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Rewrite-Path",
    "X-HTTP-Path-Override",
];

#[tokio::test]
async fn m2_options_carries_no_body_no_override_and_no_identity_and_the_next_request_is_read_right() {
    let proxied = "[gateway]\ntrusted_proxies = [\"127.0.0.1\"]\n";
    for config in ["", CORS, proxied] {
        let world = World::start(config).await;
        for with_key in [false, true] {
            for (body, expects) in [
                ("none", false),
                ("length", false),
                ("chunked", false),
                ("length", true),
                ("chunked", true),
            ] {
                options_then_get(&world, body, expects, with_key, config == CORS).await;
            }
        }
    }
}

async fn options_then_get(world: &World, body: &str, expects: bool, with_key: bool, answered_here: bool) {
    world.upstream.clear();
    let what = format!("{body}, expects: {expects}, key: {with_key}, cors: {answered_here}");
    // A request hides in the body: whoever loses count reads it.
    let hidden = format!(
        "GET /api/1/hidden HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {}\r\n\r\n",
        world.k1
    );
    let content = format!("{hidden}{}", "x".repeat(1024 * 1024 - hidden.len()));
    let mut head = format!(
        "OPTIONS /api/2/x HTTP/1.1\r\nHost: localhost\r\nOrigin: {ORIGIN}\r\nAccess-Control-Request-Method: GET\r\n"
    );
    for name in OVERRIDES {
        head.push_str(&format!("{name}: DELETE\r\n"));
    }
    head.push_str("X-Keyward-Key-Id: forged\r\nX-Keyward-Site: forged\r\n");
    if with_key {
        head.push_str(&format!("X-API-KEY: {}\r\n", world.k1));
    }
    if expects {
        head.push_str("Expect: 100-continue\r\n");
    }
    let sent = match body {
        "length" => format!("{head}Content-Length: {}\r\n\r\n{content}", content.len()),
        "chunked" => format!(
            "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{content}\r\n0\r\n\r\n",
            content.len()
        ),
        _ => format!("{head}\r\n"),
    };
    let mut client = world.connect().await;
    let next = request("GET", "/api/1/next", &[("X-API-KEY", &world.k1)], "");
    // The gateway may close instead of reading a body that nobody wants; then nothing behind it is a request.
    drop(client.try_send([sent.into_bytes(), next].concat()).await);
    let answer = client.read_response_to("OPTIONS").await;
    assert_eq!(
        answer.status,
        if answered_here { 204 } else { 200 },
        "{what}: {answer:?}"
    );
    assert!(answer.interim.is_empty(), "{what}: nobody wants the body");
    let second = client.try_read_response("GET").await;
    if body == "none" {
        assert_eq!(second.as_ref().unwrap().status, 200, "{what}");
    }
    let expected = usize::from(second.is_ok()) + usize::from(!answered_here);
    let seen = world.upstream.wait_for(expected).await;
    assert_eq!(seen.len(), expected, "{what}: {seen:?}");
    if !answered_here {
        let options = &seen[0];
        let text = String::from_utf8_lossy(&options.head).to_ascii_lowercase();
        assert_eq!(options.request_line(), "OPTIONS /api/2/x HTTP/1.1", "{what}");
        for gone in [
            "delete",
            "forged",
            "content-length",
            "transfer-encoding",
            "expect",
            "x-api-key",
            "x-keyward-key",
            "x-keyward-site",
            "x-keyward-user",
        ] {
            assert!(!text.contains(gone), "{what}: {gone} in {text}");
        }
        assert_eq!(options.body_len, 0, "{what}");
    }
    if second.is_ok() {
        assert_eq!(
            seen.last().unwrap().request_line(),
            "GET /api/1/next HTTP/1.1",
            "{what}"
        );
    }
}

#[tokio::test]
async fn m2_over_http2_and_tls_options_carries_no_body_either() {
    for config in ["", CORS] {
        let world = World::start_tls(config).await;
        let certificate = world.certificate.as_ref().unwrap();
        let mut h2 = H2Client::connect_tls(world.keyward.gateway(), "localhost", certificate).await;
        let mut fields = vec![
            ("origin", ORIGIN),
            ("access-control-request-method", "GET"),
            ("x-api-key", &world.k1),
            ("x-keyward-site", "forged"),
        ];
        fields.extend(
            OVERRIDES
                .iter()
                .filter(|name| !name.contains('_'))
                .map(|name| (*name, "DELETE")),
        );
        let answer = h2
            .try_send("OPTIONS", "/api/2/x", &fields, vec![b'x'; 1024 * 1024])
            .await;
        if let Ok(answer) = answer {
            assert_eq!(answer.status, if config.is_empty() { 200 } else { 204 });
        }
        assert_eq!(
            h2.send("GET", "/api/1/next", &[("x-api-key", &world.k1)], "")
                .await
                .status,
            200
        );
        let seen = world.upstream.requests();
        if config.is_empty() {
            let text = String::from_utf8_lossy(&seen[0].head).to_ascii_lowercase();
            assert_eq!((seen[0].method().as_str(), seen[0].body_len), ("OPTIONS", 0));
            assert!(
                !text.contains("delete") && !text.contains("forged") && !text.contains("x-api-key"),
                "{text}"
            );
        }
        assert_eq!(seen.last().unwrap().request_line(), "GET /api/1/next HTTP/1.1");
    }
}

#[tokio::test]
async fn m3_only_the_exact_method_options_is_exempt() {
    for world in [World::start("").await, World::start(CORS).await] {
        let mut table: Vec<(Ask, Wanted)> = Vec::new();
        for method in [
            "options", "Options", "OPTION", "OPTIONSX", "XOPTIONS", "OPTIONS.", "TRACK", "DEBUG", "get",
            "HEAD2", "PROPFIND", "PURGE", "LINK", "QUERY", "M-SEARCH",
        ] {
            table.push((
                Ask::new(method, "/api/1/x")
                    .with("Origin", ORIGIN)
                    .with("Access-Control-Request-Method", "GET"),
                MISSING,
            ));
            table.push((
                Ask::new(method, "/api/2/x").key(&world.k1),
                &[(403, "site_forbidden")],
            ));
            table.push((Ask::new(method, "/swagger/x"), &[(404, "no_route")]));
        }
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            table.push((Ask::new(method, "/api/1/x"), MISSING));
        }
        for (key, target) in [(true, "/api/1/x"), (false, "/api/1/x"), (false, "/swagger")] {
            let trace = Ask::new("TRACE", target);
            table.push((
                if key { trace.key(&world.k1) } else { trace },
                &[(405, "method_not_allowed")],
            ));
        }
        world.all_refused(BOTH, &table).await;
        // An unknown method with a key is a request like any other.
        for way in BOTH {
            let got = world
                .passed(*way, &Ask::new("PURGE", "/api/1/x").key(&world.k1))
                .await;
            assert_eq!(got.method(), "PURGE");
        }
        let bad: Wanted = &[
            (400, "bad_request"),
            (414, "target_too_long"),
            (431, "head_too_large"),
            (405, "method_not_allowed"),
        ];
        let odd: Vec<(Ask, Wanted)> = vec![
            (Ask::new(&"M".repeat(64 * 1024), "/api/1/x").key(&world.k1), bad),
            (Ask::new(&"M".repeat(33), "/api/1/x").key(&world.k1), bad),
            (Ask::new("OPTIONS ", "/api/1/x"), bad),
            (Ask::new("OPT IONS", "/api/1/x"), bad),
            (Ask::new("OPTIONS\t", "/api/1/x"), bad),
            (Ask::new("\tOPTIONS", "/api/1/x"), bad),
            (Ask::new("OPTIONS\0", "/api/1/x"), bad),
            (Ask::new("OPTIONS,GET", "/api/1/x"), bad),
            (Ask::new("", "/api/1/x"), bad),
            (Ask::new("CONNECT", "a:80").host("a:80"), bad),
            (Ask::new("CONNECT", "a:80").host("a:80").key(&world.k1), bad),
            (Ask::new("CONNECT", "localhost").key(&world.k1), bad),
            (Ask::new("CONNECT", "/api/1/x").key(&world.k1), bad),
        ];
        world.all_refused(&[Way::Http1], &odd).await;
        let mut h2 = world.door().connect_h2().await;
        h2.headers(
            1,
            &[
                (":method", "CONNECT"),
                (":authority", "a:80"),
                ("x-api-key", &world.k1),
            ],
            true,
        )
        .await;
        assert!(matches!(
            h2.outcome(1).await,
            H2Outcome::Status(405) | H2Outcome::Reset(_)
        ));
        assert_eq!(world.upstream.count(), 0);
    }
}

#[tokio::test]
async fn m4_no_header_turns_another_method_into_options() {
    for world in [World::start("").await, World::start(CORS).await] {
        let mut table: Vec<(Ask, Wanted)> = Vec::new();
        for name in OVERRIDES
            .iter()
            .chain(&["X-Http-Method-Override-2", "Method", "X-Method", ":method"])
        {
            for method in ["GET", "POST", "HEAD"] {
                if *name == ":method" {
                    continue;
                }
                let ask = Ask::new(method, "/api/1/x").with(name, "OPTIONS");
                let wanted: Wanted = if method == "HEAD" { &[(401, "")] } else { MISSING };
                table.push((
                    ask.with("Origin", ORIGIN)
                        .with("Access-Control-Request-Method", "GET"),
                    wanted,
                ));
            }
        }
        table.push((Ask::get("/api/1/x?_method=OPTIONS"), MISSING));
        table.push((
            Ask::get("/api/1/x?_method=OPTIONS&X-HTTP-Method-Override=OPTIONS"),
            MISSING,
        ));
        world.all_refused(BOTH, &table).await;
    }
}

#[tokio::test]
async fn m4_a_use_case_that_names_methods_is_not_got_round_by_an_override() {
    let config = "[[use_cases]]\nname = \"read\"\nroutes = [{ methods = [\"GET\", \"POST\"], path = \"/api/{site}/**\" }]\n";
    let world = World::start(config).await;
    let secret = world
        .secret_of(KeySpec::new(OWNER, "read").use_case("read"))
        .await;
    let mut ask = Ask::new("POST", "/api/1/x").key(&secret);
    for name in OVERRIDES {
        ask = ask.with(name, "DELETE");
    }
    for way in BOTH {
        let got = world.passed(*way, &ask).await;
        assert!(
            !String::from_utf8_lossy(&got.head).contains("DELETE"),
            "{:?}",
            got.header_lines()
        );
    }
    let deletes = [(
        Ask::new("DELETE", "/api/1/x").key(&secret),
        &[(403, "use_case_forbidden")][..],
    )];
    world.all_refused(BOTH, &deletes).await;
}
