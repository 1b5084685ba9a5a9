//! The data plane: path and header rules, reverse proxy.

mod gateway;
mod settings;

pub use gateway::{Gateway, StartFault};
pub use settings::{Cors, Protocol, Route, Rules, Settings, SiteSource, Swagger, Timeouts, Upstream};
