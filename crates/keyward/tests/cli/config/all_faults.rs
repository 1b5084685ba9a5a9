//! One run tells all faults, whatever they are.

use super::faults;
use keyward_testkit::{CliOutput, FREE_PORTS, Installation};

#[test]
fn one_run_tells_all_faults() {
    let told =
        faults("[keys]\nprefix = \"\"\n[gateway]\nlisten = \"x\"\non_stale = \"y\"\n[log]\nlevel = \"z\"");
    for key in [
        "keys.prefix",
        "gateway.listen",
        "gateway.on_stale",
        "log.level",
        "gateway.upstreams",
    ] {
        assert!(told.contains(key), "{key}: {told}");
    }
}

#[test]
fn no_fault_hides_another() {
    let table: [(&str, &[&str]); 8] = [
        // Five, the first of which is of a wrong kind.
        (
            "[gateway]\nlisten = 8080\nrealm = \"\"\nmax_staleness = \"1s\"\n[console]\nlisten = \"x\"\n[log]\nlevel = \"loud\"",
            &[
                "gateway.listen",
                "gateway.realm",
                "gateway.max_staleness",
                "console.listen",
                "log.level",
            ],
        ),
        // All of wrong kinds.
        (
            "[gateway]\nlisten = 1\nworkers = \"x\"\nforward_key = 1\ntrusted_proxies = \"10.0.0.1\"\ntls = true",
            &[
                "gateway.listen",
                "gateway.workers",
                "gateway.forward_key",
                "gateway.trusted_proxies",
                "gateway.tls",
            ],
        ),
        // Unknown settings, and what is missing.
        (
            "colour = 1\n[gateway]\nlisten_on = \"x\"\n[console]\noidc = { issuer = \"http://a.example\" }\n[logs]\nlevel = 1",
            &[
                "colour",
                "gateway.listen_on",
                "console.oidc.issuer",
                "console.oidc.client_id",
                "console.oidc.name",
                "logs",
            ],
        ),
        // Within lists.
        (
            "[gateway]\npublic_paths = [1, \"a\", 2]\n[[gateway.upstreams]]\nname = 1\nurl = \"ftp://x\"\n\
             [[gateway.upstreams]]\nname = \"b\"\n[[gateway.routes]]\npath = 3\nupstream = \"b\"",
            &[
                "gateway.public_paths[0]",
                "gateway.public_paths[1]",
                "gateway.public_paths[2]",
                "gateway.upstreams[0].name",
                "gateway.upstreams[0].url",
                "gateway.upstreams[1].url",
                "gateway.routes[0].path",
            ],
        ),
        // What only follows from a fault is not told beside it.
        (
            "[[gateway.upstreams]]\nname = 1\nurl = \"http://a\"",
            &["gateway.upstreams[0].name"],
        ),
        ("gateway = 3", &["gateway"]),
        (
            "[database]\nurl = 5\npassword_file = \"x\"\n[limits]\nurl = true\ncluster = true",
            &["database.url", "limits.url"],
        ),
        (
            "[ops]\nlisten = \"[::]:80\"\n[console]\nlisten = [1]\n[authz]\nproxies = 1",
            &["console.listen", "authz.proxies"],
        ),
    ];
    let upstream = "\n[[gateway.upstreams]]\nname = \"default\"\nurl = \"http://127.0.0.1:3000\"\n";
    for (text, wanted) in table {
        let place = Installation::empty();
        let more = if text.contains("upstreams") || text.starts_with("gateway") {
            ""
        } else {
            upstream
        };
        place.write("keyward.toml", &format!("{text}{more}"));
        let told: serde_json::Value =
            serde_json::from_str(&place.run(&["--json", "config", "check"]).expect(5).stderr).unwrap();
        let faults = told["error"]["faults"].as_array().unwrap();
        let mut keys: Vec<&str> = faults
            .iter()
            .map(|fault| fault["key"].as_str().unwrap())
            .collect();
        keys.sort_unstable();
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        assert_eq!(keys, wanted, "{text}\n{told:#}");
    }
}

#[test]
fn every_line_that_is_no_toml_is_told() {
    let told = faults("[gateway]\nlisten = \n[console]\nlisten = 'a' 'b'\n[ops]\nlisten = \"127.0.0.1:0\"\n");
    assert!(
        told.contains("no TOML at line 2") && told.contains("no TOML at line 4"),
        "{told}"
    );
    for number in ["9223372036854775808", "1e400", "-9223372036854775809"] {
        let told = faults(&format!("[gateway]\nmax_connections = {number}\n"));
        assert!(told.contains("line 2"), "{number}: {told}");
    }
}

#[test]
fn a_variable_of_a_wrong_kind_hides_nothing_and_is_named() {
    let place = Installation::empty();
    place.write(
        "keyward.toml",
        &format!("{FREE_PORTS}\n[log]\nlevel = \"loud\"\n"),
    );
    let mut command = place.command(&["config", "check"]);
    command.env("KEYWARD__GATEWAY__WORKERS", "many");
    command.env("KEYWARD__KEYS__PREFIX", "a_b");
    let told = CliOutput::of(command).expect(5).stderr;
    for words in [
        "variable KEYWARD__GATEWAY__WORKERS: gateway.workers",
        "variable KEYWARD__KEYS__PREFIX",
        "log.level",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn how_long_the_audit_log_is_kept_and_where_it_goes_are_said_together() {
    for (text, wanted) in [
        ("keep = \"400d\"", "audit.archive: names the folder"),
        ("archive = \"audit\"", "audit.keep: says how long"),
        (
            "keep = \"24h\"\narchive = \"audit\"",
            "audit.keep: `24h` is no number of days",
        ),
        ("keep = \"0d\"", "audit.keep: `0d` is no number of days"),
    ] {
        let told = faults(&format!("[audit]\n{text}\n"));
        assert!(told.contains(wanted), "{text}: {told}");
    }
    let place = Installation::empty();
    place.write(
        "keyward.toml",
        &format!("[audit]\nkeep = \"400d\"\narchive = \"audit\"\n{FREE_PORTS}"),
    );
    place.run(&["init", "--no-token"]).expect(0);
    for (exists, found) in [(false, "PROBLEM  audit log"), (true, "good     audit log")] {
        if exists {
            std::fs::create_dir(place.path("audit")).unwrap();
        }
        let told = place.run(&["doctor"]).stdout;
        assert!(told.contains(found), "{told}");
    }
}
