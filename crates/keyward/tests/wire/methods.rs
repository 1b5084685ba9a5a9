//! M: methods, preflights, public paths, cross-origin rules.

use crate::spoken::{Ask, Way};
use crate::world::{BOTH, OWNER, World};
use keyward_testkit::{H2Client, H2Outcome, KeySpec, RawResponse, Reply, request};
use serde_json::Value;

type Wanted = &'static [(u16, &'static str)];

const MISSING: Wanted = &[(401, "key_missing")];
const ORIGIN: &str = "https://app.example.com";
const CORS: &str = "[gateway.cors]\norigins = [\"https://app.example.com\", \"http://localhost:3000\"]\n";

fn preflight(target: &str, origin: &str) -> Ask {
    Ask::new("OPTIONS", target)
        .with("Origin", origin)
        .with("Access-Control-Request-Method", "DELETE")
}

/// The tokens of a list, in lower case.
fn tokens(answer: &RawResponse, name: &str) -> Vec<String> {
    let all = answer.header_all(name).join(",");
    all.split(',')
        .map(|token| token.trim().to_ascii_lowercase())
        .filter(|token| !token.is_empty())
        .collect()
}

#[tokio::test]
async fn m1_a_preflight_is_answered_by_the_gateway_without_a_key() {
    let world = World::start(CORS).await;
    for target in ["/api/2/x", "/api/1", "/wh/a/2", "/hdr/x", "/swagger", "/nowhere"] {
        for origin in [ORIGIN, "http://localhost:3000"] {
            let ask = preflight(target, origin).with("Access-Control-Request-Headers", "x-api-key");
            let said = world.say(&ask).await;
            assert_eq!(said.status, 204, "{target} {said:?}");
            let answer = said.head.unwrap();
            assert_eq!(answer.header_all("access-control-allow-origin"), [origin]);
            assert!(
                tokens(&answer, "vary").contains(&"origin".to_owned()),
                "{answer:?}"
            );
            assert!(
                tokens(&answer, "access-control-allow-headers").contains(&"x-api-key".to_owned()),
                "{answer:?}"
            );
            assert!(
                tokens(&answer, "access-control-allow-methods").contains(&"delete".to_owned()),
                "{answer:?}"
            );
            assert_eq!(answer.header("access-control-max-age"), Some("600"));
            assert_eq!(answer.header("access-control-allow-credentials"), None);
            assert_eq!(answer.body_len, 0);
        }
    }
    for origin in [
        "https://evil.example",
        "https://app.example.com.evil.example",
        "https://app.example.com:443",
        "https://app.example.com/",
        "http://app.example.com",
        "https://APP.example.com",
        "null",
        "",
        "*",
        "https://app.example.com https://evil.example",
        "https://app.example.com, https://evil.example",
    ] {
        let said = world.say(&preflight("/api/2/x", origin)).await;
        let answer = said.head.unwrap();
        let granted: Vec<_> = answer
            .headers
            .iter()
            .filter(|(name, _)| name.starts_with("access-control-"))
            .collect();
        assert!(granted.is_empty(), "{origin}: {granted:?}");
    }
    assert_eq!(world.upstream.count(), 0);
    let mut h2 = H2Client::connect(world.keyward.gateway()).await;
    let fields = [("origin", ORIGIN), ("access-control-request-method", "GET")];
    let answer = h2.send("OPTIONS", "/api/2/x", &fields, "").await;
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (204, Some(ORIGIN))
    );
    // What is no preflight but has the method goes on as without the rules, without key and identity.
    for ask in [
        Ask::new("OPTIONS", "/api/2/x"),
        Ask::new("OPTIONS", "/api/2/x").with("Origin", ORIGIN),
    ] {
        let got = world.passed(Way::Http1, &ask.key(&world.k1)).await;
        assert!(got.header("x-api-key").is_empty() && got.header("x-keyward-key-id").is_empty());
    }
}

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
    let mut client = world.door().connect().await;
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
    let secret = world.secret(KeySpec::new(OWNER, "read").use_case("read")).await;
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

