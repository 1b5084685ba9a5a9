//! What handlers and layers share.

use crate::console::About;
use keyward_domain::Timestamp;
use keyward_engine::Engine;
use std::sync::Arc;

/// What handlers and layers share.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) engine: Arc<Engine>,
    /// Whether each request is logged.
    pub(crate) access_log: bool,
    /// Whether the console speaks TLS itself.
    pub(crate) secure: bool,
    /// Where clients find the gateway.
    pub(crate) gateway_url: Arc<str>,
    /// The program and what it runs on, for administrators.
    pub(crate) about: Arc<About>,
    /// When the console started.
    pub(crate) started: Timestamp,
}
