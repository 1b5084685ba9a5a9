//! P12: a site is exactly a member of the list, wherever it stands: in the path, a header or the host.

use crate::paths::{BAD, FORBIDDEN, MALFORMED, Wanted};
use crate::spoken::{Ask, Way};
use crate::world::{BOTH, World};
use keyward_testkit::{KeySpec, OWNER};

#[tokio::test]
async fn p12_only_exact_members_of_the_list_pass() {
    let world = World::start("").await;
    let longest = "s".repeat(64);
    for site in [longest.as_str(), "a.b_c-D"] {
        world.keyward.site(site).await;
    }
    let k13 = world
        .secret_of(KeySpec::new(OWNER, "K13").sites(&["1", "3", &longest, "a.b_c-D"]))
        .await;
    for site in ["1", "3", longest.as_str(), "a.b_c-D"] {
        for target in [format!("/api/{site}/x"), format!("/wh/hook/{site}")] {
            for way in BOTH {
                let got = world.passed(*way, &Ask::get(&target).key(&k13)).await;
                assert_eq!(got.header("x-keyward-site"), [site]);
            }
        }
    }
    let mut table: Vec<(Ask, Wanted)> = Vec::new();
    let mut add = |site: &str, wanted: Wanted| {
        table.push((Ask::get(format!("/api/{site}/x")).key(&k13), wanted));
        table.push((Ask::get(format!("/wh/hook/{site}")).key(&k13), wanted));
    };
    for site in [
        "2",
        "4",
        "13",
        "31",
        "0",
        "_",
        "1.3",
        "1-3",
        "1_3",
        "null",
        "all",
        "any",
        "A.b_c-D",
        "a.b_c-d",
        "a",
        &"s".repeat(63),
        &"S".repeat(64),
    ] {
        add(site, FORBIDDEN);
    }
    for site in [
        "*",
        "**",
        "1*",
        "?",
        "%",
        "%25",
        "'%20or%201=1--",
        "'or'1'='1",
        "1,3",
        "1%2c3",
        "1|3",
        "1&3",
        "[1]",
        "{1}",
        "(1)",
        "1$",
        "^1",
        "1%0a",
        "1%00",
        &"s".repeat(65),
        &"1".repeat(4096),
    ] {
        if site != "?" {
            add(site, BAD);
        }
    }
    world.all_refused(BOTH, &table).await;
    let raw = [(Ask::get("/api/' or 1=1--/x").key(&k13), MALFORMED)];
    world.all_refused(&[Way::Http1], &raw).await;
    // A key that names no site reaches none, nor a route without one; a route without a site is closed to both.
    let none = world.secret_of(KeySpec::new(OWNER, "none").sites(&[])).await;
    let closed: Vec<(Ask, Wanted)> = [
        ("/api/1/x", &none),
        ("/api/*/x", &none),
        ("/free/x", &none),
        ("/free/x", &k13),
    ]
    .iter()
    .map(|(target, key)| {
        (
            Ask::get(target).key(key),
            if target.contains('*') { BAD } else { FORBIDDEN },
        )
    })
    .collect();
    world.all_refused(BOTH, &closed).await;
}

