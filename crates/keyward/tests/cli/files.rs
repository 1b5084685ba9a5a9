//! Commands that read and write files: import, export, backup.

use keyward_testkit::Installation;
use std::os::unix::fs::PermissionsExt;

#[test]
fn an_export_holds_every_key_and_no_secret_and_never_overwrites() {
    let place = Installation::populated();
    let secrets: Vec<String> = (0..3)
        .map(|n| {
            place.key(&format!("k{n}"), &[])["secret"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    place.run(&["export", "--output", "keys.jsonl"]).expect(0);
    let text = std::fs::read_to_string(place.path("keys.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 3);
    for line in text.lines() {
        let key: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(key["id"].is_string() && key.get("secret").is_none() && key.get("fingerprint").is_none());
    }
    assert!(secrets.iter().all(|secret| !text.contains(secret)));
    assert_eq!(place.run(&["export"]).expect(0).stdout, text);
    let told = place
        .run(&["--json", "export", "--output", "same.jsonl"])
        .expect(0)
        .json();
    assert_eq!(
        (&told["file"], &told["exported"]),
        (&"same.jsonl".into(), &3.into())
    );
    place.run(&["export", "--output", "keys.jsonl"]).expect(4);
    assert_eq!(std::fs::read_to_string(place.path("keys.jsonl")).unwrap(), text);
}

#[test]
fn an_import_is_all_or_nothing_and_names_every_line() {
    let place = Installation::populated();
    let count = || {
        place.run(&["--json", "keys", "list"]).expect(0).json()["items"]
            .as_array()
            .unwrap()
            .len()
    };
    let header = "owner,name,secret,sites,limit\n";
    place.write(
        "bad.csv",
        &format!("{header}ada@example.com,good,abcdef123456,123,60\nnobody@example.com,x,abcdef123457,,\nada@example.com,,abcdef123458,9,0\n"),
    );
    let ran = place.run(&["import", "bad.csv"]).expect(2);
    for part in [
        "bad.csv: line 3: owner",
        "bad.csv: line 4: name",
        "line 4: sites",
        "line 4: limit",
        "nothing was imported",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("abcdef"), "{}", ran.stderr);
    assert_eq!(count(), 0);
    place.write(
        "good.csv",
        &format!("{header}ada@example.com,one,abcdef123456,123,60\nada@example.com,two,abcdef123457,,\n"),
    );
    assert_eq!(
        place.run(&["--json", "import", "good.csv"]).expect(0).json()["imported"],
        2
    );
    assert_eq!(count(), 2);
    place.write(
        "more.jsonl",
        "{\"owner\":\"ada@example.com\",\"name\":\"new\",\"secret\":\"zzzzzz123456\"}\n{\"owner\":\"ada@example.com\",\"name\":\"again\",\"secret\":\"abcdef123456\"}\n",
    );
    let ran = place.run(&["import", "more.jsonl"]).expect(2);
    assert!(ran.stderr.contains("more.jsonl: line 2"), "{}", ran.stderr);
    assert_eq!(count(), 2);
    place.write("keys.txt", "");
    assert!(
        place
            .run(&["import", "keys.txt"])
            .expect(2)
            .stderr
            .contains("--format")
    );
    place.run(&["import", "absent.csv"]).expect(1);
}

#[test]
fn a_backup_opens_again_with_everything_in_it() {
    let place = Installation::populated();
    let id = place.key("kept", &[])["id"].as_str().unwrap().to_owned();
    place.run(&["backup", "copy.db"]).expect(0);
    place.run(&["backup", "copy.db"]).expect(4);
    let mode = std::fs::metadata(place.path("copy.db"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::remove_file(place.path("keyward.db")).unwrap();
    std::fs::rename(place.path("copy.db"), place.path("keyward.db")).unwrap();
    assert_eq!(
        place.run(&["--json", "keys", "show", &id]).expect(0).json()["name"],
        "kept"
    );
}
