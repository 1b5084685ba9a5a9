//! I: where a request comes from, and the rule that limits a key to some addresses.

use crate::spoken::{Ask, Way};
use crate::world::{ASKED, BOTH, World};
use keyward_testkit::{EchoUpstream, KeySpec, Keyward, OWNER, RawClient, exchange_from};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

/// 127.0.0.2 is a trusted proxy.
pub(crate) const BEHIND_PROXY: &str =
    "[gateway]\ntrusted_proxies = [\"127.0.0.2\", \"10.1.0.0/16\", \"2001:db8:ffff::/48\"]\n";
const REAL: &str = "192.0.2.7";

fn loopback(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, last).into()
}

pub(crate) fn with_key(secret: &str) -> Ask {
    Ask::get("/api/1/x").key(secret)
}

/// Sends a request from 127.0.0.`last`; tells status and code. Whoever asks about it is told the same.
pub(crate) async fn from(world: &World, last: u8, ask: &Ask) -> (u16, String) {
    let answer = exchange_from(loopback(last), world.keyward.gateway(), ask.bytes()).await;
    let told = (answer.status, answer.code());
    let ask = Ask {
        peer: loopback(last),
        ..ask.clone()
    };
    for way in ASKED {
        if !way.can_tell(&ask) {
            continue;
        }
        let said = world.door().say(*way, &ask).await;
        assert_eq!(said.word(), (told.0, &*told.1), "{way:?} {ask:?}");
    }
    told
}

pub(crate) fn forbidden() -> (u16, String) {
    (403, "ip_forbidden".to_owned())
}

pub(crate) fn passed() -> (u16, String) {
    (200, String::new())
}

const CLAIMS: &[&str] = &[
    "X-Forwarded-For",
    "X_Forwarded_For",
    "X-FORWARDED-FOR",
    "X-Real-IP",
    "X_Real_IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X-Client-IP",
    "X-Original-Forwarded-For",
    "X-Cluster-Client-IP",
    "Fastly-Client-IP",
    "Forwarded-For",
    "X-Forwarded",
    "Client-IP",
    "Real-IP",
    "X-RealIP",
    "WL-Proxy-Client-IP",
    "Proxy_Client_IP",
    "X-Azure-ClientIP",
    "DO-Connecting-IP",
    "X-Vercel-Forwarded-For",
    "X-Forwarded-User",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Prefix",
    "X-HTTP-Host-Override",
    "X-HTTP-Host",
    "X-Forward-For",
    "X-Forwarder-For",
    "X-Remote-Addr",
    "X-Original-IP",
    "X-ProxyUser-Ip",
    "X-Appengine-User-Ip",
    "Proxy",
];

#[tokio::test]
async fn i1_without_trusted_proxies_only_the_socket_counts() {
    let world = World::start("").await;
    let secret = world
        .secret_of(KeySpec::new(OWNER, "k").addresses(&["127.0.0.5"]))
        .await;
    for claim in CLAIMS {
        for value in [
            "127.0.0.5",
            "127.0.0.5, 127.0.0.5",
            "127.0.0.2, 127.0.0.5",
            "127.0.0.5, 127.0.0.2",
        ] {
            let ask = with_key(&secret).with(claim, value);
            assert_eq!(from(&world, 2, &ask).await, forbidden(), "{claim}: {value}");
        }
    }
    for (name, value) in [
        ("Forwarded", "for=127.0.0.5"),
        ("Forwarded", "for=\"127.0.0.5:80\";proto=https;by=127.0.0.5"),
        ("X-Forwarded-Host", "127.0.0.5"),
        ("Via", "1.1 127.0.0.5"),
        ("PROXY", "TCP4 127.0.0.5 127.0.0.1 1 2"),
    ] {
        assert_eq!(
            from(&world, 2, &with_key(&secret).with(name, value)).await,
            forbidden(),
            "{name}: {value}"
        );
    }
    let mut all = with_key(&secret)
        .with("Forwarded", "for=6.6.6.6")
        .with("X-Forwarded-Proto", "https-6.6.6.6");
    for claim in CLAIMS {
        all = all.with(claim, "6.6.6.6").with(claim, "6.6.6.6");
    }
    assert_eq!(world.upstream.count(), 0);
    // From the right address the claims change nothing, and none goes on.
    assert_eq!(from(&world, 5, &all).await, passed());
    let got = world.upstream.last();
    assert_eq!(
        got.folded_lines(|name| name == "x-forwarded-for"),
        ["x-forwarded-for: 127.0.0.5"]
    );
    assert_eq!(
        got.folded_lines(|name| name == "x-forwarded-proto"),
        ["x-forwarded-proto: http"]
    );
    assert!(
        !String::from_utf8_lossy(&got.head).contains("6.6.6.6"),
        "{:?}",
        got.header_lines()
    );
    // A PROXY line is no request.
    let mut client = RawClient::connect(world.keyward.gateway()).await;
    client.send(b"PROXY TCP4 127.0.0.5 127.0.0.1 1 2\r\n").await;
    client.send(with_key(&secret).bytes()).await;
    assert_eq!(client.read_response().await.status, 400);
    assert_eq!(world.upstream.count(), 1);
}

