//! A folder of its own for each test, and the program run in it.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_keyward");

/// A configuration whose ports are free ones.
pub(crate) const FREE_PORTS: &str = r#"
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

/// What a run of the program said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// A folder with an installation.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
}

impl Place {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// A folder in which `init` has run, with a configuration of free ports.
    pub(crate) fn new() -> Self {
        let place = Self::empty();
        place.run(&["init", "--no-token"]).expect(0);
        place.write("keyward.toml", FREE_PORTS);
        place
    }

    /// The same with a user and a site.
    pub(crate) fn populated() -> Self {
        let place = Self::new();
        place.run(&["users", "create", "ada@example.com"]).expect(0);
        place.run(&["sites", "create", "123"]).expect(0);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(args)
            .current_dir(self.dir.path())
            .env_remove("KEYWARD_CONFIG")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        ran(self.command(args))
    }

    /// Makes a key and gives its JSON.
    pub(crate) fn key(&self, name: &str, more: &[&str]) -> Value {
        let mut args = vec![
            "--json",
            "keys",
            "create",
            "--owner",
            "ada@example.com",
            "--name",
            name,
        ];
        args.extend(more);
        self.run(&args).expect(0).json()
    }
}

pub(crate) fn ran(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A `serve` or `demo` that runs.
pub(crate) struct Running {
    child: Child,
    /// What it said at its start.
    pub(crate) told: Value,
}

impl Running {
    /// Starts it with `--json`, and waits until it is ready.
    pub(crate) fn start(place: &Place, args: &[&str]) -> Self {
        let (child, mut out) = Self::spawn(place, &[args, &["--json"]].concat());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("{line} {}", std::fs::read_to_string(place.path("log")).unwrap()));
        Self { child, told }
    }

    /// Starts it as people do, and gives what it says up to the line that holds `last`.
    pub(crate) fn in_words(place: &Place, args: &[&str], last: &str) -> (Self, String) {
        let (child, out) = Self::spawn(place, args);
        let running = Self {
            child,
            told: Value::Null,
        };
        let mut words = String::new();
        for line in out.lines().map(Result::unwrap) {
            words.push_str(&format!("{line}\n"));
            if line.contains(last) {
                break;
            }
        }
        (running, words)
    }

    fn spawn(place: &Place, args: &[&str]) -> (Child, BufReader<ChildStdout>) {
        let log = std::fs::File::create(place.path("log")).unwrap();
        let mut child = place
            .command(args)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        (child, out)
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(crate) fn code(&mut self) -> i32 {
        let until = Instant::now() + GUARD;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not end");
    }

    /// Asks a plane for a path; the whole answer as text.
    pub(crate) fn get(&self, plane: &str, path: &str) -> String {
        self.ask(plane, path, "")
    }

    /// The same with more header fields, each with its line end.
    pub(crate) fn ask(&self, plane: &str, path: &str, fields: &str) -> String {
        self.send(plane, "GET", path, fields)
    }

    /// The same with another method.
    pub(crate) fn send(&self, plane: &str, method: &str, path: &str, fields: &str) -> String {
        let address = self.told[plane].as_str().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{fields}\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// For what has to come about sooner or later; never a measure of speed.
const GUARD: Duration = Duration::from_secs(60);

/// Waits until something is so.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + GUARD;
    while !is_so() {
        assert!(Instant::now() < until, "not so far that {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until a file holds a text.
#[track_caller]
pub(crate) fn wait_for(place: &Place, file: &str, text: &str) {
    let until = Instant::now() + GUARD;
    let content = || std::fs::read_to_string(place.path(file)).unwrap_or_default();
    while !content().contains(text) {
        assert!(
            Instant::now() < until,
            "{file} never holds `{text}`: {}",
            content()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
