//! What proxies are told. The tables of the other modules go through every dialect too; here is what is told of its own.

use crate::asked::{DIALECTS, Dialect};
use crate::cors::{CORS, ORIGIN, preflight};
use crate::spoken::{Ask, Way};
use crate::world::{ASKED, World};
use keyward_testkit::{KeySpec, OWNER, RawResponse};

async fn told(world: &World, dialect: Dialect, ask: &Ask) -> RawResponse {
    let way = Way::Asked(dialect);
    world.door().say(way, ask).await.head.unwrap()
}

fn keyward_fields(answer: &RawResponse) -> Vec<String> {
    let names = answer.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
    let mut names: Vec<String> = names
        .filter(|name| name.starts_with("x-keyward-") && name != "x-keyward-status")
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_granted_request_is_told_with_who_is_calling_and_what_remains() {
    let world = World::start("").await;
    let limited = world
        .keyward
        .key(KeySpec::new(OWNER, "limited").sites(&["1"]).limit(60))
        .await;
    // How many there were in the minute that ends then.
    let (mut reset, mut used) = (String::new(), 0);
    for dialect in DIALECTS {
        let ask = Ask::get("/api/1/x?y=z").key(&limited.secret);
        let answer = told(&world, dialect, &ask).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{dialect:?}");
        for (name, value) in [
            ("content-length", "0"),
            ("x-keyward-key-id", &*limited.id),
            ("x-keyward-use-case", "rest-api"),
            ("x-keyward-site", "1"),
            ("vary", "X-API-KEY"),
            ("x-ratelimit-limit", "60"),
        ] {
            assert_eq!(answer.header_all(name), [value], "{dialect:?} {name}");
        }
        let [end] = answer.header_all("x-ratelimit-reset")[..] else {
            panic!("{answer:?}");
        };
        used = if end == reset { used + 1 } else { 1 };
        end.clone_into(&mut reset);
        let left = (60 - used).to_string();
        assert_eq!(
            answer.header_all("x-ratelimit-remaining"),
            [&*left],
            "{dialect:?}"
        );
        assert_eq!(answer.header_all("x-keyward-user-id").len(), 1);
        assert_eq!(answer.header_all("x-keyward-request-id").len(), 1);
    }
    assert_eq!(world.upstream.count(), 0);
}

#[tokio::test]
async fn m6_a_public_path_and_a_preflight_pass_with_the_requests_name_alone() {
    let world = World::start("").await;
    for dialect in DIALECTS {
        for ask in [
            Ask::get("/swagger"),
            Ask::new("HEAD", "/swagger/x"),
            Ask::get("/swagger").key(&world.k1),
            preflight("/api/2/x", ORIGIN),
        ] {
            let ask = ask.with("X-Keyward-Key-Id", "1").with("X_Keyward_Site", "1");
            let answer = told(&world, dialect, &ask).await;
            assert_eq!(answer.status, 200, "{dialect:?} {ask:?}");
            assert_eq!(keyward_fields(&answer), ["x-keyward-request-id"], "{ask:?}");
        }
    }
}

#[tokio::test]
async fn pages_of_the_gateways_own_are_not_there() {
    let world = World::start("[gateway.swagger]\nupstream_path = \"/openapi.json\"\n").await;
    for dialect in DIALECTS {
        let page = told(&world, dialect, &Ask::get("/swagger/openapi.json")).await;
        assert_eq!((page.status, page.body.len()), (200, 0), "passed to the upstream");
        let own = world
            .door()
            .say(Way::Asked(dialect), &Ask::get("/keyward/self").key(&world.k1))
            .await;
        assert_eq!(own.word(), (404, "no_route"), "{dialect:?}");
    }
}

#[tokio::test]
async fn m1_m9_preflights_are_answered_and_refusals_may_be_read_by_a_page() {
    let world = World::start(CORS).await;
    for dialect in DIALECTS {
        let answer = told(&world, dialect, &preflight("/api/2/x", ORIGIN)).await;
        let status = if dialect == Dialect::Nginx { 403 } else { 204 };
        assert_eq!(answer.status, status, "{dialect:?}");
        assert_eq!(dialect.true_status(&answer), 204);
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
        let allowed = answer.header("access-control-allow-headers").unwrap();
        assert!(allowed.contains("x-api-key"), "{allowed}");
        let refused = told(&world, dialect, &Ask::get("/api/1/x").with("Origin", ORIGIN)).await;
        assert_eq!(dialect.true_status(&refused), 401);
        assert_eq!(refused.header("access-control-allow-origin"), Some(ORIGIN));
        assert!(refused.header("www-authenticate").unwrap().contains("realm="));
        // Answers stay small, whatever a client sends.
        let long = format!("https://{}", "x".repeat(8000));
        told(&world, dialect, &Ask::get("/api/1/x").with("Origin", long)).await;
    }
}

#[tokio::test]
async fn a_question_that_is_not_beyond_doubt_is_never_a_pass() {
    let world = World::start("").await;
    let ask = Ask::get("/api/1/x").key(&world.k1);
    for dialect in DIALECTS {
        let whole = String::from_utf8(dialect.bytes(&ask)).unwrap();
        let lines: Vec<&str> = whole.split_inclusive("\r\n").collect();
        let told = |line: &&&str| line.starts_with("X-Orig") || line.starts_with("X-Forw");
        for line in lines.iter().filter(told) {
            let name = line.split(':').next().unwrap();
            let is_chain = name == "X-Forwarded-For";
            let without = whole.replace(line, "");
            let empty = whole.replace(line, &format!("{name}:\r\n"));
            let odd = whole.replace(line, &format!("{name}: \u{e9}\u{1}\r\n").replace('\u{1}', "x"));
            let twice = whole.replace(line, &format!("{line}{line}"));
            let other = whole.replace(line, &format!("{line}{name}: x\r\n"));
            for (what, question) in [
                ("without", without),
                ("empty", empty),
                ("odd", odd),
                ("twice", twice),
                ("other", other),
            ] {
                if is_chain && what == "twice" {
                    continue; // A list may come in several lines.
                }
                let answer = dialect
                    .answer(world.keyward.authz(), question.into_bytes(), "GET")
                    .await;
                assert_eq!(
                    dialect.true_status(&answer),
                    400,
                    "{dialect:?} {name} {what}: {answer:?}"
                );
                assert!(
                    keyward_fields(&answer)
                        .iter()
                        .all(|name| name == "x-keyward-body")
                );
            }
        }
    }
}

#[tokio::test]
async fn f7_the_host_and_a_foreign_authority_are_judged_as_on_the_gateway() {
    let world = World::start("").await;
    for host in ["", "a b", "a/b", "a@b", "a:x", "a,b", &"x".repeat(300)] {
        for dialect in [Dialect::Nginx, Dialect::ForwardAuth] {
            let ask = Ask::get("/api/1/x").host(host).key(&world.k1);
            let said = world.door().say(Way::Asked(dialect), &ask).await;
            assert_eq!(said.word(), (400, "bad_request"), "{dialect:?} {host}");
        }
    }
    for (target, status) in [
        ("http://other/api/1/x", 400),
        ("http://localhost/api/2/x", 403),
        ("http://localhost/api/1/x", 200),
        ("other:80/api/1", 400),
        ("*", 400),
        ("/api/1/x#/../2", 400),
    ] {
        for dialect in [Dialect::Nginx, Dialect::ForwardAuth] {
            let ask = Ask::get(target).key(&world.k1);
            let said = world.door().say(Way::Asked(dialect), &ask).await;
            assert_eq!(said.status, status, "{dialect:?} {target}");
        }
    }
    let long = format!("/api/1/{}", "x".repeat(17_000));
    for dialect in DIALECTS {
        let said = world
            .door()
            .say(Way::Asked(dialect), &Ask::get(&long).key(&world.k1))
            .await;
        assert_eq!(said.word(), (414, "target_too_long"), "{dialect:?}");
    }
}

#[tokio::test]
async fn d3_a_client_with_many_fields_gets_an_answer_that_its_proxy_can_pass_on() {
    let world = World::start("").await;
    let many = |n: usize| (0..n).fold(Ask::get("/api/1/x").key(&world.k1), |ask, _| ask.with("A", "v"));
    for way in ASKED {
        // With Host and the key these are as many as the gateway takes.
        let said = world.door().say(*way, &many(98)).await;
        assert_eq!(said.word(), (200, ""), "{way:?}");
        // And 16 more, for those that the proxy adds.
        let said = world.door().say(*way, &many(98 + 16)).await;
        assert_eq!(said.word(), (200, ""), "{way:?}");
        for ask in [
            many(98 + 17),
            many(120),
            many(500),
            many(1).with("B", "v".repeat(64 * 1024)),
        ] {
            let said = world.door().say(*way, &ask).await;
            let count = ask.fields.len();
            if *way == Way::Envoy && count == 3 {
                continue; // The fields are no head here, but a message.
            }
            assert_eq!(said.word(), (431, "head_too_large"), "{way:?} {count}");
            let Some(answer) = said.head.filter(|_| *way == Way::Asked(Dialect::Nginx)) else {
                continue;
            };
            assert_eq!(
                (answer.status, answer.header("x-keyward-status")),
                (403, Some("431")),
                "{count}"
            );
        }
    }
    let odd = Ask::get("/api/1/x").key(&world.k1).with("a b", "v");
    let said = world.door().say(Way::Asked(Dialect::Nginx), &odd).await;
    assert_eq!(said.word(), (400, "bad_request"));
    let answer = said.head.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (403, Some("close")));
}
