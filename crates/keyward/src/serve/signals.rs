//! Signals, as words.

use crate::exit::Failure;
use crate::logs;
use std::time::Duration;
use tokio::signal::unix::{self, SignalKind};

/// How long a process that ends at once waits for its log.
const AT_ONCE: Duration = Duration::from_millis(100);

/// What somebody wants of a running Keyward.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Signal {
    /// SIGHUP.
    Reload,
    /// SIGTERM or SIGINT.
    Stop,
}

/// The signals of this process.
pub(crate) struct Signals {
    hangup: unix::Signal,
    terminate: unix::Signal,
    interrupt: unix::Signal,
}

impl Signals {
    /// From here on signals come as words and end nothing by themselves.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            unix::signal(kind).map_err(|error| Failure::failed(format!("cannot listen to signals: {error}")))
        };
        Ok(Self {
            hangup: listen(SignalKind::hangup())?,
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hangup.recv() => Signal::Reload,
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
        }
    }

    /// Waits for a stop; there is nothing to reload.
    pub(crate) async fn stop(&mut self) {
        while self.next().await != Signal::Stop {}
    }

    /// Lets the next stop signal end the process without waiting for anything.
    pub(crate) fn stop_at_once_on_next(mut self) {
        tokio::spawn(async move {
            self.stop().await;
            logs::flush(AT_ONCE);
            std::process::exit(1);
        });
    }
}
