//! H: keys that are none, and fields that a client sends in Keyward's name.

use crate::ask::Ask;
use crate::proxy::{OWN, Proxy};
use crate::world::{Wanted, World};
use keyward_testkit::{KeySpec, OWNER, folded};

const MALFORMED: Wanted = Wanted::Says(401, "key_malformed");
const MISSING: Wanted = Wanted::Says(401, "key_missing");
/// A list is no key, whoever finds that out first.
const NO_KEY: Wanted = Wanted::Says(401, "");

fn ask() -> Ask {
    Ask::get("/api/1/x")
}

pub(crate) async fn h1_h2_h3_h7_only_one_plain_key_in_its_field_is_a_key(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    let k = world.k1.secret.as_str();
    let other = world.key(KeySpec::new(OWNER, "other")).await.secret;
    // Envoy over HTTP joins the two, and a list is no key of ours either.
    let two = if proxy == Proxy::EnvoyHttp {
        NO_KEY
    } else {
        MALFORMED
    };
    for (one, second) in [
        (k, k),
        (k, other.as_str()),
        (&other, k),
        (k, ""),
        ("", k),
        (k, "x"),
        ("x", k),
    ] {
        world.refused("h1", &ask().key(one).key(second), two).await;
        let apart = ask()
            .with("x-api-key", one)
            .with("Accept", "*/*")
            .with("X-Api-Key", second);
        world.refused("h1", &apart, two).await;
    }
    for value in [
        format!("{k}, {k}"),
        format!("{k},"),
        format!("{k};"),
        format!("\"{k}\""),
        format!("ApiKey {k}"),
        format!("{k} {k}"),
        format!("{k}%20"),
        k.to_uppercase(),
        "x".repeat(256),
    ] {
        world.refused("h2", &ask().key(&value), NO_KEY).await;
    }
    for value in [format!(" {k}"), format!("{k} "), format!("\t{k}\t ")] {
        world.passed(&ask().key(&value)).await;
    }
    for name in [
        "X_API_KEY",
        "X-API_KEY",
        "X.API.KEY",
        "X~API!KEY",
        "X-API.KEY",
        "XAPIKEY",
        "API-KEY",
        "HTTP_X_API_KEY",
    ] {
        world.refused("h3", &ask().with(name, k), MISSING).await;
    }
    for name in ["X API KEY", "X-API-KEY ", "X-API-KEY\0"] {
        world
            .refused("h3 malformed", &ask().with(name, k), Wanted::Malformed)
            .await;
    }
    for target in [format!("/api/1/x?api_key={k}"), format!("/api/1/x?X-API-KEY={k}")] {
        world.refused("h7", &Ask::get(target), MISSING).await;
    }
    for (name, value) in [
        ("Cookie", format!("X-API-KEY={k}")),
        ("Authorization", format!("Bearer {k}")),
        ("Authorization", format!("ApiKey {k}")),
        ("Proxy-Authorization", format!("Bearer {k}")),
    ] {
        world.refused("h7", &ask().with(name, value), MISSING).await;
    }
    let in_body = Ask::new("POST", "/api/1/x").body(format!("X-API-KEY={k}"));
    world.refused("h7", &in_body, MISSING).await;
}

