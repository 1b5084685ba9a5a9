//! Three nodes over one PostgreSQL: what changes on one holds on all, whatever fails between them.
//!
//! Light by default; with `KEYWARD_HEAVY=1` the numbers are larger. Figures are printed: `--no-capture` shows them.
#![expect(clippy::unwrap_used, reason = "test code")]

mod archive;
mod clearing;
mod crashes;
mod failover;
mod faults;
mod imports;
mod list;
mod load;
mod many;
mod outage;
mod pooler;
mod revocation;
mod rolling;
mod swallowed;
mod usage;
