//! S6, S7, C12: what does not start, says why, and leaves everything as it was.

use crate::started;
use keyward_store::SqliteStore;
use keyward_testkit::{
    CliOutput, EchoUpstream, KeySpec, Keyward, OWNER, RawClient, exchange, request, sized,
};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Barrier;

/// A folder with some keys in it, and nothing running.
async fn prepared() -> Keyward {
    let keyward = Keyward::builder().prepare().await;
    keyward.user(OWNER, "member").await;
    for _ in 0..3 {
        keyward.key(KeySpec::new(OWNER, "k")).await;
    }
    keyward
}

fn database(keyward: &Keyward) -> PathBuf {
    keyward.dir().join("keyward.db")
}

/// The bytes of the database, and of a log of changes beside it; looking at a file may leave an empty one.
fn contents(keyward: &Keyward) -> [Option<Vec<u8>>; 2] {
    let wal = fs::read(keyward.dir().join("keyward.db-wal")).ok();
    [
        fs::read(database(keyward)).ok(),
        wal.filter(|bytes| !bytes.is_empty()),
    ]
}

/// Runs `serve`, which must end by itself.
async fn serve(keyward: &Keyward, arguments: &[&str]) -> CliOutput {
    let arguments: Vec<&str> = ["serve"].iter().chain(arguments).copied().collect();
    keyward.cli(&arguments).await
}

#[track_caller]
fn assert_refused(what: &str, output: &CliOutput, sentence: &str) {
    assert_eq!(output.status.code(), Some(1), "{what}: {output:#?}");
    let (message, path) = (&output.stderr, "keyward.db");
    assert!(
        message.contains(path) && message.contains(sentence),
        "{what}: {output:#?}"
    );
    assert!(
        !message.contains("panicked") && !output.stdout.contains("ready"),
        "{what}: {output:#?}"
    );
}

type Harm = (&'static str, fn(&Path), &'static str);

const HARMS: [Harm; 8] = [
    ("missing", |file| fs::remove_file(file).unwrap(), "keyward init"),
    ("empty", |file| fs::write(file, "").unwrap(), "empty"),
    (
        "something else",
        |file| fs::write(file, "no database".repeat(999)).unwrap(),
        "not an SQLite database",
    ),
    (
        "a folder",
        |file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        },
        "not a file",
    ),
    (
        "cut in half",
        |file| cut(file, |length| length / 2 / 4096 * 4096),
        "damaged",
    ),
    (
        "cut within a page",
        |file| cut(file, |length| length - 100),
        "damaged",
    ),
    (
        "a damaged header",
        |file| overwrite(file, 0..16),
        "not an SQLite database",
    ),
    ("a damaged page", |file| overwrite(file, 4096..8192), "damaged"),
];

fn cut(file: &Path, length: fn(usize) -> usize) {
    let bytes = fs::read(file).unwrap();
    fs::write(file, &bytes[..length(bytes.len())]).unwrap();
}

