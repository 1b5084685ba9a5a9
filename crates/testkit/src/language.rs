//! Programs in the languages that clients are written in: what they are called, and how their source becomes a run.
//!
//! To add a language: a variant, its file, its commands; `scripts/test` installs its program.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use tokio::process::Command;

/// A language of clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// A shell script that calls curl.
    Curl,
    /// C#, compiled and run by Mono.
    CSharp,
    /// Python 3.
    Python,
    /// JavaScript, run by Node.
    JavaScript,
    /// PHP with its extension curl.
    Php,
    /// Go.
    Go,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Curl,
        Self::CSharp,
        Self::Python,
        Self::JavaScript,
        Self::Php,
        Self::Go,
    ];

    /// The language in one word of small letters.
    pub fn id(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::CSharp => "csharp",
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::Php => "php",
            Self::Go => "go",
        }
    }

    /// What the file of a call is named.
    pub fn file(self) -> &'static str {
        match self {
            Self::Curl => "call.sh",
            Self::CSharp => "Call.cs",
            Self::Python => "call.py",
            Self::JavaScript => "call.mjs",
            Self::Php => "call.php",
            Self::Go => "call.go",
        }
    }

    /// One after the other, in the folder of the file.
    fn commands(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Curl => &[&["curl", "--version"], &["sh", "call.sh"]],
            Self::CSharp => &[
                &["mcs", "-r:System.Net.Http.dll", "-out:call.exe", "Call.cs"],
                &["mono", "call.exe"],
            ],
            Self::Python => &[&["python3", "call.py"]],
            Self::JavaScript => &[&["node", "call.mjs"]],
            Self::Php => &[&["php", "call.php"]],
            Self::Go => &[&["go", "run", "call.go"]],
        }
    }

    /// Writes this source into the folder and runs it in this environment; `None` when a program of the language is not
    /// there, which is said.
    pub async fn run(self, source: &str, folder: &Path, environment: &[(&str, &str)]) -> Option<Output> {
        std::fs::write(folder.join(self.file()), source).expect("write the program");
        let mut output = None;
        for command in self.commands() {
            output = Self::command(command, folder, environment).await;
            match &output {
                None => {
                    missing(&format!("the call in {}", self.id()));
                    return None;
                }
                Some(output) if !output.status.success() => break,
                Some(_) => {}
            }
        }
        output
    }

    /// The source as gofmt writes it; `None` when that is not there, which is said. It comes from npm, in one version for every
    /// machine.
    pub async fn gofmt(source: &str) -> Option<String> {
        let gofmt = npm_folder().join("@wasm-fmt/gofmt/gofmt_node.js");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("call.go"), source).expect("write the program");
        let script = "(async () => { const { format } = await import(process.argv[1]);
            process.stdout.write(format(require('fs').readFileSync('call.go', 'utf8'))); })()";
        let command = ["node", "-e", script, gofmt.to_str().expect("a path of UTF-8")];
        let output = if gofmt.exists() {
            Self::command(&command, folder.path(), &[]).await
        } else {
            None
        };
        let Some(output) = output else {
            missing("how the call in go is written");
            return None;
        };
        assert!(output.status.success(), "{output:?}");
        Some(String::from_utf8(output.stdout).expect("a program of UTF-8"))
    }

    async fn command(command: &[&str], folder: &Path, environment: &[(&str, &str)]) -> Option<Output> {
        let (program, arguments) = command.split_first().expect("a command");
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).stdin(Stdio::null());
        // Nothing stands between the call and the gateway.
        command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        // What Go has compiled of its own library is kept for the next run: each would take as long as the first otherwise.
        command
            .env("GOCACHE", target().join("go-cache"))
            .env("CGO_ENABLED", "0");
        command.envs(environment.iter().copied());
        match command.kill_on_drop(true).output().await {
            Ok(output) => Some(output),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => panic!("{program}: {e}"),
        }
    }
}

/// Says that something is not tested here, past the test runner, which keeps what tests print to itself.
fn missing(what: &str) {
    let line = format!("SKIPPED: {what}: its program is not there; scripts/test tells how to install it\n");
    std::io::stderr()
        .write_all(line.as_bytes())
        .expect("standard error");
}

/// Where `scripts/test` puts what it fetches from npm.
fn npm_folder() -> PathBuf {
    target().join("npm/node_modules")
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target")
}
