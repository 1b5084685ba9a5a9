//! What is kept of keys that are gone, should they be restored.

use super::Replica;
use keyward_domain::{KeyId, RESTORE_DAYS};
use keyward_limit::WindowId;
use std::collections::{HashMap, VecDeque};
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A window is kept until its minute has passed, and until no request that has looked the key up before can still count
/// into it: then it may be another key's.
const WINDOW_KEPT: Duration = Duration::from_secs(120);
/// Nobody restores a key after that.
const EXPIRED_KEPT: Duration = Duration::from_secs(86_400 * (RESTORE_DAYS.unsigned_abs() + 1));

/// Keys that are gone.
pub(super) struct Gone {
    /// A window belongs to its key: who deletes and restores it does not get another one.
    pub(super) windows: Kept<WindowId>,
    /// Keys that this node has refused as expired; they stay expired here.
    pub(super) expired: Kept<()>,
}

/// Values by key, for some time.
pub(super) struct Kept<V> {
    by_key: HashMap<KeyId, (Instant, V)>,
    /// In the order of time. What was taken or put anew meanwhile is in here still.
    order: VecDeque<(Instant, KeyId)>,
    time: Duration,
}

impl Default for Gone {
    fn default() -> Self {
        Self {
            windows: Kept::of(WINDOW_KEPT),
            expired: Kept::of(EXPIRED_KEPT),
        }
    }
}

impl<V> Kept<V> {
    fn of(time: Duration) -> Self {
        Self {
            by_key: HashMap::new(),
            order: VecDeque::new(),
            time,
        }
    }

    pub(super) fn put(&mut self, key: KeyId, value: V, now: Instant) {
        self.by_key.insert(key, (now, value));
        self.order.push_back((now, key));
    }

    pub(super) fn take(&mut self, key: &KeyId) -> Option<V> {
        self.by_key.remove(key).map(|(_, value)| value)
    }

    /// Takes one that was kept for long enough.
    fn take_due(&mut self, now: Instant) -> Option<V> {
        while let Some((since, key)) = self.order.front().copied() {
            if now.duration_since(since) < self.time {
                return None;
            }
            self.order.pop_front();
            if self.by_key.get(&key).is_some_and(|(put, _)| *put == since) {
                return self.take(&key);
            }
        }
        None
    }
}

impl Replica {
    pub(super) fn lock_gone(&self) -> MutexGuard<'_, Gone> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was kept for long enough.
    pub(super) fn forget_gone(&self, now: Instant) {
        let mut gone = self.lock_gone();
        while let Some(window) = gone.windows.take_due(now) {
            self.limiter.release(window);
        }
        while gone.expired.take_due(now).is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> KeyId {
        KeyId::from_bytes([number; 16])
    }

    #[test]
    fn what_is_gone_is_kept_for_its_time_and_no_longer() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut kept = Kept::of(Duration::from_secs(60));
        kept.put(key(1), 1, at(0));
        kept.put(key(2), 2, at(10));
        // Restored, and deleted again: its time begins anew.
        assert_eq!(kept.take(&key(1)), Some(1));
        kept.put(key(1), 1, at(20));
        assert_eq!(kept.take_due(at(59)), None);
        assert_eq!(kept.take_due(at(75)), Some(2));
        assert_eq!(kept.take_due(at(75)), None);
        assert_eq!(kept.take_due(at(80)), Some(1));
        assert_eq!(kept.take(&key(1)), None);
        assert!(kept.by_key.is_empty() && kept.order.is_empty());
    }
}
