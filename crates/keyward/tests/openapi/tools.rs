//! The programs that read the document, and a Keyward whose document it is.

use keyward_testkit::{EchoUpstream, Keyward, World};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use tempfile::TempDir;
use tokio::process::Command;

/// A running Keyward, and a folder with its document.
pub(crate) struct Place {
    pub(crate) keyward: Keyward,
    pub(crate) folder: TempDir,
    _upstream: EchoUpstream,
}

impl Place {
    pub(crate) async fn start() -> Self {
        let builder = World::builder().no_access_log().sites(&["123"]);
        let (upstream, keyward) = builder.start_without_key().await;
        let folder = tempfile::tempdir().unwrap();
        let document = keyward.api("GET", "/openapi.json", &Value::Null).await.json;
        assert!(document.is_object());
        std::fs::write(folder.path().join("openapi.json"), document.to_string()).unwrap();
        Self {
            keyward,
            folder,
            _upstream: upstream,
        }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the management API is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.keyward.console())
    }

    /// Runs a program in the folder, which must do what is asked.
    pub(crate) async fn run(&self, command: &mut Command) -> String {
        let output = self.output(command).await;
        let told = told(&output);
        assert!(output.status.success(), "{command:?}: {told}");
        told
    }

    pub(crate) async fn output(&self, command: &mut Command) -> Output {
        command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        let output = command.output().await;
        output.unwrap_or_else(|fault| panic!("{command:?}: {fault}"))
    }
}

pub(crate) fn told(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    texts.concat()
}

/// Whether the programs are there; that they are not is said past the test runner.
pub(crate) fn are_there(what: &str) -> bool {
    let is_there = root().join("python").is_dir() && root().join("npm").is_dir();
    if !is_there {
        let line = format!("SKIPPED: {what}: its programs are not there; scripts/test fetches them\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    is_there
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/openapi")
}

/// Python, with what was fetched for it and more.
pub(crate) fn python(more: &Path) -> Command {
    let mut command = Command::new("python3");
    let places = std::env::join_paths([root().join("python").as_path(), more]).unwrap();
    command
        .env("PYTHONPATH", places)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// A script of a package of npm.
pub(crate) fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(package(script));
    command
}

/// A file of a package of npm.
pub(crate) fn package(file: &str) -> PathBuf {
    root().join("npm/node_modules").join(file)
}

/// OpenAPI Generator.
pub(crate) fn generator() -> Command {
    let mut command = Command::new("java");
    // It runs once and for a few seconds.
    command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m", "-jar"]);
    command.arg(root().join("python/openapi_generator_cli/openapi-generator.jar"));
    command
}
