//! S1, S3: what was answered is kept through crashes; a disk that fails takes no key check along and leaves nothing half
//! done.

use crate::{now, started};
use keyward_store::{SqliteOptions, SqliteStore, Store};
use keyward_testkit::{ApiAnswer, EchoUpstream, KeySpec, Keyward, OWNER, RawClient, request, sized};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The integrity check of the file, while it is served from.
async fn check_integrity(keyward: &Keyward) {
    let options = SqliteOptions {
        path: keyward.dir().join("keyward.db"),
        create: false,
        migrate: false,
        read_only: true,
    };
    let store = SqliteStore::open(&options).await.unwrap();
    store.check().await.unwrap();
    store.close().await;
}

/// What is known of a key: the states that it may be in. More than one only while a change is not answered.
struct Known {
    secret: String,
    states: Vec<&'static str>,
}

fn expected(state: &str) -> &'static str {
    match state {
        "active" => "200",
        "disabled" => "401 key_disabled",
        _ => "401 key_invalid",
    }
}

/// Makes, disables and deletes keys until the server is gone; gives what was answered, and counts the keys meanwhile.
async fn write_until_gone(
    console: SocketAddr,
    secret: String,
    made_by_all: Arc<AtomicUsize>,
) -> HashMap<String, Known> {
    let mut keys: HashMap<String, Known> = HashMap::new();
    let Ok(mut client) = RawClient::try_connect(console).await else {
        return keys;
    };
    for turn in 0.. {
        let made = call(
            &mut client,
            &secret,
            "POST",
            "/v1/keys",
            json!({ "owner": OWNER, "name": "k" }),
        )
        .await;
        let Some(made) = made else { return keys };
        let id = made["id"].as_str().unwrap().to_owned();
        let known = Known {
            secret: made["secret"].as_str().unwrap().to_owned(),
            states: vec!["active"],
        };
        keys.insert(id.clone(), known);
        made_by_all.fetch_add(1, Ordering::Relaxed);
        let path = format!("/v1/keys/{id}");
        let steps = [
            ("POST", format!("{path}/disable"), "disabled"),
            ("POST", format!("{path}/enable"), "active"),
            ("DELETE", path, "deleted"),
        ];
        for (method, path, state) in &steps[..turn % 4] {
            keys.get_mut(&id).unwrap().states.push(state);
            let Some(_) = call(&mut client, &secret, method, path, Value::Null).await else {
                return keys;
            };
            keys.get_mut(&id).unwrap().states = vec![state];
        }
    }
    keys
}

