//! `keyward import` of what other systems hold: their own files, owners from a table, a dry run, what is told.

use keyward_testkit::Installation;

/// A file that the readers are tested with, too.
macro_rules! sample {
    ($path:literal) => {
        include_str!(concat!("../../../engine/src/import/rows/", $path))
    };
}

const NGINX: &str = sample!("nginx_map/samples/api-keys.conf");
const KONG: &str = sample!("kong/samples/deck.json");
const UNKEY: &str = sample!("unkey/samples/list-keys.json");

fn keys(place: &Installation) -> Vec<serde_json::Value> {
    let listed = place.run(&["--json", "keys", "list"]).expect(0).json();
    listed["items"].as_array().unwrap().clone()
}

#[test]
fn the_keys_of_nginx_get_the_owner_use_case_and_site_that_the_command_names() {
    let place = Installation::populated();
    place.write("api-keys.conf", NGINX);
    let file = ["import", "api-keys.conf", "--format", "nginx-map"];
    let nobodys = place.run(&file).expect(2);
    assert!(
        nobodys
            .stderr
            .contains("api-keys.conf: line 6: owner: is required"),
        "{}",
        nobodys.stderr
    );
    let with = ["--owner", "ada@example.com", "--site", "123"];
    let dry = place.run(&[&file[..], &with, &["--dry-run"]].concat()).expect(0);
    assert!(
        dry.stdout
            .contains("5 keys could be imported; nothing was written"),
        "{}",
        dry.stdout
    );
    assert!(keys(&place).is_empty());
    let ran = place.run(&[&file[..], &with].concat()).expect(0);
    for part in [
        "note: line 9: the entries of an included file",
        "note: line 11 and 2 more: has the value",
        "5 keys imported",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    let keys = keys(&place);
    assert_eq!(keys.len(), 5);
    assert!(
        keys.iter()
            .all(|key| key["sites"] == serde_json::json!({ "only": ["123"] })),
        "{keys:?}"
    );
    // Once more: in a dry run too, the first that is there already is told.
    for more in [&[][..], &["--dry-run"]] {
        let again = place.run(&[&file[..], &with, more].concat()).expect(2);
        assert!(
            again
                .stderr
                .contains("line 6: a key with this secret is there already"),
            "{}",
            again.stderr
        );
    }
    let elsewhere = place
        .run(&[&file[..], &with, &["--use-case", "none"]].concat())
        .expect(2);
    assert!(
        elsewhere.stderr.contains("line 6: use_case"),
        "{}",
        elsewhere.stderr
    );
}

/// What the pages about moving show is what the command says.
#[test]
fn the_pages_about_moving_show_what_is_printed() {
    let place = Installation::populated();
    place.run(&["users", "create", "iot@example.com"]).expect(0);
    place.write("api-keys.conf", NGINX);
    place.write("kong.json", KONG);
    place.write("unkey.json", UNKEY);
    place.write(
        "owners.csv",
        "id,owner\ncrm-17,ada@example.com\niot,iot@example.com\n",
    );
    let nginx = include_str!("../../../../docs/migrate/nginx-map.md");
    let kong = include_str!("../../../../docs/migrate/kong.md");
    let unkey = include_str!("../../../../docs/migrate/unkey.md");
    assert!(nginx.contains(NGINX));
    for (page, command) in [
        (
            nginx,
            "import api-keys.conf --format nginx-map --owner ada@example.com --dry-run",
        ),
        (
            nginx,
            "import api-keys.conf --format nginx-map --owner ada@example.com",
        ),
        (
            kong,
            "import kong.json --format kong --owners owners.csv --dry-run",
        ),
        (
            unkey,
            "import unkey.json --format unkey --owners owners.csv --owner ada@example.com --dry-run",
        ),
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        let ran = place.run(&words).expect(0);
        let shown = format!("$ keyward {command}\n{}", ran.stdout);
        assert!(page.contains(&shown), "{shown}");
    }
    let restricted = r#"{"consumers":[{"username":"acme","plugins":[{"name":"ip-restriction"}]}]}"#;
    place.write("kong.json", restricted);
    let refused = place.run(&["import", "kong.json", "--format", "kong"]).expect(2);
    let told = refused
        .stderr
        .lines()
        .find(|line| line.contains("ip-restriction"));
    assert!(told.is_some_and(|told| kong.contains(told)), "{}", refused.stderr);
}

#[test]
fn a_table_says_whose_the_keys_of_kong_are() {
    let place = Installation::populated();
    place.run(&["users", "create", "iot@example.com"]).expect(0);
    place.write("kong.json", KONG);
    place.write("owners.csv", "id,owner\ncrm-17,ada@example.com\n");
    let file = [
        "import",
        "kong.json",
        "--format",
        "kong",
        "--owners",
        "owners.csv",
    ];
    let ran = place.run(&file).expect(2);
    let wanted = "kong.json: /consumers/1/keyauth_credentials/0: owner: is in no table of owners";
    assert!(ran.stderr.contains(wanted), "{}", ran.stderr);
    let ran = place.run(&[&["--json"], &file[..]].concat()).expect(2);
    let told: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    let faults = &told["error"]["faults"];
    assert_eq!(faults[0]["pointer"], "/consumers/1/keyauth_credentials/0");
    assert_eq!(
        (faults[0]["document"].as_u64(), faults[0]["field"].as_str()),
        (Some(1), Some("owner"))
    );
    let ran = place
        .run(&[&["--json"], &file[..], &["--owner", "iot@example.com"]].concat())
        .expect(0)
        .json();
    assert_eq!(ran["imported"], 3);
    assert!(
        ran["notes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|note| note["field"] == "ttl"),
        "{ran}"
    );
    let owner = |name: &str| {
        let keys = keys(&place);
        let key = keys.iter().find(|key| key["name"] == name).unwrap();
        key["owner"]["email"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        [owner("acme"), owner("acme 2"), owner("iot")],
        ["ada@example.com", "ada@example.com", "iot@example.com"]
    );
}

#[test]
fn a_table_of_owners_is_read_strictly() {
    let place = Installation::populated();
    place.write("kong.json", KONG);
    for (table, wanted) in [
        ("owner,id\na,b\n", "owners.csv: line 1: the first line"),
        ("id,owner\nacme\n", "owners.csv: line 2: must be"),
        ("id,owner\nacme,\n", "owners.csv: line 2: must be"),
        (
            "id,owner\nacme,a@b.c\nacme,a@b.c\n",
            "owners.csv: line 3: id: stands in the table twice",
        ),
        (
            "id,owner\nacme,nobody@example.com\n",
            "there is no such active user",
        ),
    ] {
        place.write("owners.csv", table);
        let ran = place
            .run(&[
                "import",
                "kong.json",
                "--format",
                "kong",
                "--owners",
                "owners.csv",
            ])
            .expect(2);
        assert!(
            ran.stderr.contains(wanted) && ran.stderr.contains("nothing was imported"),
            "{wanted}: {}",
            ran.stderr
        );
    }
}

#[test]
fn an_export_of_unkey_keeps_limit_expiry_state_and_metadata() {
    let place = Installation::populated();
    place.write("unkey.json", UNKEY);
    let file = [
        "import",
        "unkey.json",
        "--format",
        "unkey",
        "--owner",
        "ada@example.com",
    ];
    let ran = place.run(&file).expect(0);
    for part in [
        "note: /data/0: ratelimits: ",
        "note: /data/0: permissions: ",
        "2 keys imported",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    let keys = keys(&place);
    let billing = keys.iter().find(|key| key["name"] == "Billing service").unwrap();
    assert_eq!(
        (
            billing["limit"]["per_minute"].as_u64(),
            billing["status"].as_str()
        ),
        (Some(100), Some("active"))
    );
    assert!(
        billing["expires_at"]["at"]
            .as_str()
            .unwrap()
            .starts_with("2028-01-01T00:00:00"),
        "{billing}"
    );
    assert!(
        billing["description"].as_str().unwrap().contains("premium"),
        "{billing}"
    );
    let hashed = keys.iter().find(|key| key["name"] == "key_9Xw2TqPm4Ld6").unwrap();
    assert_eq!(
        (hashed["status"].as_str(), hashed["hint"].as_str()),
        (Some("disabled"), Some("prod_Qz7a…"))
    );
}

#[test]
fn a_file_in_another_encoding_or_form_is_refused() {
    let place = Installation::populated();
    std::fs::write(place.path("latin1.conf"), b"abcdef123456 caf\xe9;\n").unwrap();
    std::fs::write(place.path("utf16.json"), b"\xff\xfe{\0}\0").unwrap();
    for (file, format) in [
        ("latin1.conf", "nginx-map"),
        ("utf16.json", "kong"),
        ("utf16.json", "unkey"),
    ] {
        let ran = place.run(&["import", file, "--format", format]).expect(2);
        assert!(ran.stderr.contains("is not UTF-8 text"), "{}", ran.stderr);
    }
    place.write("kong.json", KONG);
    for (file, format) in [
        ("kong.json", "unkey"),
        ("kong.json", "nginx-map"),
        ("kong.json", "jsonl"),
    ] {
        place
            .run(&["import", file, "--format", format, "--owner", "ada@example.com"])
            .expect(2);
    }
    assert!(keys(&place).is_empty());
    let ran = place.run(&["import", "kong.json"]).expect(2);
    assert!(
        ran.stderr
            .contains("add --format csv, jsonl, nginx-map, kong or unkey"),
        "{}",
        ran.stderr
    );
}

#[test]
fn rows_without_an_owner_take_that_of_the_command() {
    let place = Installation::populated();
    place.write("some.csv", "name,secret\none,abcdef123456\n");
    let ran = place.run(&["import", "some.csv"]).expect(2);
    assert!(
        ran.stderr.contains("there is no column `owner`"),
        "{}",
        ran.stderr
    );
    place
        .run(&["import", "some.csv", "--owner", "ada@example.com"])
        .expect(0);
    place.write(
        "own.jsonl",
        "{\"owner\":\"nobody@example.com\",\"name\":\"\",\"limit\":{\"per_minute\":0},\"secret\":\"abcdef123457\"}\n",
    );
    let ran = place
        .run(&["import", "own.jsonl", "--owner", "ada@example.com"])
        .expect(2);
    // An owner that is not there hides no other fault of the row.
    for wanted in [
        "there is no such active user",
        "own.jsonl: line 1: name:",
        "own.jsonl: line 1: limit",
    ] {
        assert!(ran.stderr.contains(wanted), "{wanted}: {}", ran.stderr);
    }
}
