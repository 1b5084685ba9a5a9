//! D9, D10: floods of guesses never ask the store; too many connections are shed, and the gateway lives on.

use keyward_domain::{Prefix, SecretFormat};
use keyward_testkit::{
    H2Client, KeySpec, OWNER, Random, RawClient, WAIT_TIMEOUT, World, get, request, sized, verdict,
};
use serde_json::json;
use std::fs;
use std::io::{Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const QUIET: &str = "[log]\naccess = false";
const VISIBLE: &[u8] =
    b"!#$%&'()*+-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_abcdefghijklmnopqrstuvwxyz{|}~";

/// Text without form, text in our form with a wrong checksum, and text in our form with a right one.
fn guess(dice: &mut Random, kind: usize) -> String {
    match kind % 3 {
        0 => {
            let length = 1 + dice.below(255);
            dice.text(length, VISIBLE)
        }
        1 => format!(
            "kw_{}",
            dice.text(38, b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ")
        ),
        _ => {
            let format = SecretFormat::new(Prefix::new("kw").unwrap(), Vec::new());
            let secret =
                format.generate(&mut |bytes| bytes.fill_with(|| u8::try_from(dice.below(256)).unwrap()));
            secret.reveal().to_owned()
        }
    }
}

/// Sends guesses on kept connections; returns how many.
async fn flood(world: &World, seed: u64, count: usize) -> usize {
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(world.connect().await);
    }
    let mut dice = Random(seed);
    let mut sent = 0;
    let mut valid = world.connect().await;
    while sent < count {
        for client in &mut clients {
            let burst: Vec<u8> = (0..16)
                .flat_map(|n| get("/api/1/x", &guess(&mut dice, n)))
                .collect();
            client.send(burst).await;
        }
        valid.send(world.get("/api/1/valid")).await;
        assert_eq!(verdict(&valid.read_response().await), "200");
        for client in &mut clients {
            for _ in 0..16 {
                let answer = client.read_response().await;
                assert_eq!(verdict(&answer), "401 key_invalid");
                sent += 1;
            }
        }
    }
    assert!(
        world
            .upstream
            .requests()
            .iter()
            .all(|r| r.target() == "/api/1/valid")
    );
    sent
}

/// Writes nonsense over a file, so that nothing can be read of it any more.
fn spoil(file: &std::path::Path) {
    let Ok(mut open) = fs::OpenOptions::new().write(true).open(file) else {
        return;
    };
    let length = usize::try_from(open.metadata().unwrap().len()).unwrap();
    open.rewind().unwrap();
    open.write_all(&vec![0xa5; length]).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d9_floods_of_guesses_are_refused_and_valid_keys_served_without_a_store() {
    let world = World::start(QUIET).await;
    let late = world.keyward.key(KeySpec::new(OWNER, "late")).await;
    let create = json!({ "owner": OWNER, "name": "too late" });
    spoil(&world.keyward.dir().join("keyward.db"));
    spoil(&world.keyward.dir().join("keyward.db-wal"));
    let gone = world.keyward.api("POST", "/v1/keys", &create).await;
    assert!(gone.status >= 500, "the store still works: {gone:?}");
    flood(&world, 0x9e37_79b9_7f4a_7c15, sized(6000, 1_000_000)).await;
    assert_eq!(
        verdict(&world.send(get("/api/1/valid", &late.secret)).await),
        "200"
    );
    let gone = world.keyward.api("POST", "/v1/keys", &create).await;
    assert!(gone.status >= 500, "the store worked meanwhile: {gone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d9_floods_of_guesses_make_no_call_to_the_store() {
    let world = World::start(QUIET).await;
    let log = world.keyward.dir().join("calls.log");
    let calls = "fcntl,pread64,preadv,preadv2,pwrite64,lseek,openat";
    let strace = Command::new("strace")
        .args(["-f", "-qq", "-e", &format!("trace={calls}"), "-o"])
        .arg(&log)
        .args(["-p", &world.keyward.pid().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut strace) = strace else {
        println!("skipped: there is no strace");
        return;
    };
    // A background task asks for the store's revision each second: that shows that calls are seen.
    let since = Instant::now();
    while fs::read_to_string(&log).unwrap_or_default().lines().count() == 0 {
        if strace.try_wait().unwrap().is_some() || since.elapsed() > WAIT_TIMEOUT {
            println!("skipped: this account may not trace");
            let _ = strace.kill();
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = fs::read_to_string(&log).unwrap().lines().count();
    let since = Instant::now();
    let sent = flood(&world, 0x2545_f491_4f6c_dd1d, 6000).await;
    let seconds = usize::try_from(since.elapsed().as_secs()).unwrap() + 1;
    let made = fs::read_to_string(&log).unwrap().lines().count() - before;
    Command::new("kill")
        .args(["-TERM", &strace.id().to_string()])
        .status()
        .unwrap();
    strace.wait().unwrap();
    // What the background does in a second, with room; one call a guess would be far more.
    assert!(
        made < seconds * 100 + 200 && made < sent / 2,
        "{made} calls in {seconds} s of {sent} guesses"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_connections_beyond_the_most_are_closed_and_places_come_back() {
    let world = World::start("[log]\naccess = false\n[gateway]\nmax_connections = 10").await;
    let mut held = Vec::new();
    for _ in 0..10 {
        let mut client = world.connect().await;
        client.send(world.get("/api/1/x")).await;
        assert_eq!(verdict(&client.read_response().await), "200");
        held.push(client);
    }
    for _ in 0..50 {
        let mut more = world.connect().await;
        let _ = more.try_send(world.get("/api/1/more")).await;
        assert_eq!(more.read_to_end().await, b"");
    }
    assert_eq!(
        world.keyward.metric("keyward_connections_shed_total").await,
        Some(50.0)
    );
    assert_eq!(world.keyward.metric("keyward_connections").await, Some(10.0));
    for client in &mut held {
        client.send(world.get("/api/1/x")).await;
        assert_eq!(verdict(&client.read_response().await), "200");
    }
    assert!(world.upstream.requests().iter().all(|r| r.target() == "/api/1/x"));
    held.truncate(9);
    recovers(&world).await;
}

/// Waits until a new connection is served.
async fn recovers(world: &World) {
    // One that is neither served nor closed is given up for another.
    const ONE_TRY: Duration = Duration::from_secs(10);
    let since = Instant::now();
    loop {
        let asked = async {
            let mut client = RawClient::try_connect(world.keyward.gateway()).await?;
            client.try_send(world.get("/api/1/x")).await?;
            client.try_read_response("GET").await
        };
        let asked = tokio::time::timeout(ONE_TRY, asked).await;
        if matches!(&asked, Ok(Ok(answer)) if answer.status == 200) {
            return;
        }
        assert!(world.keyward.is_running());
        assert!(
            since.elapsed() < WAIT_TIMEOUT,
            "no recovery in {WAIT_TIMEOUT:?}: {asked:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_out_of_descriptors_the_gateway_sheds_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("few-descriptors");
    let text = format!(
        "#!/bin/sh\nulimit -n 256\nexec \"{}\" \"$@\"\n",
        env!("CARGO_BIN_EXE_keyward")
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let world = World::builder()
        .config(QUIET)
        .keyward(|builder| builder.binary(&script))
        .start()
        .await;
    let mut kept = world.connect().await;
    kept.send(world.get("/api/1/x")).await;
    assert_eq!(verdict(&kept.read_response().await), "200");
    for round in 0..sized(3, 20) {
        let mut held = Vec::new();
        while held.len() < 500 {
            let connected = RawClient::try_connect(world.keyward.gateway()).await;
            let mut client =
                connected.unwrap_or_else(|e| panic!("not even shed: {e}; {}", world.keyward.log()));
            let _ = client.try_send(world.get("/api/1/x")).await;
            held.push(client);
        }
        // The last ones are for the operator, the database and people.
        let open = open_files(world.keyward.pid());
        assert!(open < 200, "round {round}: {open}");
        assert_eq!(world.keyward.readyz().await.status, 200);
        assert!(world.keyward.metric("process_open_fds").await > Some(100.0));
        assert!(world.keyward.metric("keyward_connections_shed_total").await > Some(200.0));
        let name = format!("under pressure, round {round}");
        world.keyward.key(KeySpec::new(OWNER, &name)).await;
        // Under pressure: a connection that is open is answered, if only to say that the upstream cannot be reached.
        for _ in 0..20 {
            kept.send(world.get("/api/1/x")).await;
            let answer = kept.read_response().await;
            assert!(matches!(answer.status, 200 | 502 | 503), "{}", verdict(&answer));
            kept.send(get("/api/1/x", "kw_wrong")).await;
            assert_eq!(verdict(&kept.read_response().await), "401 key_invalid");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(world.keyward.is_running());
        drop(held);
        recovers(&world).await;
        let mut h2 = H2Client::connect(world.keyward.gateway()).await;
        let answer = h2
            .send("GET", "/api/1/x", &[("x-api-key", world.secret())], "")
            .await;
        assert_eq!(answer.status, 200);
        // The other planes live as well.
        world
            .keyward
            .key(KeySpec::new(OWNER, &format!("round {round}")))
            .await;
        assert!(world.keyward.metrics().await.contains("process_open_fds"));
    }
    // Descriptors are given back; the last ones a moment after their clients went.
    let since = Instant::now();
    while open_files(world.keyward.pid()) > 150 {
        assert!(
            since.elapsed() < WAIT_TIMEOUT,
            "{} descriptors stay open",
            open_files(world.keyward.pid())
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let refused = request("GET", "/api/1/x", &[], "");
    assert_eq!(verdict(&world.send(refused).await), "401 key_missing");
}

fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}
