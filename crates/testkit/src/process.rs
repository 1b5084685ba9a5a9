//! A running Keyward: the real binary with a configuration, a database and a log of its own.
//!
//! Everything lies in a folder that goes away with the value, and so does the process.

mod api;
mod builder;
mod metrics;
mod template;
#[cfg(test)]
mod tests;

pub use api::{ApiAnswer, Issued, KeySpec};
pub use builder::KeywardBuilder;
pub(crate) use builder::built_binary;

use crate::host::fields_of_stat;
use crate::{Certificate, EchoUpstream, RawClient, RawResponse, exchange, request};
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const START_GUARD: Duration = Duration::from_secs(60);
const CLI_GUARD: Duration = Duration::from_secs(60);
/// One try of `/readyz`; another follows.
const READY_GUARD: Duration = Duration::from_secs(5);
const LOG_GUARD: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);
const STOP_GUARD: Duration = Duration::from_secs(30);
const STDOUT: &str = "stdout.log";
const STDERR: &str = "stderr.log";

/// A Keyward in a temporary folder; it is killed when dropped.
pub struct Keyward {
    dir: TempDir,
    binary: PathBuf,
    environment: Vec<(String, String)>,
    gateway: SocketAddr,
    authz: Option<SocketAddr>,
    console: SocketAddr,
    ops: SocketAddr,
    console_certificate: Option<Certificate>,
    management: Option<Issued>,
    child: Mutex<Option<Child>>,
}

/// What a command of the CLI gave.
#[derive(Clone, Debug)]
pub struct CliOutput {
    /// Exit status.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A signal to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// SIGTERM: end after open requests.
    Term,
    /// SIGINT.
    Int,
    /// SIGHUP.
    Hup,
    /// SIGKILL.
    Kill,
    /// SIGSTOP: freeze.
    Stop,
    /// SIGCONT: go on.
    Cont,
    /// SIGUSR1.
    Usr1,
}

impl Keyward {
    /// Says how it shall run.
    pub fn builder() -> KeywardBuilder {
        KeywardBuilder::default()
    }

    /// Says how it shall run, before this upstream.
    pub fn before(upstream: &EchoUpstream) -> KeywardBuilder {
        Self::builder().upstream(upstream.address())
    }

    /// The gateway's address.
    pub fn gateway(&self) -> SocketAddr {
        self.gateway
    }

    /// The address of the plane that answers proxies; the configuration has to have a section `authz`.
    pub fn authz(&self) -> SocketAddr {
        self.authz.expect("no section `authz` in the configuration")
    }

    /// The console plane's address.
    pub fn console(&self) -> SocketAddr {
        self.console
    }

    /// The ops plane's address.
    pub fn ops(&self) -> SocketAddr {
        self.ops
    }