#[tokio::test]
async fn m5_nothing_but_the_public_path_itself_is_public() {
    let swagger = "[gateway.swagger]\nupstream_path = \"/openapi.json\"\n";
    for world in [
        World::start("").await,
        World::start(swagger).await,
        World::start_tls("").await,
    ] {
        let refused: Wanted = &[
            (400, "bad_path"),
            (400, "bad_request"),
            (401, "key_missing"),
            (404, "no_route"),
        ];
        let targets: &[&[u8]] = &[
            b"/swaggerx",
            b"/swagger..",
            b"/swagger.",
            b"/swagger%2f..%2fapi/2",
            b"/swagger%2fx",
            b"/swagger/..;/api/2",
            b"/swagger/..%5capi/2",
            b"/swagger/..\\api\\2",
            b"/swagger/%252e%252e/api/2",
            b"/swagger%00",
            b"/swagger%00/api/2",
            b"/SWAGGER",
            b"/Swagger",
            b"/swagger;a=b",
            b"/swagger;a=b/x",
            b"/swagger/x;a=b",
            b"/swagger/..",
            b"/swagger/.",
            b"/swagger/../swagger",
            b"/swagger/../api/2/x",
            b"/swagger/x/../../api/2",
            b"/swagger//",
            b"//swagger",
            b"/swagger%20",
            b"/swagger%20/x",
            b"/swagger/%20",
            b"/swagger%3fx",
            b"/swagger%23",
            b"/swagger/x%2f..%2f..%2fapi/2",
            b"/swagger/%2e%2e/api/2/x",
            b"/swagger/%c0%ae%c0%ae/api/2",
            b"/%73wagger",
            b"/swagger%",
            b"/swagger/%zz",
            b"/swagger\t",
            b"/swagger\\",
            b"/swagger,x",
            b"/swagger:80",
            b"/swagger@x",
            b"/swagger-ui",
            b"/swagger.json",
            b"/api/2/swagger",
            b"/api/swagger/x",
            b"/x/swagger",
            b"/swagger/caf%C3%A9",
        ];
        let table: Vec<(Ask, Wanted)> = targets.iter().map(|target| (Ask::get(target), refused)).collect();
        world.all_refused(BOTH, &table).await;
        let raw: Vec<(Ask, Wanted)> = [
            &b"/swagger\0"[..],
            b"/swagger\0/api/2",
            b"/swagger /api/2",
            b"/swagger#/../api/2",
            b"http://other/swagger",
        ]
        .iter()
        .map(|target| (Ask::get(target), refused))
        .collect();
        world.all_refused(&[Way::Http1], &raw).await;
    }
}

#[tokio::test]
async fn m6_the_public_path_passes_without_a_key_for_get_and_head_alone() {
    for world in [World::start("").await, World::start_tls("").await] {
        for way in BOTH {
            for target in [
                "/swagger",
                "/swagger/",
                "/swagger/index.html",
                "/swagger/v1/swagger.json",
                "/swagger?x=/../y",
                "/swagger/a..b",
            ] {
                for method in ["GET", "HEAD"] {
                    let ask = Ask::new(method, target)
                        .with("X-Keyward-Key-Id", "1")
                        .with("X_Keyward_User_Id", "root")
                        .with("X-HTTP-Method-Override", "DELETE");
                    let got = world.passed(*way, &ask).await;
                    assert_eq!(got.request_line(), format!("{method} {target} HTTP/1.1"));
                    for name in [
                        "x-keyward-key-id",
                        "x_keyward_user_id",
                        "x-http-method-override",
                        "content-length",
                    ] {
                        assert!(got.header(name).is_empty(), "{name}: {:?}", got.header_lines());
                    }
                }
            }
        }
        let mut table: Vec<(Ask, Wanted)> = Vec::new();
        for method in ["POST", "PUT", "PATCH", "DELETE", "get", "head", "PURGE"] {
            table.push((Ask::new(method, "/swagger"), &[(404, "no_route")]));
            table.push((
                Ask::new(method, "/swagger/v1/swagger.json").key(&world.k1),
                &[(404, "no_route")],
            ));
        }
        world.all_refused(BOTH, &table).await;
        // A body has nothing to say there, and the next request is read right.
        let mut client = world.door().connect().await;
        let hidden = request("GET", "/api/1/hidden", &[("X-API-KEY", &world.k1)], "");
        client.send(request("GET", "/swagger", &[], hidden)).await;
        assert_eq!(client.read_response().await.status, 200);
        drop(client.try_send(request("GET", "/swagger/next", &[], "")).await);
        let next = client.try_read_response("GET").await;
        let seen = world.upstream.requests();
        assert!(seen[0].body_len == 0 && seen[0].header("content-length").is_empty());
        assert_eq!(seen.len(), 1 + usize::from(next.is_ok()));
        assert!(!seen.iter().any(|got| got.target().contains("hidden")));
    }
    // Where a route names the public path too, other methods need a key.
    let world = World::start_with("[[gateway.routes]]\npath = \"/**\"\n", "", None).await;
    for method in ["POST", "PUT", "DELETE", "PURGE"] {
        world
            .all_refused(BOTH, &[(Ask::new(method, "/swagger"), MISSING)])
            .await;
    }
    // And a preflight for it is passed on like any other.
    for world in [world, World::start("").await] {
        let got = world
            .passed(Way::Http1, &preflight("/swagger/v1/swagger.json", ORIGIN))
            .await;
        assert_eq!(got.request_line(), "OPTIONS /swagger/v1/swagger.json HTTP/1.1");
    }
}

