//! A running Keyward: its start, its signals, the operator's port, the demo.

use keyward_testkit::{Installation, RunningProgram, program, wait_for_text};
use std::net::TcpListener;
use std::time::{Duration, Instant};

#[test]
fn s14_a_stop_signal_ends_it_with_0_after_it_was_ready() {
    for signal in ["TERM", "INT"] {
        let place = Installation::populated();
        place.key("n", &[]);
        let mut running = RunningProgram::start(&place, &["serve"]);
        assert_eq!(running.told["keys"], 1);
        assert!(running.get("ops", "/healthz").ends_with("ok"));
        let ready = running.get("ops", "/readyz");
        assert!(
            ready.starts_with("HTTP/1.1 200") && ready.contains("\"ready\":true"),
            "{ready}"
        );
        running.signal(signal);
        assert_eq!(running.code(), 0);
        assert!(
            !place.path("keyward.db-wal").exists(),
            "the database is closed cleanly"
        );
    }
}

#[test]
fn o9_metrics_hold_bounded_labels_and_no_secret() {
    let place = Installation::populated();
    let key = place.key("a-name-of-a-key", &[]);
    let running = RunningProgram::start(&place, &["serve"]);
    let text = running.get("ops", "/metrics");
    for line in [
        "keyward_decisions_total{outcome=\"granted\"} 0",
        "keyward_decisions_total{outcome=\"rate_limited\"} 0",
        "keyward_keys 1",
        "keyward_limiter_mode{mode=\"memory\"} 1",
        "keyward_replica_revision 3",
        "keyward_stale 0",
        "keyward_usage_pending ",
        "keyward_usage_lost_total 0",
        "keyward_replica_age_seconds ",
        "process_resident_memory_bytes ",
        "process_open_fds ",
        "process_start_time_seconds ",
        "process_cpu_seconds_total ",
        "process_max_fds ",
        "keyward_ready 1",
        concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    for field in ["secret", "id", "name"] {
        assert!(!text.contains(key[field].as_str().unwrap()), "{field}");
    }
    // Metrics say the version in one place.
    assert_eq!(text.matches(env!("CARGO_PKG_VERSION")).count(), 1, "{text}");
    for path in ["/healthz", "/readyz", "/"] {
        let answer = running.get("ops", path).to_lowercase();
        assert!(
            !answer.contains(env!("CARGO_PKG_VERSION")) && !answer.contains("server:"),
            "{answer}"
        );
    }
}

/// Whoever has the machine and has lost the key makes another one.
#[test]
fn a_management_key_that_is_made_on_the_machine_opens_the_management_api() {
    let place = Installation::populated();
    let key = place.key("management", &["--use-case", "management"]);
    let running = RunningProgram::start(&place, &["serve"]);
    let secret = key["secret"].as_str().unwrap();
    let answer = running.ask("console", "/v1/keys", &format!("x-api-key: {secret}\r\n"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn k6_no_log_at_any_level_holds_a_secret() {
    for format in ["human", "json"] {
        let place = Installation::populated();
        let key = place.key("management", &["--use-case", "management"]);
        let text = std::fs::read_to_string(place.path("keyward.toml")).unwrap();
        place.write(
            "keyward.toml",
            &format!("{text}\n[log]\nlevel = \"trace\"\nformat = \"{format}\"\n"),
        );
        let mut running = RunningProgram::start(&place, &["serve"]);
        let secret = key["secret"].as_str().unwrap();
        for plane in ["console", "ops"] {
            for path in [
                "/v1/keys".to_owned(),
                format!("/v1/keys?key={secret}"),
                format!("/{secret}"),
            ] {
                let fields = format!("x-api-key: {secret}\r\nauthorization: Bearer {secret}\r\n");
                running.ask(plane, &path, &fields);
                running.ask(plane, &path, &format!("{fields}bad field {secret}\r\n"));
            }
        }
        // At its end every line is there.
        running.signal("TERM");
        assert_eq!(running.code(), 0);
        let log = std::fs::read_to_string(place.path("log")).unwrap();
        assert!(log.contains("ready") && !log.contains(&secret[3..20]), "{log}");
    }
}

#[test]
fn a_change_by_the_command_line_is_in_force_when_the_command_ends() {
    let place = Installation::populated();
    let running = RunningProgram::start(&place, &["serve"]);
    let keys = |count: u32| {
        let line = format!("keyward_keys {count}\n");
        let metrics = running.get("ops", "/metrics");
        assert!(metrics.contains(&line), "{metrics}");
    };
    place.key("one", &[]);
    keys(1);
    // A node that answers nothing is waited for as long as the manual says, and named.
    running.signal("STOP");
    let began = Instant::now();
    let made = place
        .run(&["keys", "create", "--owner", "ada@example.com", "--name", "two"])
        .expect(0);
    running.signal("CONT");
    assert!(began.elapsed() >= Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(
        made.stderr.contains("has not said within 5 s") && made.stdout.contains("kw_"),
        "{}{}",
        made.stdout,
        made.stderr
    );
    place.key("three", &[]);
    keys(3);
}

#[test]
fn nobody_waits_for_a_node_that_was_killed() {
    let place = Installation::populated();
    let key = place.key("one", &[]);
    let mut running = RunningProgram::start(&place, &["serve"]);
    running.signal("KILL");
    assert_eq!(running.code(), -1);
    // Who waits says so in the end.
    let disabled = place
        .run(&["keys", "disable", key["id"].as_str().unwrap()])
        .expect(0);
    assert_eq!(disabled.stderr, "");
    // The next one leaves the first one's file where it is, and takes its own away.
    let mut running = RunningProgram::start(&place, &["serve"]);
    let of_nodes = || {
        let names = std::fs::read_dir(place.path("")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains("-node-")).count()
    };
    assert_eq!(of_nodes(), 2);
    running.signal("TERM");
    assert_eq!(running.code(), 0);
    assert_eq!(of_nodes(), 1);
}

#[test]
fn s15_a_reload_takes_all_of_a_good_file_and_nothing_of_another() {
    let place = Installation::init();
    let good = std::fs::read_to_string(place.path("keyward.toml")).unwrap();
    let mut running = RunningProgram::start(&place, &["serve"]);
    let reload = |text: &str, told: &str| {
        place.write("keyward.toml", text);
        running.signal("HUP");
        wait_for_text(&place.path("log"), told);
    };
    reload(
        &good.replace("[gateway]", "[gateway]\nrealm = 7"),
        "gateway.realm",
    );
    reload(
        &good.replace("http://127.0.0.1:3000", "ftp://x"),
        "gateway.upstreams[0].url",
    );
    reload(&format!("{good}\n[keys]\nprefix = \"other\"\n"), "keys.prefix");
    // Nor what is good in a file that is not taken.
    reload(
        &good.replace("[gateway]", "[gateway]\nrealm = \"half\"\nworkers = 3"),
        "gateway.workers",
    );
    reload(
        &good.replace("[gateway]", "[gateway]\nrealm = \"half\"\npublic_paths = [\"x\"]"),
        "gateway.public_paths[0]",
    );
    reload(
        &format!("{good}\n[gateway.swagger]\nfile = \"absent.json\"\n"),
        "gateway.swagger.file",
    );
    std::fs::remove_file(place.path("keyward.toml")).unwrap();
    running.signal("HUP");
    wait_for_text(&place.path("log"), "there is no such file");
    let log = std::fs::read_to_string(place.path("log")).unwrap();
    assert!(!log.contains("configuration reloaded"), "{log}");
    assert!(running.get("gateway", "/api/1/x").contains("realm=\"api\""));
    reload(
        &good.replace("[gateway]", "[gateway]\ntrusted_proxies = [\"10.0.0.0/8\"]"),
        "configuration reloaded",
    );
    wait_for_text(&place.path("log"), "gateway.trusted_proxies");
    // What `config print` says is in force, written into the file, changes nothing that needs a restart.
    let printed = place.run(&["config", "print"]).expect(0).stdout;
    reload(
        &printed.replace("\"api\"", "\"other\""),
        "changed=\"gateway.realm\"",
    );
    assert!(running.get("gateway", "/api/1/x").contains("realm=\"other\""));
    running.signal("TERM");
    assert_eq!(running.code(), 0);
}

#[test]
fn a_taken_port_or_no_upstream_is_told_at_the_start() {
    let place = Installation::init();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = std::fs::read_to_string(place.path("keyward.toml")).unwrap();
    place.write(
        "keyward.toml",
        &text.replace(
            "[ops]\nlisten = \"127.0.0.1:0\"",
            &format!("[ops]\nlisten = \"{address}\""),
        ),
    );
    let told = place.run(&["serve"]).expect(1).stderr;
    assert!(told.contains("ops.listen") && told.contains(&address), "{told}");
    assert!(told.contains("keyward doctor"), "{told}");
    place.write(
        "keyward.toml",
        &format!("{text}\n[console.tls]\ncertificate = \"absent.pem\"\nkey = \"absent.pem\"\n"),
    );
    let told = place.run(&["serve"]).expect(1).stderr;
    assert!(told.contains("console.tls: absent.pem"), "{told}");
    place.write("keyward.toml", "");
    assert!(
        place
            .run(&["serve"])
            .expect(5)
            .stderr
            .contains("gateway.upstreams")
    );
}

#[test]
fn the_demo_makes_its_keys_once() {
    let place = Installation::empty();
    let mut first = RunningProgram::start(&place, &["demo"]);
    let secret = first.told["key"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("kw_") && first.told["management_key"].is_string());
    let preflight = first.send("gateway", "OPTIONS", "/api/123/resource", "");
    assert!(preflight.starts_with("HTTP/1.1 204"), "{preflight}");
    assert!(
        preflight
            .to_lowercase()
            .contains("allow: get, head, post, options"),
        "{preflight}"
    );
    let link = first.told["link"].as_str().unwrap().to_owned();
    let console = first.told["console"].as_str().unwrap();
    assert!(
        link.starts_with(&format!("http://{console}/link/reset_")),
        "{link}"
    );
    first.signal("INT");
    assert_eq!(first.code(), 0);
    let (again, words) = RunningProgram::in_words(&place, &["demo"], "Ctrl-C");
    // As it was called, so that the line can be pasted.
    let create = format!(
        "  {} keys create --config keyward-demo/keyward.toml --owner ",
        program().display()
    );
    assert!(words.contains(&create), "{words}");
    drop(again);
    let second = RunningProgram::start(&place, &["demo"]);
    assert!(second.told["key"].is_null());
    // Whoever has not used the first link needs another.
    assert_ne!(second.told["link"].as_str().unwrap(), link);
    let keys = place
        .run(&["--json", "--config", "keyward-demo/keyward.toml", "keys", "list"])
        .expect(0);
    assert_eq!(keys.json()["items"].as_array().unwrap().len(), 2);
    assert!(!keys.stdout.contains(&secret));
    // Its ports are taken now, so another demo takes others.
    let other = RunningProgram::start(&place, &["demo", "--dir", "other"]);
    assert_ne!(other.told["console"], second.told["console"]);
}
