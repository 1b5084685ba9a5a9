//! The data plane: path and header rules, reverse proxy.
//!
//! The way of a request: `connection` (TLS, HTTP) → `guard` (bytes that form a request beyond doubt) → `judge` (rules and
//! decision) → `proxy` (upstream) → answer. `authz` answers proxies that ask about their requests, by
//! the same judge. A request that was not judged is of a type that cannot be forwarded. Who adds a
//! rule adds it to `judge`, and its setting to `settings`.

mod access_log;
mod answer;
mod authz;
mod client_body;
mod connection;
mod cors;
mod deadline;
mod drain;
mod framing;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzzed;
mod gateway;
mod guard;
mod h2c;
mod judge;
mod judged;
mod metrics;
mod onward;
mod outcome;
mod own_key;
mod peer;
mod pool;
mod port;
mod proxy;
mod request_id;
mod respond;
mod rules;
mod settings;
mod shared;
mod swagger;
mod tunnel;
mod upstream_body;
mod upstream_connection;
mod upstream_fault;
mod watched;

pub use authz::Authz;
pub use gateway::{Gateway, StartFault};
pub use onward::may_name_site;
pub use settings::{
    AuthzSettings, Cors, Protocol, Route, Rules, Settings, SiteSource, Swagger, Timeouts, Upstream,
};
pub use swagger::check_openapi_file;
