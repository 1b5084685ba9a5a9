//! The commands over a PostgreSQL database, and that no password is told by any of them.

use keyward_testkit::{
    FREE_PORTS, Installation, Postgres, RunningProgram, eventually_blocking, wait_for_text,
};
use std::process::Command;

const SECRET: &str = "s3cret-of-the-database";

/// A folder whose configuration names a database of the server.
fn place(server: &Postgres, section: &str) -> Installation {
    let place = Installation::empty();
    place.write("keyward.toml", &format!("[database]\n{section}\n{FREE_PORTS}"));
    place.run(&["config", "check"]).expect(0);
    assert!(!server.log().contains("PANIC"));
    place
}

fn with_password(server: &Postgres) -> String {
    server
        .url("postgres")
        .replace("keyward@", &format!("keyward:{SECRET}@"))
}

#[test]
fn every_command_works_on_a_database_of_postgresql_and_none_tells_its_password() {
    let server = Postgres::start_quick();
    let place = place(&server, &format!("url = \"{}\"", with_password(&server)));
    let mut told = Vec::new();
    let mut run = |args: &[&str], code: i32| {
        let ran = place.run(args).expect(code);
        told.push(format!("{args:?}: {}{}", ran.stdout, ran.stderr));
        ran.stdout
    };
    run(&["users", "list"], 1);
    assert!(run(&["init"], 0).contains("tables made"));
    run(&["init"], 4);
    run(&["init", "--new-token"], 0);
    run(&["users", "create", "ada@example.com", "--role", "admin"], 0);
    run(&["sites", "create", "123"], 0);
    run(
        &["keys", "create", "--owner", "ada@example.com", "--name", "first"],
        0,
    );
    assert!(run(&["keys", "list"], 0).contains("first"));
    assert!(run(&["audit"], 0).contains("key.create"));
    assert!(run(&["migrate"], 0).contains("up to date"));
    let exported = place.path("keys.jsonl");
    run(&["export", "--output", exported.to_str().unwrap()], 0);
    let printed = run(&["config", "print"], 0);
    assert!(printed.contains("keyward:***@"), "{printed}");
    run(&["config", "print", "--json"], 0);
    let file = place.path("copy.dump");
    run(&["backup", file.to_str().unwrap()], 1);
    assert!(!file.exists());
    let doctor = place.run(&["doctor"]);
    assert!(
        doctor
            .stdout
            .contains("opens, may be written to, up to date and whole"),
        "{doctor:?}"
    );
    // This server is made to be quick.
    for setting in ["fsync", "full_page_writes"] {
        assert!(
            doctor.stdout.contains(&format!("`{setting}` is off")),
            "{doctor:?}"
        );
    }
    assert!(
        !doctor.stdout.contains("`synchronous_commit` is off"),
        "{doctor:?}"
    );
    let running = RunningProgram::start(&place, &["serve"]);
    let mut all = vec![
        doctor.stdout,
        running.told.to_string(),
        running.get("ops", "/readyz"),
        running.get("ops", "/metrics"),
    ];
    server.sigkill();
    all.push(running.get("ops", "/readyz"));
    drop(running);
    all.extend(told);
    let ran = place.run(&["keys", "list"]).expect(1);
    assert!(ran.stderr.contains("cannot be reached"), "{ran:?}");
    all.extend([ran.stderr, place.run(&["doctor"]).stdout]);
    all.push(std::fs::read_to_string(place.path("log")).unwrap());
    for text in &all {
        assert!(!text.contains(SECRET), "{text}");
    }
    let of_backup = all.iter().find(|text| text.starts_with("[\"backup\"")).unwrap();
    assert!(of_backup.contains("pg_dump"), "{of_backup}");
}

/// A server, and the address of an empty database that its owner opens with [`SECRET`] alone.
fn server_that_asks_for_a_password() -> (Postgres, String) {
    let server = Postgres::start_quick();
    server.sql("postgres", &format!("CREATE ROLE node LOGIN PASSWORD '{SECRET}'"));
    server.sql("postgres", "CREATE DATABASE keyward OWNER node");
    let file = server.sql("postgres", "SHOW hba_file");
    let rules = "VALUES ('host all node 127.0.0.1/32 scram-sha-256'), ('host all all 127.0.0.1/32 trust')";
    server.sql("postgres", &format!("COPY ({rules}) TO '{file}'"));
    server.sigkill();
    server.resume();
    let url = server.url("keyward").replace("keyward@", "node@");
    (server, url)
}

