//! The short commands: what they do, what they print, and with which code they end.

use keyward_testkit::{CliOutput, FREE_PORTS, Installation};
use std::os::unix::fs::PermissionsExt;

#[test]
fn every_command_has_help_and_the_first_page_tells_the_exit_codes() {
    let place = Installation::empty();
    let top = place.run(&["--help"]).expect(0).stdout;
    for code in [
        "0  done",
        "1  failed",
        "2  usage",
        "3  there is no",
        "4  conflict",
        "5  the config",
        "6  doctor",
    ] {
        assert!(top.contains(code), "{code}: {top}");
    }
    let commands = [
        "serve",
        "demo",
        "init",
        "migrate",
        "doctor",
        "keys",
        "keys create",
        "keys list",
        "keys show",
        "keys edit",
        "keys enable",
        "keys disable",
        "keys delete",
        "keys restore",
        "keys usage",
        "users",
        "users create",
        "users list",
        "users show",
        "users edit",
        "users link",
        "users reset-second-factor",
        "users enable",
        "users disable",
        "users delete",
        "sites",
        "sites create",
        "sites list",
        "sites rename",
        "sites disable",
        "sites enable",
        "audit",
        "import",
        "export",
        "backup",
        "config",
        "config check",
        "config print",
        "completions",
    ];
    for command in commands {
        let mut args: Vec<&str> = command.split(' ').collect();
        args.push("--help");
        let help = place.run(&args).expect(0).stdout;
        assert!(help.contains("Usage: keyward"), "{command}: {help}");
    }
}

#[test]
fn c12_an_operator_gives_anybody_a_link_in_place_of_a_lost_password() {
    let place = Installation::populated();
    let told = place
        .run(&["--json", "users", "link", "ada@example.com"])
        .expect(0)
        .json();
    let link = told["link"].as_str().unwrap();
    assert!(
        link.starts_with("http://127.0.0.1:") && link.contains("/link/reset_"),
        "{told}"
    );
    assert!(told["expires_at"].is_string());
    let again = place.run(&["users", "link", "ada@example.com"]).expect(0);
    assert!(
        again.stdout.contains("/link/reset_") && !again.stdout.contains(link),
        "{again:?}"
    );
    place.run(&["users", "link", "nobody@example.com"]).expect(3);
    // There is none to be taken away.
    place
        .run(&["users", "reset-second-factor", "ada@example.com"])
        .expect(4);
    place
        .run(&["users", "reset-second-factor", "nobody@example.com"])
        .expect(3);
    place.run(&["users", "disable", "ada@example.com"]).expect(0);
    place.run(&["users", "link", "ada@example.com"]).expect(4);
}

#[test]
fn every_exit_code_is_reached() {
    let place = Installation::populated();
    place.run(&["keys", "list"]).expect(0);
    place.run(&["backup", "no-such-folder/copy.db"]).expect(1);
    place.run(&["keys", "list", "--no-such-flag"]).expect(2);
    place
        .run(&["keys", "create", "--owner", "ada@example.com", "--name", ""])
        .expect(2);
    place
        .run(&["keys", "show", "01a20aaf-163c-7f10-9285-8db01e5617b2"])
        .expect(3);
    place.run(&["users", "show", "nobody@example.com"]).expect(3);
    place.run(&["users", "create", "ada@example.com"]).expect(4);
    place.write("keyward.toml", "nonsense");
    place.run(&["keys", "list"]).expect(5);
    place.run(&["doctor"]).expect(6);
}

#[test]
fn a_missing_database_is_an_error_and_never_an_empty_start() {
    let place = Installation::init();
    std::fs::remove_file(place.path("keyward.db")).unwrap();
    for command in [
        &["keys", "list"][..],
        &["serve"],
        &["migrate"],
        &["init", "--new-token"],
    ] {
        let ran = place.run(command).expect(1);
        assert!(ran.stderr.contains("keyward.db"), "{ran:?}");
        assert!(!place.path("keyward.db").exists());
    }
}

