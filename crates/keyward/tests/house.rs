//! The walls of the house (O1, O3): which crate may know which, what is built in, and what no source may hold.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Our crates, and which of our crates each may name.
const WALLS: [(&str, &[&str]); 13] = [
    ("domain", &[]),
    ("dial", &[]),
    ("store", &["domain"]),
    ("limit", &["domain"]),
    // One rule says where a request comes from.
    ("listener", &["domain"]),
    ("oidc", &["domain", "dial"]),
    ("envoy", &[]),
    ("engine", &["domain", "store", "limit"]),
    // The engine is one of two things that may decide behind the middleware; who has it opens its store, and says how it counts.
    ("tower", &["domain", "dial", "engine", "store", "limit"]),
    (
        "gateway",
        &["domain", "dial", "engine", "envoy", "tower", "listener"],
    ),
    ("console", &["domain", "engine", "tower", "listener", "oidc"]),
    (
        "keyward",
        &[
            "domain", "dial", "store", "limit", "engine", "tower", "gateway", "console", "listener", "oidc",
        ],
    ),
    // The tests of what lies below the engine stand on it too: with the engine in it, they would be built anew with each change there.
    ("testkit", &[]),
];

/// Libraries, by the beginning of their names, and the only crates that may name them.
const RESERVED: [(&[&str], &[&str]); 7] = [
    (&["sqlx", "rusqlite", "libsqlite3"], &["store"]),
    (&["redis", "fred"], &["limit"]),
    (&["clap", "figment", "config"], &["keyward"]),
    (&["openidconnect", "oauth2", "chrono"], &["oidc"]),
    (&["tonic"], &["gateway"]),
    (&["prost"], &["envoy"]),
    // The testkit writes configurations.
    (&["toml"], &["keyward", "testkit"]),
];

/// What `domain` must do without: whatever waits, speaks to the outside, or has a clock or luck of its own.
const NOT_IN_DOMAIN: [&str; 17] = [
    "async-",
    "axum",
    "figment",
    "futures",
    "getrandom",
    "http",
    "hyper",
    "log",
    "mio",
    "rand",
    "rustix",
    "rustls",
    "serde_json",
    "sqlx",
    "tokio",
    "tower",
    "tracing",
];

/// The lowest versions, and what each floor brings.
const FLOORS: [(&str, [u64; 3]); 3] = [("h2", [0, 4, 16]), ("rustls", [0, 23, 45]), ("sqlx", [0, 8, 1])];

const BANNED: [&str; 5] = ["aws-lc-rs", "aws-lc-sys", "native-tls", "openssl", "openssl-sys"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn table(path: &Path) -> Table {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The manifests of all members of the workspace, by folder.
fn manifests() -> Vec<(String, Table)> {
    let members = table(&root().join("Cargo.toml"))["workspace"]["members"].clone();
    let mut found = Vec::new();
    for member in members.as_array().unwrap() {
        match member.as_str().unwrap().strip_suffix("/*") {
            None => found.push(root().join(member.as_str().unwrap())),
            Some(folder) => {
                let entries = fs::read_dir(root().join(folder)).unwrap();
                found.extend(
                    entries
                        .map(|entry| entry.unwrap().path())
                        .filter(|path| path.is_dir()),
                );
            }
        }
    }
    found
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, table(&path.join("Cargo.toml")))
        })
        .collect()
}

/// Everything named in these sections, those for one platform included.
fn named(manifest: &Table, sections: &[&str]) -> BTreeSet<String> {
    let platforms = manifest
        .get("target")
        .and_then(Value::as_table)
        .into_iter()
        .flatten();
    let tables = std::iter::once(manifest).chain(platforms.filter_map(|(_, platform)| platform.as_table()));
    let mut names = BTreeSet::new();
    for table in tables {
        for section in sections
            .iter()
            .filter_map(|section| table.get(*section)?.as_table())
        {
            for (name, value) in section {
                // A dependency that was given another name is still what it is.
                let package = value.get("package").and_then(Value::as_str);
                names.insert(package.unwrap_or(name).to_owned());
            }
        }
    }
    names
}

const BUILT: [&str; 2] = ["dependencies", "build-dependencies"];

#[test]
fn each_crate_names_only_crates_below_it() {
    let mut seen = BTreeSet::new();
    for (name, manifest) in manifests() {
        let Some((_, allowed)) = WALLS.iter().find(|(known, _)| *known == name) else {
            assert_eq!(name, "bench", "a new crate: give it a place in the house");
            continue;
        };
        for other in named(&manifest, &BUILT) {
            if let Some(other) = other.strip_prefix("keyward-") {
                assert!(allowed.contains(&other), "{name} must not depend on {other}");
            }
            assert_ne!(other, "keyward", "{name}: nothing knows the binary");
        }
        let tests = named(&manifest, &["dev-dependencies"]);
        assert!(!tests.contains("keyward"), "{name}: nothing knows the binary");
        seen.insert(name);
    }
    assert_eq!(seen.len(), WALLS.len(), "{seen:?}");
}

