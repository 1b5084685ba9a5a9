//! `/swagger`: passed to the upstream, or Swagger UI of the gateway's own with the key in its document.

use crate::spoken::Ask;
use crate::world::{BOTH, World};
use keyward_testkit::{H2Client, RawResponse, Reply};
use serde_json::{Value, json};

const FROM_UPSTREAM: &str = "[gateway.swagger]\nupstream_path = \"/docs/openapi.json\"\n";

async fn get(world: &World, target: &str) -> RawResponse {
    world.say(&Ask::get(target)).await.head.unwrap()
}

fn document() -> Value {
    json!({
        "openapi": "3.0.1",
        "info": { "title": "API", "version": "1" },
        "servers": [{ "url": "http://internal:5000" }],
        "paths": { "/api/{site}/resource": { "get": { "responses": { "200": { "description": "OK" } } } } },
        "components": { "schemas": { "A": { "type": "object" } } },
    })
}

#[tokio::test]
async fn m6_without_a_document_swagger_is_the_upstreams_own() {
    let world = World::start("").await;
    world
        .upstream
        .script("/swagger", Reply::http(200, "the upstream's page"));
    for target in [
        "/swagger",
        "/swagger/",
        "/swagger/index.html",
        "/swagger/v1/swagger.json",
    ] {
        world.upstream.clear();
        let answer = get(&world, target).await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "the upstream's page"),
            "{target}"
        );
        assert_eq!(world.upstream.last().target(), target);
    }
}

#[tokio::test]
async fn m6_the_page_loads_with_every_file_that_it_names() {
    for world in [
        World::start(FROM_UPSTREAM).await,
        World::start_tls(FROM_UPSTREAM).await,
    ] {
        let body = document().to_string().into_bytes();
        world
            .upstream
            .script("/docs/openapi.json", Reply::http(200, body));
        let front = get(&world, "/swagger").await;
        assert_eq!((front.status, front.header("location")), (302, Some("/swagger/")));
        let page = get(&world, "/swagger/").await;
        assert_page(&page, "text/html");
        assert_eq!(get(&world, "/swagger/index.html").await.text(), page.text());
        let html = page.text();
        let named: Vec<&str> = html
            .split(['"', '\''])
            .filter(|text| {
                [".js", ".css", ".png", ".html"]
                    .iter()
                    .any(|end| text.ends_with(end))
            })
            .collect();
        assert!(named.len() >= 4, "{named:?}");
        for name in named {
            let file = name.trim_start_matches("./");
            assert!(!file.contains("//"), "another host: {name}");
            let wanted = match file.rsplit('.').next() {
                Some("js") => "javascript",
                Some("css") => "text/css",
                Some("png") => "image/png",
                _ => "text/html",
            };
            let answer = get(&world, &format!("/swagger/{file}")).await;
            assert_page(&answer, wanted);
            let looks_right = match wanted {
                "image/png" => answer.body.starts_with(b"\x89PNG"),
                _ => std::str::from_utf8(&answer.body).is_ok_and(|text| !text.trim().is_empty()),
            };
            assert!(looks_right, "{name}: not what its type says");
            let head = world
                .say(&Ask::new("HEAD", format!("/swagger/{file}")))
                .await
                .head
                .unwrap();
            assert_eq!(
                (head.status, head.header("content-type")),
                (200, answer.header("content-type"))
            );
        }
        // The policy allows no inline script, so the page may have none.
        let inline = html
            .split("<script")
            .skip(1)
            .filter(|tag| !tag.split('>').next().unwrap().contains("src="))
            .count();
        assert_eq!(inline, 0, "{html}");
        let initializer = get(&world, "/swagger/swagger-initializer.js").await.text();
        assert!(initializer.contains("/swagger/openapi.json"), "{initializer}");
        // The bar above the other layout asks for the address of any document, on any host.
        assert!(initializer.contains("\"BaseLayout\""), "{initializer}");
        assert!(
            !initializer.contains("petstore") && !initializer.contains("{{config}}"),
            "{initializer}"
        );
        for absent in [
            "/swagger/nothing.js",
            "/swagger/index.html/x",
            "/swagger/openapi.json/",
            "/swagger/dist/index.html",
        ] {
            assert_eq!(get(&world, absent).await.status, 404, "{absent}");
        }
        assert_eq!(world.upstream.count(), 0, "all of that is the gateway's own");
    }
}

