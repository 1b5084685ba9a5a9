//! M1, M9: preflights, and what pages of other origins may read.

use crate::spoken::{Ask, Way};
use crate::world::World;
use keyward_testkit::{H2Client, KeySpec, OWNER, RawResponse, Reply};

pub(crate) const ORIGIN: &str = "https://app.example.com";

pub(crate) const CORS: &str =
    "[gateway.cors]\norigins = [\"https://app.example.com\", \"http://localhost:3000\"]\n";

pub(crate) fn preflight(target: &str, origin: &str) -> Ask {
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

#[tokio::test]
async fn m9_a_page_of_a_listed_origin_may_read_errors_and_what_remains() {
    let world = World::start(CORS).await;
    let limited = world.secret_of(KeySpec::new(OWNER, "limited").limit(1)).await;
    let nowhere = world
        .secret_of(KeySpec::new(OWNER, "nowhere").addresses(&[]))
        .await;
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

#[tokio::test]
async fn preflights_of_one_client_are_bounded_and_a_page_may_read_the_refusal() {
    let world = World::start(&format!("[gateway]\npreflights_per_second = 1\n{CORS}")).await;
    let too_many = loop {
        let said = world.say(&preflight("/api/1/x", ORIGIN)).await;
        if said.status != 204 {
            break said;
        }
    };
    assert_eq!(too_many.word(), (429, "too_many_preflights"));
    let head = too_many.head.unwrap();
    assert_eq!(head.header("retry-after"), Some("1"));
    assert_eq!(head.header("access-control-allow-origin"), Some(ORIGIN));
    assert_eq!(head.header("content-type"), Some("application/problem+json"));
    // Requests with a key are bounded by the key's own limit alone.
    let secret = world.secret_of(KeySpec::new(OWNER, "K")).await;
    let granted = world.say(&Ask::get("/api/1/x").key(&secret)).await;
    assert_eq!(granted.status, 200);
}