fn overwrite(file: &Path, place: std::ops::Range<usize>) {
    let mut bytes = fs::read(file).unwrap();
    bytes[place].fill(0xa5);
    fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn s6_a_store_that_cannot_be_trusted_is_refused_and_left_alone() {
    for (what, harm, sentence) in HARMS {
        let keyward = prepared().await;
        harm(&database(&keyward));
        let left = contents(&keyward);
        assert_refused(what, &serve(&keyward, &[]).await, sentence);
        assert!(contents(&keyward) == left, "{what}: a file was written to");
        // Neither does a command of the CLI make an empty one.
        let listed = keyward.cli(&["keys", "list"]).await;
        assert_eq!(listed.status.code(), Some(1), "{what}: {listed:#?}");
    }
}

#[tokio::test]
async fn s6_changes_without_their_database_are_not_started_over() {
    let (_upstream, keyward) = started().await;
    let key = keyward.key(KeySpec::new(OWNER, "k")).await;
    keyward.sigkill();
    let wal = keyward.dir().join("keyward.db-wal");
    assert!(fs::metadata(&wal).unwrap().len() > 0, "nothing to recover");
    let away = keyward.dir().join("away");
    fs::rename(database(&keyward), &away).unwrap();
    assert_refused("no file", &serve(&keyward, &[]).await, "keyward.db-wal");
    assert!(!database(&keyward).exists());
    fs::rename(&away, database(&keyward)).unwrap();
    keyward.start().await;
    assert_eq!(keyward.verdict(&key.secret).await, "200");
}

#[tokio::test]
async fn s6_a_cut_log_of_changes_loses_its_tail_only() {
    let (_upstream, keyward) = started().await;
    let mut keys = Vec::new();
    for _ in 0..20 {
        keys.push(keyward.key(KeySpec::new(OWNER, "k")).await);
    }
    keyward.sigkill();
    let wal = keyward.dir().join("keyward.db-wal");
    cut(&wal, |length| length * 3 / 4 + 17);
    keyward.start().await;
    let mut passed = Vec::new();
    for key in &keys {
        passed.push(keyward.verdict(&key.secret).await == "200");
    }
    assert!(
        passed.is_sorted_by(|a, b| a >= b),
        "a later change without an earlier one: {passed:?}"
    );
    assert!(passed[0] && !passed[19], "{passed:?}");
}

#[tokio::test]
async fn s6_a_read_only_mount_is_refused() {
    let keyward = prepared().await;
    let folder = keyward.dir().to_str().unwrap().to_owned();
    let mount = |arguments: &[&str]| {
        Command::new("mount")
            .args(arguments)
            .output()
            .is_ok_and(|out| out.status.success())
    };
    if !mount(&["--bind", &folder, &folder]) {
        println!("skipped: this account may not mount");
        return;
    }
    let read_only = mount(&["-o", "remount,bind,ro", &folder]);
    let output = serve(&keyward, &[]).await;
    let listed = keyward.cli(&["keys", "list"]).await;
    let unmounted = Command::new("umount").arg(&folder).status().unwrap();
    assert!(read_only && unmounted.success());
    assert_refused("read-only", &output, "for writing");
    // Looking is still possible, or refused with a reason.
    assert!(matches!(listed.status.code(), Some(0 | 1)), "{listed:#?}");
    keyward.start().await;
}

#[tokio::test]
async fn s6_a_file_that_may_not_be_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let keyward = prepared().await;
    let file = database(&keyward);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&file).is_ok() {
        println!("skipped: this account may read everything");
        return;
    }
    assert_refused("no permission", &serve(&keyward, &[]).await, "access");
}

#[tokio::test]
async fn s6_s7_a_newer_schema_is_refused_by_every_command() {
    let keyward = prepared().await;
    SqliteStore::note_later_migration(&database(&keyward))
        .await
        .unwrap();
    let left = contents(&keyward);
    for arguments in [
        &["serve"][..],
        &["serve", "--no-migrate"],
        &["migrate"],
        &["keys", "list"],
    ] {
        let output = keyward.cli(arguments).await;
        assert_refused("newer", &output, "newer than this program");
    }
    assert!(contents(&keyward) == left, "a file was written to");
}

/// A folder with a database as the first version left it.
async fn older() -> Keyward {
    let keyward = Keyward::builder().no_admin().prepare().await;
    fs::remove_file(database(&keyward)).unwrap();
    SqliteStore::create_older(&database(&keyward), 1).await.unwrap();
    keyward
}

#[tokio::test]
async fn s7_an_older_schema_is_brought_up_to_date_only_when_asked_for() {
    let keyward = older().await;
    let left = contents(&keyward);
    assert_refused(
        "older",
        &serve(&keyward, &["--no-migrate"]).await,
        "keyward migrate",
    );
    assert_refused("older", &keyward.cli(&["users", "list"]).await, "keyward migrate");
    assert!(contents(&keyward) == left, "a file was written to");
    keyward.start().await;
    assert_eq!(keyward.stop().await.code(), Some(0));
    let log = keyward.log();
    let told = log.lines().find(|line| line.contains("brought up to date"));
    let told = told.unwrap_or_else(|| panic!("{log}"));
    assert!(told.contains("0002_audit") && !told.contains("0001_"), "{told}");
    keyward.cli_ok(&["users", "list"]).await;
}

