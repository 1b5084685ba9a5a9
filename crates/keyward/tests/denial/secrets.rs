//! K1, K8: where a secret may show.

use keyward_testkit::{
    H2Client, KeySpec, OWNER, WAIT_TIMEOUT, World, exchange, get, request, sized, verdict,
};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A page for the API's documentation, and logs as deep as they go.
pub(crate) const LOUD: &str = "[log]\nlevel = \"trace\"\nformat = \"json\"";

/// The files under a folder that hold a text.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
            continue;
        }
        let bytes = fs::read(&path).unwrap_or_default();
        if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// What nobody can know of a secret but who was told it.
pub(crate) fn random_part(secret: &str) -> &str {
    &secret[3..35]
}

/// Usage counts are written a moment after the answers: waits until those of a key are.
async fn until_stored(world: &World, key: &str, uses: u64) {
    let path = format!("/v1/keys/{key}/usage");
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let usage = world.keyward.api_ok("GET", &path, &Value::Null).await;
        let buckets = usage["buckets"].as_array().unwrap().iter();
        let stored: u64 = buckets.filter_map(|bucket| bucket["granted"].as_u64()).sum();
        if stored >= uses {
            return;
        }
        assert!(Instant::now() < deadline, "{stored} of {uses} uses are stored");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k1_a_clear_secret_is_nowhere_after_ten_thousand_uses() {
    let world = World::start(LOUD).await;
    let limited = world.keyward.key(KeySpec::new(OWNER, "limited").limit(5)).await;
    let disabled = world.keyward.key(KeySpec::new(OWNER, "disabled")).await;
    let path = format!("/v1/keys/{}/disable", disabled.id);
    world.keyward.api_ok("POST", &path, &Value::Null).await;
    let expires = KeySpec::new(OWNER, "expired").expires_at("2999-12-31T23:59:59Z");
    let expired = world.keyward.key(expires).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(world.connect().await);
    }
    let secrets = [
        world.secret(),
        &limited.secret,
        &disabled.secret,
        &expired.secret,
        world.keyward.management_secret(),
    ];
    let uses = sized(10_000, 100_000);
    let mut used = 0;
    while used < uses {
        for client in &mut clients {
            let burst: Vec<u8> = (0..25)
                .flat_map(|n| get("/api/1/x", secrets[if n % 5 == 0 { n / 5 } else { 0 }]))
                .collect();
            client.send(burst).await;
        }
        for client in &mut clients {
            for _ in 0..25 {
                client.read_response().await;
                used += 1;
            }
        }
    }
    let metrics = world.keyward.metrics().await;
    // Each secret is used once in a burst of 25.
    until_stored(&world, &expired.id, used / 25).await;
    for running in [true, false] {
        if !running {
            world.keyward.stop().await;
        }
        for secret in secrets {
            let part = random_part(secret);
            assert_eq!(files_with(world.keyward.dir(), part), [""; 0]);
            assert!(!metrics.contains(part));
        }
    }
    assert!(
        !files_with(world.keyward.dir(), &world.key.id).is_empty(),
        "nothing was logged"
    );
}