#[tokio::test]
async fn p12_a_site_from_a_header_is_one_plain_value_and_no_other_spelling_goes_on() {
    for world in [World::start("").await, World::start_tls("").await] {
        let ask = || Ask::get("/hdr/x").key(&world.k1);
        let bad: Wanted = &[(400, "bad_request")];
        let table: Vec<(Ask, Wanted)> = vec![
            (ask().with("X-Site", "2"), FORBIDDEN),
            (ask().with("X-Site", "01"), FORBIDDEN),
            (ask().with("X-Site", "1").with("X-Site", "2"), bad),
            (ask().with("X-Site", "1").with("X-Site", "1"), bad),
            (ask().with("X-Site", "2").with("x-site", "1"), bad),
            (ask(), bad),
            (ask().with("X-Site", ""), bad),
            (ask().with("X-Site", "1, 2"), bad),
            (ask().with("X-Site", "1;2"), bad),
            (ask().with("X-Site", "*"), bad),
            (ask().with("X-Site", "%31"), bad),
            (ask().with("X-Site", "\"1\""), bad),
            (ask().with("X-Site", b"\xef\xbc\x91"), bad),
            (ask().with("X-Site", "s".repeat(65)), bad),
            (ask().with("X_Site", "1"), bad),
            (Ask::get("/hdr/x?X-Site=1").key(&world.k1), bad),
        ];
        world.all_refused(BOTH, &table).await;
        let told = world.say(&ask()).await.head.unwrap().text();
        assert!(told.contains("x-site"), "{told}");
        // Over HTTP/2 there is no `Connection` at all.
        let listed = [(ask().with("X-Site", "1").with("Connection", "X-Site"), bad)];
        world.all_refused(&[Way::Http1], &listed).await;
        for way in BOTH {
            let got = world
                .passed(
                    *way,
                    &ask().with("X-Site", "1").with("X_Site", "2").with("X.Site", "2"),
                )
                .await;
            assert_eq!(got.header("x-site"), ["1"]);
            assert_eq!(got.header("x-keyward-site"), ["1"]);
            assert_eq!(got.folded_lines(|name| name == "x-site"), ["x-site: 1"]);
        }
    }
}

#[tokio::test]
async fn p12_a_site_from_the_host_is_that_of_the_one_whole_name() {
    for world in [World::start("").await, World::start_tls("").await] {
        let at = |host: &str| Ask::get("/host/x").key(&world.k1).host(host);
        let bad: Wanted = &[(400, "bad_request")];
        let table: Vec<(Ask, Wanted)> = vec![
            (at("2.example.com"), FORBIDDEN),
            (at("example.1.com"), bad),
            (at("1.2.example.com"), bad),
            (at("1..example.com"), bad),
            (at("1.evil.com"), bad),
            (at("1.example.com.evil.com"), bad),
            (at("1.example.com."), bad),
            (at("1"), bad),
            (at("1."), bad),
            (at("1:80"), bad),
            (at("1.2.3.4"), bad),
            (at("01.example.com"), FORBIDDEN),
            (at("1-2.example.com"), FORBIDDEN),
            (at("%31.example.com"), bad),
            (at("1,2.example.com"), bad),
            (at("2.example.com@1.example.com"), bad),
            (at("1.example.com/2"), bad),
            (at("1.example.com, 2.example.com"), bad),
            (at(".example.com"), bad),
            (at("[::1]"), bad),
            (at("[1.2::]"), bad),
            (at("*.example.com"), bad),
            (at("1.example.com:x"), bad),
            (at("1.example.com:80:80"), bad),
            (at("1.example.com").with("Host", "2.example.com"), bad),
            (
                at("2.example.com").with("X-Forwarded-Host", "1.example.com"),
                FORBIDDEN,
            ),
            (at("2.example.com").with("X-Host", "1.example.com"), FORBIDDEN),
        ];
        world.all_refused(BOTH, &table).await;
        for way in BOTH {
            for host in ["1.example.com", "1.example.com:8080", "1.EXAMPLE.com"] {
                let ask = at(host)
                    .with("X-Forwarded-Host", "2.example.com")
                    .with("Forwarded", "host=2.example.com");
                let got = world.passed(*way, &ask).await;
                assert_eq!(got.header("host"), [host]);
                assert_eq!(got.header("x-keyward-site"), ["1"]);
                assert!(
                    !String::from_utf8_lossy(&got.head).contains("2.example.com"),
                    "{:?}",
                    got.header_lines()
                );
            }
        }
        let absolute = [(
            Ask::get("http://2.example.com/host/x")
                .host("1.example.com")
                .key(&world.k1),
            bad,
        )];
        world.all_refused(&[Way::Http1], &absolute).await;
    }
}
