//! The limiter: exact requests-per-minute windows, in memory or shared by several nodes.
//!
//! Alone, a node counts in its [`Windows`]. Several nodes share one counter a key in Redis or Valkey (`shared`): one atomic
//! script a decision, or, in leased mode, a script for a block of requests. Either way the rule is
//! [`keyward_domain::take`]. While Redis is away, [`OnFailure`] says what holds. Who adds another place to count in adds it
//! beside `shared`, behind [`Limiter`].

mod limiter;
mod shared;
mod windows;

pub use limiter::{Limiter, LimiterStatus, Question, Verdict};
pub use shared::{Inspection, Mode, OnFailure, RIGHTS, RedisOptions, RedisStatus, Unseen, inspect};
pub use windows::{Pass, WindowId, Windows};
