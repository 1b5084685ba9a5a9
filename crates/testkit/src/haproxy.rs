//! A HAProxy in front of what is tested: Debian's program with the configuration that users are given.

use crate::listening::{Listening, command};
use crate::ports::free_address;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use tempfile::NamedTempFile;

/// A HAProxy. It is killed when dropped.
pub struct HaProxy {
    _program: Listening,
    log: NamedTempFile,
}

impl HaProxy {
    /// Runs a configuration with variables of the environment; ready once all these addresses answer.
    pub fn start(configuration: &Path, environment: &[(String, String)], ready: &[SocketAddr]) -> Self {
        let log = NamedTempFile::new().expect("a log file");
        let mut command = command();
        command
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .args(["haproxy", "-db", "-f"])
            .arg(configuration)
            .stdin(Stdio::null())
            .stdout(log.reopen().expect("a log file"))
            .stderr(log.reopen().expect("a log file"));
        let mut program = Listening::start("haproxy", command);
        for address in ready {
            program.wait_for(*address, || read(&log));
        }
        Self {
            _program: program,
            log,
        }
    }

    /// An address for it to listen on.
    pub fn free_address() -> SocketAddr {
        free_address()
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        read(&self.log)
    }
}

fn read(log: &NamedTempFile) -> String {
    std::fs::read_to_string(log.path()).unwrap_or_default()
}
