//! What Envoy is told over gRPC. The tables of the other modules go through it too; here is what is told of its own.

use crate::cors::{CORS, ORIGIN, preflight};
use crate::envoy::{as_the_client_sees_it, check, connect, question};
use crate::spoken::Ask;
use crate::world::World;
use keyward_envoy::{
    AttributeContext, CheckRequest, CheckResponse, HeaderAppendAction, HeaderValue, HeaderValueOption,
    HttpRequest, HttpResponse, Kind, OkHttpResponse,
};
use keyward_testkit::{H2Client, KeySpec, OWNER};
use std::collections::HashMap;

fn passed(response: CheckResponse) -> OkHttpResponse {
    assert_eq!(response.status.map(|status| status.code), Some(0));
    match response.http_response {
        Some(HttpResponse::OkResponse(ok)) => ok,
        other => panic!("{other:?}"),
    }
}

/// Fields that Envoy sets, over what is there.
fn set(options: &[HeaderValueOption]) -> HashMap<String, String> {
    let overwrite = i32::from(HeaderAppendAction::OverwriteIfExistsOrAdd);
    let pair = |option: &HeaderValueOption| {
        let field = option.header.clone().unwrap();
        assert!(
            option.append_action == overwrite || field.key == "vary",
            "{option:?}"
        );
        (field.key, field.value)
    };
    options.iter().map(pair).collect()
}

