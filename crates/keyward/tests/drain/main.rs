//! Long connections and their ends over real sockets: the stop under load, requests that outlive their key, WebSockets,
//! TLS. Each test names the rows of the security contract that it covers.
//!
//! Light by default; with `KEYWARD_HEAVY=1` the load is larger.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod gone;
mod long;
mod stop;
mod support;
mod tls;
mod upgrade;
