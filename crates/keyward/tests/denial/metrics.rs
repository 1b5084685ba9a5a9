//! O9: what metrics hold, and what the planes tell of what they are made of.

use crate::secrets::random_part;
use keyward_testkit::{KeySpec, OWNER, Random, Reply, World, exchange, get, request, sized};
use std::collections::BTreeSet;

/// Names and labels of all series.
fn series(metrics: &str) -> BTreeSet<String> {
    metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, _)| series.to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o9_metrics_hold_no_secret_and_no_series_of_a_clients_making() {
    let world = World::start("[log]\naccess = false").await;
    let secret = world.secret().to_owned();
    world.upstream.script("/api/1/gone", Reply::CloseWithoutAnswer);
    world.send(world.get("/api/1/x")).await;
    world.send(world.get("/api/1/gone")).await;
    let before = series(&world.keyward.metrics().await);
    let mut dice = Random(0x1357_9bdf_0246_8ace);
    let mut made = Vec::new();
    for _ in 0..sized(1000, 20_000) {
        let word = dice.text(12, b"abcdefghijklmnopqrstuvwxyz");
        made.push(word.clone());
        let n = dice.below(8);
        let bytes = match n {
            0 => get(&format!("/{word}"), &secret),
            1 => get(&format!("/api/{word}/x"), &secret),
            2 => get("/api/1/x", &word),
            3 => request(&word.to_uppercase(), "/api/1/x", &[("X-API-KEY", &secret)], ""),
            4 => request(
                "GET",
                &format!("/swagger/{word}?{word}"),
                &[("User-Agent", &word)],
                "",
            ),
            5 => request("GET", "/api/1/x", &[("Host", &word), (&word, &word)], ""),
            6 => request(
                "OPTIONS",
                "/api/1/x",
                &[
                    ("Origin", &format!("https://{word}")),
                    ("Access-Control-Request-Method", "GET"),
                ],
                "",
            ),
            _ => format!("{word}\r\n\r\n").into_bytes(),
        };
        world.send(bytes).await;
    }
    // A site and a key more make no series either.
    world.keyward.site("site-of-its-own").await;
    world.keyward.key(KeySpec::new(OWNER, "key-of-its-own")).await;
    let metrics = world.keyward.metrics().await;
    let after = series(&metrics);
    let fresh: Vec<_> = after.difference(&before).collect();
    assert!(fresh.len() <= 2, "{fresh:?}");
    assert!(after.len() < 200, "{}", after.len());
    let lower = metrics.to_lowercase();
    for word in made.iter().map(String::as_str).chain([
        OWNER,
        "site-of-its-own",
        "key-of-its-own",
        &world.key.id,
        random_part(&secret),
    ]) {
        assert!(!lower.contains(&word.to_lowercase()), "{word}");
    }
}

#[tokio::test]
async fn o9_no_plane_tells_what_it_is_made_of() {
    let world = World::start("").await;
    let version = env!("CARGO_PKG_VERSION");
    let key = world.secret().to_owned();
    let management = world.keyward.management_secret().to_owned();
    for (port, secret) in [
        (world.keyward.gateway(), &key),
        (world.keyward.console(), &management),
        (world.keyward.ops(), &management),
    ] {
        let asked = [
            "/",
            "/healthz",
            "/readyz",
            "/metrics",
            "/swagger/",
            "/api/1/x",
            "/nowhere",
            "/v1/keys",
            "/v1",
            "/version",
            "/debug",
            "/debug/pprof",
            "/status",
            "//",
        ];
        for path in asked {
            for bytes in [
                get(path, secret),
                request("GET", path, &[], ""),
                request("DELETE", path, &[], ""),
                b"nonsense\r\n\r\n".to_vec(),
            ] {
                let answer = exchange(port, &bytes).await;
                let what = format!("{port} {path} {}", answer.status);
                for name in ["server", "x-powered-by", "via", "x-version"] {
                    assert_eq!(answer.header(name), None, "{what}");
                }
                let text = String::from_utf8_lossy(&answer.head).to_lowercase();
                assert!(
                    !text.contains(version) && !text.contains("hyper") && !text.contains("axum"),
                    "{what}: {text}"
                );
                let body = answer.text();
                assert!(!body.contains(random_part(secret)), "{what}");
                if path != "/api/1/x" && path != "/v1" {
                    assert!(
                        !body.contains("hyper") && !body.contains("panicked"),
                        "{what}: {body}"
                    );
                }
                if matches!(path, "/healthz" | "/readyz" | "/nowhere") {
                    assert!(!body.contains(version), "{what}: {body}");
                }
            }
        }
    }
    let health = exchange(world.keyward.ops(), request("GET", "/healthz", &[], "")).await;
    assert_eq!((health.status, health.text().as_str()), (200, "ok"));
}
