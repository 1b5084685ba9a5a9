//! A whole installation moved from SQLite to PostgreSQL by the program itself.

use keyward_testkit::{FREE_PORTS, Installation, Postgres, RunningProgram, program};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const SECRET: &str = "s3cret-of-the-database";
const KEYS: usize = 12_500;

fn url(server: &Postgres) -> String {
    server
        .url("postgres")
        .replace("keyward@", &format!("keyward:{SECRET}@"))
}

/// An installation with a key, many imported ones, and things that were changed.
fn filled() -> (Installation, Value) {
    let place = Installation::populated();
    let key = place.key("issued before", &["--site", "123"]);
    let other = place.key("deleted before", &[]);
    place
        .run(&["keys", "delete", other["id"].as_str().unwrap()])
        .expect(0);
    place.run(&["users", "create", "bob@example.com"]).expect(0);
    place.run(&["users", "link", "bob@example.com"]).expect(0);
    place.run(&["init", "--new-token"]).expect(0);
    let rows: Vec<String> = (0..KEYS)
        .map(|n| {
            format!("{{\"owner\":\"ada@example.com\",\"name\":\"k{n}\",\"secret\":\"imported-secret-{n}\"}}")
        })
        .collect();
    place.write("keys.jsonl", &rows.join("\n"));
    place.run(&["import", "keys.jsonl"]).expect(0);
    (place, key)
}

/// A folder whose configuration names the database that was moved to.
fn over(server: &Postgres) -> Installation {
    let place = Installation::empty();
    place.write(
        "keyward.toml",
        &format!("[database]\nurl = \"{}\"\n{FREE_PORTS}", url(server)),
    );
    place
}

#[test]
fn what_was_moved_is_what_was_there_also_when_the_move_was_killed_before() {
    let server = Postgres::start_quick();
    let (place, key) = filled();
    let (from, to) = ("sqlite:keyward.db", url(&server));
    let move_args = ["migrate-store", "--from", from, "--to", &to];
    // A request before, so that there is usage.
    let mut running = RunningProgram::start(&place, &["serve"]);
    let secret = key["secret"].as_str().unwrap();
    let field = format!("x-api-key: {secret}\r\n");
    let before = running.ask("gateway", "/api/123/x", &field);
    // Nothing listens as the upstream: the key was good.
    assert!(before.starts_with("HTTP/1.1 502"), "{before}");
    let in_use = place.run(&move_args).expect(1).stderr;
    assert!(
        in_use.contains("in use") && in_use.contains("nothing was moved"),
        "{in_use}"
    );
    running.signal("TERM");
    assert_eq!(running.code(), 0);
    for line in [
        "copying users: 2 of 2",
        "copying keys: 10000 of",
        "comparing keys: 2000 of",
    ] {
        let told = kill_after(&place, &move_args, line);
        assert!(!told.contains(SECRET), "{told}");
    }
    let moved = place.run(&[&move_args[..], &["--json"]].concat()).expect(0);
    assert!(moved.stderr.contains("copying audit"), "{moved:?}");
    let told = moved.json();
    assert_eq!(told["moved"], true);
    let keys = told["tables"]
        .as_array()
        .unwrap()
        .iter()
        .find(|table| table["name"] == "keys")
        .unwrap();
    assert_eq!(keys["rows"], KEYS + 2);
    let again = place.run(&move_args).expect(0);
    assert!(again.stdout.contains("from an earlier run"), "{again:?}");
    assert!(!format!("{moved:?}{again:?}").contains(SECRET));
    assert_same(&place, &over(&server), &key);
}

