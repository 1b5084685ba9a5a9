//! What the crate promises: no type of another crate but `http` and `tower` in what it shows, and the Rust that it asks for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // `wire` is hidden from the documentation, and promised to nobody but our own crates.
        if name == "wire" {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The words of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|sign: char| !sign.is_alphanumeric() && sign != '_')
}

/// Names that a file takes from other crates than those that may be shown.
fn foreign_names(text: &str) -> BTreeSet<String> {
    const OWN: [&str; 9] = [
        "crate",
        "super",
        "self",
        "std",
        "http",
        "tower_layer",
        "tower_service",
        "options",
        "extractor",
    ];
    let lines = format!("\n{}", text.replace("    ", ""));
    let uses = lines.split("\nuse ").skip(1);
    uses.map(|rest| rest.split(';').next().unwrap())
        .filter(|path| !OWN.contains(&path.split("::").next().unwrap().trim()))
        .flat_map(|path| words(path).map(str::to_owned).collect::<Vec<_>>())
        .filter(|word| word.starts_with(char::is_uppercase) || word.starts_with("keyward"))
        .collect()
}

/// Everything public that a file declares: from `pub` to the body.
fn signatures(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut hidden = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with("pub ") && !hidden {
            let rest: String = text.lines().skip(number).collect::<Vec<_>>().join(" ");
            let end = rest.find(['{', ';', '}']).unwrap_or(rest.len());
            let shown = &rest[..end];
            // A field without a word before it is nobody else's.
            let is_closed = shown.starts_with("pub struct") && !shown[4..].contains("pub ");
            let shown = if is_closed {
                shown.split('(').next()
            } else {
                Some(shown)
            };
            found.push(shown.unwrap_or_default().to_owned());
        }
        if !line.starts_with("#[") {
            hidden = false;
        }
        hidden |= line.starts_with("#[doc(hidden)]");
    }
    found
}

#[test]
fn no_signature_names_a_type_of_another_crate() {
    let mut seen = 0;
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let foreign = foreign_names(&text);
        for signature in signatures(&text) {
            if signature.starts_with("pub use") || signature.starts_with("pub mod") {
                continue;
            }
            seen += 1;
            for word in words(&signature) {
                assert!(
                    !foreign.contains(word),
                    "{}: {signature} shows {word}",
                    path.display()
                );
                assert!(!word.starts_with("keyward_"), "{}: {signature}", path.display());
            }
        }
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn the_readme_names_the_rust_that_the_manifest_asks_for() {
    let version = env!("CARGO_PKG_RUST_VERSION");
    assert!(!version.is_empty());
    let readme = include_str!("../../README.md");
    assert!(
        readme.contains(&format!("Rust {version}")),
        "README.md names another version than {version}"
    );
}
