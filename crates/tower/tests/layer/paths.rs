//! Which paths and methods need a key, and which are refused whatever the key.

use crate::world::{World, echo, get, request, send};

#[tokio::test]
async fn p1_to_p9_ambiguous_paths_are_refused_whatever_the_key() {
    let world = World::start().await;
    let key = world.key_of_site("1").await;
    let layer = world.layer().public_path("/swagger").build().unwrap();
    for path in [
        "//api/2/x",
        "/api//2/x",
        "/api/1/../2/x",
        "/api/1/./x",
        "/api/1/%2e%2e/2/x",
        "/api/1/.%2e/2",
        "/api/1%2f..%2f2/x",
        "/api%2f2/x",
        "/api/1/..%2f..%2fswagger",
        "/api/1%5c..%5c2",
        "/api/1/..;/2",
        "/api/1;x=/../2",
        "/api/1;v=2/x",
        "/api/%2532/x",
        "/%61pi/2/x",
        "/api/%32/x",
        "/api/+1/y",
        "/api/1/%00",
        "/api/1/%c0%af",
        "/api/1/%zz",
        "/api/1%3f/2",
        "/swagger%2f..%2fapi/2",
        "/swagger/..;/api/2",
        "/swagger/..%5capi/2",
        "/swagger/%252e%252e/api/2",
        "/swagger%00",
    ] {
        let seen = send(echo(&layer), get(path, &key)).await;
        assert!([400, 404].contains(&seen.status), "{path}: {seen:?}");
        assert!(
            ["bad_path", "no_route"].contains(&seen.code().as_str()),
            "{path}: {seen:?}"
        );
    }
}

#[tokio::test]
async fn p7_p11_p12_a_site_is_what_its_route_says_and_no_route_is_404() {
    let world = World::start().await;
    let key = world.key_of_site("1").await;
    let everywhere = world.key(|_| {}).await.1;
    let layer = world.layer().build().unwrap();
    for (path, code) in [
        ("/api/1/x", "passed"),
        ("/api/1", "passed"),
        ("/api/1?/../../api/2", "passed"),
        ("/api/1/x?site=2", "passed"),
        ("/api/2/x", "site_forbidden"),
        ("/api/01/y", "site_forbidden"),
        ("/apix/1", "no_route"),
        ("/API/1/x", "no_route"),
        ("/api", "no_route"),
        ("/api/", "no_route"),
        ("/", "no_route"),
        ("/healthz", "no_route"),
    ] {
        assert_eq!(send(echo(&layer), get(path, &key)).await.code(), code, "{path}");
    }
    let seen = send(echo(&layer), get("/nowhere", &everywhere)).await;
    assert_eq!((seen.status, seen.code().as_str()), (404, "no_route"));
    let seen = send(echo(&layer), get("/api/7/x", &everywhere)).await;
    assert_eq!(seen.json()["identity"]["site"], "7");
    let plain = world.layer().route("/reports/**").build().unwrap();
    let seen = send(echo(&plain), get("/reports/x", &everywhere)).await;
    assert_eq!(seen.json()["identity"]["site"], serde_json::Value::Null);
    // A route without a site is refused to a key that is restricted to some.
    assert_eq!(
        send(echo(&plain), get("/reports/x", &key)).await.code(),
        "site_forbidden"
    );
}

#[tokio::test]
async fn p5_a_request_is_for_one_host() {
    let world = World::start().await;
    let key = world.key_of_site("1").await;
    let layer = world.layer().build().unwrap();
    for (target, hosts, code) in [
        ("http://own/api/1", &["own"][..], "passed"),
        ("http://own/api/1", &["OWN"], "passed"),
        ("http://own/api/1", &[], "passed"),
        ("http://other/api/1", &["own"], "bad_request"),
        ("/api/1", &["own", "own"], "bad_request"),
        ("http://own/api/2", &["own"], "site_forbidden"),
    ] {
        let mut headers = vec![("x-api-key", key.as_str())];
        headers.extend(hosts.iter().map(|host| ("host", *host)));
        let seen = send(echo(&layer), request("GET", target, &headers)).await;
        assert_eq!(seen.code(), code, "{target} {hosts:?}");
    }
}

#[tokio::test]
async fn m1_to_m5_only_options_and_public_reads_need_no_key() {
    let world = World::start().await;
    let key = world.key_of_site("1").await;
    let layer = world.layer().public_path("/swagger").build().unwrap();
    for (method, path, status) in [
        ("OPTIONS", "/api/2/x", 200),
        ("OPTIONS", "/swagger/x", 200),
        ("OPTIONS", "/nowhere", 404),
        ("options", "/api/1/x", 401),
        ("OPTIONSX", "/api/1/x", 401),
        ("GET", "/api/1/x", 401),
        ("TRACE", "/api/1/x", 405),
        ("GET", "/swagger", 200),
        ("HEAD", "/swagger/index.html", 200),
        ("POST", "/swagger/index.html", 404),
        ("GET", "/swaggerx", 404),
        ("GET", "/swagger..", 404),
        ("GET", "/SWAGGER", 404),
        ("GET", "/swagger;a=b", 404),
    ] {
        let seen = send(echo(&layer), request(method, path, &[])).await;
        assert_eq!(seen.status, status, "{method} {path}: {seen:?}");
        if status == 405 {
            assert!(seen.header("allow").is_some());
        }
    }
    for name in ["x-http-method-override", "x-forwarded-method"] {
        let seen = send(echo(&layer), request("GET", "/api/1/x", &[(name, "OPTIONS")])).await;
        assert_eq!(seen.status, 401, "{name}");
    }
    // Whatever key comes along, a public path is the same, counts nothing and tells nobody of it.
    for secret in [key.as_str(), "bogus"] {
        let seen = send(echo(&layer), get("/swagger", secret)).await;
        assert_eq!(
            (seen.status, &seen.json()["identity"]),
            (200, &serde_json::Value::Null)
        );
        assert_eq!(seen.json()["headers"], serde_json::json!([]));
        assert!(seen.header("vary").is_none());
    }
}

#[tokio::test]
async fn settings_that_mean_nothing_are_refused() {
    let world = World::start().await;
    for layer in [
        world.layer().route("api"),
        world.layer().route("/**/x"),
        world.layer().public_path("/"),
        world.layer().public_path("swagger"),
        world.layer().public_path("/a/../b"),
        world.layer().trusted_proxy("10.0.0.1/8"),
        world.layer().trusted_proxy("proxy"),
        world.layer().realm("caf\u{e9}\n"),
    ] {
        assert!(layer.build().is_err());
    }
}
