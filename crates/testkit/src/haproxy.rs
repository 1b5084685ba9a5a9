//! A HAProxy in front of what is tested: Debian's program with the configuration that users are given.

use crate::Signal;
use crate::host::{free_address, spawn_for_good};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;

const START_GUARD: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

/// A HAProxy. It is killed when dropped.
pub struct HaProxy {
    child: Child,
    log: NamedTempFile,
}

impl HaProxy {
    /// Runs a configuration with variables of the environment; ready once all these addresses answer.
    pub fn start(configuration: &Path, environment: &[(String, String)], ready: &[SocketAddr]) -> Self {
        let log = NamedTempFile::new().expect("a log file");
        // Debian keeps it where only root looks.
        let path = std::env::var("PATH").unwrap_or_default();
        // When this process is killed, it ends as well.
        let mut command = Command::new("setpriv");
        command
            .env("PATH", format!("{path}:/usr/sbin"))
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .args(["--pdeathsig", "KILL", "haproxy", "-db", "-f"])
            .arg(configuration)
            .stdin(Stdio::null())
            .stdout(log.reopen().expect("a log file"))
            .stderr(log.reopen().expect("a log file"));
        let mut proxy = Self {
            child: spawn_for_good(command),
            log,
        };
        for address in ready {
            proxy.wait_for(*address);
        }
        proxy
    }

    /// An address for it to listen on.
    pub fn free_address() -> SocketAddr {
        free_address()
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap_or_default()
    }

    fn wait_for(&mut self, address: SocketAddr) {
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = self.child.try_wait().expect("the state of haproxy");
            let waited = began.elapsed();
            assert!(
                ended.is_none() && waited < START_GUARD,
                "haproxy (on Debian: apt-get install haproxy): {ended:?}; {}",
                self.log()
            );
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        Signal::Kill.send(self.child.id());
        let _ended = self.child.wait();
    }
}