/// Runs it until it says so, and kills it there.
fn kill_after(place: &Installation, args: &[&str], words: &str) -> String {
    let mut child = Command::new(program())
        .args(args)
        .current_dir(place.dir.path())
        .env_remove("KEYWARD_CONFIG")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        told.push_str(&line.unwrap());
        told.push('\n');
        if told.contains(words) {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(told.contains(words), "{told}");
    told
}

fn assert_same(source: &Installation, target: &Installation, key: &Value) {
    let id = key["id"].as_str().unwrap();
    for args in [
        vec!["export"],
        vec!["audit", "--limit", "200", "--json"],
        vec!["users", "list", "--json"],
        vec!["sites", "list", "--json"],
        vec!["keys", "show", id, "--json"],
        vec!["keys", "usage", id, "--json"],
    ] {
        let told = source.run(&args).expect(0).stdout;
        assert!(!told.is_empty());
        let windows = |text: &str| text.lines().map(without_instants).collect::<Vec<_>>();
        assert_eq!(
            windows(&target.run(&args).expect(0).stdout),
            windows(&told),
            "{args:?}"
        );
    }
    let running = RunningProgram::start(target, &["serve"]);
    let field = |secret: &str| format!("x-api-key: {secret}\r\n");
    let own = running.ask("gateway", "/api/123/x", &field(key["secret"].as_str().unwrap()));
    assert!(own.starts_with("HTTP/1.1 502"), "{own}");
    let elsewhere = running.ask("gateway", "/api/9/x", &field(key["secret"].as_str().unwrap()));
    assert!(elsewhere.contains("site_forbidden"), "{elsewhere}");
    let imported = running.ask("gateway", "/api/123/x", &field("imported-secret-7"));
    assert!(imported.starts_with("HTTP/1.1 502"), "{imported}");
}

/// The window of a question about usage ends when it is asked.
fn without_instants(line: &str) -> String {
    match serde_json::from_str::<Value>(line) {
        Ok(mut value) if value.get("until").is_some() => {
            value["from"] = Value::Null;
            value["until"] = Value::Null;
            value.to_string()
        }
        _ => line.to_owned(),
    }
}

#[test]
fn flags_that_name_no_database_are_told_without_passwords() {
    let place = Installation::empty();
    for (from, to, words) in [
        (
            "keyward.db",
            "postgres://a:s3cret@b/c",
            "--from: `keyward.db` is no database",
        ),
        (
            "sqlite:x.db",
            "postgres://a:s3cret@b",
            "--to: it names no database",
        ),
        (
            "sqlite:x.db",
            "postgers://a:s3cret@b/c",
            "--to: `***` is no database",
        ),
    ] {
        let told = place
            .run(&["migrate-store", "--from", from, "--to", to])
            .expect(2)
            .stderr;
        assert!(told.contains(words) && !told.contains("s3cret"), "{told}");
    }
    place.write("password", "s3cret\n");
    let to = "postgres://a@127.0.0.1:1/c";
    let args = [
        "migrate-store",
        "--from",
        "sqlite:x.db",
        "--to",
        to,
        "--to-password-file",
        "password",
    ];
    let told = place.run(&args).expect(1).stderr;
    assert!(
        told.contains("no such file") && !told.contains("s3cret"),
        "{told}"
    );
    let told = place
        .run(&[&args[..5], &["--from-password-file", "password"]].concat())
        .expect(2)
        .stderr;
    assert!(told.contains("no password to an SQLite file"), "{told}");
}

#[test]
fn a_file_is_not_moved_onto_itself_whatever_it_is_called() {
    let place = Installation::populated();
    std::os::unix::fs::symlink(place.path("keyward.db"), place.path("linked.db")).unwrap();
    std::fs::hard_link(place.path("keyward.db"), place.path("second.db")).unwrap();
    let whole = format!("sqlite:{}", place.path("keyward.db").display());
    for to in [
        "sqlite:keyward.db",
        "sqlite:./keyward.db",
        "sqlite:linked.db",
        "sqlite:second.db",
        &whole,
    ] {
        let told = place
            .run(&["migrate-store", "--from", "sqlite:keyward.db", "--to", to])
            .expect(2)
            .stderr;
        assert!(
            told.contains("one and the same file") && told.contains("nothing was moved"),
            "{to}: {told}"
        );
    }
}
