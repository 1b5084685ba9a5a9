//! The engine over a real SQLite file, with a clock that tests set.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

mod accounts;
mod archive;
mod audit;
mod clock;
mod common;
mod faulty;
mod imported;
mod in_force;
mod limits;
mod lists;
mod nodes;
mod oracle;
mod order;
mod recent;
mod repeated;
mod snapshot;
mod texts;
mod trail;
mod usage;
mod went_back;
