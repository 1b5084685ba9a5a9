//! The program as people run it: in a folder, by its command line.

use crate::WAIT_TIMEOUT;
use crate::process::{CliOutput, built_binary, forget_settings};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A configuration whose ports are free ones.
pub const FREE_PORTS: &str = r#"
[gateway]
listen = "127.0.0.1:0"
[[gateway.upstreams]]
name = "default"
url = "http://127.0.0.1:3000"
[console]
listen = "127.0.0.1:0"
[ops]
listen = "127.0.0.1:0"
"#;

/// The `keyward` that lies where this test was built.
pub fn program() -> PathBuf {
    built_binary()
}

/// A folder in which the program runs.
pub struct Installation {
    /// The folder.
    pub dir: TempDir,
}

impl Installation {
    /// An empty folder.
    pub fn empty() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// A folder in which `init` has run, with a configuration of free ports.
    pub fn init() -> Self {
        let installation = Self::empty();
        installation.run(&["init", "--no-token"]).expect(0);
        installation.write("keyward.toml", FREE_PORTS);
        installation
    }

    /// The same with the user `ada@example.com` and the site `123`.
    pub fn populated() -> Self {
        let installation = Self::init();
        installation
            .run(&["users", "create", "ada@example.com"])
            .expect(0);
        installation.run(&["sites", "create", "123"]).expect(0);
        installation
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file in the folder.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap_or_else(|e| panic!("{name}: {e}"));
    }

    /// The program with these arguments, to be run in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        forget_settings(&mut command);
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> CliOutput {
        CliOutput::of(self.command(arguments))
    }

    /// Makes a key of `ada@example.com` and gives its JSON.
    pub fn key(&self, name: &str, more: &[&str]) -> Value {
        let mut arguments = vec![
            "--json",
            "keys",
            "create",
            "--owner",
            "ada@example.com",
            "--name",
            name,
        ];
        arguments.extend(more);
        self.run(&arguments).expect(0).json()
    }
}

/// A `serve` or `demo` that runs; it is killed when dropped.
pub struct RunningProgram {
    child: Child,
    /// What it said at its start.
    pub told: Value,
}

impl RunningProgram {
    /// Starts it with `--json`, and waits until it is ready.
    pub fn start(installation: &Installation, arguments: &[&str]) -> Self {
        let (child, mut out) = spawn(installation, &[arguments, &["--json"]].concat());
        let mut line = String::new();
        out.read_line(&mut line).expect("what it said");
        let told = serde_json::from_str(&line).unwrap_or_else(|_| {
            let log = std::fs::read_to_string(installation.path("log"));
            panic!("{line} {log:?}")
        });
        Self { child, told }
    }

    /// Starts it as people do, and gives what it says up to the line that holds `last`.
    pub fn in_words(installation: &Installation, arguments: &[&str], last: &str) -> (Self, String) {
        let (child, out) = spawn(installation, arguments);
        let running = Self {
            child,
            told: Value::Null,
        };
        let mut words = String::new();
        for line in out.lines().map(|line| line.expect("a line")) {
            words.push_str(&format!("{line}\n"));
            if line.contains(last) {
                break;
            }
        }
        (running, words)
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(sent.expect("run kill").success(), "kill -s {name}");
    }

    /// Waits for its end; gives the exit code.
    pub fn code(&mut self) -> i32 {
        let until = Instant::now() + WAIT_TIMEOUT;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status.code().unwrap_or(-1);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not end");
    }

    /// Asks a plane for a path; the whole answer as text.
    pub fn get(&self, plane: &str, path: &str) -> String {
        self.ask(plane, path, "")
    }

    /// The same with more header fields, each with its line end.
    pub fn ask(&self, plane: &str, path: &str, fields: &str) -> String {
        self.send(plane, "GET", path, fields)
    }

    /// The same with another method.
    pub fn send(&self, plane: &str, method: &str, path: &str, fields: &str) -> String {
        let address = self.told[plane].as_str().expect("the plane's address");
        let mut stream = TcpStream::connect(address).unwrap_or_else(|e| panic!("connect to {address}: {e}"));
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{fields}\r\n");
        stream.write_all(request.as_bytes()).expect("send the request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(installation: &Installation, arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let log = std::fs::File::create(installation.path("log")).expect("a log file");
    let mut command = installation.command(arguments);
    let spawned = command.stdout(Stdio::piped()).stderr(log).spawn();
    let mut child = spawned.unwrap_or_else(|e| panic!("run keyward {arguments:?}: {e}"));
    let out = BufReader::new(child.stdout.take().expect("its output"));
    (child, out)
}
