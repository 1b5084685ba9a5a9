//! The port that answers proxies: who may ask, what it shares with the gateway, what it tells the operator.

use crate::asked::DIALECTS;
use crate::spoken::{Ask, Way};
use crate::world::{ASKED, World};
use keyward_testkit::{
    Certificate, H2Client, KeySpec, Keyward, OWNER, RawClient, RawResponse, Signal, exchange_from, request,
};
use std::net::IpAddr;
use std::time::Duration;

#[tokio::test]
async fn l1_l12_one_limit_holds_over_the_gateway_and_every_proxy() {
    let world = World::start("").await;
    loop {
        let secret = world.secret_of(KeySpec::new(OWNER, "few").limit(5)).await;
        let ask = Ask::get("/api/1/x").key(&secret);
        let began = world.say(&ask).await.head.unwrap();
        let mut last = None;
        for way in ASKED {
            let answer = world.door().say(*way, &ask).await;
            assert_eq!(answer.status, 200, "{way:?}");
            last = answer.head;
        }
        let mut refused = Vec::new();
        for way in ASKED.iter().chain(&[Way::Http1]) {
            refused.push(world.door().say(*way, &ask).await);
        }
        let reset = |answer: &RawResponse| answer.header("x-ratelimit-reset").map(str::to_owned);
        let end = refused.last().unwrap().head.as_ref().unwrap();
        if reset(&began) != reset(end) {
            continue; // A minute ended on the way.
        }
        assert_eq!(last.unwrap().header("x-ratelimit-remaining"), Some("0"));
        for said in refused {
            assert_eq!(said.word(), (429, "rate_limited"));
            let answer = said.head.unwrap();
            assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
            assert_eq!(answer.header("x-ratelimit-limit"), Some("5"));
        }
        return;
    }
}

#[tokio::test]
async fn only_listed_proxies_may_ask_and_only_where_there_is_something_to_ask() {
    let world = World::start("[authz]\nproxies = [\"127.0.0.1\", \"127.0.8.0/24\"]\n").await;
    let ask = Ask::get("/api/1/x").key(&world.k1);
    for (last, status) in [
        ([127, 0, 0, 1], 200),
        ([127, 0, 8, 9], 200),
        ([127, 0, 0, 2], 403),
    ] {
        for dialect in DIALECTS {
            let answer = exchange_from(IpAddr::from(last), world.keyward.authz(), dialect.bytes(&ask)).await;
            assert_eq!(answer.status, status, "{last:?}");
            if status == 403 {
                assert_eq!(answer.code(), "proxy_not_listed");
                assert_eq!(answer.header("connection"), Some("close"));
            }
        }
    }
    for path in [
        "/",
        "/authz",
        "/authz/",
        "/authz/nginx/",
        "/api/1/x",
        "/authz/other",
    ] {
        let mut client = RawClient::connect(world.keyward.authz()).await;
        client
            .send(request("GET", path, &[("X-API-KEY", &world.k1)], ""))
            .await;
        let answer = client.read_response().await;
        assert_eq!((answer.status, &*answer.code()), (404, "no_question"), "{path}");
    }
}

#[tokio::test]
async fn http2_and_tls_are_spoken_too() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::create(folder.path());
    let tls = format!(
        "[authz.tls]\ncertificate = \"{}\"\nkey = \"{}\"\n",
        certificate.certificate_path().display(),
        certificate.key_path().display()
    );
    for config in ["", &*tls] {
        let world = World::start(config).await;
        let authz = world.keyward.authz();
        let mut h2 = match config {
            "" => H2Client::connect(authz).await,
            _ => H2Client::connect_tls(authz, "localhost", &certificate).await,
        };
        let key = ("x-api-key", &*world.k1);
        let peer = ("x-forwarded-for", "127.0.0.1");
        for (target, status) in [("/api/1/x?y", 200), ("/api/2/x", 403), ("//api/1/x", 400)] {
            let path = format!("/authz/ext-authz{target}");
            let answer = h2.send("GET", &path, &[key, peer], "").await;
            assert_eq!(answer.status, status, "{target}");
            let fields = [
                key,
                peer,
                ("x-forwarded-method", "GET"),
                ("x-forwarded-uri", target),
                ("x-forwarded-host", "localhost"),
            ];
            let answer = h2.send("GET", "/authz/forward-auth", &fields, "").await;
            assert_eq!(answer.status, status, "{target}");
        }
    }
}

