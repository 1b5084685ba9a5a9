//! Signing in and one's own account, over raw HTTP. Tests name the rows of the security contract that they cover.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "everything here is a test, helpers included"
)]

mod account;
mod arrival;
mod cookies;
mod factor;
mod links;
mod logs;
mod origins;
mod provider;
mod proxies;
mod sign_in;
mod support;
