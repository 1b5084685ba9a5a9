//! M5, M6, M7: the public path, and nothing but it.

use crate::cors::{ORIGIN, preflight};
use crate::methods::{MISSING, Wanted};
use crate::spoken::{Ask, Way};
use crate::world::{BOTH, World, with_routes};
use keyward_testkit::{KeySpec, OWNER, RawResponse, Reply, request};
use serde_json::Value;

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
        let mut client = world.connect().await;
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
    let world = World::of(with_routes("[[gateway.routes]]\npath = \"/**\"\n")).await;
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
        let limited = world.secret_of(KeySpec::new(OWNER, "limited").limit(2)).await;
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
