//! Denial of service and secrets over real sockets: slow clients, sizes, floods, and where a secret may show.
//!
//! Light by default; with `KEYWARD_HEAVY=1` the numbers are those of the security contract.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod bounds;
mod flood;
mod imports;
mod logs;
mod metrics;
mod ports;
mod secrets;
mod sizes;
mod slow;

/// A process has enough with 256 MiB, whatever clients do within the bounds of docs/operations.md.
pub(crate) const WHOLE_KIB: u64 = 256 << 10;