pub(crate) async fn h4_the_upstream_gets_one_value_of_each_identity_field_and_it_is_ours(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    let mut forged: Vec<String> = ["Key-Id", "User-Id", "Site", "Use-Case", "Request-Id"]
        .iter()
        .flat_map(|name| {
            [
                format!("X-Keyward-{name}"),
                format!("X_Keyward_{}", name.replace('-', "_")),
                format!("x-keyward-{}", name.to_uppercase()),
                format!("X.Keyward.{name}"),
                format!("X-Keyward_{name}"),
                format!("x~KEYWARD-{name}"),
            ]
        })
        .collect();
    forged.extend(["X_API_KEY", "X.API.KEY", "X-API_KEY", "X~API!KEY"].map(str::to_owned));
    if proxy != Proxy::Nginx {
        // nginx takes away fields by their whole names alone; see its README.
        forged.extend(["X-Keyward-Role".to_owned(), "X-Keyward-Anything".to_owned()]);
    }
    for (method, target, with_key, ours) in [
        ("GET", "/api/1/x", true, 5),
        ("POST", "/api/1/x", true, 5),
        ("GET", "/swagger/x", true, 1),
        ("GET", "/swagger", false, 1),
        ("OPTIONS", "/api/1/x", true, 1),
    ] {
        let mut ask = Ask::new(method, target);
        if with_key {
            ask = ask.key(&world.k1.secret);
        }
        for name in &forged {
            ask = ask.with(name, "forged").with(name, "forged");
        }
        let (_, got) = world.passed(&ask).await;
        let text = String::from_utf8_lossy(&got.head).into_owned();
        assert!(!text.contains("forged"), "{proxy:?} {text}");
        let told = got.folded_lines(|name| name.starts_with("x-keyward-"));
        assert_eq!(told.len(), ours, "{proxy:?} {told:?}");
        assert!(
            got.folded_lines(|name| name.starts_with("x-api-key")).is_empty(),
            "{proxy:?} {text}"
        );
        if ours == 5 {
            assert_eq!(got.header("x-keyward-key-id"), [world.k1.id.as_str()]);
            assert_eq!(got.header("x-keyward-site"), ["1"]);
        }
    }
}

/// A proxy may refuse a list, or leave it without effect. What it may not do is to let it take a field away.
pub(crate) async fn h6_connection_takes_nothing_away(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    for list in [
        "X-API-KEY",
        "close, X-API-KEY",
        "close, X-Forwarded-For",
        "X-Keyward-Key-Id",
        "x-keyward-site, x-keyward-user-id",
        "X-Keyward-Request-Id",
        "X-Original-URI, X-Original-Method",
        "X-Forwarded-Uri, X-Forwarded-Method, X-Forwarded-Host",
        "Host",
        "Content-Length",
    ] {
        for first in [None, Some("close"), Some("keep-alive")] {
            world.upstream.clear();
            let mut ask = ask().key(&world.k1.secret);
            if let Some(first) = first {
                ask = ask.with("Connection", first);
            }
            let ask = ask
                .with("Connection", list)
                .with("Proxy-Connection", list)
                .with("Keep-Alive", "timeout=5");
            let said = world.say(&ask).await;
            let seen = world.upstream.requests();
            let what = format!("{proxy:?} {first:?} {list}: {} {seen:?}", said.status);
            if said.status != 200 {
                assert!(matches!(said.status, 0 | 400 | 401) && seen.is_empty(), "{what}");
                continue;
            }
            let told = seen[0].folded_lines(|name| name.starts_with("x-keyward-"));
            assert_eq!(told.len(), 5, "{what}");
            let names = seen[0].header_lines();
            let of_the_connection = names.iter().any(|line| {
                let name = folded(line.split(':').next().unwrap_or_default());
                matches!(name.as_str(), "proxy-connection" | "keep-alive" | "x-api-key")
            });
            assert!(!of_the_connection, "{what}");
            assert_eq!(seen[0].header("host"), ["localhost"], "{what}");
        }
    }
}

/// Trailers come behind the body, when the request has been judged.
pub(crate) async fn h7_no_key_and_no_caller_stands_in_a_trailer(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    let trailers = "X-Keyward-User-Id: forged\r\nX-Api-Key: forged\r\n";
    let body = format!("5\r\nhello\r\n0\r\n{trailers}\r\n");
    let ask = || {
        Ask::new("POST", "/api/1/x")
            .with("TE", "trailers")
            .with("Trailer", "X-Keyward-User-Id")
    };
    let without = ask().coded(&body);
    world.refused("h7 trailer", &without, Wanted::Says(401, "")).await;
    world.upstream.clear();
    let said = world.say(&ask().key(&world.k1.secret).coded(&body)).await;
    let seen = world.upstream.requests();
    if said.status != 200 {
        assert!(
            OWN.contains(&said.status) && seen.is_empty(),
            "{proxy:?} {said:?}"
        );
        return;
    }
    let text = String::from_utf8_lossy(&seen[0].head).to_ascii_lowercase();
    assert!(!text.contains("forged"), "{proxy:?} {text}");
    let go_on = proxy.difference("trailers").is_some();
    let trailers = &seen[0].trailers;
    assert!(trailers.is_empty() || go_on, "{proxy:?} {trailers:?}");
}