#[tokio::test]
async fn i1_over_http2_and_tls_too_only_the_socket_counts() {
    let world = World::start_tls("").await;
    let secret = world
        .secret_of(KeySpec::new(OWNER, "k").addresses(&["127.0.0.5"]))
        .await;
    let table: Vec<(Ask, &[(u16, &str)])> = CLAIMS
        .iter()
        .map(|claim| {
            (
                with_key(&secret).with(claim, "127.0.0.5"),
                &[(403, "ip_forbidden")][..],
            )
        })
        .collect();
    world.all_refused(BOTH, &table).await;
    let got = world
        .passed(
            Way::Http2,
            &with_key(&world.k1).with("X-Forwarded-For", "6.6.6.6"),
        )
        .await;
    assert_eq!(got.header("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(got.header("x-forwarded-proto"), ["https"]);
}

#[tokio::test]
async fn i2_behind_a_trusted_proxy_the_rightmost_address_that_is_none_counts() {
    let world = World::start(BEHIND_PROXY).await;
    let secret = world
        .secret_of(KeySpec::new(OWNER, "k").addresses(&[REAL, "2001:db8::7"]))
        .await;
    let allowed: &[&[&str]] = &[
        &[REAL],
        &["198.51.100.1, 192.0.2.7"],
        &["198.51.100.1", "192.0.2.7"],
        &[",,192.0.2.7"],
        &[" 192.0.2.7 \t"],
        &["192.0.2.7:443"],
        &["192.0.2.7, 10.1.2.3"],
        &["192.0.2.7", "10.1.2.3, 127.0.0.2"],
        &["192.0.2.7,10.1.0.0,2001:db8:ffff::1"],
        &["unknown, 192.0.2.7"],
        &["garbage%00, 192.0.2.7"],
        &["2001:db8::7"],
        &["[2001:db8::7]"],
        &["[2001:db8::7]:443"],
        &["2001:DB8:0:0::7"],
        // I3
        &["::ffff:192.0.2.7"],
        &["::ffff:c000:207"],
        &["0:0:0:0:0:ffff:192.0.2.7"],
        &["[::ffff:192.0.2.7]:80"],
    ];
    for fields in allowed {
        let ask = fields
            .iter()
            .fold(with_key(&secret), |ask, value| ask.with("X-Forwarded-For", value));
        assert_eq!(from(&world, 2, &ask).await, passed(), "{fields:?}");
        assert_eq!(
            from(&world, 3, &ask).await,
            forbidden(),
            "an untrusted peer: {fields:?}"
        );
    }
    let denied: &[&[&str]] = &[
        &[],
        &[""],
        &[",,"],
        &["198.51.100.1"],
        &["192.0.2.7, 198.51.100.1"],
        &["192.0.2.7", "198.51.100.1"],
        &["192.0.2.7, unknown"],
        &["192.0.2.7", "_hidden"],
        &["192.0.2.7, for=192.0.2.7"],
        &["\"192.0.2.7\""],
        &["192.0.2.7;192.0.2.7"],
        &["192.0.2.7 192.0.2.7"],
        &["192.0.2.7:"],
        &["192.0.2.7:x"],
        &["192.0.2.7:99999"],
        &["[192.0.2.7]"],
        &["2001:db8::7:443"],
        &["[2001:db8::7"],
        &["[2001:db8::7]x"],
        &["192.0.2.7/32"],
        // I4
        &["::192.0.2.7"],
        &["::c000:207"],
        &["64:ff9b::192.0.2.7"],
        &["2002:c000:0207::"],
        &["::ffff:0:192.0.2.7"],
        &["fe80::5efe:192.0.2.7"],
        // I5
        &["192.0.2.07"],
        &["192.0.2.007"],
        &["192.0.519"],
        &["3221225991"],
        &["0xc0000207"],
        &["0xc0.0.2.7"],
        &["0300.0.2.7"],
        &["192.0.2.7%eth0"],
        &["192.0.2.7."],
        &["2001:db8::7%1"],
        &["[2001:db8::7%1]:443"],
        &["+192.0.2.7"],
    ];
    for fields in denied {
        let ask = fields
            .iter()
            .fold(with_key(&secret), |ask, value| ask.with("X-Forwarded-For", value));
        assert_eq!(from(&world, 2, &ask).await, forbidden(), "{fields:?}");
    }
    let raw = with_key(&secret).with("X-Forwarded-For", b"192.0.2.7, \xb2");
    assert_eq!(from(&world, 2, &raw).await, forbidden());
    for claim in CLAIMS
        .iter()
        .filter(|claim| !claim.eq_ignore_ascii_case("x-forwarded-for"))
    {
        assert_eq!(
            from(&world, 2, &with_key(&secret).with(claim, REAL)).await,
            forbidden(),
            "{claim}"
        );
    }
}

#[tokio::test]
async fn i2_an_unreadable_entry_matters_only_where_a_rule_asks() {
    let world = World::start(BEHIND_PROXY).await;
    let everywhere = world
        .secret_of(KeySpec::new(OWNER, "all").addresses(&["0.0.0.0/0", "::/0"]))
        .await;
    for entry in ["unknown", "192.0.2.7, x", "fe80::1%1", "127.1"] {
        let forwarded = |secret: &str| with_key(secret).with("X-Forwarded-For", entry);
        assert_eq!(
            from(&world, 2, &forwarded(&everywhere)).await,
            forbidden(),
            "{entry}"
        );
        assert_eq!(from(&world, 2, &forwarded(&world.k1)).await, passed(), "{entry}");
    }
    world.upstream.clear();
    // What the upstream is told: the chain with the proxy at its end, in the one spelling that the proxy sets.
    let ask = with_key(&world.k1)
        .with("X-Forwarded-For", "198.51.100.1")
        .with("X-Forwarded-For", REAL)
        .with("X_Forwarded_For", "6.6.6.6")
        .with("X-Forwarded-Proto", "https")
        .with("X_Forwarded_Proto", "6.6.6.6")
        .with("X.Real.IP", "6.6.6.6")
        .with("X-Original-URL", "6.6.6.6")
        .with("X-Forwarded-Method", "6.6.6.6")
        .with("X-Real-IP", REAL);
    assert_eq!(from(&world, 2, &ask).await, passed());
    let got = world.upstream.last();
    assert_eq!(
        got.folded_lines(|name| name == "x-forwarded-for"),
        ["x-forwarded-for: 198.51.100.1, 192.0.2.7, 127.0.0.2"]
    );
    assert_eq!(
        got.folded_lines(|name| name == "x-forwarded-proto"),
        ["x-forwarded-proto: https"]
    );
    assert_eq!(got.header("x-real-ip"), [REAL]);
    assert!(
        !String::from_utf8_lossy(&got.head).contains("6.6.6.6"),
        "{:?}",
        got.header_lines()
    );
}

#[tokio::test]
async fn i3_a_socket_for_both_families_knows_ipv4_clients_and_proxies() {
    let upstream = EchoUpstream::start().await;
    // No other place in this test can know whether the machine has IPv6.
    let Ok(held) = TcpListener::bind("[::]:0") else {
        return;
    };
    let port = held.local_addr().unwrap().port();
    drop(held);
    let config = format!("[gateway]\nlisten = \"[::]:{port}\"\ntrusted_proxies = [\"127.0.0.2\"]\n");
    let keyward = Keyward::builder()
        .upstream(upstream.address())
        .config_toml(&config)
        .start()
        .await;
    keyward.user(OWNER, "member").await;
    let four = keyward
        .key(KeySpec::new(OWNER, "four").addresses(&["127.0.0.3", REAL]))
        .await
        .secret;
    let gateway = SocketAddr::new(loopback(1), port);
    let get =
        |last, ask: Ask| async move { exchange_from(loopback(last), gateway, ask.bytes()).await.status };
    assert_eq!(get(3, with_key(&four)).await, 200);
    assert_eq!(get(4, with_key(&four)).await, 403);
    assert_eq!(get(4, with_key(&four).with("X-Forwarded-For", REAL)).await, 403);
    assert_eq!(get(2, with_key(&four).with("X-Forwarded-For", REAL)).await, 200);
    assert_eq!(
        upstream.last().header("x-forwarded-for"),
        ["192.0.2.7, 127.0.0.2"]
    );
}

async fn made(world: &World, addresses: &Value) -> (u16, Value) {
    let body = json!({ "owner": OWNER, "name": "rule", "addresses": addresses });
    let answer = world.keyward.api("POST", "/v1/keys", &body).await;
    (answer.status, answer.json)
}

#[tokio::test]
async fn i5_i7_what_is_no_plain_network_is_refused_at_save() {
    let world = World::start("").await;
    let bad = [
        "127.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "192.0.2.09",
        " 192.0.2.9",
        "192.0.2.9 ",
        "192.0.2.9\n",
        "192.0.2.9%eth0",
        "fe80::1%1",
        "[::1]",
        "192.0.2.9:80",
        "",
        "*",
        "localhost",
        "example.com",
        "192.0.2.0/33",
        "192.0.2.0/-1",
        "192.0.2.0/+8",
        "192.0.2.0/08",
        "192.0.2.0/",
        "192.0.2.0/24/24",
        "192.0.2.0/255.255.255.0",
        "192.0.2.*",
        "192.0.2.1-192.0.2.9",
        "::/129",
        "::1/-1",
        "192.0.2.9/24",
        "2001:db8::1/32",
        "0.0.0.1/0",
        "::ffff:192.0.2.0/120",
        "::ffff:192.0.2.9",
        "１92.0.2.9",
        "192.0.2",
        "192.0.2.0/2 4",
        "192.0.2.0\0",
    ];
    for entry in bad {
        let (status, answer) = made(&world, &json!({ "only": [entry] })).await;
        assert_eq!(status, 422, "{entry:?}: {answer}");
        assert!(answer.to_string().contains("addresses"), "{entry:?}: {answer}");
        let path = format!("/v1/keys/{}", world.key.id);
        let edited = world
            .keyward
            .api("PATCH", &path, &json!({ "addresses": { "only": [entry] } }))
            .await;
        assert!(matches!(edited.status, 422 | 428), "{entry:?}: {edited:?}");
    }
    let shown = world
        .keyward
        .api_ok("GET", &format!("/v1/keys/{}", world.key.id), &Value::Null)
        .await;
    assert_eq!(
        shown["addresses"],
        json!({ "any": true }),
        "nothing of it was kept"
    );
    for wrong in [
        json!("192.0.2.9"),
        json!(["192.0.2.9"]),
        json!(null),
        json!({}),
        json!({ "only": "192.0.2.9" }),
        json!({ "only": [1] }),
        json!({ "only": [null] }),
        json!({ "only": null }),
        json!({ "only": [["192.0.2.9"]] }),
        json!({ "any": false }),
    ] {
        let (status, answer) = made(&world, &wrong).await;
        assert!(matches!(status, 400 | 422), "{wrong}: {status} {answer}");
    }
    let many: Vec<String> = (0..1001)
        .map(|i| format!("10.{}.{}.0/24", i / 256, i % 256))
        .collect();
    assert_eq!(made(&world, &json!({ "only": many })).await.0, 422);
    assert_eq!(made(&world, &json!({ "only": many[..1000] })).await.0, 201);
    let (status, twice) = made(
        &world,
        &json!({ "only": ["10.0.0.0/8", "10.0.0.0/8", "192.0.2.1/32", "192.0.2.1"] }),
    )
    .await;
    assert_eq!(status, 201);
    assert_eq!(
        twice["addresses"]["only"].as_array().map(Vec::len),
        Some(2),
        "{twice}"
    );
}

#[tokio::test]
async fn i3_i4_i7_networks_are_exact_at_their_edges() {
    // Some of these edges lie among the proxies.
    let world = World::start(&format!("{BEHIND_PROXY}trusted_proxy_may_be_client = true\n")).await;
    let many: Vec<String> = (0..1000)
        .map(|i| format!("10.{}.{}.0/24", 64 + i / 256, i % 256))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let table: &[(&[&str], &[&str], &[&str])] = &[
        (
            &["0.0.0.0/0"],
            &["0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"],
            &["::1", "2001:db8::1", "::1.2.3.4"],
        ),
        (
            &["::/0"],
            &["::", "ffff::", "::192.0.2.1", "64:ff9b::192.0.2.1"],
            &["192.0.2.1", "::ffff:192.0.2.1"],
        ),
        (
            &["192.0.2.4/31"],
            &["192.0.2.4", "192.0.2.5"],
            &["192.0.2.3", "192.0.2.6"],
        ),
        (&["192.0.2.4/32"], &["192.0.2.4"], &["192.0.2.3", "192.0.2.5"]),
        (
            &["192.0.2.0/24"],
            &[
                "192.0.2.0",
                "192.0.2.255",
                "::ffff:c000:209",
                "0:0:0:0:0:ffff:192.0.2.9",
            ],
            &[
                "192.0.1.255",
                "192.0.3.0",
                "::192.0.2.9",
                "64:ff9b::192.0.2.9",
                "2002:c000:0209::",
                "2002:c000:209::1",
            ],
        ),
        (&["192.0.2.0/25"], &["192.0.2.127"], &["192.0.2.128"]),
        (
            &["2001:db8::1/128"],
            &["2001:db8::1"],
            &["2001:db8::", "2001:db8::2"],
        ),
        (
            &["2001:db8::/32"],
            &["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
            &["2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"],
        ),
        (
            &many,
            &["10.64.0.0", "10.64.0.255", "10.67.231.255"],
            &["10.63.255.255", "10.67.232.0"],
        ),
    ];
    for (rule, inside, outside) in table {
        let secret = world.secret_of(KeySpec::new(OWNER, "edge").addresses(rule)).await;
        for client in *inside {
            let ask = with_key(&secret).with("X-Forwarded-For", client);
            assert_eq!(
                from(&world, 2, &ask).await,
                passed(),
                "{client} in {:?}",
                &rule[..1]
            );
        }
        for client in *outside {
            let ask = with_key(&secret).with("X-Forwarded-For", client);
            assert_eq!(
                from(&world, 2, &ask).await,
                forbidden(),
                "{client} not in {:?}",
                &rule[..1]
            );
        }
    }
}

#[tokio::test]
async fn i10_an_empty_list_is_nobody_and_an_absent_one_everybody() {
    let world = World::start(BEHIND_PROXY).await;
    let empty = world
        .keyward
        .key(KeySpec::new(OWNER, "nobody").addresses(&[]))
        .await;
    let absent = world.keyward.key(KeySpec::new(OWNER, "everybody")).await;
    for (last, forwarded) in [(1, None), (2, Some(REAL)), (2, Some("unknown")), (3, None)] {
        let ask = |secret: &str| match forwarded {
            Some(value) => with_key(secret).with("X-Forwarded-For", value),
            None => with_key(secret),
        };
        assert_eq!(
            from(&world, last, &ask(&empty.secret)).await,
            forbidden(),
            "{last} {forwarded:?}"
        );
        assert_eq!(
            from(&world, last, &ask(&absent.secret)).await,
            passed(),
            "{last} {forwarded:?}"
        );
    }
    for (key, shown) in [(&empty, json!({ "only": [] })), (&absent, json!({ "any": true }))] {
        let read = world
            .keyward
            .api_ok("GET", &format!("/v1/keys/{}", key.id), &Value::Null)
            .await;
        assert_eq!(read.get("addresses"), Some(&shown), "{read}");
    }
    // The key learns of its own fate at the same place.
    let own = from(&world, 1, &Ask::get("/keyward/self").key(&empty.secret)).await;
    assert_eq!(own, forbidden());
}