#[tokio::test]
async fn m7_a_public_path_does_not_look_at_keys() {
    for forward in ["", "[gateway]\nforward_key = true\n"] {
        let world = World::start(forward).await;
        world.upstream.script("/swagger", Reply::http(200, "docs"));
        let limited = world.secret(KeySpec::new(OWNER, "limited").limit(2)).await;
        let disabled = world.keyward.key(KeySpec::new(OWNER, "disabled")).await;
        world
            .keyward
            .api_ok("POST", &format!("/v1/keys/{}/disable", disabled.id), &Value::Null)
            .await;
        let get = |key: Option<&str>| match key {
            Some(key) => Ask::get("/swagger/x").key(key),
            None => Ask::get("/swagger/x"),
        };
        let bare = plain(&world.say(&get(None)).await.head.unwrap());
        for round in 0..4 {
            for key in [
                limited.as_str(),
                &world.k1,
                &disabled.secret,
                "bogus",
                "",
                "a b",
                &"x".repeat(300),
            ] {
                let answer = world.say(&get(Some(key))).await.head.unwrap();
                assert_eq!(plain(&answer), bare, "round {round}, {key:?}");
            }
        }
        let twice = world.say(&get(Some(&limited)).key("other")).await.head.unwrap();
        assert_eq!(plain(&twice), bare);
        for got in world.upstream.requests() {
            assert!(got.header("x-api-key").is_empty(), "{:?}", got.header_lines());
        }
        // None of that cost anything.
        let answer = world.say(&Ask::get("/api/1/x").key(&limited)).await.head.unwrap();
        assert_eq!(answer.header("x-ratelimit-remaining"), Some("1"));
        while world.say(&Ask::get("/api/1/x").key(&limited)).await.status == 200 {}
        let over = world.say(&get(Some(&limited))).await.head.unwrap();
        assert_eq!(plain(&over), bare, "over its limit");
    }
}

/// Status, fields but the date, and body.
fn plain(answer: &RawResponse) -> (u16, Vec<(String, String)>, String) {
    let fields = answer
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"))
        .cloned();
    (answer.status, fields.collect(), answer.text())
}

