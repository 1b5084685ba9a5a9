//! The mission's own page, literally: the `curl` line, the meaning of the headers, and what a key may ask about itself.

use crate::spoken::{Ask, Way};
use crate::world::{BOTH, World, with_routes};
use keyward_testkit::{H2Client, KeySpec, Language, OWNER, RawResponse};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// A key that another system made, as the page shows it.
const IMPORTED: &str = "abcdef123456";
const PAGE_HOST: &str = "api.votredomaine.com";

async fn import(world: &World, key: &Value) {
    let file = world.keyward.dir().join("keys.jsonl");
    std::fs::write(&file, format!("{key}\n")).unwrap();
    world.keyward.cli_ok(&["import", file.to_str().unwrap()]).await;
}

#[tokio::test]
async fn the_pages_curl_line_works_over_tls_with_an_imported_key() {
    let world = World::of(with_routes("").tls_for(&[PAGE_HOST, "localhost"])).await;
    world.keyward.site("123").await;
    let key = json!({ "owner": OWNER, "name": "old", "secret": IMPORTED, "sites": { "only": ["123"] }, "limit": { "per_minute": 60 } });
    import(&world, &key).await;
    let line = Ask::get("/api/123/resource")
        .host(PAGE_HOST)
        .with("X-API-KEY", IMPORTED);
    world.eventually_passes(&line).await;
    for way in BOTH {
        let got = world.passed(*way, &line).await;
        assert_eq!(got.request_line(), "GET /api/123/resource HTTP/1.1");
        assert_eq!(
            (got.header("host"), got.header("x-keyward-site")),
            (vec![PAGE_HOST.to_owned()], vec!["123".to_owned()])
        );
        assert!(got.header("x-api-key").is_empty());
        for target in ["/api/124/resource", "/api/1/resource"] {
            let said = world.door().say(*way, &Ask::get(target).key(IMPORTED)).await;
            assert_eq!(said.word(), (403, "site_forbidden"));
        }
    }
    by_curl(&world).await;
}

/// The line as it stands on the page, by curl itself.
async fn by_curl(world: &World) {
    let certificate = world.certificate.as_ref().unwrap();
    let to = format!("{PAGE_HOST}:443:127.0.0.1:{}", world.keyward.gateway().port());
    for version in ["--http1.1", "--http2"] {
        let mut curl = tokio::process::Command::new("curl");
        curl.args([
            "-q",
            "-s",
            "-S",
            "-i",
            version,
            "--max-time",
            "20",
            "--noproxy",
            "*",
            "--connect-to",
            &to,
            "--cacert",
        ]);
        curl.arg(certificate.certificate_path());
        curl.args([
            "-X",
            "GET",
            "https://api.votredomaine.com/api/123/resource",
            "-H",
            "X-API-KEY: abcdef123456",
        ]);
        let output = curl.output().await.expect("curl runs; scripts/test installs it");
        let text = String::from_utf8_lossy(&output.stdout).to_ascii_lowercase();
        assert!(
            text.starts_with("http/") && text.contains(" 200"),
            "{version}: {output:?}"
        );
        assert!(text.contains("x-ratelimit-limit: 60"), "{version}: {text}");
    }
}

/// The page's C# lines, in a program around them; the address is the gateway's.
const C_SHARP: &str = r#"
using System;
using System.Net.Http;
using System.Threading.Tasks;

class Program {
    static void Main() { Run(Environment.GetEnvironmentVariable("ADDRESS")).GetAwaiter().GetResult(); }

    static async Task Run(string address) {
        var client = new HttpClient();
        client.DefaultRequestHeaders.Add("X-API-KEY", "abcdef123456");

        var response = await client.GetAsync(address);

        Console.WriteLine((int)response.StatusCode);
        Console.WriteLine(string.Join(",", response.Headers.GetValues("X-RateLimit-Limit")));
    }
}
"#;

