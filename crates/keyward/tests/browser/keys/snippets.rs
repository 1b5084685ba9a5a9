//! The calls that the page of a new key shows are run as they stand there, each by its own language.

use super::{House, Made};
use keyward_testkit::{BrowserKind, Recorded};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use tempfile::TempDir;
use tokio::process::Command;

/// How the text of a language becomes a call.
struct Language {
    id: &'static str,
    file: &'static str,
    /// One after the other, in the folder of the file.
    commands: &'static [&'static [&'static str]],
}

const LANGUAGES: [Language; 6] = [
    Language {
        id: "curl",
        file: "call.sh",
        commands: &[&["curl", "--version"], &["sh", "call.sh"]],
    },
    Language {
        id: "csharp",
        file: "Call.cs",
        commands: &[
            &["mcs", "-r:System.Net.Http.dll", "-out:call.exe", "Call.cs"],
            &["mono", "call.exe"],
        ],
    },
    Language {
        id: "python",
        file: "call.py",
        commands: &[&["python3", "call.py"]],
    },
    Language {
        id: "javascript",
        file: "call.mjs",
        commands: &[&["node", "call.mjs"]],
    },
    Language {
        id: "php",
        file: "call.php",
        commands: &[&["php", "call.php"]],
    },
    Language {
        id: "go",
        file: "call.go",
        commands: &[&["go", "run", "call.go"]],
    },
];

#[tokio::test]
async fn the_calls_of_a_new_key_work_as_they_stand_in_each_language() {
    let (house, key) = House::at_a_new_key(BrowserKind::DESKTOP).await;
    for language in &LANGUAGES {
        let code = house.code(language).await;
        assert!(code.contains(&key.secret) && code.contains(&key.call), "{code}");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(language.file), &code).unwrap();
        house.upstream.clear();
        let Some(output) = language.run(&folder).await else {
            missing(language.id);
            continue;
        };
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: {output:?}", language.id);
        assert!(said.contains("200"), "{}: {output:?}", language.id);
        let calls = house.upstream.requests();
        assert_eq!(calls.len(), 1, "{}: {calls:?}", language.id);
        assert_granted(&calls[0], &key, language.id);
    }
    house.browser.close().await;
}

/// Go's own tools take 450 MB, so `scripts/test` does not install them. Its formatter is small: what it reads is Go, and what
/// it leaves alone is written as Go is.
#[tokio::test]
async fn the_call_in_go_is_as_gofmt_writes_it() {
    let (house, _) = House::at_a_new_key(BrowserKind::DESKTOP).await;
    let gofmt = npm_folder().join("@wasm-fmt/gofmt/gofmt_node.js");
    if !gofmt.exists() {
        missing("gofmt");
        return;
    }
    let [.., go] = &LANGUAGES;
    let code = house.code(go).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(go.file), format!("{code}\n")).unwrap();
    let script = "const { format } = await import(process.argv[1]);
        process.stdout.write(format(require('fs').readFileSync('call.go', 'utf8')));";
    let script = format!("(async () => {{ {script} }})()");
    let gofmt = gofmt.to_str().unwrap();
    let Some(output) = run(&["node", "-e", &script, gofmt], folder.path()).await else {
        missing("gofmt");
        return;
    };
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{code}\n"));
    house.browser.close().await;
}

impl House {
    /// The call in a language, as the page shows it.
    async fn code(&self, language: &Language) -> String {
        let shown = self.browser.find(&format!("#call-{}", language.id)).await;
        shown.prop("textContent").await.unwrap().unwrap()
    }
}

impl Language {
    /// Runs the commands up to the first that fails; `None` when a program is not there.
    async fn run(&self, folder: &TempDir) -> Option<Output> {
        let (last, before) = self.commands.split_last().unwrap();
        for command in before {
            let output = run(command, folder.path()).await?;
            if !output.status.success() {
                return Some(output);
            }
        }
        run(last, folder.path()).await
    }
}

async fn run(command: &[&str], folder: &Path) -> Option<Output> {
    let (program, arguments) = command.split_first().unwrap();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    // Nothing stands between the call and the gateway; and what a compiler keeps goes with the folder.
    command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    command
        .env("GOCACHE", folder.join("cache"))
        .env("CGO_ENABLED", "0");
    match command.kill_on_drop(true).output().await {
        Ok(output) => Some(output),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => panic!("{program}: {e}"),
    }
}

/// The gateway has let the call of this key through.
fn assert_granted(call: &Recorded, key: &Made, language: &str) {
    assert_eq!(call.target(), key.call, "{language}");
    assert_eq!(call.method(), "GET", "{language}");
    assert_eq!(call.header("X-Keyward-Key-Id"), [key.id.as_str()], "{language}");
    assert!(call.header("X-API-KEY").is_empty(), "{language}");
}

/// Says that something is not tested here, past the test runner, which keeps what tests print to itself.
fn missing(what: &str) {
    let line = format!(
        "SKIPPED: the call in {what}: its program is not there; scripts/test tells how to install it\n"
    );
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Where `scripts/test` puts what it fetches from npm.
fn npm_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/npm/node_modules")
}