#[tokio::test]
async fn m9_a_page_of_a_listed_origin_may_read_errors_and_what_remains() {
    let world = World::start(CORS).await;
    let limited = world.secret(KeySpec::new(OWNER, "limited").limit(1)).await;
    let nowhere = world.secret(KeySpec::new(OWNER, "nowhere").addresses(&[])).await;
    let cases = [
        (Ask::get("/api/1/x"), 401),
        (Ask::get("/api/1/x").key("bogus"), 401),
        (Ask::get("/api/1/x").key("a").key("b"), 401),
        (Ask::get("/api/2/x").key(&world.k1), 403),
        (Ask::get("/api/1/x").key(&nowhere), 403),
        (Ask::get("/api/1/x").key(&world.k1), 200),
        (Ask::get("/api//1/x").key(&world.k1), 400),
        (Ask::get("/nowhere").key(&world.k1), 404),
        (Ask::get("/keyward/self").key(&world.k1), 200),
        (Ask::get("/keyward/self"), 401),
    ];
    for (ask, status) in cases {
        let answer = world.say(&ask.clone().with("Origin", ORIGIN)).await.head.unwrap();
        assert_eq!(answer.status, status, "{ask:?}");
        readable(&answer);
        for stranger in ["https://evil.example", "null"] {
            let answer = world
                .say(&ask.clone().with("Origin", stranger))
                .await
                .head
                .unwrap();
            assert_eq!(answer.header("access-control-allow-origin"), None, "{ask:?}");
            assert!(
                tokens(&answer, "vary").contains(&"origin".to_owned()),
                "{answer:?}"
            );
        }
        let same_site = world.say(&ask).await.head.unwrap();
        assert_eq!(same_site.header("access-control-allow-origin"), None);
        assert!(
            tokens(&same_site, "vary").contains(&"origin".to_owned()),
            "{same_site:?}"
        );
    }
    let over = loop {
        let answer = world
            .say(&Ask::get("/api/1/x").key(&limited).with("Origin", ORIGIN))
            .await
            .head
            .unwrap();
        if answer.status == 429 {
            break answer;
        }
    };
    readable(&over);
    assert!(over.header("retry-after").is_some() && over.header("x-ratelimit-limit") == Some("1"));
    let mut h2 = H2Client::connect(world.keyward.gateway()).await;
    let refused = h2.send("GET", "/api/1/x", &[("origin", ORIGIN)], "").await;
    assert_eq!(
        (refused.status, refused.header("access-control-allow-origin")),
        (401, Some(ORIGIN))
    );
    assert!(refused.header("access-control-expose-headers").is_some());
}

fn readable(answer: &RawResponse) {
    assert_eq!(answer.header_all("access-control-allow-origin"), [ORIGIN]);
    assert!(
        tokens(answer, "vary").contains(&"origin".to_owned()),
        "{answer:?}"
    );
    let exposed = tokens(answer, "access-control-expose-headers");
    for name in [
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "retry-after",
    ] {
        assert!(exposed.contains(&name.to_owned()), "{name} in {exposed:?}");
    }
}

#[tokio::test]
async fn m9_an_upstreams_own_permission_does_not_widen_the_rules() {
    for (origins, asked, allowed) in [
        ("\"https://app.example.com\"", "https://evil.example", None),
        ("\"https://app.example.com\"", ORIGIN, Some(ORIGIN)),
        ("\"*\"", "https://evil.example", Some("https://evil.example")),
    ] {
        let world = World::start(&format!("[gateway.cors]\norigins = [{origins}]\n")).await;
        let fields = [
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Allow-Origin", "https://evil.example"),
            ("Access-Control-Allow-Credentials", "true"),
        ];
        world.upstream.script(
            "/api",
            Reply::Http {
                status: 200,
                headers: fields
                    .iter()
                    .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                    .collect(),
                body: b"x".to_vec(),
            },
        );
        let answer = world
            .say(&Ask::get("/api/1/x").key(&world.k1).with("Origin", asked))
            .await
            .head
            .unwrap();
        let said = answer.header_all("access-control-allow-origin");
        assert!(
            said.iter()
                .all(|origin| Some(*origin) == allowed || *origin == "*"),
            "{origins} {asked}: {said:?}"
        );
        assert_eq!(
            said.len(),
            usize::from(allowed.is_some()),
            "{origins} {asked}: {said:?}"
        );
        if asked != ORIGIN {
            assert_eq!(
                answer.header("access-control-allow-credentials"),
                None,
                "{origins} {asked}"
            );
        }
    }
}
