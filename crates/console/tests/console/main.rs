//! The console over real sockets. Tests name the rows of the security contract that they cover.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "everything here is a test, helpers included"
)]

mod accounts;
mod management;
mod pages;
mod support;
