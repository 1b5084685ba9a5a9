//! The console's pages over real sockets.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod admin;
mod keys;
mod policy;
mod summary;
mod support;
mod switches;
mod texts;
