//! The processes of a browser: chromedriver, the Chromium that it starts, and all that Chromium starts.
//!
//! chromedriver leads a process group, so that one signal ends them all; Chromium itself ends with the pipe to its driver.
//! Should the test be killed before it can drop anything, the kernel ends the driver.

#[cfg(test)]
mod tests;

use crate::host::fields_of_stat;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const END_GUARD: Duration = Duration::from_secs(60);
const TRIES: usize = 5;
const POLL: Duration = Duration::from_millis(5);

/// A running chromedriver and the folder for its browser's profile; when it is dropped, nothing of them is left.
pub(super) struct Driver {
    process: Child,
    /// Where it listens: it has chosen a free port itself, so that two at once never meet. `None` when it did not start.
    port: Option<u16>,
    // Open as long as it runs, should it write more.
    _said: BufReader<ChildStdout>,
    // Goes after the processes that write to it.
    profile: TempDir,
}

impl Driver {
    /// Starts one. It wants one port for IPv4 and IPv6 and ends when another process has one of the two; then a second try
    /// finds another port.
    pub(super) fn start() -> Self {
        for _ in 1..TRIES {
            let driver = Self::try_start();
            if driver.port.is_some() {
                return driver;
            }
        }
        Self::try_start()
    }

    fn try_start() -> Self {
        let profile = tempfile::tempdir().expect("a folder for the profile");
        let mut process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "chromedriver"])
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("setpriv, of the package util-linux");
        let mut said = BufReader::new(process.stdout.take().expect("its output"));
        Self {
            port: read_port(&mut said),
            process,
            _said: said,
            profile,
        }
    }

    pub(super) fn url(&self) -> String {
        let port = self
            .port
            .expect("chromedriver: install the packages chromium and chromium-driver");
        format!("http://127.0.0.1:{port}")
    }

    pub(super) fn profile(&self) -> &Path {
        self.profile.path()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = self.process.id();
        // It may have ended by itself, and everything with it.
        let _ = Command::new("kill")
            .args(["-KILL", "--", &format!("-{group}")])
            .stderr(Stdio::null())
            .status();
        let _ = self.process.wait();
        let end = Instant::now() + END_GUARD;
        while has_living(group) && Instant::now() < end {
            std::thread::sleep(POLL);
        }
    }
}

/// Whether a process of a group lives: one that is dead and only waits for its parent's notice does not.
fn has_living(group: u32) -> bool {
    let processes = std::fs::read_dir("/proc").expect("the processes");
    let mut stats = processes
        .flatten()
        .filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok());
    stats.any(|stat| is_living_member(&stat, group))
}

/// Whether a line of `/proc/PID/stat` is of a living process of a group.
fn is_living_member(stat: &str, group: u32) -> bool {
    let mut fields = fields_of_stat(stat);
    let state = fields.next().unwrap_or("X");
    let in_group = fields.nth(1) == Some(&group.to_string());
    in_group && !matches!(state, "Z" | "X")
}

/// The port that it names when it is ready: `… was started successfully on port 40123.`
fn read_port(said: &mut impl BufRead) -> Option<u16> {
    let mut lines = said.lines().map_while(Result::ok);
    lines.find_map(|line| {
        let (_, port) = line.split_once("successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    })
}