#[tokio::test]
async fn the_pages_c_sharp_lines_work_with_an_imported_key() {
    let world = World::start("").await;
    world.keyward.site("123").await;
    let key = json!({ "owner": OWNER, "name": "old", "secret": IMPORTED, "sites": { "only": ["123"] }, "limit": { "per_minute": 60 } });
    import(&world, &key).await;
    let line = Ask::get("/api/123/resource").with("X-API-KEY", IMPORTED);
    world.eventually_passes(&line).await;
    let address = format!("http://{}/api/123/resource", world.keyward.gateway());
    let ran = Language::CSharp
        .run(C_SHARP, world.keyward.dir(), &[("ADDRESS", &address)])
        .await;
    let output = ran.expect("mono runs; scripts/test installs it");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["200", "60"]);
}

#[tokio::test]
async fn the_three_headers_mean_what_the_page_says() {
    let world = World::start("").await;
    let secret = world.secret_of(KeySpec::new(OWNER, "sixty").limit(60)).await;
    // A minute may end in the middle: then the round is repeated.
    let (first, second) = loop {
        let round = (ask(&world, &secret).await, ask(&world, &secret).await);
        if round.0.header("x-ratelimit-reset") == round.1.header("x-ratelimit-reset") {
            break round;
        }
    };
    let number = |answer: &RawResponse, name: &str| -> u64 {
        let all = answer.header_all(name);
        assert_eq!(all.len(), 1, "{name}: {all:?}");
        all[0].parse().unwrap()
    };
    assert_eq!(
        (
            number(&first, "X-RateLimit-Limit"),
            number(&second, "X-RateLimit-Limit")
        ),
        (60, 60)
    );
    assert_eq!(
        number(&first, "X-RateLimit-Remaining"),
        number(&second, "X-RateLimit-Remaining") + 1
    );
    let reset = number(&second, "X-RateLimit-Reset");
    let now = keyward_now();
    assert!(
        reset % 60 == 0 && reset <= now + 60 && reset + 60 > now,
        "reset {reset}, now {now}"
    );
    // A key without a limit has none to tell.
    let free = ask(&world, &world.k1).await;
    assert_eq!(
        (
            free.header("x-ratelimit-limit"),
            free.header("x-ratelimit-remaining"),
            free.header("x-ratelimit-reset")
        ),
        (None, None, None)
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test compares a header with the real time"
)]
fn keyward_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

async fn ask(world: &World, secret: &str) -> RawResponse {
    world.say(&Ask::get("/api/1/x").key(secret)).await.head.unwrap()
}

#[tokio::test]
async fn a_key_is_needed_everywhere_but_where_the_page_says() {
    for world in [World::start("").await, World::start_tls("").await] {
        for way in BOTH {
            for target in ["/api/123/resource", "/wh/x/1", "/free", "/enc/1/x"] {
                let said = world.door().say(*way, &Ask::get(target)).await;
                assert_eq!(said.word(), (401, "key_missing"), "{target}");
                world.passed(*way, &Ask::new("OPTIONS", target)).await;
            }
            for target in ["/swagger", "/swagger/index.html"] {
                world.passed(*way, &Ask::get(target)).await;
                world.passed(*way, &Ask::new("OPTIONS", target)).await;
            }
        }
    }
}

#[tokio::test]
async fn an_http2_upstream_is_told_the_same() {
    // The echo upstream speaks HTTP/1.1, so another Keyward stands between: it speaks both.
    let behind = World::start("").await;
    let upstream = behind.keyward.gateway();
    let config = format!(
        "[[gateway.upstreams]]\nname = \"default\"\nurl = \"http://{upstream}\"\nprotocol = \"h2c\"\n[gateway]\nforward_key = true\n"
    );
    let front = World::start(&config).await;
    import_same(&front, &behind).await;
    behind.upstream.clear();
    for way in BOTH {
        for target in ["/api/1/caf%C3%A9;v=1/%25zz?x=%2e&y=//../", "/api/1/?"] {
            let ask = Ask::get(target)
                .key(IMPORTED)
                .with("X-Keyward-Site", "9")
                .with("X_Keyward_Site", "9")
                .with("X-Original-URL", "/api/9");
            let said = front.door().say(*way, &ask).await;
            assert_eq!(said.status, 200, "{target}: {said:?}");
            let got = behind.upstream.last();
            assert_eq!(got.request_line(), format!("GET {target} HTTP/1.1"));
            assert_eq!(got.header("x-keyward-site"), ["1"]);
        }
    }
    assert_eq!(front.upstream.count(), 0);
}