/// One change; nothing when it was not answered.
async fn call(client: &mut RawClient, secret: &str, method: &str, path: &str, body: Value) -> Option<Value> {
    let mut headers = vec![("X-API-KEY", secret)];
    let mut text = String::new();
    if !body.is_null() {
        headers.push(("Content-Type", "application/json"));
        text = body.to_string();
    }
    client
        .try_send(request(method, path, &headers, text))
        .await
        .ok()?;
    let answer = client.try_read_response(method).await.ok()?;
    assert!(
        (200..300).contains(&answer.status),
        "{method} {path}: {} {}",
        answer.status,
        answer.text()
    );
    Some(if answer.body.is_empty() {
        Value::Null
    } else {
        answer.json()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_whatever_was_answered_is_there_after_a_kill() {
    let (_upstream, keyward) = started().await;
    let mut answered = 0;
    for round in 0..sized(8, 1000) {
        let secret = keyward.management_secret().to_owned();
        let made = Arc::new(AtomicUsize::new(0));
        let write = || write_until_gone(keyward.console(), secret.clone(), Arc::clone(&made));
        let writers: Vec<_> = (0..4).map(|_| tokio::spawn(write())).collect();
        let since = Instant::now();
        while made.load(Ordering::Relaxed) < 8 {
            assert!(since.elapsed() < Duration::from_secs(60), "nobody makes keys");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Each round ends somewhere else in the work.
        tokio::time::sleep(Duration::from_millis(37 * (round as u64 % 8))).await;
        keyward.sigkill();
        keyward.start().await;
        check_integrity(&keyward).await;
        for writer in writers {
            for (id, known) in writer.await.unwrap() {
                let shown = keyward
                    .api_ok("GET", &format!("/v1/keys/{id}"), &Value::Null)
                    .await;
                let state = shown["status"].as_str().unwrap();
                assert!(
                    known.states.contains(&state),
                    "round {round}: {id} is {state}, not {:?}",
                    known.states
                );
                assert_eq!(keyward.verdict(&known.secret).await, expected(state));
                answered += 1;
            }
        }
        // It takes changes again.
        keyward.key(KeySpec::new(OWNER, "after")).await;
    }
    assert!(answered > 20, "{answered}");
}

/// A small file system of its own.
struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Nothing when this account may not mount.
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"])
            .arg(folder.path())
            .output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then_some(Self { folder })
    }

    fn filler(&self) -> std::path::PathBuf {
        self.folder.path().join("filler")
    }

    fn fill(&self) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.filler())
            .unwrap();
        for piece in [64 * 1024, 4096, 512, 1] {
            while file.write_all(&vec![0; piece]).is_ok() {}
        }
    }

    fn empty(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process that is about to end may still have files open.
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

/// A key whose state is changed through the API while the store fails.
struct Victim {
    path: String,
    secret: String,
    state: &'static str,
    changes: usize,
}

impl Victim {
    async fn new(keyward: &Keyward) -> Self {
        let key = keyward.key(KeySpec::new(OWNER, "victim")).await;
        Self {
            path: format!("/v1/keys/{}", key.id),
            secret: key.secret,
            state: "active",
            changes: 1,
        }
    }

    /// Switches the key over; whether it was done. A refusal is one of the two that a full store has.
    async fn flip(&mut self, keyward: &Keyward) -> bool {
        let (word, next) = match self.state {
            "active" => ("disable", "disabled"),
            _ => ("enable", "active"),
        };
        let answer = keyward
            .api("POST", &format!("{}/{word}", self.path), &Value::Null)
            .await;
        let done = done(&answer);
        if done {
            self.state = next;
            self.changes += 1;
        }
        done
    }

    /// Reads and key checks go on, and tell of exactly what was answered.
    async fn assert_consistent(&self, keyward: &Keyward) {
        let shown = keyward.api_ok("GET", &self.path, &Value::Null).await;
        assert_eq!(shown["status"], json!(self.state));
        assert_eq!(keyward.verdict(&self.secret).await, expected(self.state));
        let id = self.path.rsplit('/').next().unwrap();
        let mut lines = 0;
        let mut query = format!("/v1/audit?target_kind=key&target_id={id}&limit=200");
        loop {
            let page = keyward.api_ok("GET", &query, &Value::Null).await;
            lines += page["items"].as_array().unwrap().len();
            let Some(next) = page["next_cursor"].as_str().or_else(|| page["next"].as_str()) else {
                break;
            };
            query = format!("/v1/audit?target_kind=key&target_id={id}&limit=200&cursor={next}");
        }
        assert_eq!(lines, self.changes, "audit lines");
    }
}

fn done(answer: &ApiAnswer) -> bool {
    match answer.status {
        200..300 => true,
        503 => {
            assert!(
                answer.json["code"] == "unavailable" || answer.json["code"] == "unconfirmed",
                "{answer:#?}"
            );
            false
        }
        507 => {
            assert_eq!(answer.json["code"], "not_writable");
            false
        }
        _ => panic!("{answer:#?}"),
    }
}

async fn list_names(keyward: &Keyward) -> usize {
    let list = keyward.api_ok("GET", "/v1/keys?limit=200", &Value::Null).await;
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["name"] == "filling")
        .count()
}

/// Another program has the one place for those who write, and keeps it.
#[tokio::test]
async fn s3_while_another_program_locks_the_database_keys_are_checked_and_changes_are_503() {
    const LOCK: &str = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); \
                        c.execute('BEGIN IMMEDIATE'); print('locked', flush=True); sys.stdin.read()";
    let upstream = EchoUpstream::start().await;
    let keyward = Keyward::before(&upstream).no_access_log().start().await;
    keyward.user(OWNER, "member").await;
    let mut victim = Victim::new(&keyward).await;
    let mut other = Command::new("python3")
        .args(["-c", LOCK])
        .arg(keyward.dir().join("keyward.db"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(other.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "locked\n");
    assert!(!victim.flip(&keyward).await);
    victim.assert_consistent(&keyward).await;
    drop(other.stdin.take());
    other.wait().unwrap();
    assert!(victim.flip(&keyward).await);
    victim.assert_consistent(&keyward).await;
}

#[tokio::test]
async fn s3_a_full_disk_refuses_changes_and_nothing_else() {
    let Some(disk) = Disk::mount("4m") else {
        println!("skipped: this account may not mount");
        return;
    };
    let upstream = EchoUpstream::start().await;
    let folder = TempDir::new_in(disk.folder.path()).unwrap();
    let keyward = Keyward::before(&upstream)
        .no_access_log()
        .dir(folder)
        .start()
        .await;
    keyward.user(OWNER, "member").await;
    let mut victim = Victim::new(&keyward).await;
    let mut made = 0;
    for round in 0..3 {
        disk.fill();
        let (mut refused, mut tries) = (0, 0);
        // What was allocated before may hold some more changes.
        while refused < 5 {
            tries += 1;
            assert!(tries < 3000, "round {round}: the disk is not full");
            let body = json!({ "owner": OWNER, "name": "filling", "description": "x".repeat(500) });
            match done(&keyward.api("POST", "/v1/keys", &body).await) {
                true => made += 1,
                false => refused += 1,
            }
        }
        for _ in 0..4 {
            victim.flip(&keyward).await;
            victim.assert_consistent(&keyward).await;
        }
        assert!(keyward.is_running());
        disk.empty();
        for _ in 0..4 {
            assert!(
                victim.flip(&keyward).await,
                "round {round}: no recovery without a restart"
            );
        }
        victim.assert_consistent(&keyward).await;
        if made <= 200 {
            assert_eq!(list_names(&keyward).await, made, "half done");
        }
    }
    check_integrity(&keyward).await;
    keyward.sigkill();
    keyward.start().await;
    victim.assert_consistent(&keyward).await;
    check_integrity(&keyward).await;
    drop(keyward);
    drop(disk);
}

/// strace, attached to a server, making some of its system calls fail.
struct Fault(Child);

impl Fault {
    /// Nothing when this account may not trace.
    async fn attach(keyward: &Keyward, calls: &str, error: &str, when: &str) -> Option<Self> {
        let log = keyward.dir().join("strace.log");
        let traced = Command::new("strace")
            .args([
                "-f",
                "-p",
                &keyward.pid().to_string(),
                "-e",
                &format!("trace={calls}"),
            ])
            .args(["-e", &format!("inject={calls}:error={error}:when={when}")])
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn();
        let Ok(mut child) = traced else { return None };
        let threads = fs::read_dir(Path::new("/proc").join(keyward.pid().to_string()).join("task"))
            .unwrap()
            .count();
        let since = Instant::now();
        while fs::read_to_string(&log).unwrap().matches(" attached").count() == 0
            || !all_traced(keyward.pid(), threads)
        {
            if child.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(
                since.elapsed() < Duration::from_secs(60),
                "strace does not attach"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Some(Self(child))
    }

    async fn detach(mut self) {
        Command::new("kill")
            .args(["-TERM", &self.0.id().to_string()])
            .status()
            .unwrap();
        let since = Instant::now();
        while self.0.try_wait().unwrap().is_none() {
            assert!(
                since.elapsed() < Duration::from_secs(60),
                "strace does not detach"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Whether every thread of a process has a tracer.
fn all_traced(pid: u32, at_least: usize) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let traced = tasks.filter(|task| {
        let status = fs::read_to_string(task.as_ref().unwrap().path().join("status")).unwrap_or_default();
        status
            .lines()
            .any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
    });
    traced.count() >= at_least
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_a_failing_write_or_sync_at_any_place_leaves_nothing_half_done() {
    let (_upstream, keyward) = started().await;
    let mut victim = Victim::new(&keyward).await;
    let mut failed = 0;
    let mut rounds = 0;
    for n in 1..=sized(6, 200) {
        for (calls, error) in [
            ("fsync,fdatasync", "EIO"),
            ("pwrite64", "ENOSPC"),
            ("pwrite64", "EIO"),
        ] {
            let Some(fault) = Fault::attach(&keyward, calls, error, &n.to_string()).await else {
                println!("skipped: this account may not trace");
                return;
            };
            rounds += 1;
            for _ in 0..n + 2 {
                let done = victim.flip(&keyward).await;
                victim.assert_consistent(&keyward).await;
                if !done {
                    failed += 1;
                    break;
                }
            }
            fault.detach().await;
            assert!(
                victim.flip(&keyward).await,
                "{calls} {error} {n}: no recovery without a restart"
            );
        }
    }
    assert!(failed * 2 > rounds, "{failed} of {rounds} faults were met");
    victim.assert_consistent(&keyward).await;
    check_integrity(&keyward).await;
    keyward.sigkill();
    keyward.start().await;
    victim.assert_consistent(&keyward).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_while_every_write_fails_keys_are_checked_and_read_and_it_recovers_by_itself() {
    let (_upstream, keyward) = started().await;
    let mut victim = Victim::new(&keyward).await;
    let limited = keyward.key(KeySpec::new(OWNER, "limited").limit(3)).await;
    for (calls, error) in [("fsync,fdatasync", "EIO"), ("pwrite64", "ENOSPC")] {
        let Some(fault) = Fault::attach(&keyward, calls, error, "1+").await else {
            println!("skipped: this account may not trace");
            return;
        };
        for _ in 0..5 {
            assert!(!victim.flip(&keyward).await, "{calls}: a change passed");
            victim.assert_consistent(&keyward).await;
            let refused = keyward
                .api(
                    "POST",
                    "/v1/users",
                    &json!({ "email": "new@example.com", "role": "member" }),
                )
                .await;
            assert!(!done(&refused));
        }
        // Limits hold meanwhile.
        let minute = now().seconds() / 60;
        let mut passed = 0;
        for _ in 0..10 {
            passed += i32::from(keyward.ask(&limited.secret).await.status == 200);
        }
        assert!(passed <= 3 || now().seconds() / 60 != minute, "{passed}");
        assert_eq!(
            keyward
                .api("GET", "/v1/users/new@example.com", &Value::Null)
                .await
                .status,
            404
        );
        fault.detach().await;
        assert!(
            victim.flip(&keyward).await,
            "{calls}: no recovery without a restart"
        );
        victim.assert_consistent(&keyward).await;
    }
    check_integrity(&keyward).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_s3_a_change_refused_for_a_failed_sync_does_not_come_back_after_a_kill() {
    let (_upstream, keyward) = started().await;
    let mut victim = Victim::new(&keyward).await;
    for round in 0..sized(4, 100) {
        // All syncs fail, or the change's alone.
        let when = ["1+", "1"][round % 2];
        let Some(fault) = Fault::attach(&keyward, "fsync,fdatasync", "EIO", when).await else {
            println!("skipped: this account may not trace");
            return;
        };
        // The sync of a usage count may meet the fault instead.
        while victim.flip(&keyward).await {
            assert!(victim.changes < 100, "no sync fails");
            if when == "1" {
                break;
            }
        }
        victim.assert_consistent(&keyward).await;
        keyward.sigkill();
        fault.detach().await;
        keyward.start().await;
        check_integrity(&keyward).await;
        victim.assert_consistent(&keyward).await;
        assert!(victim.flip(&keyward).await);
    }
}