#[test]
fn libraries_stay_where_they_belong() {
    for (name, manifest) in manifests() {
        for dependency in named(&manifest, &BUILT) {
            for (libraries, homes) in RESERVED {
                let is_reserved = libraries.iter().any(|library| dependency.starts_with(library));
                assert!(
                    !is_reserved || homes.contains(&&*name),
                    "{name} must not name {dependency}"
                );
            }
        }
        if name == "domain" {
            for dependency in named(&manifest, &BUILT) {
                let barred = NOT_IN_DOMAIN
                    .iter()
                    .find(|barred| dependency.starts_with(**barred));
                assert!(barred.is_none(), "domain is pure: it must not name {dependency}");
            }
        }
    }
    for (path, text) in sources("crates/domain/src") {
        for barred in [
            "std::fs",
            "std::env",
            "std::process",
            "std::thread",
            "SystemTime",
            "Instant::now",
            "println!",
        ] {
            assert!(
                !text.contains(barred),
                "{}: domain is pure, without {barred}",
                path.display()
            );
        }
    }
}

#[test]
fn o1_no_version_is_below_its_floor_and_nothing_banned_is_built_in() {
    let lock = table(&root().join("Cargo.lock"));
    let packages = lock["package"].as_array().unwrap();
    let text = |package: &Value, field: &str| package.get(field).and_then(Value::as_str).map(str::to_owned);
    for (name, floor) in FLOORS {
        let versions: Vec<String> = packages
            .iter()
            .filter(|package| text(package, "name").as_deref() == Some(name))
            .map(|package| text(package, "version").unwrap())
            .collect();
        assert!(!versions.is_empty(), "{name} is not built in: remove its floor");
        for version in versions {
            assert!(numbers(&version) >= floor, "{name} {version} is below {floor:?}");
        }
    }
    for package in packages {
        let name = text(package, "name").unwrap();
        assert!(!BANNED.contains(&&*name), "{name} is banned");
        if let Some(source) = text(package, "source") {
            assert_eq!(
                source, "registry+https://github.com/rust-lang/crates.io-index",
                "{name}"
            );
            assert!(text(package, "checksum").is_some(), "{name} has no checksum");
        }
    }
}

/// A release; of the same numbers, a pre-release counts as lower.
fn numbers(version: &str) -> [u64; 3] {
    let release = version.split('+').next().unwrap();
    let (plain, is_early) = match release.split_once('-') {
        Some((plain, _)) => (plain, true),
        None => (release, false),
    };
    let mut parts = plain.split('.').map(|part| part.parse::<u64>().unwrap());
    let mut numbers = [(); 3].map(|()| parts.next().unwrap());
    if is_early {
        numbers[2] = numbers[2].saturating_sub(1);
    }
    numbers
}

#[test]
fn o1_cargo_deny_is_told_the_same() {
    let deny = table(&root().join("deny.toml"));
    let banned: Vec<&str> = deny["bans"]["deny"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["crate"].as_str().unwrap())
        .collect();
    for name in BANNED {
        assert!(banned.contains(&name), "{name}");
    }
    for (name, floor) in FLOORS {
        let floor = floor.map(|number| number.to_string()).join(".");
        assert!(banned.contains(&&*format!("{name}:<{floor}")), "{name}");
    }
    for field in ["unknown-registry", "unknown-git"] {
        assert_eq!(deny["sources"][field].as_str(), Some("deny"));
    }
}

#[test]
fn o3_no_crate_may_use_unsafe_code_or_unwrap_what_comes_from_outside() {
    let workspace = table(&root().join("Cargo.toml"));
    let lints = &workspace["workspace"]["lints"];
    assert_eq!(lints["rust"]["unsafe_code"].as_str(), Some("forbid"));
    for lint in [
        "unwrap_used",
        "expect_used",
        "panic",
        "todo",
        "dbg_macro",
        "allow_attributes",
    ] {
        assert_eq!(lints["clippy"][lint].as_str(), Some("deny"), "{lint}");
    }
    for (name, manifest) in manifests() {
        let inherits = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"))
            .and_then(Value::as_bool);
        assert_eq!(inherits, Some(true), "{name} does not inherit the lints");
    }
    // A panic in one request must not end the others.
    let profiles = workspace
        .get("profile")
        .and_then(Value::as_table)
        .into_iter()
        .flatten();
    for (name, profile) in profiles {
        assert!(
            profile
                .get("panic")
                .is_none_or(|panic| panic.as_str() == Some("unwind")),
            "profile {name}"
        );
    }
}

#[test]
fn o3_no_source_holds_unsafe_code_or_silences_a_lint_for_good() {
    // In pieces, so that this file does not hold them.
    let barred = [
        ["unsafe", " {"],
        ["unsafe", " fn"],
        ["unsafe", " impl"],
        ["unsafe", " extern"],
        ["#[", "allow("],
        ["#![", "allow("],
    ]
    .map(|pieces| pieces.concat());
    let mut files = 0;
    for folder in ["crates", "bench", "fuzz"] {
        for (path, text) in sources(folder) {
            files += 1;
            for barred in &barred {
                assert!(
                    !text.contains(barred.as_str()),
                    "{} holds {barred}",
                    path.display()
                );
            }
        }
    }
    assert!(files > 100, "{files}");
}

/// Rust files under a folder of the workspace.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut folders = vec![root().join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}