fn names(list: &[String]) -> Vec<&str> {
    let mut names: Vec<&str> = list.iter().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn k8_h4_i1_the_key_and_what_is_forged_are_removed_and_identity_is_set() {
    let world = World::start("").await;
    let key = world
        .keyward
        .key(KeySpec::new(OWNER, "limited").sites(&["1"]).limit(60))
        .await;
    let ask = Ask::get("/api/1/x?y")
        .key(&key.secret)
        .with("X_API_KEY", "other")
        .with("X-Keyward-Key-Id", "forged")
        .with("X_Keyward_User_Id", "forged")
        .with("X-Keyward-Anything", "forged")
        .with("X-Original-URL", "/api/2")
        .with("X-Forwarded-Host", "evil")
        .with("X-Forwarded-For", "6.6.6.6, 127.0.0.1")
        .with("X-Forwarded-Proto", "http")
        .with("X-Real-IP", "6.6.6.6")
        .with("Content-Length", "5")
        .with("Content_Length", "6")
        .with("Transfer-Encoding", "chunked")
        .with("Accept", "*/*");
    let response = check(world.keyward.authz(), question(&ask)).await;
    let metadata = response.dynamic_metadata.clone().unwrap();
    let ok = passed(response);
    assert_eq!(
        names(&ok.headers_to_remove),
        [
            "content_length",
            "x-api-key",
            "x-forwarded-host",
            "x-keyward-anything",
            "x-original-url",
            "x-real-ip",
            "x_api_key",
            "x_keyward_user_id",
        ]
    );
    let upstream = set(&ok.headers);
    assert_eq!(upstream["x-keyward-key-id"], key.id);
    assert_eq!(upstream["x-keyward-use-case"], "rest-api");
    assert_eq!(upstream["x-keyward-site"], "1");
    assert_eq!(upstream["x-forwarded-for"], "127.0.0.1");
    assert_eq!(upstream.len(), 6, "{upstream:?}");
    let client = set(&ok.response_headers_to_add);
    assert_eq!(client["x-ratelimit-limit"], "60");
    assert_eq!(client["x-ratelimit-remaining"], "59");
    assert!(client.contains_key("x-ratelimit-reset"));
    for (name, value) in [
        ("key_id", key.id.clone()),
        ("owner_id", upstream["x-keyward-user-id"].clone()),
        ("site", "1".to_owned()),
        ("use_case", "rest-api".to_owned()),
    ] {
        assert_eq!(
            metadata.fields[name].kind,
            Some(Kind::StringValue(value)),
            "{name}"
        );
    }
}

#[tokio::test]
async fn k8_the_key_goes_on_where_it_may_and_a_trusted_proxys_word_stays() {
    let world = World::start("[gateway]\nforward_key = true\ntrusted_proxies = [\"127.0.0.1\"]\n").await;
    let ask = Ask::get("/api/1/x")
        .key(&world.k1)
        .with("X-Forwarded-For", "192.0.2.7")
        .with("X-Forwarded-Host", "api.example.com")
        .with("X_Forwarded_Host", "evil");
    let ok = passed(check(world.keyward.authz(), question(&ask)).await);
    assert_eq!(names(&ok.headers_to_remove), ["x_forwarded_host"]);
    assert!(!set(&ok.headers).contains_key("x-forwarded-for"));
    // Not on a public path.
    let public = Ask::get("/swagger").key(&world.k1);
    let ok = passed(check(world.keyward.authz(), question(&public)).await);
    assert_eq!(names(&ok.headers_to_remove), ["x-api-key"]);
}

#[tokio::test]
async fn m4_override_fields_are_removed_where_the_use_case_names_methods() {
    let use_cases = "[[use_cases]]\nname = \"rest-api\"\nroutes = [{ methods = [\"GET\"], path = \"/api/{site}/**\" }]\n\
                     [[use_cases]]\nname = \"any\"\n";
    let world = World::start(use_cases).await;
    let any = world.secret_of(KeySpec::new(OWNER, "any").use_case("any")).await;
    for (secret, removed) in [(&world.k1, true), (&any, false)] {
        let ask = Ask::get("/api/1/x")
            .key(secret)
            .with("X-HTTP-Method-Override", "DELETE");
        let ok = passed(check(world.keyward.authz(), question(&ask)).await);
        let names = names(&ok.headers_to_remove);
        assert_eq!(names.contains(&"x-http-method-override"), removed, "{names:?}");
    }
}

#[tokio::test]
async fn m1_m6_public_paths_and_preflights_carry_no_identity() {
    let world = World::start("").await;
    for ask in [Ask::get("/swagger"), preflight("/api/2/x", ORIGIN)] {
        let ask = ask.key(&world.k1).with("X-Keyward-Key-Id", "1");
        let response = check(world.keyward.authz(), question(&ask)).await;
        assert_eq!(response.dynamic_metadata, None);
        let ok = passed(response);
        assert_eq!(names(&ok.headers_to_remove), ["x-api-key", "x-keyward-key-id"]);
        let mut set: Vec<String> = set(&ok.headers).into_keys().collect();
        set.sort_unstable();
        assert_eq!(set, ["x-forwarded-for", "x-keyward-request-id"]);
    }
    let world = World::start(CORS).await;
    let response = check(world.keyward.authz(), question(&preflight("/api/2/x", ORIGIN))).await;
    let answer = as_the_client_sees_it(response);
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
    // A page may read what it is granted, and what it is refused.
    for secret in [&*world.k1, "bogus"] {
        let ask = Ask::get("/api/1/x").key(secret).with("Origin", ORIGIN);
        let answer = as_the_client_sees_it(check(world.keyward.authz(), question(&ask)).await);
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
    }
}

/// What is taken away from a question, or put wrong in it.
type Spoil = fn(&mut CheckRequest);

fn attributes(asked: &mut CheckRequest) -> &mut AttributeContext {
    asked.attributes.as_mut().unwrap()
}

fn http(asked: &mut CheckRequest) -> &mut HttpRequest {
    let request = attributes(asked).request.as_mut().unwrap();
    request.http.as_mut().unwrap()
}

/// The field of the key.
fn field(asked: &mut CheckRequest) -> &mut HeaderValue {
    raw(asked, "x-api-key")
}

/// A field as it came.
fn raw<'a>(asked: &'a mut CheckRequest, name: &str) -> &'a mut HeaderValue {
    let fields = &mut http(asked).header_map.as_mut().unwrap().headers;
    fields.iter_mut().find(|field| field.key == name).unwrap()
}

const SPOILS: &[(&str, Spoil)] = &[
    ("attributes", |asked| asked.attributes = None),
    ("source", |asked| attributes(asked).source = None),
    ("address", |asked| {
        attributes(asked).source.as_mut().unwrap().address = None;
    }),
    ("request", |asked| attributes(asked).request = None),
    ("http", |asked| {
        attributes(asked).request.as_mut().unwrap().http = None;
    }),
    ("method", |asked| http(asked).method.clear()),
    ("path", |asked| http(asked).path.clear()),
    ("host", |asked| http(asked).host.clear()),
    ("a space in the method", |asked| http(asked).method.push(' ')),
    ("a fragment", |asked| http(asked).path.push_str("#x")),
    ("a line end", |asked| http(asked).path.push('\n')),
    ("both kinds of fields", |asked| {
        http(asked).headers.insert("accept".into(), "*/*".into());
    }),
    ("another host", |asked| {
        let field = field(asked);
        (field.key, field.raw_value) = ("host".into(), b"other".to_vec());
    }),
    ("a bad name", |asked| field(asked).key = "x api".into()),
    ("a bad value", |asked| field(asked).raw_value = b"a\nb".to_vec()),
    ("two values", |asked| field(asked).value = "x".into()),
];