#[test]
fn c12_init_makes_no_password_but_a_token_and_never_overwrites() {
    let place = Installation::empty();
    let ran = place.run(&["init"]).expect(0);
    assert!(
        ran.stdout.contains("setup_") && ran.stdout.contains("one hour"),
        "{ran:?}"
    );
    assert!(
        ran.stdout.contains("curl -X POST http://127.0.0.1:8081/v1/setup"),
        "{ran:?}"
    );
    assert!(
        ran.stdout.contains("  http://127.0.0.1:8081/setup/setup_"),
        "{ran:?}"
    );
    let mode = std::fs::metadata(place.path("keyward.db"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = std::fs::read(place.path("keyward.toml")).unwrap();
    place.run(&["init"]).expect(4);
    assert_eq!(std::fs::read(place.path("keyward.toml")).unwrap(), before);
    let users = place.run(&["--json", "users", "list"]).expect(0).json();
    assert_eq!(users["items"].as_array().unwrap().len(), 0);
    let token = |ran: CliOutput| ran.json()["token"].as_str().unwrap().to_owned();
    let first = token(place.run(&["--json", "init", "--new-token"]).expect(0));
    assert_ne!(
        first,
        token(place.run(&["--json", "init", "--new-token"]).expect(0))
    );
    place.run(&["config", "check"]).expect(0);
}

#[test]
fn init_makes_the_database_of_a_configuration_that_is_there() {
    let place = Installation::empty();
    place.write("keyward.toml", FREE_PORTS);
    let told = place.run(&["serve"]).expect(1).stderr;
    assert!(told.contains("keyward init"), "{told}");
    let ran = place.run(&["init"]).expect(0);
    assert!(
        ran.stdout.contains("keyward.toml: kept") && ran.stdout.contains("setup_"),
        "{ran:?}"
    );
    assert_eq!(
        std::fs::read_to_string(place.path("keyward.toml")).unwrap(),
        FREE_PORTS
    );
    place.run(&["keys", "list"]).expect(0);
    let told = place.run(&["init"]).expect(4).stderr;
    assert!(told.contains("keyward init --new-token"), "{told}");
    place.write("keyward.toml", "[log]\nlevel = \"loud\"");
    std::fs::remove_file(place.path("keyward.db")).unwrap();
    assert!(place.run(&["init"]).expect(5).stderr.contains("log.level"));
    assert!(!place.path("keyward.db").exists());
}

#[test]
fn a_secret_is_printed_once_by_create_and_by_nothing_else() {
    let place = Installation::populated();
    let human = place
        .run(&["keys", "create", "--owner", "ada@example.com", "--name", "human"])
        .expect(0);
    assert!(human.stdout.contains("displayed ONLY ONCE"), "{human:?}");
    let more = [
        "--site",
        "123",
        "--address",
        "192.0.2.0/24",
        "--limit",
        "60",
        "--expires-in",
        "30d",
    ];
    let key = place.key("programs", &more);
    let (secret, id) = (key["secret"].as_str().unwrap(), key["id"].as_str().unwrap());
    assert!(secret.starts_with("kw_") && secret.len() == 41, "{secret}");
    assert_eq!(key["sites"], serde_json::json!({ "only": ["123"] }));
    assert_eq!(key["limit"], serde_json::json!({ "per_minute": 60 }));
    let fingerprint_free = |text: &str| !text.contains(secret) && !text.contains("fingerprint");
    for args in [
        &["--json", "keys", "list"][..],
        &["keys", "list"],
        &["--json", "keys", "show", id],
        &["keys", "show", id],
        &["--json", "audit"],
        &["audit"],
        &["export"],
        &["keys", "usage", id],
    ] {
        let ran = place.run(args).expect(0);
        assert!(
            fingerprint_free(&ran.stdout) && fingerprint_free(&ran.stderr),
            "{args:?}"
        );
    }
}

#[test]
fn a_key_lives_through_all_its_changes() {
    let place = Installation::populated();
    let id = place.key("n", &[])["id"].as_str().unwrap().to_owned();
    let status = |args: &[&str]| {
        place
            .run(&[&["--json", "keys"][..], args].concat())
            .expect(0)
            .json()["status"]
            .clone()
    };
    assert_eq!(status(&["disable", &id]), "disabled");
    assert_eq!(status(&["enable", &id]), "active");
    assert_eq!(status(&["delete", &id]), "deleted");
    place.run(&["keys", "enable", &id]).expect(4);
    assert_eq!(status(&["restore", &id]), "active");
    place.run(&["keys", "restore", &id]).expect(4);
    let edit = |args: &[&str]| place.run(&[&["--json", "keys", "edit", &id][..], args].concat());
    let edited = edit(&["--name", "new", "--site", "123", "--no-addresses", "--limit", "5"])
        .expect(0)
        .json();
    assert_eq!(
        (&edited["name"], &edited["limit"]["per_minute"]),
        (&"new".into(), &5.into())
    );
    assert_eq!(edited["addresses"], serde_json::json!({ "only": [] }));
    let edited = edit(&["--all-sites", "--all-addresses", "--no-limit"])
        .expect(0)
        .json();
    let any = serde_json::json!({ "any": true });
    assert_eq!((&edited["sites"], &edited["addresses"]), (&any, &any));
    assert_eq!(edited["limit"], serde_json::json!({ "unlimited": true }));
    edit(&[]).expect(2);
    edit(&["--site", "unknown"]).expect(2);
    edit(&["--name", "stale", "--if-revision", "1"]).expect(4);
}

#[test]
fn users_and_sites_live_through_all_their_changes() {
    let place = Installation::populated();
    let json = |args: &[&str]| place.run(&[&["--json"][..], args].concat()).expect(0).json();
    assert_eq!(
        json(&["users", "disable", "ada@example.com"])["status"],
        "disabled"
    );
    assert_eq!(json(&["users", "enable", "ada@example.com"])["status"], "active");
    let edited = json(&[
        "users",
        "edit",
        "ada@example.com",
        "--role",
        "admin",
        "--site",
        "123",
    ]);
    assert_eq!(
        (&edited["role"], &edited["sites"]),
        (&"admin".into(), &serde_json::json!({ "only": ["123"] }))
    );
    place.run(&["users", "delete", "ada@example.com"]).expect(4);
    assert_eq!(json(&["sites", "rename", "123", "124"])["name"], "124");
    assert_eq!(json(&["sites", "disable", "124"])["active"], false);
    assert_eq!(json(&["sites", "enable", "124"])["active"], true);
    place.run(&["sites", "create", "124"]).expect(4);
    place.run(&["sites", "create", "a/b"]).expect(2);
    place.run(&["sites", "disable", "123"]).expect(3);
}

#[test]
fn errors_are_json_for_programs() {
    let place = Installation::populated();
    let ran = place.run(&[
        "--json",
        "keys",
        "create",
        "--owner",
        "ada@example.com",
        "--name",
        "",
        "--limit",
        "0",
    ]);
    let error: serde_json::Value = serde_json::from_str(&ran.expect(2).stderr).unwrap();
    assert_eq!(error["error"]["exit"], 2);
    let fields: Vec<_> = error["error"]["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["field"].clone())
        .collect();
    assert_eq!(fields, ["name", "limit"]);
}

#[test]
fn wrong_usage_is_json_for_programs_too() {
    let place = Installation::populated();
    let told = |args: &[&str]| {
        let error: serde_json::Value = serde_json::from_str(&place.run(args).expect(2).stderr).unwrap();
        assert_eq!(error["error"]["exit"], 2);
        error["error"]["message"].as_str().unwrap().to_owned()
    };
    assert!(told(&["keys", "create", "--name", "n", "--json"]).contains("--owner"));
    assert!(told(&["--json", "keys", "list", "--no-such-flag"]).contains("--no-such-flag"));
    assert!(told(&["--json", "nonsense"]).contains("nonsense"));
    assert!(told(&["--json", "keys"]).contains("keyward keys --help"));
    assert!(told(&["--json"]).contains("doctor"));
    let help = place.run(&["--json", "keys", "--help"]).expect(0);
    assert!(help.stdout.contains("Usage: keyward keys"), "{help:?}");
}

#[test]
fn names_cannot_do_anything_to_a_terminal() {
    let place = Installation::populated();
    place.key("a\u{202e}b", &["--description", "line\nline\tend"]);
    for args in [&["keys", "list"][..], &["audit", "--wide"]] {
        let out = place.run(args).expect(0).stdout;
        assert!(!out.contains('\u{202e}') && out.contains("\\u202e"), "{out}");
    }
}

#[test]
fn migrate_says_what_it_did() {
    let place = Installation::init();
    assert!(place.run(&["migrate"]).expect(0).stdout.contains("up to date"));
}

#[test]
fn completions_come_for_every_shell() {
    let place = Installation::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(
            place
                .run(&["completions", shell])
                .expect(0)
                .stdout
                .contains("keyward"),
            "{shell}"
        );
    }
    place.run(&["completions", "cmd"]).expect(2);
}

#[test]
fn every_flag_at_fault_is_named_at_once() {
    let place = Installation::populated();
    let key = |more: &[&str]| {
        let owner: &[&str] = if more.contains(&"--owner") {
            &[]
        } else {
            &["--owner", "ada@example.com"]
        };
        let ran = place.run(&[&["keys", "create"], owner, more].concat());
        ran.expect(2).stderr
    };
    let table: [(&[&str], &[&str]); 4] = [
        (
            &[
                "--name",
                "",
                "--expires-at",
                "2020-01-01T00:00:00Z",
                "--limit",
                "0",
            ],
            &["name: ", "expires_at: must be in the future", "limit: "],
        ),
        (
            &["--name", "", "--expires-in", "soon", "--address", "x"],
            &["name: ", "expires_in: `soon` is no duration", "addresses: "],
        ),
        (
            &[
                "--owner",
                "nobody@example.com",
                "--name",
                "",
                "--use-case",
                "x",
                "--site",
                "9",
            ],
            &["owner: there is no such user", "name: ", "use_case: ", "sites: "],
        ),
        (
            &[
                "--owner",
                "nobody@example.com",
                "--name",
                "a",
                "--expires-at",
                "soon",
            ],
            &["owner: ", "expires_at: "],
        ),
    ];
    for (flags, wanted) in table {
        let told = key(flags);
        assert_eq!(told.lines().count(), wanted.len(), "{flags:?} {told}");
        for words in wanted {
            assert!(told.contains(words), "{flags:?} {told}");
        }
    }
    let id = place.key("k", &[])["id"].as_str().unwrap().to_owned();
    let told = place
        .run(&["keys", "usage", &id, "--from", "x", "--until", "y"])
        .expect(2)
        .stderr;
    assert!(told.contains("from: ") && told.contains("until: "), "{told}");
}

#[test]
fn tables_fit_eighty_columns_and_are_whole_when_asked_for() {
    let place = Installation::populated();
    let long = "a rather long name for a key that somebody typed in one go, 64 c";
    place
        .run(&[
            "users",
            "create",
            "a.very.long.address.of.somebody@department.example.com",
        ])
        .expect(0);
    place.run(&["sites", "create", &"s".repeat(60)]).expect(0);
    let id = place.key(long, &["--site", "123"])["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let lists: [&[&str]; 5] = [
        &["keys", "list"],
        &["users", "list"],
        &["sites", "list"],
        &["audit"],
        &["keys", "usage", &id],
    ];
    let run = |args: &[&str], columns: Option<&str>| {
        let mut command = place.command(args);
        command.env_remove("COLUMNS");
        command.envs(columns.map(|columns| ("COLUMNS", columns)));
        CliOutput::of(command).expect(0).stdout
    };
    let widest = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap();
    for list in lists {
        let usual = run(list, None);
        assert!(widest(&usual) <= 80, "{list:?}\n{usual}");
        let narrow = run(list, Some("100"));
        assert!(widest(&narrow) <= 100, "{list:?}\n{narrow}");
        // Hints of secrets hold the same sign.
        let wide = run(&[list, &["--wide"]].concat(), None).replace("kw_…", "kw_");
        assert!(
            !wide.contains('…') && widest(&wide) >= widest(&usual),
            "{list:?}\n{wide}"
        );
    }
    // What other commands take is whole.
    let usual = run(lists[0], None);
    assert!(usual.contains(&id) && !usual.contains(long), "{usual}");
    assert!(run(&["keys", "list", "--wide"], None).contains(long));
    let last = |text: &str| text.lines().nth(1).unwrap().to_owned();
    assert!(last(&run(&["audit", "--wide"], None)).contains("after"));
}

#[test]
fn a_new_user_is_shown_with_the_command_that_lets_them_in() {
    let place = Installation::init();
    let told = place
        .run(&["users", "create", "ada@example.com"])
        .expect(0)
        .stdout;
    let line = told.lines().last().unwrap().trim();
    assert!(line.starts_with("keyward users link ada@example.com"), "{told}");
    let words: Vec<&str> = line.split(' ').skip(1).collect();
    assert!(place.run(&words).expect(0).stdout.contains("/link/"));
}