#[tokio::test]
async fn s7_of_several_that_migrate_at_once_all_end_well() {
    let keyward = older().await;
    let (a, b, c, d) = tokio::join!(
        keyward.cli(&["migrate"]),
        keyward.cli(&["migrate"]),
        keyward.cli(&["migrate"]),
        keyward.cli(&["migrate"]),
    );
    for output in [a, b, c, d] {
        assert!(output.status.success(), "{output:#?}");
    }
    keyward.user(OWNER, "member").await;
}

#[tokio::test]
async fn s7_a_migration_that_is_killed_is_resumed() {
    for round in 0..sized(8, 100) {
        let keyward = older().await;
        let mut migrate = Command::new(env!("CARGO_BIN_EXE_keyward"))
            .args(["migrate", "--config"])
            .arg(keyward.config_path())
            .current_dir(keyward.dir())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(3 * round as u64 % 40)).await;
        // It may have ended by itself.
        let _ = migrate.kill();
        migrate.wait().unwrap();
        keyward.cli_ok(&["migrate"]).await;
        keyward.user(OWNER, "member").await;
        keyward.key(KeySpec::new(OWNER, "k")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c12_until_one_token_is_redeemed_once_nobody_manages() {
    let upstream = EchoUpstream::start().await;
    let keyward = Keyward::before(&upstream)
        .no_access_log()
        .no_admin()
        .start()
        .await;
    for (method, path) in [
        ("GET", "/v1/keys"),
        ("GET", "/v1/me"),
        ("POST", "/v1/users"),
        ("GET", "/v1/audit"),
    ] {
        for secret in ["", "admin", "password", "keyward", "changeme"] {
            let answer = keyward.api_as(secret, method, path, &Value::Null).await;
            assert_eq!(answer.status, 401, "{method} {path} {secret:?}");
        }
    }
    let setup = |token: &str| {
        let body = json!({ "token": token, "email": "first@example.com" }).to_string();
        request("POST", "/v1/setup", &[("Content-Type", "application/json")], body)
    };
    let console = keyward.console();
    for wrong in ["", "setup_wrong", "null"] {
        let answer = exchange(console, setup(wrong)).await;
        assert!(matches!(answer.status, 403 | 422), "{wrong}: {}", answer.text());
    }
    let token = async || {
        keyward.cli_ok(&["init", "--new-token", "--json"]).await.json()["token"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let replaced = token().await;
    let token = token().await;
    assert_eq!(
        exchange(console, setup(&replaced)).await.status,
        403,
        "a token that was replaced"
    );
    let start = Arc::new(Barrier::new(100));
    let tries: Vec<_> = (0..100)
        .map(|_| {
            let (start, bytes) = (Arc::clone(&start), setup(&token));
            tokio::spawn(async move {
                let mut client = RawClient::connect(console).await;
                start.wait().await;
                client.send(bytes).await;
                client.read_response().await
            })
        })
        .collect();
    let mut made = Vec::new();
    for answer in tries {
        let answer = answer.await.unwrap();
        match answer.status {
            201 => made.push(answer.json()),
            403 => assert_eq!(answer.json()["code"], "forbidden"),
            other => panic!("{other}: {}", answer.text()),
        }
    }
    assert_eq!(made.len(), 1);
    assert_eq!(
        exchange(console, setup(&token)).await.status,
        403,
        "a token that was used"
    );
    let secret = made[0]["key"]["secret"].as_str().unwrap();
    let users = keyward.api_as(secret, "GET", "/v1/users", &Value::Null).await;
    assert_eq!(
        (users.status, users.json["items"].as_array().map(Vec::len)),
        (200, Some(1))
    );
    assert_eq!(keyward.verdict(secret).await, "403 use_case_forbidden");
    assert_eq!(upstream.count(), 0);
}
