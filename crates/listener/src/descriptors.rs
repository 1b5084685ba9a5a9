//! Descriptors that are left for others. The system gives the lowest number that is free; so whoever closes what it was given
//! from some number on never takes the last ones. The operator's port and the database have those to themselves.

use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the log tells that connections are closed for want of descriptors.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// A bound on the numbers of descriptors that some connections may have; without one at first.
#[derive(Debug)]
pub struct DescriptorBound {
    below: AtomicI32,
    told: Mutex<Option<Instant>>,
}

/// The bound of connections that strangers make: those of the gateway's and the authz port.
pub static CLIENTS: DescriptorBound = DescriptorBound::new();
/// The bound of the console's connections. Above that of the gateway's, a flood of those leaves it some.
pub static PEOPLE: DescriptorBound = DescriptorBound::new();
/// The operator's port has none.
pub static NONE: DescriptorBound = DescriptorBound::new();

impl DescriptorBound {
    const fn new() -> Self {
        Self {
            below: AtomicI32::new(i32::MAX),
            told: Mutex::new(None),
        }
    }

    /// From here on, only connections whose descriptor has a number below this may stay.
    pub fn set(&self, below: i32) {
        self.below.store(below, Ordering::Relaxed);
    }

    /// Whether a connection that was just accepted may stay; else it is to be closed. The log tells now and then that some
    /// were.
    pub fn admits(&self, connection: &impl AsRawFd) -> bool {
        if connection.as_raw_fd() < self.below.load(Ordering::Relaxed) {
            return true;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
            *told = Some(Instant::now());
            tracing::warn!(
                "file descriptors are nearly used up: new connections are closed; raise LimitNOFILE, or lower max_connections"
            );
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn what_has_a_number_from_the_bound_on_may_not_stay() {
        let bound = DescriptorBound::new();
        let file = File::open("/dev/null").unwrap();
        assert!(bound.admits(&file));
        bound.set(file.as_raw_fd());
        assert!(!bound.admits(&file) && !bound.admits(&file));
        bound.set(file.as_raw_fd() + 1);
        assert!(bound.admits(&file));
    }
}