#[tokio::test]
async fn k1_a_secret_that_a_member_pastes_in_place_of_an_id_is_kept_nowhere() {
    let world = World::start(LOUD).await;
    let member = world.keyward.management_key(OWNER).await.secret;
    let (pasted, rename) = (world.secret(), json!({ "name": "x" }));
    for (method, path, body) in [
        ("GET", format!("/v1/keys/{pasted}"), &Value::Null),
        ("PATCH", format!("/v1/keys/{pasted}"), &rename),
        ("DELETE", format!("/v1/keys/{pasted}"), &Value::Null),
        ("POST", format!("/v1/keys/{pasted}/disable"), &Value::Null),
        ("GET", format!("/v1/keys/{pasted}/usage"), &Value::Null),
        ("GET", format!("/v1/keys?text={pasted}"), &Value::Null),
        (
            "POST",
            "/v1/keys".into(),
            &json!({ "name": "n", "owner": pasted }),
        ),
        (
            "POST",
            "/v1/keys".into(),
            &json!({ "name": "n", "sites": { "only": [pasted] } }),
        ),
        ("PATCH", format!("/v1/users/{pasted}"), &rename),
        ("DELETE", format!("/v1/users/{pasted}"), &Value::Null),
        ("POST", format!("/v1/users/{pasted}/disable"), &Value::Null),
        ("POST", format!("/v1/users/{pasted}/link"), &Value::Null),
        (
            "PATCH",
            format!("/v1/sites/{pasted}"),
            &json!({ "active": false }),
        ),
        ("GET", format!("/v1/audit?target_id={pasted}"), &Value::Null),
    ] {
        for caller in [&*member, world.keyward.management_secret()] {
            let said = world.keyward.api_as(caller, method, &path, body).await;
            assert!((200..500).contains(&said.status), "{method} {path}: {said:?}");
        }
    }
    // The tries are in the audit log all the same, and what they were about when it is a thing of ours.
    world
        .keyward
        .api_as(&member, "PATCH", "/v1/sites/1", &json!({ "active": false }))
        .await;
    let user = format!("/v1/users/{OWNER}/disable");
    world.keyward.api_as(&member, "POST", &user, &Value::Null).await;
    let lines = world
        .keyward
        .api_ok("GET", "/v1/audit?limit=200", &Value::Null)
        .await;
    let denied: Vec<_> = lines["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["outcome"] == "denied")
        .collect();
    assert_eq!(denied.len(), 11, "{denied:?}");
    let named: Vec<_> = denied.iter().filter(|line| line["target"]["id"] != "").collect();
    assert_eq!(named.len(), 2, "{named:?}");
    world.keyward.stop().await;
    let found = files_with(world.keyward.dir(), random_part(pasted));
    assert!(found.is_empty(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k8_a_secret_reaches_the_upstream_only_when_it_is_told_to() {
    for forward in [false, true] {
        let world = World::start(&format!("[gateway]\nforward_key = {forward}")).await;
        let secret = world.secret().to_owned();
        let mut h2 = H2Client::connect(world.keyward.gateway()).await;
        assert_eq!(verdict(&world.send(world.get("/api/1/x")).await), "200");
        assert_eq!(
            h2.send("GET", "/api/1/x", &[("x-api-key", &secret)], "")
                .await
                .status,
            200
        );
        let upper = request("POST", "/api/1/x", &[("x-Api-kEY", &secret)], "body");
        assert_eq!(verdict(&world.send(upper).await), "200");
        let wanted: Vec<String> = if forward { vec![secret.clone()] } else { Vec::new() };
        for got in world.upstream.wait_for(3).await {
            assert_eq!(got.header("x-api-key"), wanted, "{got:?}");
            let times = String::from_utf8_lossy(&got.head)
                .matches(secret.as_str())
                .count();
            assert_eq!(times, wanted.len(), "{got:?}");
        }
        world.upstream.clear();
        // Neither a preflight nor a spelling that only looks like the field carries it.
        for bytes in [
            request("OPTIONS", "/api/1/x", &[("X-API-KEY", &secret)], ""),
            request("GET", "/swagger/x", &[("X_API_KEY", &secret)], ""),
            request(
                "GET",
                "/api/1/x",
                &[
                    ("X-API-KEY", &secret),
                    ("X_Api.Key", &secret),
                    ("X-API_KEY", &secret),
                ],
                "",
            ),
        ] {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            world.send(bytes).await;
            for got in world.upstream.requests() {
                let times = String::from_utf8_lossy(&got.head)
                    .matches(secret.as_str())
                    .count();
                let most = usize::from(forward && got.method() == "GET" && got.target() == "/api/1/x");
                assert!(times <= most, "{text}: {got:?}");
            }
            world.upstream.clear();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k8_a_redirect_of_ours_never_carries_a_secret() {
    let world = World::start("[gateway.swagger]\nupstream_path = \"/openapi.json\"").await;
    let secret = world.secret().to_owned();
    let mut redirects = 0;
    for port in [
        world.keyward.gateway(),
        world.keyward.console(),
        world.keyward.ops(),
    ] {
        for path in [
            "/swagger",
            "/swagger/",
            "/",
            "/login",
            "/console",
            "/keys",
            "/docs",
            "/healthz/",
            "/metrics/",
            "/v1",
            "/api/1",
        ] {
            for bytes in [
                get(&format!("{path}?api_key={secret}"), &secret),
                get(&format!("{path}?next=//{secret}"), "nobody"),
                request("GET", path, &[("Host", &secret), ("X-API-KEY", &secret)], ""),
                request(
                    "GET",
                    path,
                    &[("X-Forwarded-Host", &secret), ("Referer", &secret)],
                    "",
                ),
            ] {
                let answer = exchange(port, &bytes).await;
                redirects += usize::from(answer.header("location").is_some());
                let head = String::from_utf8_lossy(&answer.head).into_owned();
                let upstreams = answer
                    .header("content-type")
                    .is_some_and(|kind| kind == "application/json")
                    && path == "/api/1";
                assert!(
                    upstreams || !head.contains(&secret),
                    "{}",
                    String::from_utf8_lossy(&bytes)
                );
            }
        }
    }
    assert!(redirects > 0, "nothing redirects: the table is out of date");
}

/// An account that is not root: the one that the tests run as, or another when they run as root.
fn as_somebody(command: &mut Command) -> &mut Command {
    const NOBODY: u32 = 65_534;
    let is_root = fs::metadata("/proc/self/status").unwrap().uid() == 0;
    if is_root {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Whether another process of its account may look into a process.
fn can_be_read(pid: u32) -> bool {
    let mut cat = Command::new("cat");
    let read = as_somebody(cat.arg(format!("/proc/{pid}/environ")))
        .output()
        .unwrap();
    read.status.success()
}

#[test]
fn k1_no_process_of_the_same_account_reads_the_memory_and_no_core_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("keyward");
    fs::copy(env!("CARGO_BIN_EXE_keyward"), &program).unwrap();
    // It waits for the other end of this pipe to be opened.
    let pipe = folder.path().join("pipe.csv");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    fs::set_permissions(&pipe, fs::Permissions::from_mode(0o666)).unwrap();
    let mut sealed = Command::new(&program);
    sealed.arg("--config").arg(&pipe).arg("doctor").env_clear();
    let mut sealed = as_somebody(&mut sealed).stdout(Stdio::null()).spawn().unwrap();
    let mut open = Command::new("sleep");
    let mut open = as_somebody(open.arg("600").env_clear()).spawn().unwrap();
    let (pid, open_pid) = (sealed.id(), open.id());
    let limits = || fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    let is_sealed = || {
        limits().lines().any(|line| {
            line.split_whitespace()
                .take(6)
                .eq(["Max", "core", "file", "size", "0", "0"])
        })
    };
    let until = Instant::now() + WAIT_TIMEOUT;
    while !is_sealed() && sealed.try_wait().unwrap().is_none() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    let (sealed_limit, sealed_read, open_read) = (is_sealed(), can_be_read(pid), can_be_read(open_pid));
    for child in [&mut sealed, &mut open] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(sealed_limit, "a core may be written");
    assert!(open_read, "this account may look into its other processes");
    assert!(!sealed_read);
}