fn assert_page(answer: &RawResponse, content_type: &str) {
    assert_eq!(answer.status, 200);
    let said = answer.header("content-type").unwrap_or_default();
    assert!(said.contains(content_type), "{said}, wanted {content_type}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("content-encoding"), None);
    assert!(
        answer
            .header("content-security-policy")
            .is_some_and(|policy| policy.contains("script-src 'self'"))
    );
    assert!(answer.body_len > 0);
}

#[tokio::test]
async fn m6_m7_the_document_has_the_key_and_points_back_here() {
    let world = World::start(FROM_UPSTREAM).await;
    world.upstream.script(
        "/docs/openapi.json",
        Reply::http(200, document().to_string().into_bytes()),
    );
    for key in [None, Some(world.k1.as_str()), Some("bogus")] {
        world.upstream.clear();
        let ask = Ask::get("/swagger/openapi.json")
            .with("X-Keyward-Key-Id", "root")
            .with("Cookie", "a=b");
        let ask = key.map_or(ask.clone(), |key| ask.key(key));
        let answer = world.say(&ask).await.head.unwrap();
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("application/json"))
        );
        let told = answer.json();
        assert_eq!(
            told["components"]["securitySchemes"]["ApiKey"],
            json!({ "type": "apiKey", "in": "header", "name": "X-API-KEY" })
        );
        assert_eq!(told["security"], json!([{ "ApiKey": [] }]));
        assert_eq!(
            told["servers"],
            json!([{ "url": "/" }]),
            "calls come here, not to the inner address"
        );
        assert_eq!(told["paths"], document()["paths"]);
        assert_eq!(told["components"]["schemas"], document()["components"]["schemas"]);
        let got = world.upstream.last();
        assert_eq!(got.request_line(), "GET /docs/openapi.json HTTP/1.1");
        let head = String::from_utf8_lossy(&got.head).to_ascii_lowercase();
        assert!(
            !head.contains("x-api-key") && !head.contains("root") && !head.contains("cookie"),
            "{head}"
        );
    }
    let mut h2 = H2Client::connect(world.keyward.gateway()).await;
    let answer = h2.send("GET", "/swagger/openapi.json", &[], "").await;
    assert_eq!(
        answer.json()["components"]["securitySchemes"]["ApiKey"]["name"],
        "X-API-KEY"
    );
    assert_eq!(
        h2.send("GET", "/swagger/", &[], "").await.header("content-type"),
        Some("text/html")
    );
    // What lies under the document's own path is not public for that.
    let missing: &[(u16, &str)] = &[(404, "no_route")];
    world
        .all_refused(BOTH, &[(Ask::get("/docs/openapi.json"), missing)])
        .await;
}

#[tokio::test]
async fn m6_a_document_that_cannot_be_served_is_a_502_that_tells_nothing() {
    let world = World::start(FROM_UPSTREAM).await;
    let bytes = |text: &str| Reply::BytesThenClose(text.as_bytes().to_vec());
    for reply in [
        Reply::http(500, "secret details"),
        Reply::http(200, "no JSON, secret details"),
        Reply::http(200, "[]"),
        Reply::http(200, "{\"openapi\":\"3.0.1\",\"components\":1}"),
        Reply::CloseWithoutAnswer,
        bytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"),
        bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"),
        bytes("secret details\r\n\r\n"),
    ] {
        world.upstream.script("/docs", reply.clone());
        let said = world.say(&Ask::get("/swagger/openapi.json")).await;
        assert_eq!(said.word(), (502, "no_openapi_document"), "{reply:?}");
        assert!(!said.head.unwrap().text().contains("secret details"));
        assert_eq!(
            get(&world, "/swagger/").await.status,
            200,
            "the page itself needs no document"
        );
    }
    world
        .upstream
        .script("/docs", Reply::http(200, document().to_string().into_bytes()));
    assert_eq!(get(&world, "/swagger/openapi.json").await.status, 200);
}

#[tokio::test]
async fn m6_a_document_from_a_file_is_read_when_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("api.json");
    let two = json!({ "swagger": "2.0", "host": "internal:5000", "info": { "title": "API", "version": "1" }, "paths": {} });
    std::fs::write(&file, two.to_string()).unwrap();
    let world = World::start(&format!(
        "[gateway.swagger]\nfile = {:?}\n",
        file.to_str().unwrap()
    ))
    .await;
    let told = get(&world, "/swagger/openapi.json").await.json();
    assert_eq!(told["securityDefinitions"]["ApiKey"]["name"], "X-API-KEY");
    assert_eq!(told.get("host"), None);
    std::fs::write(&file, document().to_string()).unwrap();
    assert_eq!(
        get(&world, "/swagger/openapi.json").await.json()["openapi"],
        "3.0.1"
    );
    std::fs::remove_file(&file).unwrap();
    let said = world.say(&Ask::get("/swagger/openapi.json")).await;
    assert_eq!(said.word(), (502, "no_openapi_document"));
    let problem = said.head.unwrap();
    assert_eq!(problem.header("cache-control"), Some("no-store"));
    assert!(
        !problem.text().contains("api.json"),
        "no path of the machine is told"
    );
    assert_eq!(world.upstream.count(), 0);
}
