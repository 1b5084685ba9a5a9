//! A name for each refusal, so that what a client shows can be found where it was logged.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Sixteen hexadecimal digits, unique in this process. A client's own name is never taken.
pub(crate) fn next_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = count.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(*SEED);
    format!("{name:016x}")
}
