//! State over real sockets: revocation, limits, storage faults, reloads and starts.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

mod start;