#[tokio::test]
async fn with_one_setting_the_ietf_fields_tell_the_same_as_the_three_headers() {
    let world = World::start("[gateway]\nietf_rate_limit_headers = true\n").await;
    let secret = world
        .secret_of(KeySpec::new(OWNER, "two").sites(&["1"]).limit(2))
        .await;
    let asks = [
        ("/api/1/x", 200),
        ("/api/2/x", 403),
        ("/keyward/self", 200),
        ("/api/1/x", 200),
        ("/api/1/x", 429),
    ];
    let whole_round = async || {
        let mut answers = Vec::new();
        for (target, _) in asks {
            answers.push(world.say(&Ask::get(target).key(&secret)).await.head.unwrap());
        }
        answers
    };
    // A minute may end in the middle: then the round is repeated.
    let answers = loop {
        let answers = whole_round().await;
        let reset = |answer: &RawResponse| answer.header("x-ratelimit-reset").map(str::to_owned);
        if answers.iter().all(|answer| reset(answer) == reset(&answers[0])) && answers[0].status == 200 {
            break answers;
        }
        let left = 60 - keyward_now() % 60;
        tokio::time::sleep(std::time::Duration::from_secs(left)).await;
    };
    for ((target, status), answer) in asks.iter().zip(&answers) {
        assert_eq!(answer.status, *status, "{target}: {answer:?}");
        let one = |name: &str| {
            let all = answer.header_all(name);
            assert_eq!(all.len(), 1, "{target}: {name}: {all:?}");
            all[0].to_owned()
        };
        assert_eq!(one("ratelimit-policy"), "\"minute\";q=2;w=60");
        let remaining = one("x-ratelimit-remaining");
        let told = one("ratelimit");
        let seconds = told
            .strip_prefix(&format!("\"minute\";r={remaining};t="))
            .unwrap_or_else(|| panic!("{target}: {told}"));
        assert!((1..=60).contains(&seconds.parse::<u64>().unwrap()), "{told}");
    }
    // A key without a limit has none to tell, and without the setting nobody is told.
    let free = ask(&world, &world.k1).await;
    assert!(free.header("ratelimit").is_none() && free.header("ratelimit-policy").is_none());
    let world = World::start("").await;
    let secret = world.secret_of(KeySpec::new(OWNER, "two").limit(2)).await;
    let answer = ask(&world, &secret).await;
    assert!(answer.header("ratelimit").is_none() && answer.header("ratelimit-policy").is_none());
}

async fn import_same(front: &World, behind: &World) {
    let key = json!({ "owner": OWNER, "name": "same", "secret": IMPORTED, "sites": { "only": ["1"] } });
    import(behind, &key).await;
    behind
        .eventually_passes(&Ask::get("/api/1/x").key(IMPORTED))
        .await;
    import(front, &key).await;
    front.eventually_passes(&Ask::get("/api/1/x").key(IMPORTED)).await;
}

