//! A program that listens in front of what is tested. It is waited for until it does, and ends with this process or when dropped.

use crate::Signal;
use crate::host::spawn_for_good;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

const START_GUARD: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// A running program.
pub(crate) struct Listening {
    child: Child,
    name: &'static str,
}

impl Listening {
    /// Starts what [`command`] began.
    pub(crate) fn start(name: &'static str, command: Command) -> Self {
        Self {
            child: spawn_for_good(command),
            name,
        }
    }

    /// Waits until it listens on an address, which has to be this process's own: nobody else listens there then.
    pub(crate) fn wait_for(&mut self, address: SocketAddr, log: impl Fn() -> String) {
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = self.child.try_wait().expect("the state of a program");
            assert!(
                ended.is_none() && began.elapsed() < START_GUARD,
                "{} (scripts/test tells how to install it): {ended:?}; {}",
                self.name,
                log()
            );
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        Signal::Kill.send(self.child.id());
        let _ended = self.child.wait();
    }
}

/// The begin of a command whose program ends with this process.
pub(crate) fn command() -> Command {
    let mut command = Command::new("setpriv");
    // Debian keeps some programs where only root looks.
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("{path}:/usr/sbin"))
        .args(["--pdeathsig", "KILL"]);
    command
}