    /// The folder with the configuration, the database and the logs.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.dir().join("keyward.toml")
    }

    /// Whether the server process runs.
    pub fn is_running(&self) -> bool {
        self.child()
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.child().as_ref().expect("the server was stopped").id()
    }

    /// Sends a signal to the server.
    pub fn signal(&self, signal: Signal) {
        let pid = self.pid();
        assert!(signal.send(pid), "kill {} {pid}", signal.option());
    }

    /// Kills the server as a crash would and waits until it is gone.
    pub fn sigkill(&self) {
        let child = self.child().take();
        if let Some(mut child) = child {
            child.kill().expect("kill the server");
            child.wait().expect("the server's end");
        }
    }

    /// Waits until the server ends by itself; `None` when it still runs after this time.
    pub async fn wait_exit(&self, time: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + time;
        loop {
            if let Some(status) = self.exit_status() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn exit_status(&self) -> Option<ExitStatus> {
        let mut child = self.child();
        let running = child.as_mut().expect("the server was stopped");
        let status = running.try_wait().expect("the server's state")?;
        *child = None;
        Some(status)
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap()
    }

    /// Ends the server with SIGTERM and waits for its end.
    pub async fn stop(&self) -> ExitStatus {
        self.signal(Signal::Term);
        let ended = self.wait_exit(START_GUARD).await;
        ended.unwrap_or_else(|| panic!("not ended {START_GUARD:?} after SIGTERM; log:\n{}", self.log()))
    }

    /// Starts the server when it does not run and waits until it is ready.
    pub async fn start(&self) {
        if let Err(fault) = self.try_start().await {
            panic!("Keyward did not start: {fault}; log:\n{}", self.log());
        }
    }

    /// Ends the server with SIGTERM when it runs and starts it with the same folder and ports.
    pub async fn restart(&self) {
        if self.is_running() {
            self.stop().await;
        }
        self.child().take();
        self.start().await;
    }

    /// Starts the server and waits for nothing.
    pub fn spawn(&self) {
        assert!(!self.is_running(), "the server runs already");
        let open = |name| {
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(self.dir().join(name))
        };
        let mut command = self.command();
        command
            .arg("serve")
            .arg("--config")
            .arg(self.config_path())
            .stdin(Stdio::null());
        command
            .stdout(open(STDOUT).expect("a log file"))
            .stderr(open(STDERR).expect("a log file"));
        let spawned = command.spawn();
        let child = spawned.unwrap_or_else(|e| panic!("run {}: {e}", self.binary.display()));
        *self.child() = Some(child);
    }

    /// Starts the server, or tells why it is not ready.
    pub(crate) async fn try_start(&self) -> Result<(), String> {
        let told_before = self.stdout().len();
        self.spawn();
        let deadline = Instant::now() + START_GUARD;
        loop {
            if let Some(status) = self.wait_exit(Duration::ZERO).await {
                return Err(format!("it ended with {status}"));
            }
            let answer = self.ready().await;
            // Somebody else's server may have been quicker to take the port, and be ready in place of this one.
            let is_ours = self.stdout()[told_before..].contains("Keyward is ready");
            if is_ours && matches!(&answer, Ok(answer) if answer.status == 200) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                self.sigkill();
                return Err(format!("/readyz after {START_GUARD:?}: {answer:?}"));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn ready(&self) -> std::io::Result<RawResponse> {
        let ask = async {
            let mut client = RawClient::try_connect(self.ops).await?;
            client
                .try_send(request("GET", "/readyz", &[("Connection", "close")], ""))
                .await?;
            client.try_read_response("GET").await
        };
        tokio::time::timeout(READY_GUARD, ask)
            .await
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
    }

    /// Runs a command of the CLI with `--config` added.
    pub async fn cli(&self, arguments: &[&str]) -> CliOutput {
        let mut command = tokio::process::Command::from(self.command());
        command.args(arguments).arg("--config").arg(self.config_path());
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let output = tokio::time::timeout(CLI_GUARD, output).await;
        let output = output.unwrap_or_else(|_| panic!("keyward {arguments:?}: not done in {CLI_GUARD:?}"));
        CliOutput::from(output.unwrap_or_else(|e| panic!("run {}: {e}", self.binary.display())))
    }

    /// Runs a command of the CLI that must succeed.
    pub async fn cli_ok(&self, arguments: &[&str]) -> CliOutput {
        let output = self.cli(arguments).await;
        assert!(output.status.success(), "keyward {arguments:?}: {output:#?}");
        output
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        forget_settings(&mut command);
        command.current_dir(self.dir()).env("NO_COLOR", "1");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// What the server wrote since the first start: standard output, then standard error.
    pub fn log(&self) -> String {
        format!("{}{}", self.stdout(), self.stderr())
    }

    /// Waits until what the server wrote is so, and gives it.
    ///
    /// A thread of its own writes the lines, so each comes a little after what it tells of. That there is no line, or no more of
    /// them, is certain only after [`stop`](Self::stop).
    pub async fn until_log(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + LOG_GUARD;
        loop {
            let log = self.log();
            if is_so(&log) {
                return log;
            }
            assert!(
                Instant::now() < deadline,
                "the log never tells that {what}:\n{log}"
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// What the server wrote to standard output.
    pub fn stdout(&self) -> String {
        self.read_log(STDOUT)
    }

    /// What the server wrote to standard error.
    pub fn stderr(&self) -> String {
        self.read_log(STDERR)
    }

    fn read_log(&self, name: &str) -> String {
        let bytes = fs::read(self.dir().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The server's resident memory in KiB.
    pub fn rss_kib(&self) -> u64 {
        self.kib("VmRSS:")
    }

    /// The most that was resident since the server started, in KiB.
    pub fn peak_rss_kib(&self) -> u64 {
        self.kib("VmHWM:")
    }

    fn kib(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the server's status");
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        let number = value.and_then(|value| value.split_whitespace().next()?.parse().ok());
        number.unwrap_or_else(|| panic!("no {name} in {status}"))
    }

    /// Everything that `/metrics` tells.
    pub async fn metrics(&self) -> String {
        let answer = exchange(
            self.ops,
            request("GET", "/metrics", &[("Connection", "close")], ""),
        )
        .await;
        assert_eq!(answer.status, 200, "/metrics: {}", answer.text());
        answer.text()
    }

    /// A metric such as `requests_total{plane="gateway"}`: the sum over all series with these labels, `None` for none.
    pub async fn metric(&self, name_with_labels: &str) -> Option<f64> {
        metrics::find_sum(&self.metrics().await, name_with_labels)
    }
}

impl Drop for Keyward {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut child) = child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Takes Keyward's settings of this process's environment away from a command.
pub(crate) fn forget_settings(command: &mut Command) {
    let inherited = std::env::vars_os().map(|(name, _)| name);
    for name in inherited.filter(|name| name.to_string_lossy().starts_with("KEYWARD_")) {
        command.env_remove(name);
    }
}

impl From<Output> for CliOutput {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self {
            status: output.status,
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl CliOutput {
    /// Runs a command to its end.
    pub fn of(mut command: Command) -> Self {
        let output = command.output();
        Self::from(output.unwrap_or_else(|e| panic!("run {command:?}: {e}")))
    }

    /// The exit code; -1 when a signal ended it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// Itself, with this exit code.
    ///
    /// # Panics
    /// When it has another.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "{self:#?}");
        self
    }

    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("no JSON: {e}; {self:#?}"))
    }
}

/// A process that is told to stop runs on until each of its threads has heard of it.
fn wait_until_stopped(pid: u32) {
    let end = Instant::now() + STOP_GUARD;
    while has_running_thread(pid) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn has_running_thread(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    let mut stats = threads
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    stats.any(|stat| !matches!(fields_of_stat(&stat).next(), Some("T" | "t" | "Z" | "X") | None))
}

impl Signal {
    /// Sends it to a process; whether that was there to get it.
    pub(crate) fn send(self, pid: u32) -> bool {
        let sent = Command::new("kill")
            .args([self.option(), &pid.to_string()])
            .stderr(Stdio::null())
            .status()
            .expect("run kill");
        if self == Self::Stop {
            wait_until_stopped(pid);
        }
        sent.success()
    }

    fn option(self) -> &'static str {
        match self {
            Self::Term => "-TERM",
            Self::Int => "-INT",
            Self::Hup => "-HUP",
            Self::Kill => "-KILL",
            Self::Stop => "-STOP",
            Self::Cont => "-CONT",
            Self::Usr1 => "-USR1",
        }
    }
}