#[tokio::test]
async fn a_reload_changes_the_gateway_and_what_proxies_are_told_together() {
    let world = World::start("").await;
    let ask = Ask::get("/public/x");
    for way in ASKED {
        assert_eq!(world.door().say(*way, &ask).await.word(), (404, "no_route"));
    }
    let path = world.keyward.config_path();
    let config = std::fs::read_to_string(&path).unwrap();
    let mut config: toml::Table = config.parse().unwrap();
    let section = |config: &mut toml::Table, name: &str, key: &str, value: &str| {
        let table = config.entry(name).or_insert(toml::Table::new().into());
        let list = vec![toml::Value::from(value)];
        table.as_table_mut().unwrap().insert(key.to_owned(), list.into());
    };
    section(&mut config, "gateway", "public_paths", "/public");
    std::fs::write(&path, config.to_string()).unwrap();
    world.keyward.signal(Signal::Hup);
    world.eventually_passes(&ask).await;
    for way in ASKED {
        assert_eq!(world.door().say(*way, &ask).await.status, 200);
    }
    // Who may ask is no rule: that needs a restart, and says so.
    section(&mut config, "authz", "proxies", "127.0.0.1");
    std::fs::write(&path, config.to_string()).unwrap();
    world.keyward.signal(Signal::Hup);
    let told = |log: &str| log.contains("authz.proxies");
    world.keyward.until_log("a restart is needed", told).await;
}

#[tokio::test]
async fn o9_answers_are_counted_by_dialect_and_the_log_says_which_plane() {
    let world = World::start("").await;
    for way in ASKED {
        world.door().say(*way, &Ask::get("/api/1/x").key(&world.k1)).await;
        world.door().say(*way, &Ask::get("/api/2/x").key(&world.k1)).await;
    }
    for dialect in ["nginx", "forward-auth", "ext-authz", "grpc"] {
        for class in ["2xx", "4xx"] {
            let series = format!("keyward_authz_answers_total{{dialect=\"{dialect}\",class=\"{class}\"}}");
            assert_eq!(world.keyward.metric(&series).await, Some(1.0), "{series}");
        }
    }
    let gateway = world.keyward.metric("keyward_gateway_answers_total").await;
    assert_eq!(gateway, Some(0.0));
    // At its end every line is there.
    world.keyward.stop().await;
    let log = world.keyward.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("plane")).collect();
    assert_eq!(lines.len(), 8, "{log}");
    assert!(
        lines
            .iter()
            .all(|line| line.contains("authz") && !line.contains(&world.k1))
    );
}

#[tokio::test]
async fn s14_a_proxy_that_keeps_its_connection_loses_no_question_at_the_end() {
    let world = World::start("").await;
    let ask = Ask::get("/api/1/x").key(&world.k1);
    for dialect in DIALECTS {
        let mut kept = RawClient::connect(world.keyward.authz()).await;
        kept.send(dialect.bytes(&ask)).await;
        assert_eq!(kept.read_response().await.status, 200);
        world.keyward.signal(Signal::Term);
        while RawClient::try_connect(world.keyward.authz()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        kept.send(dialect.bytes(&ask)).await;
        let last = kept.read_response().await;
        assert_eq!((last.status, last.header("connection")), (200, Some("close")));
        let ended = world.keyward.wait_exit(Duration::from_secs(30)).await;
        assert!(ended.is_some_and(|status| status.success()));
        world.keyward.start().await;
    }
}

#[tokio::test]
async fn the_plane_does_not_start_without_a_proxy_that_may_ask() {
    let keyward = Keyward::builder()
        .config_toml("[authz]\nproxies = []\n")
        .no_admin()
        .prepare()
        .await;
    let output = keyward.cli(&["config", "check"]).await;
    assert!(!output.status.success());
    assert!(output.stderr.contains("authz.proxies"), "{}", output.stderr);
    let output = keyward.cli(&["serve"]).await;
    assert!(!output.status.success() && output.stderr.contains("authz.proxies"));
}