#[tokio::test]
async fn a_question_without_what_decides_is_refused() {
    let world = World::start("").await;
    let good = question(&Ask::get("/api/1/x").key(&world.k1));
    // Without `encode_raw_headers` there is nothing to compare the attributes with.
    let mut bare = good.clone();
    let fields = &mut http(&mut bare).header_map.as_mut().unwrap().headers;
    fields.retain(|field| !field.key.starts_with(':'));
    for (what, spoil) in SPOILS {
        for mut asked in [good.clone(), bare.clone()] {
            spoil(&mut asked);
            refused(&world, what, asked).await;
        }
    }
    let answer = as_the_client_sees_it(check(world.keyward.authz(), bare).await);
    assert_eq!(answer.status, 200);
    // Joined by name is how Envoy tells of fields when it is not told otherwise; two keys are then one that is malformed.
    for (key, status) in [(world.k1.clone(), 200), (format!("{0},{0}", world.k1), 401)] {
        let mut asked = good.clone();
        http(&mut asked).header_map = None;
        http(&mut asked).headers = HashMap::from([("x-api-key".to_owned(), key)]);
        let answer = as_the_client_sees_it(check(world.keyward.authz(), asked).await);
        assert_eq!(answer.status, status);
    }
}

#[tokio::test]
async fn p1_the_upstreams_bytes_are_judged_not_what_envoy_makes_of_them() {
    let world = World::start("").await;
    for (name, told, came) in [
        // What is no UTF-8 is told as `!`, and goes on as it came.
        (":path", "/api/1/!!/x", &b"/api/1/\xc0\xae/x"[..]),
        (":path", "/api/1/x", b"/api/2/x"),
        (":path", "/api/1/x", b"/api/1/x?"),
        (":method", "GET", b"OPTIONS"),
        (":method", "GET", b"get"),
        (":authority", "localhost", b"other"),
    ] {
        let mut asked = question(&Ask::get("/api/1/x").key(&world.k1));
        match name {
            ":path" => http(&mut asked).path = told.to_owned(),
            ":method" => http(&mut asked).method = told.to_owned(),
            _ => http(&mut asked).host = told.to_owned(),
        }
        raw(&mut asked, name).raw_value = came.to_vec();
        refused(&world, name, asked.clone()).await;
        raw(&mut asked, name).raw_value = told.into();
        let answer = as_the_client_sees_it(check(world.keyward.authz(), asked).await);
        assert_eq!(answer.status, 200, "{name} {told}");
    }
}

async fn refused(world: &World, what: &str, asked: CheckRequest) {
    let answer = as_the_client_sees_it(check(world.keyward.authz(), asked).await);
    assert_eq!(answer.status, 400, "{what}: {answer:?}");
}

#[tokio::test]
async fn a_call_that_is_none_is_no_pass_and_many_calls_share_a_connection() {
    let world = World::start("").await;
    let authz = world.keyward.authz();
    let path = "/envoy.service.auth.v3.Authorization/Check";
    let grpc = ("content-type", "application/grpc");
    for (fields, body) in [
        (&[grpc][..], &b""[..]),
        (&[grpc], b"\0\0\0\0\x05hello"),
        (&[grpc], b"\x01\0\0\0\0"),
        (&[grpc], b"\0\xff\xff\xff\xff"),
        (&[], b"\0\0\0\0\0"),
    ] {
        let mut h2 = H2Client::connect(authz).await;
        let answer = h2.try_send("POST", path, fields, body.to_vec()).await;
        if let Ok(answer) = answer {
            let status = answer.header("grpc-status").map(str::to_owned);
            assert!(
                answer.status != 200 || status.is_none_or(|status| status != "0"),
                "{answer:?}"
            );
        }
    }
    // An empty message is a question that says nothing.
    refused(&world, "empty", CheckRequest::default()).await;
    let client = connect(authz).await;
    let asked = question(&Ask::get("/api/1/x").key(&world.k1));
    let calls = (0..100).map(|_| {
        let (mut client, asked) = (client.clone(), asked.clone());
        tokio::spawn(async move { client.check(asked).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        passed(call.await.unwrap());
    }
}