#[tokio::test]
async fn a_key_may_ask_about_itself_and_pays_nothing() {
    for world in [World::start("").await, World::start_tls("").await] {
        let spec = KeySpec::new(OWNER, "self")
            .sites(&["1", "3"])
            .limit(60)
            .expires_at("2999-01-01T00:00:00Z");
        let key = world.keyward.key(spec).await;
        let own = || Ask::get("/keyward/self").key(&key.secret);
        for _ in 0..3 {
            let answer = world.say(&own()).await.head.unwrap();
            assert_eq!(
                (answer.status, answer.header("x-ratelimit-remaining")),
                (200, Some("60"))
            );
            assert_eq!(
                (answer.header("cache-control"), answer.header("vary")),
                (Some("no-store"), Some("X-API-KEY"))
            );
            let told = answer.json();
            assert_eq!(
                (told["id"].as_str(), &told["sites"]),
                (Some(key.id.as_str()), &json!({ "only": ["1", "3"] }))
            );
            assert_eq!(
                (&told["limit"], told["remaining"].as_u64()),
                (&json!({ "per_minute": 60 }), Some(60))
            );
            assert!(
                told["expires_at"]["at"]
                    .as_str()
                    .is_some_and(|at| at.starts_with("2999-01-01T00:00:00")),
                "{told}"
            );
            assert!(
                !answer.text().contains(&key.secret) && !answer.text().contains("self"),
                "{told}"
            );
        }
        let head = world
            .say(&Ask::new("HEAD", "/keyward/self").key(&key.secret))
            .await
            .head
            .unwrap();
        assert_eq!((head.status, head.body_len), (200, 0));
        let missing: &[(u16, &str)] = &[(401, "key_missing")];
        let no_route: &[(u16, &str)] = &[(404, "no_route")];
        let table: Vec<(Ask, &[(u16, &str)])> = vec![
            (Ask::get("/keyward/self"), missing),
            (Ask::get("/keyward/self").key("bogus"), &[(401, "key_invalid")]),
            (own().key(&key.secret), &[(401, "key_malformed")]),
            (Ask::get("/keyward/self/").key(&key.secret), no_route),
            (Ask::get("/keyward/Self").key(&key.secret), no_route),
            (Ask::get("/keyward").key(&key.secret), no_route),
            (Ask::new("POST", "/keyward/self").key(&key.secret), no_route),
            (Ask::get("/keyward/%73elf").key(&key.secret), &[(400, "bad_path")]),
            (Ask::get("/keyward/./self").key(&key.secret), &[(400, "bad_path")]),
        ];
        world.all_refused(BOTH, &table).await;
        // The management plane's keys mean nothing here, and the other way round.
        let management = world.keyward.management_secret().to_owned();
        let said = world.say(&Ask::get("/api/1/x").key(&management)).await;
        assert_eq!(said.word(), (403, "use_case_forbidden"));
        let said = world.say(&Ask::get("/keyward/self").key(&management)).await;
        assert_eq!(said.word(), (403, "use_case_forbidden"));
        let used = world
            .say(&Ask::get("/api/1/x").key(&key.secret))
            .await
            .head
            .unwrap();
        assert_eq!(used.header("x-ratelimit-remaining"), Some("59"));
        let after = world.say(&own()).await.head.unwrap();
        assert!(
            matches!(after.header("x-ratelimit-remaining"), Some("59" | "60")),
            "{after:?}"
        );
    }
    let world = World::start("").await;
    let mut h2 = H2Client::connect(world.keyward.gateway()).await;
    let answer = h2
        .send("GET", "/keyward/self", &[("x-api-key", &world.k1)], "")
        .await;
    assert_eq!(
        (answer.status, answer.json()["id"].as_str()),
        (200, Some(world.key.id.as_str()))
    );
    assert_eq!(
        world
            .door()
            .say(Way::Http2, &Ask::get("/keyward/self"))
            .await
            .word(),
        (401, "key_missing")
    );
}

#[tokio::test]
async fn a_refusal_says_what_is_wrong_and_how_to_do_better() {
    let world = World::start("[gateway]\nrealm = \"orders\"\n").await;
    let closed = world
        .secret_of(KeySpec::new(OWNER, "closed").addresses(&[]).limit(60))
        .await;
    let cases = [
        (Ask::get("/api/1/x"), 401, "key_missing"),
        (Ask::get("/api/1/x").key("bogus"), 401, "key_invalid"),
        (Ask::get("/api/2/x").key(&world.k1), 403, "site_forbidden"),
        (Ask::get("/api/1/x").key(&closed), 403, "ip_forbidden"),
    ];
    for (ask, status, code) in cases {
        let answer = world.say(&ask).await.head.unwrap();
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (status, Some(code))
        );
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(
            (answer.header("cache-control"), answer.header("vary")),
            (Some("no-store"), Some("X-API-KEY"))
        );
        let challenge = (status == 401).then_some("ApiKey realm=\"orders\", header=\"X-API-KEY\"");
        assert_eq!(answer.header("www-authenticate"), challenge, "{code}");
        let document = answer.json();
        for field in ["title", "detail", "request_id"] {
            assert!(
                document[field].as_str().is_some_and(|text| !text.is_empty()),
                "{field}: {document}"
            );
        }
        assert_eq!(document["request_id"].as_str(), answer.header("x-request-id"));
    }
    let answer = world.say(&Ask::get("/api/1/x").key(&closed)).await.head.unwrap();
    assert_eq!(
        (
            answer.header("x-ratelimit-limit"),
            answer.header("x-ratelimit-remaining")
        ),
        (Some("60"), Some("60"))
    );
}
