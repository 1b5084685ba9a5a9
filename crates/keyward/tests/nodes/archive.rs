//! Old lines of the audit log go to files, and then from the database: each once, whatever becomes of the node meanwhile.

use keyward_testkit::{Cluster, KeySpec, Keyward, OWNER, eventually, sized};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

const CONFIG: &str = "[audit]\nkeep = \"30d\"\narchive = \"archive\"\n";
const LEFT: &str = "SELECT count(*) FROM audit WHERE target_id LIKE 'old-%'";

/// Lines of three days that are long past.
fn old_lines(lines: usize) -> String {
    format!(
        "INSERT INTO audit SELECT decode(lpad(to_hex(at), 12, '0') || '7000' || lpad(to_hex(n), 16, '0'), 'hex'), at, 'user', \
         (SELECT id FROM users WHERE email = '{OWNER}'), NULL, '192.0.2.1', 'key.edit', 'key', 'old-' || n, NULL, \
         '{{\"name\":\"a\"}}', '{{\"name\":\"é\"}}' FROM generate_series(1, {lines}) n, \
         LATERAL (SELECT 1764547200000 + n::bigint * 3 * 86400000 / {lines} - 1 AS at) AS placed"
    )
}

fn files(node: &Keyward) -> Vec<PathBuf> {
    let entries = fs::read_dir(node.dir().join("archive")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// How often each old line stands in the files of some nodes.
fn archived(nodes: &[Keyward]) -> BTreeMap<String, Vec<Value>> {
    let mut lines: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for file in nodes.iter().flat_map(files) {
        for line in fs::read_to_string(&file).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let day = line["at"].as_str().unwrap().split('T').next().unwrap();
            assert!(file.ends_with(format!("audit-{day}.jsonl")), "{}", file.display());
            let name = line["target"]["id"].as_str().unwrap().to_owned();
            lines.entry(name).or_default().push(line);
        }
    }
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_lines_of_the_audit_log_are_archived_each_once_and_changes_go_on_meanwhile() {
    let lines = sized(5_000, 500_000);
    let cluster = Cluster::builder().nodes(2).config(CONFIG).start().await;
    let node = &cluster.nodes[1];
    let key = node.key(KeySpec::new(OWNER, "changed")).await;
    for node in &cluster.nodes {
        fs::create_dir(node.dir().join("archive")).unwrap();
    }
    cluster
        .server(move |server| server.sql("postgres", &old_lines(lines)))
        .await;
    let asked = "/v1/audit?target_kind=key&target_id=old-7";
    let shown = node.api_ok("GET", asked, &json!(null)).await["items"][0].clone();
    assert_eq!(shown["actor"]["email"], OWNER);
    // A node looks when it starts, and then every minute.
    cluster.nodes[0].restart().await;
    cluster.nodes[1].restart().await;
    eventually("all of them are archived", async || {
        for act in ["disable", "enable"] {
            let path = format!("/v1/keys/{}/{act}", key.id);
            node.api_ok("POST", &path, &json!(null)).await;
        }
        cluster.server(|server| server.sql("postgres", LEFT)).await == "0"
    })
    .await;
    let written = archived(&cluster.nodes);
    assert_eq!(written.len(), lines);
    assert!(written.values().all(|copies| copies.len() == 1));
    assert_eq!(written["old-7"], [shown]);
    for file in cluster.nodes.iter().flat_map(files) {
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    let asked = "/v1/audit?action=audit.archived&limit=200";
    let said = node.api_ok("GET", asked, &json!(null)).await;
    let counts = said["items"].as_array().unwrap().iter();
    let counts = counts.map(|line| line["after"]["lines"].as_u64().unwrap());
    if lines == 5_000 {
        assert_eq!(counts.sum::<u64>(), 5_000);
    }
    let name = "keyward_task_last_success_timestamp_seconds{task=\"archive\"}";
    node.wait_for_metric(name, |at| at > 1e9).await;
}

/// Lines can be read and neither added nor removed, until somebody cancels this.
const HOLD: &str = "BEGIN; LOCK TABLE audit IN SHARE MODE; DO $$ BEGIN PERFORM pg_sleep(100); \
                    EXCEPTION WHEN query_canceled THEN NULL; END $$; COMMIT";
const LET_GO: &str = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(100)%' \
                      AND pid <> pg_backend_pid()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_between_the_file_and_the_database_loses_no_line_and_writes_none_twice() {
    let cluster = Cluster::builder().nodes(1).config(CONFIG).start().await;
    let node = &cluster.nodes[0];
    fs::create_dir(node.dir().join("archive")).unwrap();
    node.stop().await;
    cluster
        .server(|server| server.sql("postgres", &old_lines(300)))
        .await;
    let hold = cluster.server(|server| server.sql("postgres", HOLD));
    let kill = async {
        eventually("the log is held", async || {
            let sql = "SELECT count(*) FROM pg_locks WHERE mode = 'ShareLock' AND granted AND relation = 'audit'::regclass";
            cluster.server(move |server| server.sql("postgres", sql)).await == "1"
        })
        .await;
        node.spawn();
        eventually("a piece is written", async || {
            files(node).iter().any(|file| {
                let text = fs::read_to_string(file).unwrap();
                text.lines().count() == 100
            })
        })
        .await;
        node.sigkill();
        // The last line of another write that was cut off.
        let file = &files(node)[0];
        let text = fs::read_to_string(file).unwrap();
        fs::write(file, format!("{text}{{\"id\":\"018")).unwrap();
        assert_eq!(cluster.server(|server| server.sql("postgres", LEFT)).await, "300");
        // What it has asked for goes with it, and nobody waits for its row to fade.
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        cluster.server(move |server| server.sql("postgres", end)).await;
        cluster.server(|server| server.sql("postgres", LET_GO)).await;
    };
    tokio::join!(hold, kill);
    cluster
        .server(|server| server.sql("postgres", "DELETE FROM nodes"))
        .await;
    node.start().await;
    eventually("all of them are archived", async || {
        cluster.server(|server| server.sql("postgres", LEFT)).await == "0"
    })
    .await;
    let written = archived(&cluster.nodes);
    assert_eq!(written.len(), 300);
    assert!(written.values().all(|copies| copies.len() == 1));
}