#[test]
fn a_password_may_lie_in_a_file() {
    let (_server, url) = server_that_asks_for_a_password();
    let place = Installation::empty();
    place.write(
        "keyward.toml",
        &format!("[database]\nurl = \"{url}\"\npassword_file = \"password\"\n{FREE_PORTS}"),
    );
    let told = place.run(&["config", "check"]).expect(5).stderr;
    assert!(told.contains("database.password_file"), "{told}");
    place.write("password", "wrong\n");
    let told = place.run(&["init"]).expect(1).stderr;
    assert!(told.contains("check user and password"), "{told}");
    place.write("password", &format!("{SECRET}\n"));
    place.run(&["init", "--no-token"]).expect(0);
    place.run(&["users", "create", "ada@example.com"]).expect(0);
    let printed = place.run(&["config", "print"]).expect(0).stdout;
    assert!(
        printed.contains("password_file") && !printed.contains(SECRET),
        "{printed}"
    );
}

#[test]
fn a_running_node_takes_a_changed_password_by_itself() {
    let (server, url) = server_that_asks_for_a_password();
    for setting in [
        "password_file = \"password\"",
        "password_command = [\"cat\", \"password\"]",
    ] {
        let place = Installation::empty();
        server.sql("postgres", &format!("ALTER ROLE node PASSWORD '{SECRET}'"));
        place.write("password", &format!("{SECRET}\n"));
        place.write(
            "keyward.toml",
            &format!("[database]\nurl = \"{url}\"\n{setting}\n{FREE_PORTS}"),
        );
        place.run(&["init", "--no-token"]);
        let running = RunningProgram::start(&place, &["serve"]);
        server.sql("postgres", "ALTER ROLE node PASSWORD 'another-s3cret'");
        place.write("password", "another-s3cret\n");
        let sessions = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'node'";
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'node'";
        server.sql("postgres", end);
        eventually_blocking("the node is there again, and listens", || {
            let metrics = running.get("ops", "/metrics");
            metrics.contains("keyward_listen_up 1") && server.sql("postgres", sessions) != "0"
        });
        let log = std::fs::read_to_string(place.path("log")).unwrap();
        assert!(!log.contains("s3cret"), "{log}");
    }
}

#[test]
fn faults_of_the_address_are_told_without_it() {
    for (section, words) in [
        ("url = \"postgres://a:s3cret@b\"", "names no database"),
        ("url = \"postgres://b/c\"", "names no user"),
        ("url = \"postgres://a:s3cret@b:x/c\"", "postgres://user@host"),
        (
            "url = \"postgres://a:s3cret@b/c?sslmode=maybe\"",
            "postgres://user@host",
        ),
        ("url = \"postgers://a:s3cret@b/c\"", "is no database"),
        (
            "url = \"postgres://a:s3cret@b/c\"\npassword_file = \"x\"",
            "a password already",
        ),
        ("password_file = \"x\"", "there is no password"),
        ("password_command = [\"x\"]", "there is no password"),
        ("listen_url = \"postgres://a:s3cret@b/c\"", "is not listened to"),
        (
            "url = \"postgres://a@b/c\"\npassword_command = []",
            "it names no program",
        ),
        (
            "url = \"postgres://a@b/c\"\npassword_command = [\"x\"]\npassword_file = \"x\"",
            "there is a database.password_file already",
        ),
        (
            "url = \"postgres://a:s3cret@b/c\"\npassword_command = [\"x\"]",
            "a password already",
        ),
        (
            "url = \"postgres://a@b/c\"\nlisten_url = \"postgres://a:s3cret@b\"",
            "names no database",
        ),
        (
            "url = \"postgres://a:s3cret@b,d/c?target_session_attrs=any\"",
            "read-write",
        ),
        ("url = \"postgres://a:s3cret@b/c\"\nurl = 1", "duplicate key"),
        ("url = \"postgres://a:s3cret@b/c", "TOML"),
        ("url = { a = \"postgres://a:s3cret@b/c\" }", "must be a text"),
    ] {
        let place = Installation::empty();
        place.write("keyward.toml", &format!("[database]\n{section}\n{FREE_PORTS}"));
        let told = place.run(&["config", "check"]).expect(5).stderr;
        assert!(told.contains(words), "{section}: {told}");
        assert!(!told.contains("s3cret"), "{told}");
    }
}

#[test]
fn s9_a_node_that_waits_for_another_ones_migration_says_so_and_can_be_stopped() {
    let server = Postgres::start_quick();
    let place = place(&server, &format!("url = \"{}\"", server.url("postgres")));
    place.run(&["init", "--no-token"]).expect(0);
    // The last step was not made yet, and another session makes it.
    server.sql(
        "postgres",
        "DELETE FROM schema_migrations WHERE number = (SELECT max(number) FROM schema_migrations)",
    );
    let lock = "SELECT pg_advisory_lock(x'4b657957'::bigint); SELECT pg_sleep(60)";
    std::thread::scope(|scope| {
        let other = scope.spawn(|| server.sql("postgres", lock));
        let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
        eventually_blocking("the other session has the lock", || {
            server.sql("postgres", held) == "1"
        });
        let log = std::fs::File::create(place.path("log")).unwrap();
        let mut command = place.command(&["serve"]);
        let mut child = command.stderr(log).spawn().unwrap();
        wait_for_text(&place.path("log"), "waiting for another node");
        let sent = Command::new("kill").arg(child.id().to_string()).status();
        assert!(sent.unwrap().success());
        assert!(child.wait().unwrap().success());
        wait_for_text(&place.path("log"), "stopped before it was ready");
        server.sigkill();
        assert!(
            other.join().is_err(),
            "the session went on until the server ended"
        );
    });
}

