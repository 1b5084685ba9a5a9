//! State over real sockets: revocation, limits, failing storage, reloads and starts.
//!
//! Light by default; with `KEYWARD_HEAVY=1` the numbers are those of the security contract.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod history;
mod limits;
mod postgres;
mod redis;
mod reload;
mod revocation;
mod snapshot;
mod start;
mod storage;
mod support;
