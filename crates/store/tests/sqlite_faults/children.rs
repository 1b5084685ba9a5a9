//! Processes of their own, so that they can be killed: this program, run again for one of the tests below.

use super::common::{created, event, fill, key, options};
use keyward_store::{KeyQuery, SqliteOptions, SqliteStore, Store};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const FILE: &str = "KEYWARD_TEST_FILE";
const BASE: &str = "KEYWARD_TEST_BASE";

fn command(what: &str, path: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            &format!("children::child_{what}"),
            "--ignored",
            "--nocapture",
        ])
        .env(FILE, path)
        .stdout(Stdio::piped());
    command
}

pub(super) fn child(what: &str, path: &Path) -> Child {
    command(what, path).spawn().unwrap()
}

pub(super) fn exit_well(processes: Vec<Child>) {
    for process in processes {
        let done = process.wait_with_output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    }
}

#[tokio::test]
#[ignore = "only a part of others: makes or migrates a file"]
async fn child_open() {
    let Some(path) = std::env::var_os(FILE).map(PathBuf::from) else {
        return;
    };
    let options = SqliteOptions {
        create: true,
        migrate: true,
        ..options(&path)
    };
    SqliteStore::open(&options).await.unwrap().close().await;
}

#[tokio::test]
#[ignore = "only a part of others: adds keys, and says so, until it is killed"]
async fn child_write() {
    let Some(path) = std::env::var_os(FILE).map(PathBuf::from) else {
        return;
    };
    let base: u64 = std::env::var(BASE).unwrap().parse().unwrap();
    let store = SqliteStore::open(&options(&path)).await.unwrap();
    let owner = super::common::user(1);
    for number in base..base + 100_000 {
        let key = key(owner.id, number);
        store.insert_key(&key, &event(number), None).await.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "key {}", key.id).unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn s1_what_was_acknowledged_before_a_kill_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyward.db");
    let store = created(&path).await;
    fill(&store, 0).await;
    store.close().await;
    let mut acknowledged = HashSet::new();
    for round in 1..=10_u64 {
        let mut process = command("write", &path)
            .env(BASE, (round * 1_000_000).to_string())
            .spawn()
            .unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        // libtest may have written the beginning of the first line.
        let mut added = out.lines().filter_map(|line| {
            let line = line.unwrap();
            line.split_once("key ").map(|(_, id)| id.to_owned())
        });
        // Each round ends somewhere else in the work.
        for _ in 0..round {
            acknowledged.insert(added.next().expect("a child that adds keys"));
        }
        tokio::time::sleep(Duration::from_millis(7 * round)).await;
        process.kill().unwrap();
        process.wait().unwrap();
        acknowledged.extend(added);
        let store = SqliteStore::open(&options(&path)).await.unwrap();
        store.check().await.unwrap();
        let keys = store
            .list_keys(&KeyQuery {
                most: 1_000_000,
                ..KeyQuery::default()
            })
            .await
            .unwrap();
        let there: HashSet<String> = keys.iter().map(|key| key.id.to_string()).collect();
        assert!(acknowledged.is_subset(&there), "round {round}");
        // User and import are two changes, and every key is one.
        let revision = store.revision().await.unwrap();
        assert_eq!(revision.0, 2 + u64::try_from(there.len()).unwrap());
        store.close().await;
    }
}