#[test]
fn s15_a_changed_password_takes_no_restart() {
    let server = Postgres::start_quick();
    let url = server.url("postgres");
    let place = Installation::empty();
    for file in ["database-password", "limits-password"] {
        place.write(file, "first-s3cret\n");
    }
    let text = format!(
        "[database]\nurl = \"{url}\"\npassword_file = \"database-password\"\n[limits]\nurl = \"redis://127.0.0.1:1\"\n\
         password_file = \"limits-password\"\n{FREE_PORTS}"
    );
    place.write("keyward.toml", &text);
    place.run(&["init", "--no-token"]).expect(0);
    let running = RunningProgram::start(&place, &["serve"]);
    running.signal("HUP");
    wait_for_text(
        &place.path("log"),
        "configuration reloaded: no setting has changed",
    );
    // Both are read with each connection.
    place.write("database-password", "second-s3cret\n");
    place.write("limits-password", "second-s3cret\n");
    running.signal("HUP");
    eventually_blocking("the reload is told, and nothing of passwords", || {
        let log = std::fs::read_to_string(place.path("log")).unwrap();
        log.matches("configuration reloaded: no setting has changed")
            .count()
            == 2
    });
    let log = std::fs::read_to_string(place.path("log")).unwrap();
    assert!(
        !log.contains("s3cret") && !log.contains("limits.password_file"),
        "{log}"
    );
    let told = place.run(&["doctor"]).stdout;
    for file in ["database-password", "limits-password"] {
        assert!(told.contains(&format!("run: chmod 600 {file}")), "{told}");
    }
}

#[test]
fn a_snapshot_that_cannot_be_written_is_told_once_and_found_by_doctor() {
    let server = Postgres::start_quick();
    let url = server.url("postgres");
    let place = Installation::empty();
    let configure = |snapshot: &str| {
        let replica = format!("[replica]\nsnapshot = \"{snapshot}\"\nsnapshot_every = \"200ms\"\n");
        let text = format!("[database]\nurl = \"{url}\"\n{replica}{FREE_PORTS}");
        place.write("keyward.toml", &text);
    };
    place.write("file", "");
    configure("file/replica.snapshot");
    place.run(&["init", "--no-token"]).expect(0);
    let running = RunningProgram::start(&place, &["serve"]);
    wait_for_text(&place.path("log"), "it cannot be written");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let log = std::fs::read_to_string(place.path("log")).unwrap();
    assert_eq!(log.matches("file/replica.snapshot").count(), 1, "{log}");
    drop(running);
    for (snapshot, found) in [
        ("file/replica.snapshot", "PROBLEM  snapshot"),
        ("absent/replica.snapshot", "PROBLEM  snapshot"),
        ("replica.snapshot", "good     snapshot"),
    ] {
        configure(snapshot);
        let told = place.run(&["doctor"]).stdout;
        assert!(told.contains(found), "{snapshot}: {told}");
    }
    let left: Vec<_> = std::fs::read_dir(place.dir.path()).unwrap().collect();
    assert!(left.len() == 3, "{left:?}");
}

/// Waits until somebody waits for the list of nodes, which is the last thing before a node is ready; then there are no users any more.
const TAKE_USERS_AWAY: &str = "DO $$ BEGIN \
    LOCK TABLE nodes IN ACCESS EXCLUSIVE MODE; \
    LOOP \
        EXIT WHEN EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'nodes'::regclass); \
        PERFORM pg_sleep(0.01); \
    END LOOP; \
    ALTER TABLE users RENAME TO users_away; \
END $$";

#[test]
fn a_node_that_is_ready_runs_on_when_the_database_does_not_say_who_administers_it() {
    let server = Postgres::start_quick();
    let place = place(&server, &format!("url = \"{}\"", server.url("postgres")));
    place.run(&["init", "--no-token"]).expect(0);
    let (mut running, words) = std::thread::scope(|scope| {
        scope.spawn(|| server.sql("postgres", TAKE_USERS_AWAY));
        let held = "SELECT count(*) FROM pg_locks WHERE granted AND relation = 'nodes'::regclass AND mode = 'AccessExclusiveLock'";
        eventually_blocking("the list of nodes is locked", || {
            server.sql("postgres", held) == "1"
        });
        RunningProgram::in_words(&place, &["serve"], "database")
    });
    assert!(words.contains("Keyward is ready"), "{words}");
    wait_for_text(
        &place.path("log"),
        "what was to be told at the start could not be",
    );
    server.sql("postgres", "ALTER TABLE users_away RENAME TO users");
    running.signal("TERM");
    assert_eq!(running.code(), 0);
}
